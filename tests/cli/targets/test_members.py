"""A cluster on the command line: every command that shows, rotates or brings back a target does so member by member."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from certpush.testing.device import TOKEN, MemoryDevice, Reload

pytestmark = pytest.mark.timeout(120)

NAMES = ("one", "two", "three")
ALL = [f"row/{name}" for name in NAMES]


@dataclass
class Row:
    """Three devices, which a plugin of another distribution knows as one target."""

    yard: object
    site: Path
    devices: dict[str, MemoryDevice] = field(default_factory=dict)

    def describe(self, **more: str) -> None:
        usual = {
            "kind": '"memory-cluster"',
            "names": '["row.lan", "127.0.0.1"]',
            "token": f'"file:{self.site}/token"',
            "devices": str([str(one.path) for one in self.devices.values()]),
        }
        self.yard.tables["target.row"] = "\n".join(f"{key} = {value}" for key, value in {**usual, **more}.items())
        self.yard.write()

    def each_its_own(self) -> None:
        self.describe(per_device="true", names=str([f"{name}.lan" for name in NAMES]))

    @property
    def served(self) -> dict[str, str | None]:
        return {name: device.served() for name, device in self.devices.items()}


@pytest.fixture
def row(yard, tmp_path, monkeypatch) -> Iterator[Row]:
    site = tmp_path / "site"
    info = site / "memory_cluster-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: memory-cluster\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[certpush]\nmemory-cluster = certpush.testing.memory_cluster\n")
    (site / "token").touch(mode=0o600)
    (site / "token").write_text(TOKEN)
    monkeypatch.syspath_prepend(str(site))
    made = Row(yard, site)
    with ExitStack() as running:
        for name in NAMES:
            made.devices[name] = running.enter_context(MemoryDevice(tmp_path / f"{name}.json", own_certificate=True))
        made.describe()
        yield made


@pytest.fixture
def deployed(certpush, row) -> Row:
    ended = certpush("deploy")
    assert ended.code == 0, ended.err
    return row


def outcomes(ended) -> list[tuple[str, str]]:
    return [(one["target"], one["outcome"]) for one in ended.document["targets"]]


def first_words(text: str) -> list[str]:
    return [line.split()[0] for line in text.splitlines() if line.strip()]


# --- deploy -----------------------------------------------------------------------------------


def test_a_cluster_is_deployed_with_one_request_and_a_receipt_for_each_member(certpush, row):
    ended = certpush("deploy", "--output=json")
    assert ended.code == 0, ended.out
    assert outcomes(ended) == [(one, "rotated") for one in ALL]
    assert row.yard.signed == 1
    assert [one["now"] for one in ended.document["targets"]] == list(row.served.values())


def test_the_second_fails_and_the_table_says_which_are_done_and_which_were_not_begun(certpush, deployed):
    before = deployed.served
    deployed.devices["two"].break_reload(Reload.REFUSED)
    ended = certpush("deploy", "--force")
    assert ended.code == 1  # going back needs a reload, too, but the old one is in place and served
    deployed.devices["two"].break_reload(Reload.WORKS)
    assert first_words(ended.out) == ["target", *ALL]
    assert [line.split()[-1] for line in ended.out.splitlines()[1:]] == ["rotated", "rolled-back", "failed"]
    assert "error: row/two: the device refused" in ended.err
    assert "error: row/three: not begun, because row/two failed; done before it: row/one" in ended.err
    assert deployed.served["three"] == before["three"]
    again = certpush("deploy", "--output=json")
    assert (again.code, outcomes(again)) == (0, [("row/one", "unchanged"), ("row/two", "rotated"), ("row/three", "rotated")])
    assert len(set(deployed.served.values())) == 1


def test_a_document_has_the_receipt_of_each_with_its_own_code(certpush, row):
    row.devices["two"].break_reload(Reload.REFUSED)
    ended = certpush("deploy", "--output=json")
    one, two, three = ended.document["targets"]
    assert (one["exit"], one["error"]) == (0, None)
    assert (two["outcome"], two["exit"], ended.code, ended.document["exit"]) == ("rolled-back", 1, 1, 1)
    assert (three["outcome"], three["exit"], three["deployment"], three["error"]["type"]) == ("failed", 1, None, "Interrupted")
    assert three["error"]["message"] == "row/three: not begun, because row/two failed; done before it: row/one"
    assert three["error"]["hint"] == "mend row/two first; what is done stays as it is"


def test_members_stand_in_their_order_where_their_target_stands(certpush, row):
    row.yard.describe("mail", 'verify = "files"')
    row.yard.tables["target.row"] = row.yard.tables.pop("target.row")  # behind the other
    row.yard.write()
    assert [name for name, _ in outcomes(certpush("deploy", "row", "mail", "--output=json"))] == ["mail", *ALL]
    assert first_words(certpush("status").out) == ["target", "mail", *ALL]


def test_a_plan_has_every_member_and_changes_nothing(certpush, row):
    before = [device.snapshot() for device in row.devices.values()]
    ended = certpush("deploy", "--plan")
    assert ended.code == 0
    assert [line.split()[0] for line in ended.out.splitlines() if line.startswith("row/")] == ALL
    assert before == [device.snapshot() for device in row.devices.values()]
    assert row.yard.signed == 0


def test_members_that_nobody_tells_are_one_receipt(certpush, row):
    row.devices["three"].power(on=False)
    ended = certpush("deploy", "--output=json")
    assert (ended.code, outcomes(ended)) == (1, [("row", "failed")])
    assert "nothing answers" in ended.document["targets"][0]["error"]["message"]


def test_one_member_is_not_deployed_alone(certpush, row):
    ended = certpush("deploy", "row/two")
    assert ended.code == 2
    assert "name row" in ended.err


@pytest.mark.parametrize("command", ["deploy", "doctor"])
def test_one_address_for_all_is_refused_with_the_next_step(certpush, row, command):
    row.describe(endpoints='["127.0.0.1:443"]')
    ended = certpush(command)
    assert ended.code == (2 if command == "deploy" else 1)
    assert "target.row: endpoints cannot say where the 3 members of row are served" in ended.out + ended.err
    assert "leave endpoints out" in ended.out + ended.err


# --- status -----------------------------------------------------------------------------------


def test_each_member_has_a_line_of_status_from_its_own_record(certpush, deployed):
    deployed.devices["two"].select("device-default")
    deployed.devices["two"].reload()
    ended = certpush("status", "--output=json")
    assert [(one["target"], one["standing"]) for one in ended.document["targets"]] == list(zip(ALL, ("ok", "drifted", "ok"), strict=True))
    assert [one["last"]["target"] for one in ended.document["targets"]] == ALL
    assert [line.split()[-1] for line in certpush("status").out.splitlines()[1:]] == ["ok", "drifted", "ok"]


def test_a_cluster_that_does_not_tell_its_members_is_one_line(certpush, deployed):
    deployed.devices["three"].power(on=False)
    ended = certpush("status")
    assert ended.code == 0
    assert first_words(ended.out) == ["target", "row"]
    assert ended.out.splitlines()[1].endswith("unreachable")
    assert ended.err.startswith("row: nothing answers")


# --- history, rollback, revoke ----------------------------------------------------------------


def records(ended) -> list[str]:
    assert ended.code == 0, ended.err
    return [one["target"] for one in ended.document["deployments"]]


def test_history_of_the_whole_has_all_members_and_of_a_member_its_own(certpush, deployed):
    assert records(certpush("history", "row", "--output=json")) == ALL[::-1]
    assert records(certpush("history", "row/two", "--output=json")) == ["row/two"]
    assert records(certpush("history", "row", "--limit=1", "--output=json")) == ["row/three"]
    assert certpush("history", "row/nine").out == "nothing was deployed yet\n"
    assert certpush("history", "ro").code == 2


def test_one_member_goes_back(certpush, deployed):
    before = deployed.served
    assert certpush("deploy", "--force").code == 0
    now = deployed.served
    ended = certpush("rollback", "row/two", "--output=json")
    assert (ended.code, outcomes(ended)) == (0, [("row/two", "rolled-back")])
    assert deployed.served == now | {"two": before["two"]}


@pytest.mark.parametrize(
    ("name", "says"), [("row", "row has 3 members, and one of them is meant"), ("row/nine", "'row/nine' is no member of row")]
)
def test_going_back_wants_to_know_which(certpush, deployed, name, says):
    before = deployed.served
    ended = certpush("rollback", name)
    assert ended.code == 2
    assert says in ended.err
    assert "name one of: row/one, row/two, row/three" in ended.err
    assert deployed.served == before


def test_what_members_superseded_is_revoked_together_or_one_by_one(certpush, row):
    row.each_its_own()
    for _ in range(2):
        assert certpush("deploy", "--force").code == 0
    one = certpush("revoke", "row/two", "--output=json").document["revoked"]
    assert len(one) == 1
    rest = certpush("revoke", "row", "--output=json").document["revoked"]
    assert len(rest) == 2
    assert one[0] not in rest
    assert certpush("revoke", "row").out.startswith("nothing to revoke")
    assert certpush("revoke", "row/nine").code == 2


def test_members_that_share_are_told_whose_certificate_it_is(certpush, deployed):
    ended = certpush("revoke", "row/two")
    assert ended.code == 2
    assert "row/two has no certificate of its own" in ended.err
    assert "`certpush revoke row`" in ended.err


# --- doctor -----------------------------------------------------------------------------------


def test_doctor_looks_at_each_member(certpush, row):
    row.devices["two"].power(on=False)
    ended = certpush("doctor", "row", "--output=json")
    assert ended.code == 1
    wheres = list(dict.fromkeys(one["where"] for one in ended.document["findings"]))
    assert wheres[-4:] == ["target.row", *(f"target.{one}" for one in ALL)]
    assert {one["where"] for one in ended.document["findings"] if one["severity"] == "error"} == {"target.row/two"}


# --- a stop -----------------------------------------------------------------------------------


def test_ctrl_c_brings_the_member_to_its_end_and_begins_no_other(row):
    command = [sys.executable, "-m", "certpush", "--config", str(row.yard.path), "deploy", "-v"]
    inherited = {**os.environ, "PYTHONPATH": str(row.site)}
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=inherited) as run:
        while run.stderr.readline() not in ("row/one: verifying\n", ""):
            """Until it is being switched."""
        run.send_signal(signal.SIGINT)
        out, err = run.communicate(timeout=60)
    assert run.returncode == 1
    assert [" ".join(line.split()[:: len(line.split()) - 1]) for line in out.splitlines()[1:]] == [
        "row/one rotated",
        "row/two failed",
        "row/three failed",
    ]
    assert "error: row/two: stopped before it was begun; done before it: row/one" in err
    assert [name for name, device in row.devices.items() if device.selected() == "device-default"] == ["two", "three"]


# --- kill -9 ----------------------------------------------------------------------------------

KILLED = """
import os, signal, sys
from certpush import Fleet
from certpush.state.journal import Journal

write, at = Journal.enter, sys.argv[2]

def enter(self, deployment, *more):
    if (deployment.target, deployment.phase.value) == ("row/two", at):
        os.kill(os.getpid(), signal.SIGKILL)
    write(self, deployment, *more)

Journal.enter = enter
with Fleet.load(sys.argv[1]) as fleet:
    list(fleet.deploy(force=True))
"""


@pytest.mark.parametrize("phase", ["staged", "activating", "activated", "verified", "confirmed"])
def test_a_run_killed_in_the_second_member_converges_with_the_next(certpush, deployed, phase):
    before = deployed.served
    command = [sys.executable, "-c", KILLED, str(deployed.yard.path), phase]
    inherited = {**os.environ, "PYTHONPATH": str(deployed.site)}
    done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=60, env=inherited)
    assert done.returncode == -signal.SIGKILL, done.stderr
    assert deployed.served["one"] != before["one"]
    assert deployed.served["three"] == before["three"]
    ended = certpush("deploy", "--output=json")
    assert ended.code == 0
    assert len(set(deployed.served.values())) == 1
    assert deployed.yard.signed == 2
    assert {one["standing"] for one in certpush("status", "--output=json").document["targets"]} == {"ok"}
