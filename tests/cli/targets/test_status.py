"""`certpush status`: every way that a target can stand, reached for real."""

from __future__ import annotations

import subprocess
import time
from datetime import timedelta

import pytest

from certpush import Fleet
from certpush.kit.tls import utc_now

pytestmark = pytest.mark.timeout(120)


def only(ended) -> dict:
    assert ended.code == 0, ended.err
    (one,) = ended.document["targets"]
    return one


def status(certpush) -> dict:
    return only(certpush("status", "--output=json"))


@pytest.fixture
def deployed(certpush, yard):
    yard.serve("wiki")
    assert certpush("deploy").code == 0
    return yard


def plant(yard, bundle, name="wiki") -> None:
    """Another administrator installs a certificate."""
    (yard.directory / f"{name}.crt").write_bytes(bundle.fullchain_pem)
    (yard.directory / f"{name}.key").write_bytes(bundle.key.reveal_pem())
    subprocess.run(yard.servers[name].reload_command, check=True)


def test_new_is_what_certpush_has_not_touched(certpush, yard):
    yard.serve("wiki")
    one = status(certpush)
    assert one["standing"] == "new"
    assert one["last"] is None
    assert one["due"] is None  # when somebody else's certificate is due is not ours to say
    assert one["problems"] == []
    assert one["served"][0]["fingerprint"] == yard.served("wiki")


def test_ok_is_what_was_deployed_and_is_served(certpush, deployed):
    one = status(certpush)
    assert one["standing"] == "ok"
    assert one["problems"] == []
    assert one["last"]["outcome"] == "rotated"
    assert one["served"][0]["fingerprint"] == one["last"]["wanted"] == deployed.served("wiki")
    headings, row = certpush("status").out.splitlines()
    assert headings.split() == ["target", "kind", "served", "left", "due", "in", "last", "standing"]
    assert row.split()[:5] == ["wiki", "file", deployed.served("wiki")[:12], "23h", "15h"]
    assert row.endswith("ok")


@pytest.mark.parametrize(
    ("hours", "standing"), [(0, "ok"), (15, "ok"), (16.1, "due"), (19.8, "due"), (20.2, "danger"), (23.9, "danger"), (24.1, "expired")]
)
def test_with_time_it_comes_due_is_in_danger_and_expires(deployed, hours, standing):
    with Fleet.load(deployed.path, clock=lambda: utc_now() + timedelta(hours=hours)) as fleet:
        (one,) = fleet.status()
    assert one.standing == standing
    assert one.due is not None
    assert any("expired on" in problem for problem in one.problems) == (standing == "expired")


def test_drifted_is_what_somebody_replaced_after_us(certpush, deployed, authority):
    plant(deployed, authority.issue("wiki.home.example"))
    one = status(certpush)
    assert one["standing"] == "drifted"
    assert one["due"] is None
    assert one["problems"]


def test_what_is_newer_than_a_restored_state_is_said_to_be_ours_and_is_after_a_run(certpush, deployed):
    assert certpush("state", "backup", "old.tar").code == 0
    time.sleep(1.1)  # a certificate's life begins at a whole second
    assert certpush("deploy", "--force").code == 0
    assert certpush("state", "restore", "old.tar", "--replace").code == 0
    ended = certpush("status")
    assert "drifted" in ended.out
    assert "wiki: a certificate of your CA that is newer than this state" in ended.err
    assert "at once: certpush renew wiki" in ended.err
    assert certpush("renew", "wiki").code == 0
    assert status(certpush)["standing"] == "ok"


def test_drifted_is_also_our_leaf_without_its_chain(certpush, deployed):
    deployed.servers["wiki"].faults.without_intermediate = True
    deployed.servers["wiki"].reload()
    one = status(certpush)
    assert one["standing"] == "drifted"
    assert "intermediate is missing" in one["problems"][0]


def test_foreign_is_somebody_elses_certificate_where_we_never_were(certpush, yard, authority):
    yard.serve("wiki", before=authority.issue("wiki.home.example"))
    one = status(certpush)
    assert (one["standing"], one["problems"]) == ("foreign", [])


def test_unreachable_is_where_nothing_answers(certpush, deployed):
    deployed.servers["wiki"].stop()
    ended = certpush("status")
    assert ended.code == 0
    assert ended.out.splitlines()[1].endswith("unreachable")
    assert f"wiki: 127.0.0.1:{deployed.servers['wiki'].port}: Connection refused" in ended.err
    deployed.servers["wiki"].start()
    assert status(certpush)["standing"] == "ok"


def test_one_endpoint_of_two_that_is_silent_counts(certpush, yard):
    yard.serve("wiki")
    second = yard.serve("mirror", target=False)
    yard.describe(
        "wiki", f'endpoints = ["127.0.0.1:{yard.servers["wiki"].port}#wiki.home.example", "127.0.0.1:{second.port}#wiki.home.example"]'
    )
    second.stop()
    one = status(certpush)
    assert one["standing"] == "unreachable"
    assert len(one["served"]) == 1


def test_stranded_stays_so_until_it_is_settled(certpush, yard):
    yard.serve("wiki")
    yard.strand("wiki")  # the switch, and the way back
    assert certpush("deploy").code == 3
    assert status(certpush)["standing"] == "stranded"
    assert certpush("deploy").code == 0
    assert status(certpush)["standing"] == "ok"


def test_after_a_rollback_the_certificate_from_before_is_what_is_expected(certpush, deployed):
    before = deployed.served("wiki")
    deployed.break_reload("wiki")
    assert certpush("deploy", "--force").code == 1
    assert status(certpush)["standing"] == "ok"
    assert certpush("deploy").code == 0
    assert certpush("rollback", "wiki").code == 0
    one = status(certpush)
    assert (one["standing"], one["last"]["outcome"]) == ("ok", "rolled-back")
    assert one["served"][0]["fingerprint"] == before


def test_what_nothing_serves_is_shown_as_installed(certpush, yard):
    yard.describe("mail", 'verify = "files"')
    assert status(certpush)["standing"] == "new"
    assert certpush("deploy").code == 0
    one = status(certpush)
    assert (one["standing"], one["served"], one["installed"]) == ("ok", [], one["last"]["wanted"])
    assert f"({one['installed'][:12]})" in certpush("status").out
    (yard.directory / "mail.crt").unlink()
    assert status(certpush)["standing"] == "drifted"


def test_how_a_target_stands_that_cannot_be_asked_is_unknown_and_the_others_are_shown(certpush, deployed):
    deployed.describe("mail", 'verify = "files"\nsurprise = 1')
    ended = certpush("status", "--output=json")
    assert {one["target"]: one["standing"] for one in ended.document["targets"]} == {"wiki": "ok", "mail": "unknown"}
    assert "surprise" in ended.document["targets"][1]["problems"][0]


def test_the_whole_of_a_life_is_told(certpush, deployed):
    one = status(certpush)
    assert one["not_before"] < one["due"] < one["danger"] < one["not_after"]


def test_targets_stand_in_the_order_of_the_configuration(certpush, yard):
    for name in ("zulu", "alpha", "mike"):
        yard.serve(name)
    assert [line.split()[0] for line in certpush("status").out.splitlines()] == ["target", "zulu", "alpha", "mike"]
    assert [one["target"] for one in certpush("status", "mike", "zulu", "--output=json").document["targets"]] == ["zulu", "mike"]


def test_where_there_is_no_target_yet_that_is_said(certpush, yard):
    assert certpush("status").out.startswith("there is no target yet, or none that is enabled")
    assert certpush("status", "--output=json").document["targets"] == []
    yard.describe("mail", 'verify = "files"\nenabled = false')
    assert certpush("status").out.startswith("there is no target yet, or none that is enabled")
    assert certpush("status", "mail").out.splitlines()[1].endswith("new")
