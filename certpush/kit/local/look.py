"""Look at the installed files without changing anything."""

from __future__ import annotations

import re
import stat

from certpush.errors import BundleInvalid, SafetyRefusal
from certpush.kit.boundary import translate
from certpush.kit.escaping import escaped
from certpush.kit.files import Directory
from certpush.kit.placement import OTHER, Placement, Seen, digest, name, parent
from certpush.kit.rendering import Role, read_public_key
from certpush.kit.trouble import Trouble, explain

_CERTIFICATE = re.compile(rb"-----BEGIN CERTIFICATE-----.+?-----END CERTIFICATE-----\n?", re.DOTALL)


def look_at(placement: Placement) -> dict[str, Seen]:
    """See every path that is switched or served from.

    Raises:
        TargetRefused: a file is there and we may not read it.
        SafetyRefusal: something on the way was planted by others.

    """
    roles = {path: role for role, path in placement.places.items()}
    return {path: _look(path, roles.get(path)) for path in dict.fromkeys((*placement.switched, *roles))}


def _look(path: str, role: Role | None) -> Seen:
    with translate({OSError: lambda why: explain(Trouble.READ, escaped(path), why)}):
        try:
            directory = Directory.open(parent(path))
        except (FileNotFoundError, NotADirectoryError):
            return Seen()
        with directory:
            return _entry(directory, name(path), role)


def _entry(directory: Directory, entry: str, role: Role | None) -> Seen:
    found = directory.look(entry)
    if found is None:
        return Seen()
    rights = stat.S_IMODE(found.st_mode), found.st_uid, found.st_gid
    if not stat.S_ISREG(found.st_mode):
        return Seen(directory.state(entry), *rights, public_key=_public_key(b"", role))
    try:
        text = directory.read(entry)
    except SafetyRefusal:
        return Seen(OTHER, *rights)
    certificates = text if role is Role.PKCS12 else b"".join(_CERTIFICATE.findall(text))
    return Seen(digest(text), *rights, certificates, _public_key(text, role))


def _public_key(text: bytes, role: Role | None) -> bytes | None:
    if role not in (Role.KEY, Role.COMBINED):
        return None
    try:
        return read_public_key(text)
    except BundleInvalid:
        return b"unreadable"
