"""The steps and the timer on machines with another /bin/sh, with other tools, and with things in odd places."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import time
from pathlib import Path

import pytest

from certpush import CertificateRequest
from certpush.kit.remote.shell import _STEPS, script_of
from certpush.kit.settings import Duration
from certpush.model import parse_name
from certpush.testing.lab.process import wait_until
from certpush_ssh.target import SshTarget
from conftest import STRIDE
from plugins.ssh.test_rescue import confirmed, deploy, installed, leftovers, masked, processes, rolled_back, switched

pytestmark = pytest.mark.timeout(120)

LAYOUTS = pytest.mark.parametrize("layout", ["files", "managed"])
# `/bin/sh` of Debian; of Red Hat, Arch and macOS; of Alpine and OpenWrt; of Android and MirBSD.
SHELLS = ("dash", "bash", "busybox", "mksh")


@pytest.fixture
def root_only(not_run) -> None:
    if os.geteuid() != 0:
        not_run("only root can mount")


@pytest.fixture(params=SHELLS)
def other_shell(request, local_box, not_run, root_only):
    """A machine whose /bin/sh is another program, for the timer too."""
    shell = shutil.which(request.param)
    if shell is None:
        not_run(f"{request.param} is missing (apt-get install {request.param})")
    local_box.machine.shell = masked(f"mount --bind {shell} {Path('/bin/sh').resolve()}")
    return local_box


@pytest.fixture
def only_busybox(local_box, not_run, root_only, open_directory):
    """A machine that has busybox and nothing else: no setsid of util-linux, no ps that takes -p, no GNU anything."""
    busybox = shutil.which("busybox")
    if busybox is None:
        not_run("busybox is missing (apt-get install busybox)")
    programs, nothing = open_directory / "programs", open_directory / "nothing"
    nothing.mkdir()
    programs.mkdir()
    shutil.copy(busybox, programs / "busybox")
    hide = "".join(f"mount --bind {nothing} {one}; " for one in ("/usr/sbin", "/usr/local/bin", "/usr/local/sbin") if Path(one).is_dir())
    local_box.machine.shell = masked(f"{busybox} --install -s {programs}; {hide}{busybox} mount --bind {programs} /usr/bin")
    return local_box


def the_whole_story(box, mint, layout: str) -> None:
    old, new, newest = mint(), mint(), mint()
    settings = getattr(box, layout)(check=("true",), reload=("true",), rescue_after=Duration(seconds=120))
    soon = getattr(box, layout)(check=("true",), reload=("true",), rescue_after=Duration(seconds=4))
    deploy(settings, old)
    before, staged = switched(settings, new)
    assert installed(settings) == new.fingerprint
    assert rolled_back(settings, before, staged).fingerprint == old.fingerprint
    assert installed(settings) == old.fingerprint
    assert processes(box.tls) == []
    switched(soon, new)
    wait_until(lambda: installed(settings) == old.fingerprint, "the rescue", 20)
    wait_until(lambda: processes(box.tls) == [], "the timer's end")
    _, staged = switched(settings, newest)
    confirmed(settings, staged)
    with contextlib.closing(SshTarget(settings)) as target:
        target.tidy({newest.fingerprint})
    assert installed(settings) == newest.fingerprint
    assert processes(box.tls) == []
    assert leftovers(box.tls) == []


@pytest.mark.parametrize("shell", SHELLS)
def test_what_others_leave_is_made_again_until_something_of_ours_lies_in_it(tmp_path, not_run, shell):
    """One target is done with the directory, and removes it, after another one has seen that it is there."""
    program = shutil.which(shell) or not_run(f"{shell} is missing (apt-get install {shell})")
    script = f"""{_STEPS}
place={tmp_path}/.certpush
robbed() {{ [ -e {tmp_path}/once ] || {{ : >{tmp_path}/once; rmdir "$place"; }}; : >"$1"; }}
housed "$place" robbed "$place/ours" || exit 3
housed "$place" false && exit 4
exit 0
"""
    command = [program, "sh", "-c", script] if shell == "busybox" else [program, "-c", script]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=20, check=False)
    assert (ended.returncode, ended.stderr) == (0, "")
    assert (tmp_path / ".certpush" / "ours").exists()


@LAYOUTS
def test_the_whole_story_with_another_shell(other_shell, mint, layout):
    the_whole_story(other_shell, mint, layout)


@LAYOUTS
def test_the_whole_story_where_busybox_is_all_there_is(only_busybox, mint, layout):
    the_whole_story(only_busybox, mint, layout)


def test_where_busybox_is_all_there_is_nothing_is_said_to_be_missing(only_busybox):
    with contextlib.closing(SshTarget(only_busybox.files())) as target:
        found = target.preflight(CertificateRequest((parse_name("svc.example.com"),)))
    assert "tool-missing" not in {one.code for one in found}


# --- the timer in odd circumstances -------------------------------------------------------------------

RACES = 1000 if STRIDE == 1 else 100


@pytest.mark.parametrize("shell", SHELLS)
def test_of_confirm_and_rescue_exactly_one_gets_the_token(shell, tmp_path, not_run):
    """The rename that decides, by two processes at once, again and again; where something is gone back from is seen with real timers."""
    if shutil.which(shell) is None:
        not_run(f"{shell} is missing (apt-get install {shell})")
    race = f"""
cd {tmp_path}
race=0
while [ $race -lt {RACES} ]; do
    race=$((race + 1))
    mkdir $race && : >$race/armed
    (if claim $race confirmed; then echo confirmed; fi) &
    (if claim $race fired; then echo fired; fi) &
    wait
done
"""
    ran = subprocess.run(
        [shell, *(["sh"] if shell == "busybox" else []), "-c", f"{_STEPS}\n{race}"], capture_output=True, text=True, check=True
    )
    assert ran.stderr == ""
    assert len(ran.stdout.split()) == RACES, "each race has one winner"
    left = [sorted(one.name for one in race.iterdir()) for race in tmp_path.iterdir()]
    assert {*map(tuple, left)} <= {("confirmed",), ("fired",)}
    assert ran.stdout.split().count("fired") == left.count(["fired"])


def faketime_library() -> Path | None:
    return next(iter(sorted(Path("/usr/lib").glob("**/faketime/libfaketime.so.1"))), None)


@pytest.mark.parametrize("jump", ["+400d", "-400d"])
def test_a_clock_that_jumps_neither_fires_the_timer_nor_holds_it_up(local_box, mint, not_run, jump):
    library = faketime_library()
    if library is None:
        not_run("faketime is missing (apt-get install faketime)")
    clock = local_box.tls.parent / "clock"
    clock.write_text("+0\n")
    local_box.machine.environment = {
        "PATH": "/usr/bin:/bin", "LD_PRELOAD": str(library), "FAKETIME_TIMESTAMP_FILE": str(clock), "FAKETIME_NO_CACHE": "1",
    }  # fmt: skip
    old, new = mint(), mint()
    deploy(local_box.files(), old)
    switched(local_box.files(rescue_after=Duration(seconds=8)), new)
    clock.write_text(f"{jump}\n")
    jumped = time.monotonic()
    wait_until(lambda: installed(local_box.files()) == old.fingerprint, "the rescue", 40)
    assert time.monotonic() - jumped > 3, "the jump fired it"
    wait_until(lambda: processes(local_box.tls) == [], "the timer's end", 20)


@pytest.mark.parametrize("place", ["tls", "/tmp"])
def test_a_mount_on_which_nothing_may_be_executed_is_no_hindrance(local_box, mint, mounted, place):
    path = local_box.tls if place == "tls" else local_box.tls.parent / "tmp"
    path.mkdir(exist_ok=True)
    mounted("-t", "tmpfs", "-o", "noexec,mode=755", "none", path)
    if place == "/tmp":
        local_box.machine.environment = {"PATH": "/usr/bin:/bin", "TMPDIR": str(path)}
    settings, old = local_box.files(rescue_after=Duration(seconds=2)), mint()
    deploy(local_box.files(), old)
    switched(settings, mint())
    wait_until(lambda: installed(settings) == old.fingerprint, "the rescue", 20)
    wait_until(lambda: processes(local_box.tls) == [], "the timer's end")


@pytest.mark.live("sshd")
def test_without_setsid_and_nohup_the_timer_outlives_the_login(root_box, mint, monkeypatch):
    """What a real sshd leaves of it once the connection is gone."""
    hide = "mount --bind /dev/null /usr/bin/setsid; mount --bind /dev/null /usr/bin/nohup"

    def elsewhere(lines: list[str], tag: str) -> str:
        return f"exec unshare --mount /bin/sh -c '{hide}; exec /bin/sh -s' <<'ELSEWHERE'\n{script_of(lines, tag)}\nELSEWHERE\n"

    old = mint()
    deploy(root_box.files(), old)
    monkeypatch.setattr("certpush.kit.remote.shell.script_of", elsewhere)
    settings = root_box.files(rescue_after=Duration(seconds=4))
    switched(settings, mint())
    wait_until(lambda: installed(settings) == old.fingerprint, "the rescue", 30)
    wait_until(lambda: processes(root_box.tls) == [], "the timer's end")
