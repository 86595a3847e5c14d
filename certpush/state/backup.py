"""A backup of the state: a tar archive whose first member says what must be in it; encrypted, where a passphrase is given.

``certpush-state.json`` has the format, and for each file its length and SHA-256. Without a
passphrase ``tar xf`` alone unpacks it. It holds private keys.
"""

from __future__ import annotations

import hashlib
import io
import json
import tarfile
from collections.abc import Iterator
from datetime import datetime
from typing import Any

from certpush._version import __version__
from certpush.errors import StateError
from certpush.model import Secret
from certpush.records import record
from certpush.state.sealing import is_sealed, seal, unseal
from certpush.state.snapshot import CURRENT, Snapshot, refuse_odd_path

FORMAT = 1
MANIFEST = "certpush-state.json"
LARGEST = 512 * 1024 * 1024
"""No state comes near it; a file that is larger is not read."""
_DAMAGED = "the file was changed or cut after it was written: take another backup"


@record(frozen=True, slots=True)
class Backup:
    """What a backup holds, and when and by which version it was made."""

    snapshot: Snapshot
    made: datetime
    certpush: str


def pack(snapshot: Snapshot, made: datetime, passphrase: Secret | None = None) -> bytes:
    """The backup as the bytes of a file."""
    manifest = {
        "format": FORMAT,
        "certpush": __version__,
        "made": made.isoformat(),
        "files": {name: {"bytes": len(text), "sha256": hashlib.sha256(text).hexdigest()} for name, text in snapshot.files.items()},
        "links": dict(snapshot.links),
    }
    written = io.BytesIO()
    with tarfile.open(fileobj=written, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for name, text in {MANIFEST: json.dumps(manifest, indent=1).encode(), **snapshot.files}.items():
            archive.addfile(_member(name, made, size=len(text)), io.BytesIO(text))
        for name, to in snapshot.links.items():
            archive.addfile(_member(name, made, to=to))
    return seal(written.getvalue(), passphrase) if passphrase else written.getvalue()


def unpack(packed: bytes, passphrase: Secret | None = None) -> Backup:
    """Read a backup, and hold everything in it up to what its first member promises.

    Raises:
        StateError: it is no backup, is damaged, was written by a newer certpush, or the passphrase is not the right one.

    """
    if is_sealed(packed):
        packed = unseal(packed, passphrase)
    try:
        files, links = _members(packed)
        manifest = json.loads(files.pop(MANIFEST))
        refuse_newer(manifest["format"])
        made = datetime.fromisoformat(manifest["made"])
        promised = {name: (one["bytes"], one["sha256"]) for name, one in manifest["files"].items()}
        promised_links = dict(manifest["links"])
    except (tarfile.TarError, OSError, LookupError, ValueError, TypeError, AttributeError, RecursionError):
        raise StateError("this is no backup of certpush's state, or one that is damaged", hint=_DAMAGED) from None
    _compare({name: (len(text), hashlib.sha256(text).hexdigest()) for name, text in files.items()}, promised)
    _compare(links, promised_links)
    return Backup(Snapshot(files, links), made, str(manifest["certpush"])[:40])


def is_backup(beginning: bytes) -> bool:
    """Whether a file that begins like this is a backup of ours, which a newer one may replace."""
    return is_sealed(beginning) or beginning.startswith(MANIFEST.encode() + b"\0")


def refuse_newer(found: object) -> None:
    """Refuse a format that this version does not know.

    Raises:
        StateError: it is newer.

    """
    if found != FORMAT:
        raise StateError(
            f"the backup was written by a newer certpush (format {str(found)[:20]}, this one knows {FORMAT})",
            hint="upgrade certpush; nothing was changed",
        )


def _member(name: str, made: datetime, *, size: int = 0, to: str = "") -> tarfile.TarInfo:
    member = tarfile.TarInfo(name)
    member.size, member.mode, member.mtime = size, 0o600, int(made.timestamp())
    if to:
        member.type, member.linkname = tarfile.SYMTYPE, to
    return member


def _members(packed: bytes) -> tuple[dict[str, bytes], dict[str, str]]:
    files: dict[str, bytes] = {}
    links: dict[str, str] = {}
    with tarfile.open(fileobj=io.BytesIO(packed), mode="r:") as archive:
        for member in archive:
            refuse_odd_path(member.name)
            if member.issym() and member.name.endswith(f"/{CURRENT}"):
                refuse_odd_path(member.linkname)
                links[member.name] = member.linkname
            else:
                files[member.name] = _content(archive, member)
    return files, links


def _content(archive: tarfile.TarFile, member: tarfile.TarInfo) -> bytes:
    file = archive.extractfile(member) if member.isreg() else None
    if file is None:
        raise StateError(f"the backup holds {member.name!a}, which is no plain file", hint=_DAMAGED)
    return file.read()


def _compare(found: dict[str, Any], promised: dict[str, Any]) -> None:
    for name in _differing(found, promised):
        raise StateError(f"the backup is damaged: {name[:120]!a} is not what was written", hint=_DAMAGED)


def _differing(found: dict[str, Any], promised: dict[str, Any]) -> Iterator[str]:
    return (name for name in sorted({*found, *promised}) if found.get(name) != promised.get(name))
