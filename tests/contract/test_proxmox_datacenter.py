"""The contract, held against Proxmox Datacenter Manager as the stand-in gives it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from certpush.testing import TargetCase, TargetContract
from certpush.testing.lab.proxmox import ProxmoxDatacenter
from certpush_proxmox.datacenter import certpush_target
from contract.appliances import case_of


class TestProxmoxDatacenter(TargetContract):
    @pytest.fixture
    def target_case(self) -> Iterator[TargetCase[Any]]:
        with ProxmoxDatacenter(refusal_delay=0.1) as server:
            yield case_of(server, certpush_target())
