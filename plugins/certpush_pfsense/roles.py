"""Primary, secondary or alone: what a box's configuration says, and whether that is what the settings say.

The primary's synchronisation copies the sections cert, ca and crl whole over those of the
secondary, and nothing of the web GUI. So a certificate of the secondary must lie in the
primary's store.
"""

from __future__ import annotations

from collections.abc import Iterator

from certpush import Finding, Severity
from certpush.kit import findings as found
from certpush.kit.command import escaped
from certpush_pfsense.config_xml.consumers import references
from certpush_pfsense.config_xml.reading import Config
from certpush_pfsense.settings import PairSettings, PfSenseSettings, Role

_SECONDARY = 100  # pfSense's own advice for the skew of a secondary
_IN_STORE = ("cert/", "ca/", "revision/")
_SYNC_PAGE = "System > High Avail. Sync"


def sends(config: Config) -> bool:
    """Whether this box writes its certificates over another's."""
    return bool(config.hasync.synchronize_to) and config.hasync.certificates


def overwritten(config: Config) -> bool:
    """Whether another box seems to write its certificates over this one's."""
    receives = config.hasync.pfsync or any(skew >= _SECONDARY for skew in config.advskew)
    return not config.hasync.synchronize_to and receives


def used(config: Config, refid: str) -> bool:
    """Whether anything but the store itself names it: that is what this box uses."""
    return any(not one.path.startswith(_IN_STORE) for one in references(config, refid))


def misplaced(config: Config, settings: PfSenseSettings) -> Iterator[Finding]:
    """Why a box of this role cannot be a target of this kind of settings."""
    if not isinstance(settings, PairSettings):
        if overwritten(config) and not settings.certificates_not_synced:
            yield found.error(
                "secondary",
                "it is the secondary of a pair: what is imported here is gone at the primary's next synchronisation",
                f'write the primary as host, and peers = ["{settings.host}"]; or, where certificates are not synchronised, '
                "certificates_not_synced = true",
            )
    elif settings.role is Role.PRIMARY and not sends(config):
        to = escaped(config.hasync.synchronize_to)
        said = f"it sends no certificates to {to}" if to else "it synchronises to no other box"
        yield found.error(
            "role",
            f"it is to be the primary of a pair, and {said}",
            f"write the primary as host and the secondary in peers; Certificates must be ticked under {_SYNC_PAGE} on the primary",
        )
    elif settings.role is Role.SECONDARY and config.hasync.synchronize_to:
        yield found.error(
            "role",
            f"it is to be the secondary of a pair, and synchronises to {escaped(config.hasync.synchronize_to)} itself",
            f"write the primary as host and the secondary in peers; on the secondary, {_SYNC_PAGE} names no box to synchronise to",
        )


def company(config: Config, settings: PfSenseSettings) -> Iterator[Finding]:
    """What a pair means for this rotation."""
    if isinstance(settings, PairSettings):
        other = settings.peers[0]
        text = f"its certificates go to {other}" if settings.role is Role.PRIMARY else f"its certificates come from {other}"
        yield Finding(Severity.INFO, "role", f"it is the {settings.role} of a pair: {text}")
    elif sends(config):
        yield found.warning(
            "primary",
            f"its synchronisation copies the new certificate and its key to {escaped(config.hasync.synchronize_to)}, over what is stored "
            "there; that box's web GUI keeps its own, and nothing superseded is removed, because nobody looks whether it is used there",
            'rotate both: peers = ["ADDRESS OF THE SECONDARY"]',
        )
