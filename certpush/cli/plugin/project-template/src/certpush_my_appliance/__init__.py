"""Push certificates to my-appliance, by its HTTPS API."""

from __future__ import annotations

from typing import TYPE_CHECKING

from certpush import TargetKind, hookimpl
from certpush.kit.tls import tls_identity

from certpush_my_appliance.settings import MyApplianceSettings

if TYPE_CHECKING:
    from certpush import Identity

    from certpush_my_appliance.target import MyApplianceTarget


def open_target(settings: MyApplianceSettings) -> MyApplianceTarget:
    """One appliance; nothing is asked of it yet."""
    # Imported here: who only reads a configuration loads no HTTP client.
    from certpush_my_appliance.target import MyApplianceTarget

    return MyApplianceTarget(settings)


def identify(settings: MyApplianceSettings) -> tuple[Identity, ...]:
    """What `certpush trust` shows to a person, and where that person finds the same."""
    return tls_identity(settings.endpoint, compare="with the fingerprint on the appliance's own display")


@hookimpl
def certpush_target() -> TargetKind[MyApplianceSettings]:
    """Declare the kind."""
    return TargetKind(
        "my-appliance",
        "my-appliance, by its HTTPS API",
        MyApplianceSettings,
        open_target,
        disruption="none: open connections go on",
        identify=identify,
    )
