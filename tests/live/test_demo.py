"""`certpush demo`: the whole story with what is installed here or with nothing, and however it ends, nothing stays behind."""

from __future__ import annotations

import json
import os
import signal
import stat
import subprocess
import sys
from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import pytest

from certpush.testing.lab import NotPossibleHere
from certpush.testing.lab.pfsense import PfSense
from conftest import MEASURES, not_run, once_for_all

pytestmark = [pytest.mark.timeout(150)]

# Whatever the demo leaves running becomes a child of this process, which tells of it: servers are sessions of their own.
SUBREAPER = """
import ctypes, os, signal, subprocess, sys, time

PR_SET_CHILD_SUBREAPER = 36
ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
demo = subprocess.Popen([sys.executable, *sys.argv[2:]])
open(sys.argv[1], "w").write(str(demo.pid))
code = demo.wait()

def children():
    while True:  # those that have ended are collected, as init would
        try:
            if os.waitpid(-1, os.WNOHANG)[0] == 0:
                break
        except ChildProcessError:
            return []
    return open(f"/proc/self/task/{os.getpid()}/children").read().split()

until = time.monotonic() + 10
while children() and time.monotonic() < until:
    time.sleep(0.02)
for pid in children():
    print("LEFT BEHIND:", open(f"/proc/{pid}/cmdline").read().replace("\\0", " "), file=sys.stderr)
sys.exit(code)
"""

# A machine with none of the tools, whatever this one has: nothing finds a program of the lab any more.
WITHOUT_TOOLS = """
import certpush.testing.lab.pfsense.programs as programs
import certpush.testing.lab.tools as tools
programs.find_program = tools.find_program = lambda *_: None
from certpush.cli.main import main
main()
"""


@dataclass(frozen=True)
class Ended:
    code: int
    out: str
    err: str


def run_demo(directory: Path, *words: str, way: tuple[str, ...] = ("-m", "certpush"), at: str = "", send: int = 0, **more: str) -> Ended:
    """Run the demo as its user does, perhaps stop it once it has said ``at``; nothing may stay behind, whatever happened."""
    temporary, number = directory / "tmp", directory / "number"
    temporary.mkdir(exist_ok=True)
    command = [sys.executable, "-c", SUBREAPER, str(number), *way, "demo", *words]
    environment = {**os.environ, "TMPDIR": str(temporary), "HOME": str(directory), "PYTHONUNBUFFERED": "1", **more}
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment, stdin=subprocess.DEVNULL
    ) as process:
        told = []
        if send:
            for line in process.stdout:
                told.append(line)
                if at in line:
                    os.kill(int(number.read_text()), send)
                    break
        out, err = process.communicate()
    assert "LEFT BEHIND" not in err
    assert not list(temporary.iterdir())
    assert "Traceback" not in err
    return Ended(process.returncode, "".join(told) + out, err)


@pytest.fixture
def demo(tmp_path: Path) -> Callable[..., Ended]:
    return partial(run_demo, tmp_path)


@pytest.fixture(scope="session")
def for_a_machine(tmp_path_factory: pytest.TempPathFactory) -> Ended:
    """The whole story as one document; told once for all that look at it."""

    def tell(directory: Path) -> None:
        (directory / "ended.json").write_text(json.dumps(asdict(run_demo(directory, "--output", "json", **MEASURES))))

    return Ended(**json.loads((once_for_all(tmp_path_factory, "demo", tell) / "ended.json").read_text()))


PARTS = ["step-ca", "nginx", "OpenSSH sshd", "stand-in for a Proxmox VE node (its API alone, with quicker reloads than real ones)"]
PFSENSE = "stand-in for a pfSense box (real sshd, PHP and nginx in a tree of its own)"


def outcomes(document: dict) -> list[tuple[str, list[tuple[str, str]]]]:
    return [
        (step["command"], sorted((one["target"], one["outcome"]) for one in step["targets"]))
        for step in document["steps"]
        if "deploy" in step["command"] and "killed" not in step
    ]


FIRST = "certpush deploy wiki mail proxmox"


def story(document: dict) -> list[tuple[str, list[tuple[str, str]]]]:
    """What each deployment of the story must come to, with the firewall where there is one."""
    firewall = "firewall" if document["parts"][-1] == PFSENSE else ""
    every = [name for name in (firewall, "mail", "proxmox", "wiki") if name]
    last = [name for name in (firewall, "proxmox", "wiki") if name]
    return [
        ("certpush deploy --plan", [(name, "unchanged") for name in every]),
        (FIRST, [("mail", "rotated"), ("proxmox", "rotated"), ("wiki", "rotated")]),
        (FIRST, [("mail", "unchanged"), ("proxmox", "unchanged"), ("wiki", "unchanged")]),
        ("certpush deploy wiki proxmox --force", [("proxmox", "rolled-back"), ("wiki", "rolled-back")]),
        (f"certpush deploy wiki proxmox {firewall}".strip(), [(name, "rotated") for name in last]),
    ]


def receipts_of(document: dict, target: str) -> list[dict]:
    """What became of one target in each deployment of the story, the plan left out."""
    steps = [step for step in document["steps"] if step["command"].startswith("certpush deploy") and "--plan" not in step["command"]]
    return [one for step in steps for one in step.get("targets", ()) if one["target"] == target]


def step_of(document: dict, command: str) -> dict:
    return next(step for step in document["steps"] if step["command"] == command)


@pytest.fixture
def firewall_possible() -> None:
    """Do not run where no pfSense box can be."""
    try:
        PfSense().close()
    except NotPossibleHere as error:
        not_run(error.message)


@pytest.mark.live("step-ca", "nginx", "sshd")
def test_the_demo_tells_the_story_with_real_servers_and_leaves_nothing_behind(demo):
    ended = demo()
    assert ended.code == 0, ended.err
    assert ended.out.splitlines()[1:5] == [f"  {part}" for part in PARTS]
    for text in ("rotate    served: self-signed", "way back  exact", "rotated", "unchanged: ", "rolled-back"):
        assert text in ended.out
    assert ended.out.count("visitors noticed nothing") == 2
    assert ended.out.splitlines()[-1].startswith("The lab is gone")
    assert 'unknown directive "ssl_certificat"' in ended.err
    assert "command 'systemctl reload-or-restart pveproxy' failed" in ended.err
    assert ended.err.count("hint:") == 2


@pytest.mark.live("step-ca", "nginx", "sshd")
def test_a_machine_gets_one_document_of_the_whole_story(for_a_machine):
    document = json.loads(for_a_machine.out)
    assert for_a_machine.code == document["exit"] == 0
    assert document["parts"][:4] == PARTS
    (firewall,) = document["parts"][4:]
    assert firewall == PFSENSE or firewall.startswith("no pfSense box")
    assert outcomes(document) == story(document)
    status = {one["target"]: one["standing"] for one in step_of(document, "certpush status")["targets"]}
    assert status.items() >= {"mail": "ok", "proxmox": "ok", "wiki": "ok"}.items()
    of_the_others = [one for one in document["steps"][-1]["deployments"] if one["target"] != "firewall"]
    assert len(of_the_others) == 7
    check_proxmox(document)


@pytest.mark.live("step-ca", "nginx", "sshd", "php")
@pytest.mark.usefixtures("firewall_possible")
def test_a_firewall_whose_certpush_is_killed_goes_back_alone_and_gets_the_new_one_in_the_next_run(for_a_machine):
    document = json.loads(for_a_machine.out)
    assert for_a_machine.code == 0, for_a_machine.err
    assert document["parts"][-1] == PFSENSE
    killed = step_of(document, "certpush deploy firewall")["killed"]
    assert killed["target"] == "firewall"
    assert killed["was"] != killed["now"]
    (status,) = [one for one in step_of(document, "certpush status")["targets"] if one["target"] == "firewall"]
    assert [one["fingerprint"] for one in status["served"]] == [killed["was"]]
    (last,) = receipts_of(document, "firewall")
    assert (last["outcome"], last["was"], last["now"]) == ("rotated", killed["was"], killed["now"])
    assert last["served"][0]["fingerprint"] == last["now"]
    history = [one["outcome"] for one in document["steps"][-1]["deployments"] if one["target"] == "firewall"]
    assert sorted(history) == ["rolled-back", "rotated"]


@pytest.mark.live("nginx", "sshd", "php")
@pytest.mark.usefixtures("firewall_possible")
def test_a_certpush_that_ends_before_it_can_be_killed_ends_the_story_with_what_it_said(demo):
    wrong = "import certpush.testing.lab.homelab as lab\nlab.Homelab.hasty_seconds = 7200\nfrom certpush.cli.main import main\nmain()"
    ended = demo(way=("-c", wrong), CERTPUSH_STEP_CA="/nowhere")
    assert ended.code == 1
    assert "certpush was to be killed, and ended before that" in ended.err
    assert "rescue_after" in ended.err


def check_proxmox(document: dict) -> None:
    """The node is recognised by the certificate that a person compared, gets one for 395 days, keeps it, and gets the next."""
    first, again, broken, mended = receipts_of(document, "proxmox")
    assert document["steps"][0]["pinned"] == {"setting": "trust", "value": f"sha256:{first['was']}"}
    assert first["way_back"]["kind"] == "fallback"
    for receipt in (first, broken, mended):
        assert receipt["served"][0]["fingerprint"] == receipt["now"]
        assert datetime.fromisoformat(receipt["not_after"]) - datetime.now(UTC) > timedelta(days=394)
    assert again["now"] == broken["was"] == broken["now"] == mended["was"] == first["now"]
    assert broken["way_back"]["kind"] == "exact"
    assert "pveproxy could not be reloaded" in broken["error"]["message"]
    assert mended["now"] != first["now"]


def test_with_nothing_installed_the_story_is_the_same(demo):
    ended = demo("--output=json", way=("-c", WITHOUT_TOOLS), CERTPUSH_STEP_CA="/nowhere")
    document = json.loads(ended.out)
    assert ended.code == 0, ended.out
    assert [part.partition(" (")[0] for part in document["parts"]] == [
        "embedded CA",
        "TLS server of our own",
        "no SSH, the wiki is reached by files",
        "stand-in for a Proxmox VE node",
        "no pfSense box, its part of the story is left out",
    ]
    assert outcomes(document) == story(document)
    check_proxmox(document)


def broken(path: Path) -> Path:
    path.parent.mkdir(exist_ok=True)
    path.write_text("#!/bin/sh\necho 'made to fail' >&2\nexit 3\n")
    path.chmod(stat.S_IRWXU)
    return path


def test_a_part_that_does_not_start_is_stood_in_for_and_named(demo, tmp_path):
    broken(tmp_path / "bin" / "nginx")
    broken(tmp_path / "bin" / "sshd")
    path = f"{tmp_path / 'bin'}:{os.environ['PATH']}"
    ended = demo(CERTPUSH_STEP_CA=str(broken(tmp_path / "step-ca")), PATH=path)
    assert ended.code == 0, ended.err
    embedded, tls, files = ended.out.splitlines()[1:4]
    assert embedded == "  embedded CA (step-ca did not start: made to fail)"
    assert tls == "  TLS server of our own (nginx did not start: made to fail)"
    assert files == "  no SSH, the wiki is reached by files (OpenSSH sshd did not start: made to fail)"
    assert "visitors noticed nothing" in ended.out


@pytest.mark.parametrize(
    ("at", "number"),
    [
        ("Starting a small home lab", signal.SIGINT),
        ("OpenSSH sshd", signal.SIGTERM),
        ("$ certpush trust proxmox", signal.SIGTERM),
        ("$ certpush deploy --plan", signal.SIGINT),
        ("$ certpush deploy wiki mail proxmox\n", signal.SIGTERM),
        ("$ certpush deploy wiki proxmox --force", signal.SIGINT),
        ("$ certpush status", signal.SIGHUP),
        ("The mistakes are mended", signal.SIGINT),
    ],
    ids=lambda one: one.name if isinstance(one, signal.Signals) else one.strip(),
)
@pytest.mark.live("step-ca", "nginx", "sshd")
def test_stopped_in_the_middle_it_ends_in_order(demo, at, number):
    ended = demo(at=at, send=number)
    assert ended.code == 1
    assert "error: the demo was stopped" in ended.err
    assert "left nothing behind" in ended.err
    assert "The lab is gone" not in ended.out


@pytest.mark.parametrize(
    ("at", "number"),
    [
        ("stand-in for a pfSense box", signal.SIGTERM),
        ("$ certpush deploy firewall", signal.SIGINT),
        ("certpush is dead", signal.SIGTERM),
        ("$ certpush deploy wiki proxmox firewall", signal.SIGINT),
    ],
    ids=lambda one: one.name if isinstance(one, signal.Signals) else one.strip(),
)
@pytest.mark.live("step-ca", "nginx", "sshd", "php")
@pytest.mark.usefixtures("firewall_possible")
def test_stopped_in_an_act_of_the_firewall_it_ends_in_order(demo, at, number):
    test_stopped_in_the_middle_it_ends_in_order(demo, at, number)


def test_a_story_that_goes_wrong_ends_with_an_error_and_nothing_left_behind(demo):
    wrong = WITHOUT_TOOLS.replace("main()", "").replace(
        "from certpush.cli.main import main",
        "from certpush.testing.lab.homelab import Homelab\n"
        "Homelab.break_reloads = lambda self: None\n"
        "from certpush.cli.main import main\nmain()",
    )
    ended = demo(way=("-c", wrong), CERTPUSH_STEP_CA="/nowhere")
    assert ended.code == 1
    assert "the demo expected wiki to end rolled-back, and it ended rotated" in ended.err
