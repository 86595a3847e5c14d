"""What is written into the primary's store for the secondary, and what stands against it; without input or output."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from certpush import CertificateBundle, Finding, Severity
from certpush.errors import SafetyRefusal
from certpush.kit import findings as found
from certpush.kit.command import escaped
from certpush_pfsense.box import Sight
from certpush_pfsense.config_xml.consumers import prunable
from certpush_pfsense.config_xml.edit import Edit
from certpush_pfsense.config_xml.entries import entries_for
from certpush_pfsense.config_xml.markup import children
from certpush_pfsense.config_xml.new_entry import NewEntry
from certpush_pfsense.config_xml.reading import Config, Entry
from certpush_pfsense.switching import Place, current, name_of
from certpush_pfsense.transaction import Transaction

if TYPE_CHECKING:
    from certpush_pfsense.settings import PfSenseSettings


def imported(sight: Sight, ours: Place, bundle: CertificateBundle, settings: PfSenseSettings) -> Transaction:
    """Add the bundle under this refid; nothing where it is there."""
    if sight.config.cert(ours.refid):
        return Transaction("")
    moment = datetime.fromtimestamp(sight.now, UTC)
    made = entries_for(sight.config, bundle, name=name_of(bundle), now=moment, store_root=settings.store_root)
    edit = Edit(cas=made.cas, certs=(made.cert._replace(refid=ours.refid),))
    return Transaction(f"certpush: imported {name_of(bundle)} for the secondary", edit, bundle.fingerprint)


def without(sight: Sight, ours: Place) -> Transaction:
    """Remove what was imported for nothing, unless something has come to use it."""
    gone = prunable(sight.config, {ours.refid}, {sight.config.webgui.certref})
    return (
        Transaction("certpush: removed a certificate that was not switched to", Edit(remove=frozenset(gone))) if gone else Transaction("")
    )


def copied(entry: Entry, where: str) -> Transaction:
    """Add the secondary's old certificate as it is, under its own refid and description; ``entry`` must have its key."""
    told = {name: "".join(text.split()) for name, text in children(entry.raw) if name in ("crt", "prv")}
    kept = NewEntry("cert", entry.refid, entry.descr, told["crt"], told["prv"], entry.caref)
    return Transaction(f"certpush: kept the web GUI certificate of {where}", Edit(certs=(kept,)), entry.sha256 or "")


def lacking(here: Config, there: Config, where: str) -> Entry | None:
    """The certificate that the secondary uses and the primary does not have; None where there is nothing to lose.

    Raises:
        SafetyRefusal: it cannot be copied to the primary, so there would be no way back to it.

    """
    now = current(here)
    entry, same = here.cert(now.refid), there.cert(now.refid)
    if entry is None or not now.sha256 or (same is not None and same.has_key and same.sha256 == now.sha256):
        return None
    taken = there.mentions(now.refid) or entry.descr in {one.descr for one in there.certs} | there.acme_names
    if taken or not _same_issuer(entry, here, there):
        raise SafetyRefusal(
            f"{where}: its web GUI uses a certificate that the primary does not have, and that cannot be copied there as it is "
            f"({escaped(entry.descr)}): the next synchronisation takes it away",
            hint="choose one of the primary's for the secondary's web GUI: System > Advanced > Admin Access",
        )
    return entry


def missing_there(here: Config, there: Config, where: str) -> Iterator[Finding]:
    """The same before a rotation."""
    try:
        entry = lacking(here, there, "the secondary")
    except SafetyRefusal as error:
        yield found.error("way-back", error.message, error.hint)
        return
    if entry is not None:
        yield Finding(
            Severity.INFO,
            "way-back",
            f"the certificate that is used now, {escaped(entry.descr)!r}, is copied to {where} with its key: the synchronisation would "
            "take it away otherwise",
        )


def versions(here: Config, there: Config) -> Iterator[Finding]:
    """Whether pfSense synchronises between the two at all."""
    if here.version != there.version:
        yield found.error(
            "versions",
            f"its configuration has version {escaped(here.version)} and the primary's {escaped(there.version)}, so nothing is synchronised",
            "bring both boxes to the same release of pfSense",
        )


def check_alike(here: Config, there: Config, where: str) -> None:
    """Refuse a pair that does not synchronise.

    Raises:
        SafetyRefusal: the two have configurations of different versions.

    """
    for one in versions(here, there):
        raise SafetyRefusal(f"{where}: {one.message}", hint=one.hint)


def _same_issuer(entry: Entry, here: Config, there: Config) -> bool:
    mine, theirs = here.ca(entry.caref), there.ca(entry.caref)
    return not entry.caref or (mine is not None and theirs is not None and mine.der == theirs.der)
