"""L1 and L4 by the kernel: `certpush renew` ended, or refused by the disk, at each class of system calls; what is served stays, and the next run converges."""

from __future__ import annotations

import contextlib
import re
import shlex
import signal
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from certpush import Fleet, Outcome
from certpush.cli.exits import OK, code_of_receipt
from certpush.kit.tls import look, utc_now
from certpush.model import Endpoint, read_certificates
from cli.frame.conftest import Place, file_target
from cli.frame.traced import Traced
from conftest import STRIDE

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
ALWAYS = 'renew_at = "1/1000000"'
"""What is due at each run."""


class Machine:
    """A TLS server whose files are a target, and certpush beside it: killed, and then called as a timer would."""

    def __init__(self, place: Place, server, traced: Traced) -> None:
        self.place, self.server, self.traced = place, server, traced
        self.roots, self.reload = read_certificates(place.ca.root_pem), place.directory / "reload"
        self.reload.write_text(f"#!/bin/sh\nexec {shlex.join(server.reload_command)}\n")
        self.reload.chmod(stat.S_IRWXU)
        self.configure(ALWAYS)

    def configure(self, more: str) -> None:
        self.place.targets = file_target(self.place.directory, "wiki", port=self.server.port, reload=[str(self.reload)], more=more)

    def renew(self):
        with Fleet.load(self.place.configuration, environ={"HOME": str(self.place.directory)}) as fleet:
            (receipt,) = fleet.renew()
        return receipt

    def traced_renew(self, calls: str, *, inject: str = "") -> int:
        """A run that finds a new certificate due."""
        self.configure(ALWAYS)
        return self.traced.run(["--config", str(self.place.configuration), "renew", "wiki"], CALLS[calls], inject=inject)

    @property
    def served(self) -> str:
        """What a client sees, with its whole chain."""
        seen = look(Endpoint("127.0.0.1", self.server.port), self.roots, utc_now())
        assert seen.chain_ok, seen.problem
        return seen.fingerprint

    def a_plain_run_converges(self, point: str) -> None:
        assert self.served, point
        self.configure("")
        receipt = self.renew()
        assert code_of_receipt(receipt) == OK, (point, receipt.error)
        assert receipt.now == self.served, point
        assert self.renew().outcome is Outcome.UNCHANGED, point
        assert self.litter() == [], point
        open_to_others = [path for path in (self.place.directory / "state").rglob("*") if stat.S_IMODE(path.stat().st_mode) & 0o077]
        assert open_to_others == [], point

    def litter(self) -> list[str]:
        """What is beside the certificate that should not be there after a good run; a kept copy may."""
        found = [path.name for path in self.place.directory.glob(".certpush/*") if path.suffix != ".old"]
        return found + [path.name for path in self.place.directory.glob(".wiki*")]


@pytest.fixture
def machine(place, serve, tmp_path) -> Iterator[Machine]:
    with contextlib.closing(Traced(tmp_path)) as traced:
        made = Machine(place, serve("wiki"), traced)
        assert made.renew().outcome is Outcome.ROTATED
        yield made


@pytest.mark.parametrize("calls", CALLS)
def test_killed_at_a_system_call_while_it_renews_a_plain_run_converges(machine, calls):
    before = machine.served
    assert machine.traced_renew(calls) == 0, machine.traced.said
    assert machine.served != before, "nothing was renewed"
    most = machine.traced.most
    assert most
    for number in range(1, most + 1, 1 if STRIDE == 1 else max(1, most // 2)):
        ended = machine.traced_renew(calls, inject=f"signal=SIGKILL:when={number}")
        assert ended in (-signal.SIGKILL, 0), (number, machine.traced.said)
        machine.a_plain_run_converges(f"{calls} {number} of {most}")
        if ended == 0:
            break
    assert number > most // 2, "the runs ended before most of the points"


# --- L4: the disk refuses ------------------------------------------------------------------------


@pytest.mark.parametrize("error", ["EIO", "ENOSPC"])
def test_where_nothing_reaches_the_disk_for_certain_nothing_is_touched(machine, error):
    before, signed = machine.served, len(machine.place.ca.exchanges)
    assert machine.traced_renew("fsync", inject=f"error={error}") == 5
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
