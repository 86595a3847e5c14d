"""What a switch, the way back and tidying up do to a configuration: planned on what was seen, without input or output."""

from __future__ import annotations

from collections.abc import Collection
from datetime import UTC, datetime
from typing import TYPE_CHECKING, NamedTuple

from cryptography.x509.oid import NameOID

from certpush.errors import NoWayBack, TargetDrifted
from certpush.model import CertificateBundle, Handle, Installed
from certpush_pfsense.box import Sight
from certpush_pfsense.config_xml.consumers import Reference, prunable, references
from certpush_pfsense.config_xml.edit import Edit
from certpush_pfsense.config_xml.entries import OURS, entries_for
from certpush_pfsense.config_xml.reading import Config, Entry
from certpush_pfsense.gui import made_by_the_box
from certpush_pfsense.transaction import Transaction

if TYPE_CHECKING:
    from certpush_pfsense.settings import PfSenseSettings


class Place(NamedTuple):
    """A certificate in the configuration, by both its names; either is empty where there is none."""

    refid: str = ""
    sha256: str = ""

    @classmethod
    def of(cls, handle: object) -> Place:
        """Read one that was written down."""
        found = handle if isinstance(handle, dict) else {}
        return cls(str(found.get("refid") or ""), str(found.get("sha256") or ""))


class Switch(NamedTuple):
    """What is wanted: from which certificate to which; ``new`` says that the entry is made by this very run."""

    was: Place
    ours: Place
    new: bool

    @classmethod
    def of(cls, handle: Handle) -> Switch:
        """Read what ``handle`` wrote down."""
        return cls(Place.of(handle.get("was")), Place.of(handle), bool(handle.get("new")))

    @property
    def handle(self) -> Handle:
        """The same for the journal."""
        return {"refid": self.ours.refid, "sha256": self.ours.sha256, "was": self.was._asdict(), "new": self.new}

    @property
    def needless(self) -> bool:
        """Whether it was done before."""
        return self.was.refid == self.ours.refid


def current(config: Config) -> Place:
    """What the web GUI is to use; without a fingerprint where that leads nowhere."""
    entry = config.cert(config.webgui.certref)
    usable = entry is not None and entry.has_key
    return Place(config.webgui.certref, (entry.sha256 or "") if entry is not None and usable else "")


def stored(config: Config, sha256: str) -> Entry | None:
    """The entry with this certificate and a key."""
    return next((one for one in config.certs if sha256 and one.refid and one.has_key and one.sha256 == sha256), None)


def forward(sight: Sight, switch: Switch, bundle: CertificateBundle, settings: PfSenseSettings) -> Transaction:
    """Import the bundle where it is not there yet, and point the web GUI and ``also`` at it.

    Raises:
        TargetDrifted: somebody chose another certificate since.

    """
    config, ours = sight.config, switch.ours
    now = config.webgui.certref
    if now not in (switch.was.refid, ours.refid):
        raise TargetDrifted(
            "the web GUI was given another certificate meanwhile; it is left alone",
            hint="look under System > Advanced > Admin Access who chose it, then run again",
        )
    edit = Edit() if config.cert(ours.refid) else _imported(sight, switch, bundle, settings)
    moved = tuple(_moved(config, switch.was.refid, settings)) if not switch.needless else ()
    edit = edit._replace(point_to=ours.refid if now != ours.refid else None, repoint=moved, repoint_to=ours.refid if moved else None)
    return Transaction(f"certpush: web GUI certificate {name_of(bundle)}", edit, bundle.fingerprint, (switch.was.refid,))


def _imported(sight: Sight, switch: Switch, bundle: CertificateBundle, settings: PfSenseSettings) -> Edit:
    moment = datetime.fromtimestamp(sight.now, UTC)
    made = entries_for(sight.config, bundle, name=name_of(bundle), now=moment, store_root=settings.store_root)
    return Edit(cas=made.cas, certs=(made.cert._replace(refid=switch.ours.refid),))


def _moved(config: Config, refid: str, settings: PfSenseSettings) -> list[Reference]:
    return [one for one in references(config, refid) if one.kind in settings.also and one.movable]


def undone(switch: Switch, transaction: Transaction) -> Transaction:
    """What the box itself does when nobody confirms: the way back from ``transaction``, and nothing but that."""
    back = tuple(one._replace(refid=switch.ours.refid) for one in transaction.edit.repoint)
    edit = Edit(point_to=switch.was.refid, repoint=back, repoint_to=switch.was.refid if back else None)
    return Transaction(
        "certpush: the new web GUI certificate was not confirmed, so the old one is back",
        edit,
        instead_of=(switch.ours.refid,),
        or_the_boxs_own=True,
        even_if_missing=not switch.was.sha256,
    )


def backward(
    sight: Sight, to: Installed, switch: Switch | None, previous: CertificateBundle | None, settings: PfSenseSettings
) -> Transaction:
    """Point everything back, and remove the entry that this run made.

    Raises:
        TargetDrifted: somebody chose another certificate since.
        NoWayBack: the old one is gone, and nobody holds it.

    """
    config, old, now = sight.config, Place.of(dict(to.handle)), current(sight.config)
    gone = _made_in_vain(config, switch, old)
    if now.refid == old.refid or (old.sha256 and now.sha256 == old.sha256):
        return _swept(gone) if now.refid not in gone else Transaction("")
    if switch is None or not (now.refid == switch.ours.refid or made_by_the_box(config.cert(now.refid)) or not now.sha256):
        raise TargetDrifted(
            "the web GUI was given another certificate since; it is left alone",
            hint="look under System > Advanced > Admin Access who chose it",
        )
    edit, target = _found_again(sight, old, previous, settings)
    repointed = tuple(one for one in references(config, switch.ours.refid) if one.movable and one.kind != "webgui")
    edit = edit._replace(point_to=target, repoint=repointed, repoint_to=target if repointed else None, remove=gone)
    return Transaction(
        "certpush: back to the old web GUI certificate",
        edit,
        old.sha256,
        (now.refid,),
        or_the_boxs_own=True,
        even_if_missing=not old.sha256,
    )


def _found_again(sight: Sight, old: Place, previous: CertificateBundle | None, settings: PfSenseSettings) -> tuple[Edit, str]:
    """Where the old certificate is; brought back from ``previous`` where somebody removed it."""
    config = sight.config
    entry = config.cert(old.refid)
    if (entry is not None and entry.has_key and entry.sha256 == old.sha256) or not old.sha256:
        return Edit(), old.refid
    again = stored(config, old.sha256)
    if again is not None:
        return Edit(), again.refid
    if previous is None or previous.fingerprint != old.sha256:
        raise NoWayBack(
            "the old certificate is not in its configuration any more",
            hint="restore it from Diagnostics > Backup & Restore, or make a new one: pfSsh.php playback generateguicert",
        )
    made = entries_for(config, previous, name=name_of(previous), now=datetime.fromtimestamp(sight.now, UTC), store_root=settings.store_root)
    return Edit(cas=made.cas, certs=(made.cert,)), made.cert.refid


def _made_in_vain(config: Config, switch: Switch | None, old: Place) -> frozenset[str]:
    """The entry that this run made: a key that serves nothing must not lie about."""
    entry = config.cert(switch.ours.refid) if switch and switch.new else None
    if entry is None or switch is None or entry.refid == old.refid or entry.sha256 != switch.ours.sha256:
        return frozenset()
    return frozenset({entry.refid}) if entry.descr.startswith(OURS) else frozenset()


def _swept(gone: frozenset[str]) -> Transaction:
    return Transaction("certpush: removed a certificate that was not switched to", Edit(remove=gone)) if gone else Transaction("")


def tidied(sight: Sight, keep: Collection[str], settings: PfSenseSettings) -> Transaction:
    """Remove what certpush made and nothing needs."""
    config = sight.config
    ours = {one.refid for one in (*config.certs, *config.cas) if one.descr.startswith(OURS) and one.refid}
    if settings.store_root:
        ours -= {one.refid for one in config.cas if _is_root(one)}
    gone = prunable(config, ours, {*keep, config.webgui.certref})
    return Transaction("certpush: removed superseded certificates", Edit(remove=frozenset(gone))) if gone else Transaction("")


def _is_root(entry: Entry) -> bool:
    certificate = entry.certificate()
    return certificate is not None and certificate.subject == certificate.issuer


def name_of(bundle: CertificateBundle) -> str:
    """What people call the certificate: its common name, or its first name."""
    names = bundle.leaf.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    found = str(names[0].value) if names else str(next(iter(bundle.names), "without a name"))
    return "".join(one for one in found if one.isascii() and (one.isalnum() or one in "._:-*"))[:64] or "certificate"
