"""A disk as a run changes it, system call by system call, and all that a power cut may leave of it.

The model is the weakest file system that POSIX allows: a file's content is kept from its fsync on, an
entry of a directory (a new, another or no file) from the fsync of the directory on; what comes before that
is kept or lost, in any order. Only a rename is one deed, as on every file system with a journal.
"""

from __future__ import annotations

import re
import shutil
import stat
import struct
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path

CALLS = (
    "openat,write,pwrite64,copy_file_range,ftruncate,fsync,fdatasync,fchmod,fchmodat,fsetxattr,"
    "rename,renameat,renameat2,unlink,unlinkat,rmdir,mkdir,mkdirat,symlinkat,execve"
)
OPTIONS = ("-f", "-y", "-xx", "-s", "1000000")
"""Have strace tell the paths of descriptors, and all that is written."""

_CALL = re.compile(r"^\d+ +(\w+)\((.*)\) += +(-?\d+)")
_BEGUN = re.compile(r"^(\d+) +(.*) <unfinished \.\.\.>$")
_ENDED = re.compile(r"^(\d+) +<\.\.\. \w+ resumed>(.*)$")
_DESCRIPTOR = re.compile(r"(?:AT_FDCWD|\d+)<([^>]*)>")
_TEXT = re.compile(r'"([^"]*)"')
_SECTOR = 512
_KEY = b"PRIVATE KEY-----"
_ACL = struct.Struct("<HHI")
_OWNER, _GROUP, _EVERYBODY = 1, 4, 32  # the tags of an access control list that says no more than a mode


class Content(Enum):
    """What a power cut may leave of what was written to a file and not flushed."""

    WHOLE = "whole"
    LOST = "lost"
    ZEROS = "zeros"
    TORN = "torn"


@dataclass(eq=False)
class File:
    """Its content as programs see it, and as it is on the disk."""

    now: bytes = b""
    kept: bytes = b""
    mode: int = 0o600
    mode_kept: int = 0o600
    offset: int = 0

    @property
    def flushed(self) -> bool:
        return (self.now, self.mode) == (self.kept, self.mode_kept)

    def write(self, text: bytes, offset: int) -> None:
        self.now = self.now[:offset].ljust(offset, b"\0") + text + self.now[offset + len(text) :]

    def left(self, content: Content) -> tuple[int, bytes]:
        """Mode and content after a power cut."""
        if self.flushed or content is Content.LOST:
            return self.mode_kept, self.kept
        grown = bytes(len(self.now) - len(self.kept))
        if content is Content.ZEROS:
            return self.mode, (self.kept + grown)[: len(self.now)]
        torn = len(self.now) // 2 // _SECTOR * _SECTOR
        return self.mode, self.now if content is Content.WHOLE else self.now[:torn] + (self.kept + grown)[torn : len(self.now)]


@dataclass(eq=False)
class Link:
    target: str


@dataclass(eq=False)
class Folder:
    """Its entries as programs see them, and as they are on the disk."""

    now: dict[str, Node] = field(default_factory=dict)
    kept: dict[str, Node] = field(default_factory=dict)
    mode: int = 0o700


Node = File | Link | Folder
Deed = tuple[tuple[Folder, str, Node | None], ...]
"""Entries that change together."""
Tree = dict[str, tuple[str, int, bytes]]
"""Path below the watched directory to sort, mode and content."""


class Disk:
    """What is below one directory. ``wrong`` has what the model alone shows to be wrong, whatever comes after it.

    ``umask`` is that of the programs that change it. ``command`` is what must find all on the disk when it is run; None: any.
    """

    def __init__(self, watched: Path, *, umask: int = 0, command: str | None = None) -> None:
        self._watched, self._umask, self._command = watched, umask, command
        self._root = _read(watched)
        self._pending: list[Deed] = []
        self.deeds: list[str] = []
        self.wrong: list[str] = []

    # --- what a run does

    def see(self, lines: Iterable[str]) -> Iterator[str]:
        """Take in what strace tells; gives the name of each call that changed something."""
        for line in _joined(lines):
            found = _CALL.match(line)
            if found is None or int(found[3]) < 0:
                continue
            name, rest = re.sub(r"(at2?|64)$", "", found[1]), found[2]
            deed = getattr(self, f"_{name}", None)
            if deed and deed(
                rest, [_plain(one) for one in _DESCRIPTOR.findall(rest)] or [""], [_bytes(one) for one in _TEXT.findall(rest)]
            ):
                yield name

    def _open(self, rest: str, places: list[str], texts: list[bytes]) -> bool:
        folder, name = self._place(places[0], texts[0])
        if folder is None:
            return False
        file = folder.now.get(name)
        if file is None and "O_CREAT" in rest:
            mode = self._mode(rest)
            self._do(((folder, name, File(mode=mode, mode_kept=mode)),))
            return True
        if isinstance(file, File):
            file.offset = 0
            if "O_TRUNC" in rest:
                file.now = b""
        return isinstance(file, File) and "O_TRUNC" in rest

    def _write(self, _rest: str, places: list[str], texts: list[bytes]) -> bool:
        file = self._file(places[0])
        if file is not None:
            file.write(texts[0], file.offset)
            file.offset += len(texts[0])
            self._look_for_keys(places[0], file)
        return file is not None

    def _pwrite(self, rest: str, places: list[str], texts: list[bytes]) -> bool:
        file = self._file(places[0])
        if file is not None:
            file.write(texts[0], _number(rest))
        return file is not None

    def _ftruncate(self, rest: str, places: list[str], _texts: list[bytes]) -> bool:
        file = self._file(places[0])
        if file is not None:
            length = _number(rest)
            file.now = file.now[:length].ljust(length, b"\0")
        return file is not None

    def _fchmod(self, rest: str, places: list[str], texts: list[bytes]) -> bool:
        path = str(Path(places[0]) / texts[0].decode()) if texts else places[0]
        node = self._node(path)
        if isinstance(node, File | Folder):
            node.mode = _number(rest, 8)
        if isinstance(node, File):
            self._look_for_keys(path, node)
        return isinstance(node, File)

    def _fsetxattr(self, _rest: str, places: list[str], texts: list[bytes]) -> bool:
        """How `cp -p` gives a copy its mode."""
        file = self._file(places[0])
        if file is not None and texts[0] == b"system.posix_acl_access":
            right = {tag: bits for tag, bits, _ in _ACL.iter_unpack(texts[1][4:])}
            file.mode = right[_OWNER] << 6 | right[_GROUP] << 3 | right[_EVERYBODY]
            self._look_for_keys(places[0], file)
        return file is not None

    def _copy_file_range(self, _rest: str, places: list[str], _texts: list[bytes]) -> bool:
        source, file = self._file(places[0]), self._file(places[1])
        if source is not None and file is not None:
            file.now = source.now
        return file is not None

    def _fsync(self, _rest: str, places: list[str], _texts: list[bytes]) -> bool:
        node = self._node(places[0])
        if isinstance(node, File):
            node.kept, node.mode_kept = node.now, node.mode
        for deed in [one for one in self._pending if any(folder is node for folder, _, _ in one)]:
            self._keep(deed)
        return node is not None

    _fdatasync = _fsync

    def _rename(self, _rest: str, places: list[str], texts: list[bytes]) -> bool:
        (source, before), (target, after) = self._place(places[0], texts[0]), self._place(places[-1], texts[1])
        if source is None or target is None:
            return False
        moved = source.now[before]
        self.deeds.append(f"rename {self._watched}/{self._path(target)}{after}")
        if any(not one.flushed for one in _files(moved)) or any(folder is one for one in _folders(moved) for folder in self._changed()):
            self.wrong.append(f"{self._path(target)}{after} may be empty: {before} is renamed before its content is on the disk")
        self._do(((source, before, None), (target, after, moved)))
        return True

    def _unlink(self, _rest: str, places: list[str], texts: list[bytes]) -> bool:
        folder, name = self._place(places[0], texts[0])
        if folder is None or name not in folder.now:
            return False
        self._do(((folder, name, None),))
        return True

    _rmdir = _unlink

    def _mkdir(self, rest: str, places: list[str], texts: list[bytes]) -> bool:
        folder, name = self._place(places[0], texts[0])
        if folder is not None:
            self._do(((folder, name, Folder(mode=self._mode(rest))),))
        return folder is not None

    def _symlink(self, _rest: str, places: list[str], texts: list[bytes]) -> bool:
        folder, name = self._place(places[-1], texts[1])
        if folder is not None:
            self._do(((folder, name, Link(texts[0].decode())),))
        return folder is not None

    def _execve(self, _rest: str, _places: list[str], texts: list[bytes]) -> bool:
        program = texts[0].decode()
        self.deeds.append(f"run {program}")
        if self._command in (None, program):
            self.wrong += [f"{program} is run before {one} is on the disk" for one in self.unkept]
        return False

    # --- what is left of it

    @property
    def unkept(self) -> list[str]:
        """What a power cut might take now. Of SQLite's log, when it is removed, all is in the database: read again it changes nothing."""
        names = [f"{self._path(folder)}{name}" for deed in self._pending for folder, name, node in deed[-1:] if node or name[-4:] != "-wal"]
        return names + [path for path, node in _walk(self._root) if isinstance(node, File) and not node.flushed]

    def cuts(self) -> Iterator[tuple[str, Tree]]:
        """What a power cut may leave at this moment: nothing that was not flushed, all of it, one thing alone, or all but one thing."""
        alone = {f"{_named(deed)} alone": [deed] for deed in self._pending}
        but = {f"all but {_named(deed)}": [other for other in self._pending if other is not deed] for deed in self._pending}
        for how, deeds in {"no entry": [], **alone, **but, "each entry": self._pending}.items():
            for content in Content:
                yield f"{how}, {content.value}", self._tree(deeds, content)

    def _tree(self, deeds: list[Deed], content: Content) -> Tree:
        entries: dict[int, dict[str, Node]] = {}
        for deed in deeds:
            for folder, name, node in deed:
                _enter(entries.setdefault(id(folder), dict(folder.kept)), name, node)
        return dict(_left(self._root, "", entries, content))

    # --- details

    def _keep(self, deed: Deed) -> None:
        """It is on the disk; what was done before to the same entries counts no more."""
        _apply(deed)
        place, names = self._pending.index(deed), {(id(folder), name) for folder, name, _ in deed}
        before = [tuple(one for one in former if (id(one[0]), one[1]) not in names) for former in self._pending[:place]]
        self._pending = [*filter(None, before), *self._pending[place + 1 :]]

    def _mode(self, rest: str) -> int:
        return _number(rest, 8) & ~self._umask

    def _look_for_keys(self, path: str, file: File) -> None:
        """Whatever the umask is: that only takes away."""
        if _KEY in file.now and file.mode & 0o077:
            self.wrong.append(f"{path} holds a key, and its mode is {file.mode:o}")

    def _do(self, deed: Deed) -> None:
        for folder, name, node in deed:
            _enter(folder.now, name, node)
        self._pending.append(deed)

    def _changed(self) -> list[Folder]:
        return [folder for deed in self._pending for folder, _, _ in deed]

    def _place(self, directory: str, name: bytes) -> tuple[Folder | None, str]:
        parent, _, last = str(Path(directory) / name.decode("utf-8", "replace")).rpartition("/")
        node = self._node(parent)
        return (node, last) if isinstance(node, Folder) and _matters(f"{parent}/{last}") else (None, last)

    def _file(self, path: str) -> File | None:
        node = self._node(path)
        return node if isinstance(node, File) else None

    def _node(self, path: str) -> Node | None:
        node: Node | None = self._root
        if path != str(self._watched) and not path.startswith(f"{self._watched}/"):
            return None
        for part in path.removeprefix(str(self._watched)).split("/"):
            node = node.now.get(part) if part and isinstance(node, Folder) else node
        return node

    def _path(self, folder: Folder) -> str:
        return next((f"{path}/" for path, node in _walk(self._root) if node is folder), "")


def _number(rest: str, base: int = 10) -> int:
    return int(rest.rpartition(", ")[2], base)


def _named(deed: Deed) -> str:
    return f"{deed[-1][1]} ({'there' if deed[-1][2] else 'gone'})"


def put(tree: Tree, directory: Path) -> None:
    """Have the directory hold this, and nothing else that matters."""
    for path in filter(lambda one: _matters(str(one)), [*directory.iterdir()]):
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink()
    for name, (sort, mode, content) in tree.items():
        path = directory / name
        if sort == "folder":
            path.mkdir(mode=mode)
        elif sort == "link":
            path.symlink_to(content.decode())
        else:
            path.touch(mode=0o600)
            path.write_bytes(content)
            path.chmod(mode)


def _matters(path: str) -> bool:
    """Locks are empty, and held by nobody after a power cut; SQLite makes the index beside its log anew; the rest is the test's own."""
    theirs = ("-shm", "/said", "/trace", "/reload", "/password", "/certpush.toml")
    return not path.endswith((*theirs, "/locks")) and "/locks/" not in path


def _read(directory: Path) -> Folder:
    entries: dict[str, Node] = {}
    for path in directory.iterdir():
        if not _matters(str(path)):
            continue
        mode = stat.S_IMODE(path.lstat().st_mode)
        if path.is_symlink():
            entries[path.name] = Link(str(path.readlink()))
        elif path.is_dir():
            entries[path.name] = _read(path)
        else:
            content = path.read_bytes()
            entries[path.name] = File(content, content, mode, mode)
    return Folder(entries, dict(entries), stat.S_IMODE(directory.stat().st_mode))


def _walk(folder: Folder, above: str = "") -> Iterator[tuple[str, Node]]:
    for name, node in folder.now.items():
        yield f"{above}{name}", node
        if isinstance(node, Folder):
            yield from _walk(node, f"{above}{name}/")


def _files(node: Node) -> list[File]:
    return [one for one in _all(node) if isinstance(one, File)]


def _folders(node: Node) -> list[Folder]:
    return [one for one in _all(node) if isinstance(one, Folder)]


def _all(node: Node) -> list[Node]:
    return [node, *(one for _, one in _walk(node))] if isinstance(node, Folder) else [node]


def _left(
    folder: Folder, above: str, entries: dict[int, dict[str, Node]], content: Content
) -> Iterator[tuple[str, tuple[str, int, bytes]]]:
    for name, node in entries.get(id(folder), folder.kept).items():
        if isinstance(node, Folder):
            yield f"{above}{name}", ("folder", node.mode, b"")
            yield from _left(node, f"{above}{name}/", entries, content)
        elif isinstance(node, Link):
            yield f"{above}{name}", ("link", 0, node.target.encode())
        else:
            yield f"{above}{name}", ("file", *node.left(content))


def _enter(entries: dict[str, Node], name: str, node: Node | None) -> None:
    if node is None:
        entries.pop(name, None)
    else:
        entries[name] = node


def _apply(deed: Deed) -> None:
    for folder, name, node in deed:
        _enter(folder.kept, name, node)


def _joined(lines: Iterable[str]) -> Iterator[str]:
    """Each call as one line: while one is under way, another thread or process may be told of."""
    begun: dict[str, str] = {}
    for line in lines:
        if found := _BEGUN.match(line):
            begun[found[1]] = found[2]
        elif found := _ENDED.match(line):
            yield f"{found[1]} {begun.pop(found[1], '')}{found[2]}"
        else:
            yield line


def _bytes(text: str) -> bytes:
    return bytes.fromhex(text.replace("\\x", "")) if text.startswith("\\x") else text.encode()


def _plain(text: str) -> str:
    return _bytes(text).decode("utf-8", "replace")
