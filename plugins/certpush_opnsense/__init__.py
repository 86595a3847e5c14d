"""The web GUI of OPNsense: its store of certificates by the REST API, and the first switch over SSH, which has no API."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from certpush import KeySpec, TargetKind, hookimpl
from certpush_opnsense.identity import identify
from certpush_opnsense.settings import OpnsenseSettings

if TYPE_CHECKING:  # who only reads a configuration loads no HTTP client
    from certpush_opnsense.target import OpnsenseTarget

# What browsers take, and the GUI's own list for HTTPS has.
_KEYS = frozenset({KeySpec.EC_P256, KeySpec.EC_P384, KeySpec.RSA_2048, KeySpec.RSA_3072, KeySpec.RSA_4096})


def open_target(settings: OpnsenseSettings) -> OpnsenseTarget:
    """One firewall; nothing is asked of it yet."""
    from certpush_opnsense.target import OpnsenseTarget

    return OpnsenseTarget(settings)


@hookimpl
def certpush_target() -> TargetKind[OpnsenseSettings]:
    """Declare the kind ``opnsense``.

    Not ``self_rescue``: the firewall has a timer of its own only in the first switch, over SSH.
    """
    return TargetKind(
        "opnsense",
        "the web GUI of OPNsense, by its API; over SSH for the first switch",
        OpnsenseSettings,
        open_target,
        accepted_keys=_KEYS,
        disruption="the web GUI restarts; who is logged in stays so",
        settle=timedelta(seconds=5),
        deadline=timedelta(seconds=60),
        identify=identify,
    )
