"""The databases of Firefox and Chromium (NSS), by certutil: they do not look at the system's trust store."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

from cryptography import x509

from certpush.cli.trust_store.places import Deed, Machine, Report, name_for, own_name
from certpush.errors import BundleInvalid, TargetRefused
from certpush.kit.command import Finished, run
from certpush.model import read_certificates, to_pem
from certpush.records import record

_PLACES = (
    ".mozilla/firefox/*",
    ".config/mozilla/firefox/*",
    "snap/firefox/common/.mozilla/firefox/*",
    ".var/app/org.mozilla.firefox/.mozilla/firefox/*",
    ".pki/nssdb",
    ".local/share/pki/nssdb",
    "snap/chromium/current/.pki/nssdb",
)
_CERTUTIL_TIME = timedelta(seconds=20)
_MISSING = "install it (libnss3-tools, nss-tools, nss) and run this again, or import the root in the browser's settings"
_LISTED = re.compile(r"(?P<nickname>.*\S)\s+(?P<trust>[A-Za-z]*,[A-Za-z]*,[A-Za-z]*)\s*")
_TRUSTED = "C,,"  # to sign the certificates of TLS servers, and nothing else


@record(frozen=True, slots=True)
class _Entry:
    nickname: str
    trust: str

    @property
    def is_trusted(self) -> bool:
        return "C" in self.trust.split(",")[0]


class _Database:
    """One database, reached by certutil."""

    def __init__(self, folder: Path, certutil: str, account: str | None) -> None:
        self.folder = folder
        self._certutil = certutil
        self._account = account

    def entry_of(self, root: x509.Certificate) -> _Entry | None:
        """The entry that holds this very certificate, whatever its nickname; ours is looked at first."""
        entries = sorted(self._entries(), key=lambda one: one.nickname != own_name(root))
        return next((one for one in entries if self.certificate(one.nickname) == root), None)

    def certificate(self, nickname: str) -> x509.Certificate | None:
        """The certificate of a nickname; None where there is none."""
        ended = self._run("-L", "-n", nickname, "-a")
        try:
            return read_certificates(ended.output)[0] if ended.status == 0 else None
        except BundleInvalid:
            return None

    def add(self, root: x509.Certificate) -> None:
        """Put the root in, trusted for servers."""
        self._ask("-A", "-n", own_name(root), "-t", _TRUSTED, "-a", given=to_pem(root))

    def delete(self, nickname: str) -> None:
        """Take an entry out."""
        self._ask("-D", "-n", nickname)

    def _entries(self) -> list[_Entry]:
        listed = self._ask("-L").output.decode("utf-8", "replace").splitlines()
        return [_Entry(found["nickname"], found["trust"]) for line in listed if (found := _LISTED.fullmatch(line))]

    def _ask(self, *options: str, given: bytes = b"") -> Finished:
        ended = self._run(*options, given=given)
        if ended.status != 0:
            raise TargetRefused(
                f"certutil failed: {ended.tail(2)}",
                hint="with a primary password set, or a browser that holds the database, import the root in the browser's settings",
            )
        return ended

    def _run(self, *options: str, given: bytes = b"") -> Finished:
        command = [self._certutil, "-d", f"sql:{self.folder}", *options]
        return run(command, within=_CERTUTIL_TIME, given=given, account=self._account)


def install(root: x509.Certificate, machine: Machine) -> Iterator[Report]:
    """Put the root into each database of the user; one that trusts it already is left as it is."""
    for database in _databases(machine):
        yield _missing(database) if isinstance(database, Path) else _guarded(database, _install, root)


def remove(root: x509.Certificate, machine: Machine) -> Iterator[Report]:
    """Take the root out of each database where it stands under our nickname."""
    for database in _databases(machine):
        yield _missing(database) if isinstance(database, Path) else _guarded(database, _remove, root)


def named(sha256: str, machine: Machine) -> Iterator[x509.Certificate]:
    """What stands in the user's databases under our name for this fingerprint."""
    for database in _databases(machine):
        found = database.certificate(name_for(sha256)) if isinstance(database, _Database) else None
        if found is not None:
            yield found


def _databases(machine: Machine) -> Iterator[_Database | Path]:
    certutil = machine.program("certutil")
    for place in _PLACES:
        for file in sorted(machine.home.glob(f"{place}/cert9.db")):
            yield _Database(file.parent, certutil, machine.account) if certutil else file.parent


def _install(database: _Database, root: x509.Certificate) -> Report:
    found = database.entry_of(root)
    if found is not None and found.is_trusted:
        return Report(str(database.folder), Deed.THERE, _as(found, root))
    if found is not None and found.nickname != own_name(root):
        # certutil would change that entry's trust, and somebody decided on it.
        hint = "give it trust for websites in the browser's settings, or remove it there and run this again"
        return Report(str(database.folder), Deed.FAILED, f"it is there as {found.nickname!r}, and not trusted", hint)
    try:
        database.add(root)
    except TargetRefused:
        # Without the primary password certutil adds the certificate and then fails to trust it.
        if found is None and database.certificate(own_name(root)) == root:
            database.delete(own_name(root))
        raise
    added = database.entry_of(root)
    if added is None or not added.is_trusted:
        return Report(str(database.folder), Deed.FAILED, "certutil added it, and it is not there")
    return Report(str(database.folder), Deed.INSTALLED, "restart the browser")


def _remove(database: _Database, root: x509.Certificate) -> Report:
    own = database.certificate(own_name(root))
    if own is not None and own != root:
        return Report(str(database.folder), Deed.LEFT, f"{own_name(root)} is another certificate there", "look who put it there")
    if own is not None:
        database.delete(own_name(root))
        return Report(str(database.folder), Deed.REMOVED, "restart the browser")
    found = database.entry_of(root)
    return Report(str(database.folder), Deed.ABSENT, f"but {_as(found, root)}, put there by somebody else" if found else "")


def _as(entry: _Entry, root: x509.Certificate) -> str:
    return "" if entry.nickname == own_name(root) else f"it is there as {entry.nickname!r}"


def _guarded(database: _Database, deed: Callable[[_Database, x509.Certificate], Report], root: x509.Certificate) -> Report:
    try:
        return deed(database, root)
    except TargetRefused as error:
        return Report(str(database.folder), Deed.FAILED, error.message, error.hint)


def _missing(folder: Path) -> Report:
    return Report(str(folder), Deed.FAILED, "certutil is not here", _MISSING)
