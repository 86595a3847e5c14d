"""Look through the whole state, or a backup, and change nothing: every record, every bundle, what hangs in the air, what is open."""

from __future__ import annotations

import stat
import tempfile
from collections.abc import Collection, Iterator
from dataclasses import replace
from pathlib import Path

from certpush.errors import StateError
from certpush.kit.files import Directory
from certpush.model import Deployment, Finding, Outcome, Phase, Severity
from certpush.state.directory import RESTORING
from certpush.state.escrow import Escrow, certificate_in
from certpush.state.journal import Journal
from certpush.state.snapshot import ASIDE, CERTIFICATES, JOURNAL, Snapshot, write_snapshot

Found = tuple[str, Finding]
"""Where, and what."""
_FROM_BACKUP = "put a backup back (`certpush state restore FILE --replace`)"
_TO_CHECK = ".to-check-"


def check_state(directory: Path, targets: Collection[str] | None = None) -> Iterator[Found]:
    """Everything that can be found out about the state; ``targets`` are those of the configuration, where one is known."""
    yield from _directory(directory)
    escrow = Escrow(directory / CERTIFICATES)
    yield from _bundles(directory / CERTIFICATES, escrow)
    if not (directory / JOURNAL).exists():
        yield "journal", Finding(Severity.INFO, "no-journal", "nothing was deployed yet")
        return
    try:
        journal = Journal(directory / JOURNAL)
    except StateError as error:
        yield "journal", Finding(Severity.ERROR, "journal", error.message, error.hint)
        return
    try:
        yield from _journal(journal, escrow, targets)
    finally:
        journal.close()


def check_backup(snapshot: Snapshot, home: Path, targets: Collection[str] | None = None) -> tuple[Found, ...]:
    """The same of what a backup holds, unpacked for as long as that takes into a private folder below ``home``.

    Raises:
        StateError: it cannot be unpacked there.

    """
    try:
        with tempfile.TemporaryDirectory(prefix=_TO_CHECK, dir=home) as folder:
            with Directory.open(folder) as unpacked:
                write_snapshot(snapshot, unpacked)
            return tuple(_in_a_backup(check_state(Path(folder), targets)))
    except OSError as error:
        raise StateError(
            f"the backup cannot be unpacked in {home}: {error.strerror}", hint="free space on its disk, and check its rights"
        ) from error


def _in_a_backup(found: Iterator[Found]) -> Iterator[Found]:
    """What is to be done about a state is no advice about a copy of one; and who may open it is said of the copy's folder."""
    for where, finding in found:
        if where != "state":
            hint = "take another backup; a restore refuses this one" if finding.severity is Severity.ERROR else ""
            yield where, replace(finding, hint=hint)


def _directory(directory: Path) -> Iterator[Found]:
    if (directory / RESTORING).exists():
        message = "a restore was interrupted, and nobody begins a run before it is done"
        yield "state", Finding(Severity.ERROR, "restoring", message, "run it again: certpush state restore FILE --replace")
    for kept in sorted(directory.glob(f"{ASIDE}*")):
        message = f"{kept.name} is kept from before a restore, and holds private keys"
        yield "state", Finding(Severity.INFO, "kept-aside", message, f"remove it when you need it no more: rm -r {kept}")
    for left in sorted(directory.glob(f"{_TO_CHECK}*")):
        message = f"{left.name} is left of a check that was killed, and holds the private keys of a backup"
        yield "state", Finding(Severity.INFO, "left-behind", message, f"rm -r {left}")
    open_to_others = [path for path in _private(directory) if stat.S_IMODE(path.lstat().st_mode) & 0o077]
    for path in open_to_others:
        mode = stat.S_IMODE(path.lstat().st_mode)
        right = "700" if path.is_dir() else "600"
        yield "state", Finding(Severity.ERROR, "open-to-others", f"others may use {path} (mode {mode:o})", f"chmod {right} {path}")
    if not open_to_others:
        yield "state", Finding(Severity.OK, "private", f"{directory} is closed to others")


def _private(directory: Path) -> Iterator[Path]:
    """What must be closed to others. What lies in a closed directory is closed with it; of the keys each file counts."""
    yield directory
    yield from sorted(path for path in (directory / CERTIFICATES).glob("*/*/key.pem") if not path.parent.is_symlink())
    yield from (path for path in sorted(directory.iterdir()) if path.is_file() and not path.is_symlink())


def _bundles(certificates: Path, escrow: Escrow) -> Iterator[Found]:
    whole = 0
    for home in sorted(certificates.iterdir()) if certificates.is_dir() else ():
        name = certificate_in(home.name)
        for generation, bundle in escrow.examine(name):
            whole += bundle is not None
            if bundle is None:
                message = f"{home.name}/{generation} cannot be read, or its key is not the certificate's"
                hint = f"{_FROM_BACKUP}; or remove {home / generation}: the next run obtains a new certificate"
                yield "certificates", Finding(Severity.ERROR, "bundle", message, hint)
        if escrow.current(name) is None:
            message = f"{name} has no current certificate in the escrow; the next run obtains a new one"
            yield "certificates", Finding(Severity.WARNING, "no-current", message, f"certpush deploy {name.partition('/')[0]}")
    yield "certificates", Finding(Severity.OK, "bundles", f"{whole} certificates read, and the key of each fits")


def _journal(journal: Journal, escrow: Escrow, targets: Collection[str] | None) -> Iterator[Found]:
    damaged = False
    newest: dict[str, Deployment] = {}
    count = 0
    for identifier, record in journal.examine():
        count += 1
        if isinstance(record, str):
            damaged = True
            yield (
                "journal",
                Finding(
                    Severity.ERROR, "record", f"record {identifier} {record}", f"{_FROM_BACKUP}; no run trusts a journal that was changed"
                ),
            )
        else:
            newest[record.target] = record
    if not damaged:
        yield "journal", Finding(Severity.OK, "records", f"{count} records, each as it was written")
    for record in newest.values():
        yield from _standing(record, journal, escrow, targets)


def _standing(record: Deployment, journal: Journal, escrow: Escrow, targets: Collection[str] | None) -> Iterator[Found]:
    where, name = f"target.{record.target}", record.target.partition("/")[0]
    if record.phase is Phase.STRANDED:
        hint = f"certpush resolve {record.target}"
        yield where, Finding(Severity.WARNING, "stranded", "STRANDED: a person is needed", hint)
    elif not record.phase.settled:
        hint = f"certpush renew brings it to its end, or you: certpush resolve {record.target}"
        yield where, Finding(Severity.WARNING, "unfinished", f"left half-way in the phase {record.phase}", hint)
    if targets is not None and name not in targets:
        message, hint = "it stands in no configuration any more", f"certpush forget {name} clears up what is kept of it"
        yield where, Finding(Severity.INFO, "not-configured", message, hint)
    for which, fingerprint in _way_back(record, journal):
        if escrow.find(fingerprint) is None:
            message = f"the {which} certificate (sha256 {fingerprint[:16]}) left the escrow"
            hint = f"{_FROM_BACKUP}, or rotate it: certpush deploy {name} --force"
            yield where, Finding(Severity.WARNING, "not-in-escrow", message, hint)


def _way_back(record: Deployment, journal: Journal) -> Iterator[tuple[str, str]]:
    """What should be in the escrow because of the newest record: what was deployed, and what was there before if that was ours."""
    if record.outcome is Outcome.ROTATED or not record.phase.settled:
        yield "deployed", record.wanted
    before = record.before.fingerprint
    if before is not None and before in journal.deployed(record.target):
        yield "former", before
