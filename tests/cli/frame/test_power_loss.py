"""L3: a power cut takes what the kernel was not told to keep. Of real runs of `certpush renew`, call by call, and then in each state that is left."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, closing
from pathlib import Path

import pytest

from certpush.cli.exits import OK, code_of_receipt
from certpush.model import Outcome, Severity
from certpush.state.checking import check_state
from certpush.state.journal import Journal
from certpush.testing import self_signed
from certpush.testing.lab.process import LabError
from certpush.testing.lab.tls import TlsServer
from cli.frame.disk import CALLS, OPTIONS, Disk, Tree, put
from cli.frame.machine import Machine
from cli.frame.traced import Traced
from conftest import STRIDE

pytestmark = pytest.mark.timeout(240)

MOST = 10
"""So many of the states that a run's power cuts may leave are tried, evenly spread; `make soak` tries each."""
DIRECTORY, FULLCHAIN, KEY = "tls", "fullchain.pem", "privkey.pem"


@pytest.fixture
def tmp_path() -> Iterator[Path]:
    """In memory, where that has files: what reaches a disk is not asked of this one, and it would take its time."""
    with tempfile.TemporaryDirectory(prefix="certpush-test-", dir="/dev/shm" if os.access("/dev/shm", os.W_OK) else None) as path:
        yield Path(path)


class Service(TlsServer):
    """It is told by `systemctl reload-or-restart`: one that could not start is started."""

    def reload(self) -> None:
        super().reload()
        if not self.running:
            self.start()


class Bootable(Machine):
    """A machine that loses its power."""

    switched = ("wiki.key", "wiki.crt")
    mixed_pairs_may_be = True
    """Two files cannot be renamed at once."""

    def boot(self) -> None:
        self.server.stop()
        try:
            self.server.start()
        except LabError:
            assert self.mixed_pairs_may_be, "the service does not start"

    def records(self) -> set[str]:
        if not (self.place.directory / "state/journal.sqlite3").exists():
            return set()
        with closing(Journal(self.place.directory / "state/journal.sqlite3")) as journal:
            assert journal.unfinished("wiki") == ()
            return {one.id for one in journal.history("wiki")}

    def is_well(self, receipt) -> None:
        assert (code_of_receipt(receipt), receipt.error) == (OK, None)
        assert receipt.now == self.served
        assert self.renew().outcome is Outcome.UNCHANGED
        assert self.litter() == []
        found = check_state(self.place.directory / "state", {"wiki"})
        assert [(where, one.message) for where, one in found if one.severity in (Severity.ERROR, Severity.WARNING)] == []


class Managed(Bootable):
    """The files are in a directory of our own, switched by one rename of a link."""

    switched = (f"{DIRECTORY}/current",)
    mixed_pairs_may_be = False

    def configure(self, more: str) -> None:
        super().configure(more)
        home = self.place.directory
        lines = self.place.targets.replace(
            f'fullchain = "{home}/wiki.crt"\nkey_file = "{home}/wiki.key"', f'directory = "{home}/{DIRECTORY}"'
        )
        self.place.targets = lines

    def litter(self) -> list[str]:
        home = self.place.directory / DIRECTORY
        half = [one.name for one in home.glob("gen-*") if not all((one / name).stat().st_size for name in (FULLCHAIN, KEY))]
        return half + [one.name for one in home.glob(".certpush/*") if one.suffix != ".old"]


@pytest.fixture
def machine(place, request) -> Iterator[Bootable]:
    """One that has its files and a service with a certificate of its own; by its parameter in files, or in a directory."""
    with ExitStack() as ended:
        traced = ended.enter_context(closing(Traced(place.directory)))
        kind, certificate, key = _planted(place.directory, getattr(request, "param", "files"))
        yield kind(place, ended.enter_context(Service(certificate, key)), traced)


def _planted(home: Path, layout: str) -> tuple[type[Bootable], Path, Path]:
    kind, certificate, key = Bootable, home / "wiki.crt", home / "wiki.key"
    if layout == "directory":
        (home / DIRECTORY / "own").mkdir(parents=True)
        (home / DIRECTORY / "current").symlink_to("own")
        kind, certificate, key = Managed, *(home / DIRECTORY / "current" / one for one in (FULLCHAIN, KEY))
    own = self_signed("made by the installer")
    certificate.write_bytes(own.leaf_pem)
    key.touch(mode=0o600)
    key.write_bytes(own.key.reveal_pem())
    return kind, certificate, key


def recorded(machine: Bootable) -> tuple[Disk, dict[str, Tree]]:
    """Has a run renew the certificate; gives the disk after it, and all states that a power cut may have left on the way, by their moment."""
    disk, seen = Disk(machine.place.directory), {}
    assert machine.traced_renew(CALLS, options=OPTIONS) == 0, machine.traced.said
    for number, call in enumerate(disk.see(machine.traced.seen)):
        for how, tree in disk.cuts():
            seen.setdefault(frozenset(tree.items()), (f"{number} {call}, {how}", tree))
    return disk, dict(seen.values())


@pytest.mark.parametrize(
    ("machine", "first"),
    [("files", True), ("files", False), ("directory", False)],
    ids=["first run", "files", "directory"],
    indirect=["machine"],
)
def test_from_whatever_a_power_cut_leaves_the_next_run_converges(machine, first):
    """The journal, the bundles and the files of the target in each state that the disk may be in: nothing, all or a part of what was not flushed."""
    if not first:
        machine.renew()
    before = machine.records()
    disk, states = recorded(machine)
    assert disk.wrong == []
    assert disk.unkept == [], "at its end a run had something to lose"
    renamed = [disk.deeds.index(f"rename {machine.place.directory}/{one}") for one in machine.switched]
    assert max(renamed) < disk.deeds.index(f"run {machine.reload}")
    assert len(states) > 100
    for point in [*states][:: 1 if STRIDE == 1 else len(states) // MOST]:
        put(states[point], machine.place.directory)
        machine.boot()
        machine.configure("")
        machine.is_well(machine.renew())
        assert before <= machine.records(), point
