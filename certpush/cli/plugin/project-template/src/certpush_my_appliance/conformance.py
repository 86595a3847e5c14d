"""The contract, held against the stand-in: by `pytest`, and by `certpush conformance my-appliance`.

It needs the extra "testing" of certpush, so no other module of the plugin imports it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from certpush import CertificateBundle, Secret
from certpush.kit.trust import Trust
from certpush.testing import TargetCase, TargetContract

from certpush_my_appliance import certpush_target
from certpush_my_appliance.device import Device
from certpush_my_appliance.settings import MyApplianceSettings


class TestMyAppliance(TargetContract):
    """Against the stand-in that comes with the plugin."""

    @pytest.fixture
    def target_case(self) -> Iterator[TargetCase[MyApplianceSettings]]:
        """Start a fresh appliance for each test, one that nobody has deployed to yet."""
        with Device() as device:
            yield TargetCase(
                kind=certpush_target(),
                settings=reaching(device, device.port),
                unreachable=reaching(device, 1),  # a port where nobody listens
                secrets=(device.token,),
                wrong_login=reaching(device, device.port, "not-the-token"),
                snapshot=device.snapshot,
                broken_switch=device.broken,
                foreign=lambda bundle: plant(device, bundle),
            )


def reaching(device: Device, port: int, token: str = Device.token) -> MyApplianceSettings:
    """What a configuration would say."""
    return MyApplianceSettings(
        host=device.host,
        port=port,
        token=Secret(token),
        trust=Trust(pins=(device.fingerprint,)),
    )


def plant(device: Device, bundle: CertificateBundle) -> Callable[[], bool]:
    """Store a certificate as another administrator would; the answer tells whether it is still there."""
    device.pairs["of-somebody-else"] = bundle
    return lambda: "of-somebody-else" in device.pairs
