"""Put a backup in the place of the state: looked through wholly before anything is touched, and the old one kept aside.

The entries of the directory change places, not the directory itself: it may be a volume, or
systemd's. While they do, ``.restoring`` stands there, and nobody begins a run; a restore that
was killed is simply done again.
"""

from __future__ import annotations

import shutil
from datetime import datetime
from pathlib import Path

from certpush.errors import LockHeld, StateError
from certpush.kit.files import Directory
from certpush.model import Severity
from certpush.state.backup import Backup
from certpush.state.checking import check_state
from certpush.state.directory import RESTORING, open_state_directory
from certpush.state.lock import STATE, Locks
from certpush.state.snapshot import ASIDE, CERTIFICATES, JOURNAL, is_state, write_snapshot

_STAGED = ".to-restore"


def restore(backup: Backup, directory: Path, now: datetime, *, replace: bool = False) -> Path | None:
    """Make ``backup`` the state; gives the place where the one before is kept, None where there was none.

    Raises:
        LockHeld: a certpush is at work with this state.
        StateError: there is a state already and ``replace`` was not said; or the backup is damaged. Nothing was changed.

    """
    home = open_state_directory(directory)
    try:
        with Locks(home / "locks").hold(STATE):
            return _restore(backup, home, now, replace=replace)
    except LockHeld:
        raise LockHeld(
            f"another certpush is at work with the state in {home}",
            hint="wait for it to end; stop what starts it: `systemctl stop certpush.timer`, or the daemon",
        ) from None
    except OSError as error:
        raise StateError(
            f"the state cannot be restored in {home}: {error.strerror}",
            hint="free space on its disk and check its rights, then run this again",
        ) from error


def _restore(backup: Backup, home: Path, now: datetime, *, replace: bool) -> Path | None:
    half_done = (home / RESTORING).exists()
    if not replace and not half_done and _occupied(home):
        raise StateError(
            f"there is a state in {home} already",
            hint="--replace puts the backup in its place, and keeps it aside; `certpush state backup FILE` copies it first",
        )
    _stage(backup, home)
    return _change_places(home, f"{ASIDE}{now:%Y%m%dT%H%M%SZ}")


def _occupied(home: Path) -> bool:
    folder = home / CERTIFICATES
    return (home / JOURNAL).exists() or (folder.is_dir() and any(folder.iterdir()))


def _stage(backup: Backup, home: Path) -> None:
    """Write it beside the state, and look through it there as `state check` does."""
    _discard(home / _STAGED)
    try:
        with Directory.open(str(home)) as place, place.private(_STAGED) as staged:
            write_snapshot(backup.snapshot, staged)
        _refuse_damage(home / _STAGED)
    except BaseException:
        _discard(home / _STAGED)
        raise


def _refuse_damage(staged: Path) -> None:
    for _, finding in check_state(staged):
        if finding.severity is Severity.ERROR:
            raise StateError(f"the backup is damaged: {finding.message}", hint="take another backup; nothing was changed")


def _change_places(home: Path, aside: str) -> Path | None:
    with Directory.open(str(home)) as place:
        _discard(home / RESTORING)
        place.rename(_STAGED, place, RESTORING)
        old = sorted((name for name in place.names() if is_state(name)), key=_journal_first)
        if old:
            with place.private(aside) as kept:
                for name in old:
                    place.rename(name, kept, name)
        with place.enter(RESTORING) as fresh:
            for name in sorted(fresh.names(), key=_journal_first, reverse=True):
                fresh.rename(name, place, name)
        place.remove_directory(RESTORING)
    return home / aside if old else None


def _journal_first(name: str) -> bool:
    """For sorting. Without a journal nothing is believed of the rest: it goes first, and comes last."""
    return not name.startswith(JOURNAL)


def _discard(leftover: Path) -> None:
    shutil.rmtree(leftover, ignore_errors=True)
