"""Find what would make a rotation fail on this machine, without changing anything."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path

from certpush.errors import CertpushError, SafetyRefusal
from certpush.kit import findings as found
from certpush.kit.files import Directory
from certpush.kit.layout import LayoutSettings
from certpush.kit.local.hands import gid_of, uid_of
from certpush.kit.order import Order
from certpush.kit.placement import LINK, PRIVATE, Placement, name, parent
from certpush.model import CertificateRequest, Finding


def findings(settings: LayoutSettings, placement: Placement, request: CertificateRequest, *, uid: int) -> tuple[Finding, ...]:
    """Everything that can be known beforehand; ``uid`` is the user that we act as."""
    problems = (
        *found.key_type(request),
        *_accounts(settings),
        *(one for directory in placement.directories for one in _directory(directory)),
        *(one for path in placement.switched for one in _file(settings, placement, path, uid)),
        *(one for key, order in _orders(settings, placement) for one in _command(key, order.words)),
    )
    return problems or (found.ok("files", "the files can be written, and the commands are there"),)


def _accounts(settings: LayoutSettings) -> Iterator[Finding]:
    for key, account, number_of in (("owner", settings.owner, uid_of), ("group", settings.group, gid_of)):
        if account is not None and not account.isdecimal():
            try:
                number_of(account)
            except KeyError:
                yield found.unknown_account(key, account)


def _directory(path: str) -> Iterator[Finding]:
    try:
        Directory.open(path).close()
    except SafetyRefusal as refusal:
        yield found.odd_path(refusal.message, refusal.hint)
        return
    except PermissionError as error:
        yield found.not_writable(path, str(error.strerror))
        return
    except OSError:
        yield found.directory_missing(path)
        return
    # access() asks the system, with the rights that we act with, and knows of read-only mounts.
    if not os.access(path, os.W_OK | os.X_OK, effective_ids=os.access in os.supports_effective_ids):
        yield found.not_writable(path)
    room = os.statvfs(path)
    if room.f_blocks and room.f_bavail * room.f_frsize < found.ROOM:
        yield found.no_room(path, room.f_bavail * room.f_frsize)


def _file(settings: LayoutSettings, placement: Placement, path: str, uid: int) -> Iterator[Finding]:
    try:
        with Directory.open(parent(path)) as directory:
            if not directory.state(name(path)).startswith(LINK) or not settings.directory:
                directory.refuse_odd(name(path))
            about, private = directory.look(name(path)), directory.look(PRIVATE)
    except CertpushError as refusal:
        yield found.odd_path(refusal.message, refusal.hint)
        return
    except OSError:
        return  # told of the directory already
    if private is not None and (not stat.S_ISDIR(private.st_mode) or private.st_uid != uid or private.st_mode & 0o077):
        yield found.odd_path(f"{parent(path)}/{PRIVATE} is not a directory of our own with mode 0700", "look who made it, then remove it")
    if about is None or settings.directory:
        return
    role = next(role for role, place in placement.places.items() if place == path)
    if role.holds_key and settings.mode is None and about.st_mode & stat.S_IROTH:
        yield found.key_readable(path, stat.S_IMODE(about.st_mode))
    if uid != 0 and settings.owner is None and about.st_uid != uid:
        yield found.owner_lost(path)


def _orders(settings: LayoutSettings, placement: Placement) -> Iterator[tuple[str, Order]]:
    yield from (("check", order) for order in settings.checks(placement.places))
    yield from (("reload", order) for order in settings.reloads())


def _command(key: str, command: tuple[str, ...]) -> Iterator[Finding]:
    import shutil  # it loads every way of compressing

    from certpush.kit.command import SEARCH_PATH

    program = shutil.which(command[0], path=SEARCH_PATH)
    if program is None:
        yield found.command_missing(key, command[0])
    elif Path(program).stat().st_mode & stat.S_IWOTH:
        yield found.command_open(key, program)
