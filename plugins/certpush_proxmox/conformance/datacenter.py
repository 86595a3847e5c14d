"""The contract, held against Proxmox Datacenter Manager as the stand-in gives it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from certpush.testing import TargetCase, TargetContract
from certpush.testing.lab.proxmox import ProxmoxDatacenter
from certpush_proxmox.conformance import case_of
from certpush_proxmox.datacenter import certpush_target


class TestProxmoxDatacenter(TargetContract):
    """A server, by a token."""

    @pytest.fixture
    def target_case(self) -> Iterator[TargetCase[Any]]:
        """See Trial."""
        with ProxmoxDatacenter(refusal_delay=0.1) as server:
            yield case_of(server, certpush_target())
