"""The contract, held against Proxmox Backup Server as the stand-in gives it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from certpush.testing import TargetCase, TargetContract
from certpush.testing.lab.proxmox import ProxmoxBackup
from certpush_proxmox.backup import certpush_target
from certpush_proxmox.conformance import case_of


class TestProxmoxBackup(TargetContract):
    """A server, by a token."""

    @pytest.fixture
    def target_case(self) -> Iterator[TargetCase[Any]]:
        """See Trial."""
        with ProxmoxBackup(refusal_delay=0.1) as server:
            yield case_of(server, certpush_target())
