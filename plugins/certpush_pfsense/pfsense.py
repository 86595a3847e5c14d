"""The kind ``pfsense``: the web GUI's certificate of one box or of a pair, CE 2.5 to 2.9 and Plus."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from certpush import TargetKind, hookimpl
from certpush_pfsense.keys import ACCEPTED
from certpush_pfsense.pair import identify, members
from certpush_pfsense.settings import PairSettings, PfSenseSettings, Role

if TYPE_CHECKING:  # who only reads a configuration loads nothing that makes connections
    from certpush_pfsense.target import PfSenseTarget


def open_target(settings: PfSenseSettings) -> PfSenseTarget:
    """One box, alone or in its pair; nothing is asked of it yet."""
    if isinstance(settings, PairSettings):
        from certpush_pfsense.paired import PrimaryTarget, SecondaryTarget

        return SecondaryTarget(settings) if settings.role is Role.SECONDARY else PrimaryTarget(settings)
    from certpush_pfsense.target import PfSenseTarget

    return PfSenseTarget(settings)


@hookimpl
def certpush_target() -> TargetKind[PfSenseSettings]:
    """Declare the kind ``pfsense``."""
    return TargetKind(
        "pfsense",
        "the web GUI of pfSense by SSH: imports into config.xml, switches, and goes back by itself unless confirmed",
        PfSenseSettings,
        open_target,
        accepted_keys=ACCEPTED,
        self_rescue=True,
        disruption="the web GUI restarts, a captive portal too",
        settle=timedelta(seconds=10),
        deadline=timedelta(seconds=60),
        members=members,
        identify=identify,
    )
