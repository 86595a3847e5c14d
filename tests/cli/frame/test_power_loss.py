"""L3: what a power cut would take is what the kernel was not told to keep. Of a real run of `certpush renew`, call by call."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from cli.frame.machine import machine

__all__ = ["machine"]  # a fixture

pytestmark = pytest.mark.timeout(120)

_CALLS = "openat,write,pwrite64,ftruncate,fsync,fdatasync,rename,renameat,renameat2,unlink,unlinkat,mkdir,mkdirat,symlinkat,execve"
_CALL = re.compile(r"^\d+ +(\w+)\((.*)$")
_DESCRIPTOR = re.compile(r"(?:AT_FDCWD|\d+)<([^>]*)>")
_TEXT = re.compile(r'"([^"]*)"')


class Disk:
    """What a run wrote, and what of it a power cut would leave: a model of the weakest file system that POSIX allows.

    A file's content is kept from its fsync on, an entry of a directory (a new, another or no
    file) from the fsync of the directory on.
    """

    def __init__(self, watched: Path) -> None:
        self.unwritten: set[str] = set()
        self.unsettled: set[str] = set()
        self.deeds: list[str] = []
        self.wrong: list[str] = []
        self._watched = str(watched)

    def see(self, line: str) -> None:
        """One system call, as strace tells it with the paths of its descriptors."""
        found = _CALL.match(line)
        if found is None or " = -1 " in line:
            return
        name, rest = found.groups()
        deed = getattr(self, f"_{re.sub('at2?$', '', name) if name != 'openat' else name}", None)
        if deed is not None:
            deed(rest, _DESCRIPTOR.findall(rest) or [""], _TEXT.findall(rest))

    def _openat(self, rest: str, places: list[str], texts: list[str]) -> None:
        if "O_CREAT" in rest and "O_EXCL" in rest:
            self._changed(_path(places[0], texts[0]))

    def _write(self, _rest: str, places: list[str], _texts: list[str]) -> None:
        if self._ours(places[0]):
            self.unwritten.add(places[0])

    _pwrite64 = _ftruncate = _write

    def _fsync(self, _rest: str, places: list[str], _texts: list[str]) -> None:
        self.unwritten.discard(places[0])
        self.unsettled.discard(places[0])

    _fdatasync = _fsync

    def _rename(self, _rest: str, places: list[str], texts: list[str]) -> None:
        before, after = _path(places[0], texts[0]), _path(places[-1], texts[1])
        self.deeds.append(f"rename {after}")
        if any(one == before or one.startswith(f"{before}/") for one in self.unwritten | self.unsettled):
            self.wrong.append(f"{after} may be empty: {before} is renamed before its content is on the disk")
        self._changed(before)
        self._changed(after)

    def _unlink(self, _rest: str, places: list[str], texts: list[str]) -> None:
        path = _path(places[0], texts[0])
        self.unwritten.discard(path)
        if not path.endswith("-wal"):  # SQLite's: all of it is in the database by then, and read again it changes nothing
            self._changed(path)

    def _symlink(self, _rest: str, places: list[str], texts: list[str]) -> None:
        self._changed(_path(places[0], texts[1]))

    def _mkdir(self, _rest: str, places: list[str], texts: list[str]) -> None:
        self._changed(_path(places[0], texts[0]))

    def _execve(self, _rest: str, _places: list[str], texts: list[str]) -> None:
        self.deeds.append(f"run {texts[0]}")
        self.wrong += [f"{texts[0]} is run before {one} is on the disk" for one in (*self.unwritten, *self.unsettled)]

    def _changed(self, path: str) -> None:
        if self._ours(path):
            self.unsettled.add(path.rpartition("/")[0])

    def _ours(self, path: str) -> bool:
        """Locks are empty; SQLite makes the index beside its log anew; what the user reads is no memory."""
        inside = path.startswith(f"{self._watched}/") and not path.endswith(("-shm", "/said", "/trace"))
        return inside and "/locks/" not in path


def _path(directory: str, name: str) -> str:
    return name if name.startswith("/") else f"{directory}/{name}"


def test_a_power_cut_at_any_moment_leaves_old_or_new_and_the_intent_of_each_switch(machine):
    """No content that is missing behind a new name, and nothing of a switch that is not on the disk when the service takes it up."""
    assert machine.traced_renew(_CALLS, options=("-f", "-y")) == 0, machine.traced.said
    disk = Disk(machine.place.directory)
    for line in machine.traced.seen:
        disk.see(line)
    assert disk.wrong == []
    assert (disk.unwritten, disk.unsettled) == (set(), set()), "at its end a run had something to lose"
    wanted = [f"rename {machine.place.directory}/wiki.{one}" for one in ("key", "crt")]
    assert {*wanted, f"run {machine.reload}"} <= {*disk.deeds}
    assert max(map(disk.deeds.index, wanted)) < disk.deeds.index(f"run {machine.reload}")
