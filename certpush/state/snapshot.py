"""The whole state at one moment, in memory: what a backup holds, and what is put back from one.

The journal is copied first and the certificates after it, so that nothing which the journal
names is missing among them because a run went on meanwhile.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path, PurePosixPath

from certpush.errors import StateError
from certpush.kit.files import Directory
from certpush.records import record
from certpush.state.journal import Journal

JOURNAL = "journal.sqlite3"
CERTIFICATES = "certificates"
FORGOTTEN = "forgotten"
ASIDE = "before-restore-"
CURRENT = "current"
GENERATION = frozenset({"fullchain.pem", "key.pem", "roots.pem"})

_FOLDERS = (CERTIFICATES, FORGOTTEN, "observers", "roots")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9+._-]{0,199}")
_DEEPEST = 4  # certificates/NAME/GENERATION/key.pem


@record(frozen=True, slots=True)
class Snapshot:
    """Files by their path below the state directory, and links by theirs with what they point to."""

    files: Mapping[str, bytes]
    links: Mapping[str, str]


def take_snapshot(directory: Path) -> Snapshot:
    """Copy what is remembered, also while a run is at work.

    Raises:
        StateError: there is no journal yet, or it is damaged, or something cannot be read.

    """
    if not (directory / JOURNAL).exists():
        raise StateError(f"there is no state in {directory} yet", hint="`certpush deploy` makes one; or name another [state] directory")
    journal = Journal(directory / JOURNAL)
    try:
        files, links = {JOURNAL: journal.copy()}, dict[str, str]()
    finally:
        journal.close()
    try:
        for path in _below(directory):
            _take(path, path.relative_to(directory).as_posix(), files, links)
    except OSError as error:
        raise StateError(f"the state cannot be read: {error.filename}: {error.strerror}", hint="run it as the user that owns it") from error
    return Snapshot({name: text for name, text in files.items() if _whole(name, files)}, links)


def is_state(name: str) -> bool:
    """Whether an entry of the state directory is a part of the state, and no lock, leftover or copy kept aside."""
    return name != "locks" and bool(_NAME.fullmatch(name)) and not name.startswith(ASIDE)


def refuse_odd_path(path: str) -> None:
    """Refuse a path from a backup that no state has; it may come from anybody.

    Raises:
        StateError: it would lead out of the state directory, or is none of ours.

    """
    parts = PurePosixPath(path).parts
    usual = "/".join(parts) == path and 0 < len(parts) <= _DEEPEST and all(_NAME.fullmatch(part) for part in parts)
    if not usual or not is_state(parts[0]) or (len(parts) > 1 and parts[0] not in _FOLDERS):
        raise StateError(f"the backup holds {path[:120]!a}, which no state has", hint="take another backup")


def write_snapshot(snapshot: Snapshot, home: Directory) -> None:
    """Write it below ``home``, each file private from its first byte, and all of it durably.

    Raises:
        OSError: the disk is full, or something is in the way.

    """
    for name, text in snapshot.files.items():
        _write(home, PurePosixPath(name).parts, text)
    for name, to in snapshot.links.items():
        _write(home, PurePosixPath(name).parts, to)


def _write(home: Directory, parts: tuple[str, ...], content: bytes | str) -> None:
    if len(parts) > 1:
        with home.private(parts[0]) as folder:
            _write(folder, parts[1:], content)
    elif isinstance(content, str):
        home.write_link(parts[0], content)
    else:
        home.write_new(parts[0], content)


def _below(directory: Path) -> Iterator[Path]:
    for entry in sorted(directory.iterdir()):
        if entry.name in _FOLDERS:
            yield from (Path(folder) / name for folder, _, names in os.walk(entry) for name in sorted(names))
            yield from (link for link in sorted(entry.glob(f"*/{CURRENT}")) if link.is_symlink())
        elif is_state(entry.name) and not entry.name.startswith(JOURNAL) and entry.is_file() and not entry.is_symlink():
            yield entry


def _take(path: Path, name: str, files: dict[str, bytes], links: dict[str, str]) -> None:
    if not all(_NAME.fullmatch(part) for part in PurePosixPath(name).parts):
        return  # what a killed run left half-written
    try:
        if path.is_symlink():
            links[name] = str(path.readlink())
        else:
            files[name] = path.read_bytes()
    except FileNotFoundError:
        pass  # a run has just removed what nobody needs any more


def _whole(name: str, files: Mapping[str, bytes]) -> bool:
    """Whether a generation was not removed while it was copied; everything else is whole."""
    path = PurePosixPath(name)
    return path.name not in GENERATION or all(str(path.with_name(one)) in files for one in GENERATION)
