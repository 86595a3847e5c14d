"""L1 and L4 by the kernel: `certpush renew` ended, or refused by the disk, at each class of system calls; what is served stays, and the next run converges."""

from __future__ import annotations

import contextlib
import re
import signal
import subprocess
from pathlib import Path

import pytest

from certpush.cli.running import run_command
from cli.frame.machine import ALWAYS, machine
from conftest import STRIDE

__all__ = ["machine"]  # a fixture

pytestmark = pytest.mark.timeout(600)

CALLS = {
    "open": "openat",
    "write": "write,pwrite64",
    "fsync": "fsync,fdatasync",
    "rename": "rename,renameat,renameat2",
    "unlink": "unlink,unlinkat",
    "connect": "connect",
}
"""By their class; what is sent is a write, too: TLS writes to its sockets."""


@pytest.mark.parametrize("calls", CALLS)
def test_killed_at_a_system_call_while_it_renews_a_plain_run_converges(machine, calls):
    before = machine.served
    assert machine.traced_renew(CALLS[calls]) == 0, machine.traced.said
    assert machine.served != before, "nothing was renewed"
    most = machine.traced.most
    assert most
    for number in range(1, most + 1, 1 if STRIDE == 1 else max(1, most // 2)):
        ended = machine.traced_renew(CALLS[calls], inject=f"signal=SIGKILL:when={number}")
        assert ended in (-signal.SIGKILL, 0), (number, machine.traced.said)
        machine.a_plain_run_converges(f"{calls} {number} of {most}")
        if ended == 0:
            break
    assert number > most // 2, "the runs ended before most of the points"


# --- L4: the disk refuses ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("calls", "error"), [(CALLS["fsync"], "EIO"), (CALLS["fsync"], "ENOSPC"), (CALLS["fsync"], "EDQUOT"), ("pwrite64", "ENOSPC")]
)
def test_where_nothing_reaches_the_disk_for_certain_nothing_is_touched(machine, calls, error):
    """Nothing but SQLite writes by pwrite64: to write to a socket is another call."""
    before, signed = machine.served, len(machine.place.ca.exchanges)
    assert machine.traced_renew(calls, inject=f"error={error}") == 5
    assert len(machine.traced.said.split("error: ")) == 2
    assert "hint: " in machine.traced.said
    assert "Traceback" not in machine.traced.said
    assert machine.served == before
    machine.a_plain_run_converges(error)
    assert not [one for one in machine.place.ca.exchanges[signed:] if one.response.chain], "signed, and lost"


@pytest.mark.parametrize(
    ("how", "says", "do"),
    [
        ("full", r"cannot be opened: disk I/O error \(\d+ KiB are free on its disk\)", "hint: free space for "),
        ("read-only", "cannot be made: Read-only file system", "hint: mount -o remount,rw the disk of "),
    ],
)
def test_a_state_on_a_disk_that_is_full_or_read_only_is_told_and_what_is_served_stays(machine, mounted, how, says, do):
    """Before anything is looked at: without a journal nobody knows what is due. `check` looks all the same."""
    state, place, before = machine.place.directory / "state", machine.place, machine.served
    kept = {path.relative_to(state): path.read_bytes() for path in state.rglob("*") if path.is_file() and not path.is_symlink()}
    links = {path.relative_to(state): path.readlink() for path in state.rglob("*") if path.is_symlink()}
    mounted("-t", "tmpfs", "-o", "size=256k,mode=0700", "none", state)
    _put(state, kept, links)
    if how == "full":
        _fill(state / "ballast")
    else:
        mounted("-o", "remount,ro", state)
    machine.configure(ALWAYS)
    done = place.run("renew")
    assert (done.returncode, done.stdout) == (5, "")
    assert re.search(says, done.stderr), done.stderr
    assert do in done.stderr
    check = place.run("check")
    assert check.returncode == 5
    assert check.stdout.startswith("WARNING - the ")
    assert "1 target, the first ends in " in check.stdout
    assert machine.served == before
    if how == "full":
        (state / "ballast").unlink()
    else:
        mounted("-o", "remount,rw", state)
    assert place.run("renew").returncode == 0
    assert machine.served != before


@pytest.mark.parametrize(
    ("how", "says", "do"),
    [
        ("full", r"wiki: only \d+ KiB are free for /\S+/more$", "hint: make room; a rotation wants "),
        ("read-only", r"wiki: cannot write to /\S+/more$", "hint: give the user the right to write there, remount "),
    ],
)
def test_a_target_on_a_disk_that_is_full_or_read_only_waits_until_that_is_mended(machine, mounted, how, says, do):
    more, place, before = machine.place.directory / "more", machine.place, machine.served
    more.mkdir()
    mounted("-t", "tmpfs", "-o", "size=1m,mode=0700", "none", more)
    machine.configure(f'{ALWAYS}\ncombined = "{more}/all.pem"')
    assert place.run("renew").returncode == 0
    before = machine.served
    if how == "full":
        _fill(more / "ballast")
    else:
        mounted("-o", "remount,ro", more)
    done = place.run("renew")
    assert done.returncode == 5
    assert re.search(says, done.stderr, re.MULTILINE), done.stderr
    assert do in done.stderr
    waiting = place.run("renew")
    assert waiting.returncode == 1
    assert "error: wiki: it failed once, and is not tried again before " in waiting.stderr
    assert machine.served == before
    if how == "full":
        (more / "ballast").unlink()
    else:
        mounted("-o", "remount,rw", more)
    assert place.run("renew", "wiki").returncode == 0
    assert machine.served != before


# --- L13: memory ---------------------------------------------------------------------------------


@pytest.mark.parametrize("mebibytes", [30, 95, 110])
def test_with_too_little_memory_what_is_served_stays_or_is_renewed(machine, mebibytes):
    """Wherever it runs out: in an import, in a library that then ends the process, in the middle of a switch."""
    before = machine.served
    machine.configure(ALWAYS)
    limited = ["sh", "-c", f'ulimit -v {mebibytes * 1024}; exec "$@"', "sh", *machine.place.command("renew", "wiki")]
    done = subprocess.run(limited, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode or machine.served != before
    assert "Traceback" not in done.stderr
    machine.a_plain_run_converges(f"{mebibytes} MiB")


def test_that_memory_ran_out_is_said_as_that(monkeypatch, capsys):
    def run(*_):
        raise MemoryError

    monkeypatch.setattr("certpush.cli.renew.run", run)
    assert run_command("renew", []) == 1
    assert "error: there is not enough memory for it" in capsys.readouterr().err


def _put(state: Path, files: dict[Path, bytes], links: dict[Path, Path]) -> None:
    for name in {*files, *links}:
        (state / name).parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    for name, content in files.items():
        (state / name).touch(mode=0o600)
        (state / name).write_bytes(content)
    for name, to in links.items():
        (state / name).symlink_to(to)


def _fill(ballast: Path) -> None:
    with ballast.open("wb", buffering=0) as file, contextlib.suppress(OSError):
        while True:
            file.write(b"x" * 512)
