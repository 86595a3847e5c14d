"""The machine's own way back: it comes by itself, exactly one of it and us wins, and nothing of it is left."""

from __future__ import annotations

import concurrent.futures
import contextlib
import os
import random
import subprocess
import sys
import time
from pathlib import Path

import msgspec
import pytest

from certpush import Installed, Staged
from certpush.errors import RescueFired, TargetRefused
from certpush.kit.settings import Duration
from certpush.testing.lab.process import wait_until
from certpush_ssh.target import SshTarget

LAYOUTS = pytest.mark.parametrize("layout", ["files", "managed"])
SOON = Duration(seconds=2)
LATER = Duration(seconds=5)  # than a stalled machine needs from a switch to what disarms it


def noting(tls: Path, word: str) -> tuple[str, ...]:
    return ("/bin/sh", "-c", f"echo {word} >> {tls.parent}/notes")


def notes(tls: Path) -> list[str]:
    path = tls.parent / "notes"
    return path.read_text().split() if path.exists() else []


def processes(tls: Path) -> list[str]:
    listed = subprocess.run(["ps", "-e", "-o", "pid=,args="], capture_output=True, text=True, check=True).stdout
    return [line for line in listed.splitlines() if str(tls) in line]


def leftovers(tls: Path) -> list[str]:
    """What is left beside the certificate, kept copies aside."""
    private = tls / ".certpush"
    return sorted(one.name for one in private.iterdir() if not one.name.endswith(".old")) if private.exists() else []


def patient(settings):
    """The same with a timer that no stall of this machine outlasts."""
    return msgspec.structs.replace(settings, rescue_after=Duration(seconds=120))


def deploy(settings, bundle) -> None:
    with contextlib.closing(SshTarget(patient(settings))) as target:
        staged = target.stage(bundle)
        target.activate(staged, bundle)
        target.confirm(staged)
        target.tidy({bundle.fingerprint})


def switched(settings, bundle) -> tuple[Installed, Staged]:
    """A rotation whose run dies before it confirms."""
    with contextlib.closing(SshTarget(settings)) as target:
        before = target.inspect()
        staged = target.stage(bundle)
        target.activate(staged, bundle)
    return before, staged


def installed(settings) -> str | None:
    with contextlib.closing(SshTarget(settings)) as target:
        return target.inspect().fingerprint


def confirmed(settings, staged) -> None:
    with contextlib.closing(SshTarget(settings)) as target:
        target.confirm(staged)


def rolled_back(settings, before, staged):
    with contextlib.closing(SshTarget(settings)) as target:
        return target.rollback(before, staged, None)


# --- it comes by itself -----------------------------------------------------------------------------


@pytest.mark.live("sshd")
@pytest.mark.parametrize("layout", ["files"])
def test_killed_right_after_the_switch_the_machine_puts_the_old_files_back_and_reloads(any_box, mint, layout, tmp_path):
    settings = getattr(any_box, layout)(reload=noting(any_box.tls, "reload"), rescue_after=SOON)
    old, new = mint(), mint()
    deploy(settings, old)
    reloads = len(notes(any_box.tls))
    for name, content in (("fullchain", new.fullchain_pem), ("key", new.key.reveal_pem())):
        (tmp_path / name).write_bytes(content)
    program = f"""
import os, signal
from pathlib import Path
from certpush import CertificateBundle, Secret
from certpush.kit.settings import Duration
from certpush_ssh.settings import SshTargetSettings
from certpush_ssh.target import SshTarget
home = Path({str(tmp_path)!r})
bundle = CertificateBundle.from_pem((home / "fullchain").read_bytes(), (home / "key").read_bytes())
target = SshTarget(SshTargetSettings(
    host={settings.host!r}, port={settings.port}, user={settings.user!r}, sudo={settings.sudo},
    identity=Secret(Path({str(any_box.sshd.client_key_path)!r}).read_text()), host_key={settings.host_key!r},
    fullchain={settings.fullchain!r}, key_file={settings.key_file!r}, directory={settings.directory!r},
    reload={settings.reload!r}, rescue_after=Duration(seconds=6),
))
staged = target.stage(bundle)
target.activate(staged, bundle)
os.kill(os.getpid(), signal.SIGKILL)
"""
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert ended.returncode == -9, ended.stderr
    assert installed(settings) == new.fingerprint
    wait_until(lambda: len(notes(any_box.tls)) == reloads + 2, "the machine reloads by itself", 15)
    assert installed(settings) == old.fingerprint
    wait_until(lambda: processes(any_box.tls) == [], "the timer's end")
    assert leftovers(any_box.tls) == []


@LAYOUTS
def test_where_nothing_was_before_the_machine_removes_the_new_files(local_box, mint, layout):
    settings = getattr(local_box, layout)(rescue_after=SOON)
    switched(settings, mint())
    path = local_box.tls / ("svc.key" if layout == "files" else "current")
    wait_until(lambda: not os.path.lexists(path), "the rescue")
    wait_until(lambda: list(local_box.tls.iterdir()) == [], "the timer's end")


def test_a_switch_that_died_half_way_is_put_back_too(local_box, mint):
    settings = local_box.files(rescue_after=SOON)
    old = mint()
    deploy(settings, old)
    _, staged = switched(settings, mint())
    # As if the script had been killed between its two renames.
    wanted = old.key.reveal_pem()
    (local_box.tls / "svc.key").write_bytes(wanted)
    wait_until(lambda: (local_box.tls / "svc.crt").read_bytes() == old.fullchain_pem, "the rescue")
    wait_until(lambda: processes(local_box.tls) == [], "the timer's end")
    assert installed(settings) == old.fingerprint
    with pytest.raises(RescueFired):
        confirmed(settings, staged)


def test_a_reload_that_fails_at_first_is_tried_again(local_box, mint):
    count = local_box.tls.parent / "count"
    flaky = ("/bin/sh", "-c", f"echo x >> {count}; test $(wc -l < {count}) -ne 2 -a $(wc -l < {count}) -ne 3")
    settings = local_box.files(rescue_after=SOON)
    deploy(settings, mint())
    settings = local_box.files(rescue_after=SOON, reload=flaky)
    switched(settings, mint())
    wait_until(lambda: count.read_text().count("x") == 4, "the third attempt of the rescue", 15)
    wait_until(lambda: processes(local_box.tls) == [], "the timer's end")


# --- exactly one wins ---------------------------------------------------------------------------------


def test_confirmed_nothing_of_the_timer_is_left_and_it_never_comes(local_box, mint):
    settings = local_box.files(rescue_after=LATER, reload=noting(local_box.tls, "reload"))
    deploy(settings, mint())
    new = mint()
    _, staged = switched(settings, new)
    assert processes(local_box.tls) != []
    confirmed(settings, staged)
    assert processes(local_box.tls) == []
    assert leftovers(local_box.tls) == []
    time.sleep(LATER.total_seconds() + 0.5)  # nothing can be waited for: that nothing comes is what is tested
    assert installed(settings) == new.fingerprint
    assert notes(local_box.tls) == ["reload", "reload"]


def test_confirm_after_the_rescue_says_so_and_rollback_then_finds_all_in_order(local_box, mint):
    settings = local_box.files(rescue_after=SOON)
    old = mint()
    deploy(settings, old)
    before, staged = switched(settings, mint())
    wait_until(lambda: processes(local_box.tls) == [], "the rescue")
    for _ in range(2):
        with pytest.raises(RescueFired, match="by itself"):
            confirmed(settings, staged)
    for _ in range(2):
        assert rolled_back(settings, before, staged).fingerprint == old.fingerprint
    assert installed(settings) == old.fingerprint


@pytest.mark.timeout(120)
@LAYOUTS
def test_confirm_and_rescue_race_and_exactly_one_wins(local_box, mint, layout):
    """Many timers, each confirmed within the moments in which it fires."""
    old, new = mint(), mint()
    rounds = []
    for number in range(20):
        tls = local_box.tls / str(number)
        tls.mkdir()
        where = {"fullchain": f"{tls}/svc.crt", "key_file": f"{tls}/svc.key"} if layout == "files" else {"directory": str(tls)}
        rounds.append((tls, local_box.files(**{"fullchain": None, "key_file": None} | where, rescue_after=SOON)))
    dice, moment = random.Random(4), [SOON.total_seconds()]

    def race(round_) -> tuple[Path, bool, str | None]:
        tls, settings = round_
        put_there(tls, layout, old)
        _, staged = switched(settings, new)
        time.sleep(max(0.0, moment[0] + dice.uniform(-0.12, 0.12)))
        try:
            confirmed(settings, staged)
            won = True
        except RescueFired:
            won = False
        moment[0] += 0.2 if won else -0.2  # towards where either may win: confirming takes its time on a busy machine
        wait_until(lambda: processes_of(tls) == [], "the timer's end")
        return tls, won, installed(settings)

    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        ended = list(pool.map(race, rounds))
    for tls, won, there in ended:
        assert there == (new if won else old).fingerprint, tls
        assert leftovers(tls) == []
    assert {won for _, won, _ in ended} == {True, False}, "a race in which one side always wins tries nothing"


def put_there(tls: Path, layout: str, bundle) -> None:
    """As an earlier rotation would have left it."""
    place = tls / f"gen-{bundle.fingerprint[:16]}" if layout == "managed" else tls
    place.mkdir(exist_ok=True)
    names = ("fullchain.pem", "privkey.pem") if layout == "managed" else ("svc.crt", "svc.key")
    for name, content in zip(names, (bundle.fullchain_pem, bundle.key.reveal_pem()), strict=True):
        (place / name).write_bytes(content)
    if layout == "managed":
        (tls / "current").symlink_to(place.name)


def processes_of(tls: Path) -> list[str]:
    return [line for line in processes(tls) if f"{tls}/" in line]


@pytest.mark.live("sshd")
def test_confirm_and_rescue_race_over_ssh(box, mint):
    settings = box.files(rescue_after=SOON)
    old, new = mint(), mint()
    deploy(settings, old)
    for offset in (0.2, 0.0, -0.2):
        _, staged = switched(settings, new)
        time.sleep(2.0 + offset)
        try:
            confirmed(settings, staged)
            wanted = new
        except RescueFired:
            wanted = old
        wait_until(lambda: processes(box.tls) == [], "the timer's end")
        assert installed(settings) == wanted.fingerprint


def test_rollback_waits_for_a_rescue_that_is_at_work_and_finds_all_in_order(local_box, mint):
    slow = ("/bin/sh", "-c", f"echo reload >> {local_box.tls.parent}/notes; sleep 1")
    settings = local_box.files(rescue_after=SOON, reload=slow)
    old = mint()
    deploy(settings, old)
    before, staged = switched(settings, mint())
    wait_until(lambda: len(notes(local_box.tls)) == 3, "the rescue's reload")
    assert processes(local_box.tls) != []
    assert rolled_back(settings, before, staged).fingerprint == old.fingerprint
    assert processes(local_box.tls) == []
    assert len(notes(local_box.tls)) == 3, "the rescue had reloaded already"
    assert installed(settings) == old.fingerprint


def test_rollback_disarms_the_timer(local_box, mint):
    settings = local_box.files(rescue_after=LATER, reload=noting(local_box.tls, "reload"))
    deploy(settings, mint())
    before, staged = switched(settings, mint())
    rolled_back(settings, before, staged)
    assert processes(local_box.tls) == []
    assert leftovers(local_box.tls) == []
    time.sleep(LATER.total_seconds() + 0.5)  # nothing can be waited for: that nothing comes is what is tested
    assert notes(local_box.tls) == ["reload"] * 3


def test_a_second_activate_gives_the_timer_its_whole_time_again(local_box, mint):
    settings = patient(local_box.files())
    new = mint()
    _, staged = switched(settings, new)
    (first,) = (line for line in processes(local_box.tls) if "sh " in line)
    with contextlib.closing(SshTarget(settings)) as target:
        target.activate(staged, new)
    (second,) = (line for line in processes(local_box.tls) if "sh " in line)
    assert first.split()[0] != second.split()[0]
    confirmed(settings, staged)


def test_activate_during_a_rescue_is_refused(local_box, mint):
    slow = ("/bin/sh", "-c", f"echo reload >> {local_box.tls.parent}/notes; sleep 1")
    settings = local_box.files(rescue_after=SOON, reload=slow)
    deploy(settings, mint())
    new = mint()
    before, staged = switched(settings, new)
    wait_until(lambda: len(notes(local_box.tls)) == 3, "the rescue's reload")
    with contextlib.closing(SshTarget(settings)) as target, pytest.raises((RescueFired, TargetRefused)):
        target.activate(staged, new)
    rolled_back(settings, before, staged)


@pytest.mark.parametrize("verb", ["confirm", "rollback", "activate"])
def test_a_timer_that_a_reboot_ended_is_no_hindrance(local_box, mint, verb):
    settings = local_box.files(rescue_after=Duration(seconds=60))
    old, new = mint(), mint()
    deploy(settings, old)
    before, staged = switched(settings, new)
    for line in processes(local_box.tls):
        os.kill(int(line.split()[0]), 9)
    wait_until(lambda: processes(local_box.tls) == [], "the reboot")
    if verb == "rollback":
        rolled_back(settings, before, staged)
    elif verb == "activate":
        with contextlib.closing(SshTarget(settings)) as target:
            target.activate(staged, new)
        assert processes(local_box.tls) != []
        confirmed(settings, staged)
    else:
        confirmed(settings, staged)
    assert installed(settings) == (old if verb == "rollback" else new).fingerprint
    assert processes(local_box.tls) == []
    assert leftovers(local_box.tls) == []


def test_a_process_that_got_the_timers_number_after_a_reboot_is_left_alone(local_box, mint):
    settings = local_box.files(rescue_after=Duration(seconds=60))
    _, staged = switched(settings, mint())
    for line in processes(local_box.tls):
        os.kill(int(line.split()[0]), 9)
    with subprocess.Popen(["sleep", "60"], start_new_session=True) as other:
        (pid_file,) = (local_box.tls / ".certpush").glob("*.rescue/pid")
        pid_file.write_text(f"{other.pid}\n")
        confirmed(settings, staged)
        assert other.poll() is None
        other.kill()


def test_confirm_of_files_that_somebody_changed_is_refused(local_box, mint):
    settings = local_box.files()
    _, staged = switched(settings, mint())
    (local_box.tls / "svc.crt").write_bytes(b"theirs")
    with pytest.raises(TargetRefused, match="not there as it was written"):
        confirmed(settings, staged)
    assert processes(local_box.tls) == []


# --- starting it ----------------------------------------------------------------------------------------


def masked(script: str) -> tuple[str, ...]:
    """A shell that sees another machine: its own mounts, made by ``script``."""
    return ("unshare", "--mount", "/bin/sh", "-c", f"{script}\nexec /bin/sh -s")


@pytest.fixture
def root_only(not_run) -> None:
    if os.geteuid() != 0:
        not_run("only root can mount")


def test_without_a_timer_that_runs_nothing_is_switched(local_box, mint, root_only):
    settings = local_box.files()
    old = mint()
    deploy(settings, old)
    target, new = SshTarget(settings), mint()
    staged = target.stage(new)
    local_box.machine.shell = masked("mount --bind /bin/true /usr/bin/setsid")
    with pytest.raises(TargetRefused, match="could not be started; nothing was switched"):
        target.activate(staged, new)
    assert installed(settings) == old.fingerprint
    assert [one for one in leftovers(local_box.tls) if "rescue" in one] == []


def test_without_setsid_and_nohup_the_timer_is_started_by_the_shell_alone(local_box, mint, root_only):
    local_box.machine.shell = masked("mount --bind /dev/null /usr/bin/setsid; mount --bind /dev/null /usr/bin/nohup")
    settings, new = local_box.files(rescue_after=SOON), mint()
    switched(settings, new)
    wait_until(lambda: list(local_box.tls.iterdir()) == [], "the rescue")
    _, staged = switched(patient(settings), new)
    confirmed(settings, staged)
    assert processes(local_box.tls) == []
    assert installed(settings) == new.fingerprint


@pytest.mark.parametrize("works", [True, False])
def test_as_root_the_timer_is_a_unit_of_its_own_where_systemd_runs(local_box, mint, root_only, works):
    fake = local_box.tls.parent / "systemd-run"
    fake.write_text(
        f'#!/bin/sh\necho "$@" >> {local_box.tls.parent}/units\n'
        + ('while [ "${1#/}" = "$1" ]; do shift; done\nsetsid "$@" &\n' if works else "exit 1\n")
    )
    fake.chmod(0o755)
    mounts = "mkdir -p /run/systemd; mount -t tmpfs none /run; mkdir -p /run/systemd/system"
    local_box.machine.shell = masked(f"{mounts}; mount --bind {fake} /usr/bin/systemd-run")
    settings, new = local_box.files(rescue_after=Duration(seconds=60)), mint()
    _, staged = switched(settings, new)
    assert "--collect" in (local_box.tls.parent / "units").read_text()
    assert len(processes(local_box.tls)) >= 1
    confirmed(settings, staged)
    assert processes(local_box.tls) == []
    assert installed(settings) == new.fingerprint
