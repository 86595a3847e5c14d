"""The contract, held against Proxmox VE as the stand-in gives it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta

import pytest

from certpush.kit.trust import Trust
from certpush.model import Secret
from certpush.testing import TargetCase, TargetContract
from certpush.testing.lab.proxmox import ProxmoxNode
from certpush_proxmox.conformance import reload_fails
from certpush_proxmox.ve import ProxmoxSettings, certpush_target


class TestProxmox(TargetContract):
    """A single node, by a token."""

    @pytest.fixture
    def target_case(self) -> Iterator[TargetCase[ProxmoxSettings]]:
        """See Trial."""
        with ProxmoxNode(overlap=0.3, first_new=0.05, refusal_delay=0.1) as node:
            yield proxmox_case(node)


def proxmox_case(node: ProxmoxNode) -> TargetCase[ProxmoxSettings]:
    """Put a node on trial."""
    settings = ProxmoxSettings(
        host=node.host,
        port=node.port,
        token_id=node.token_id,
        token=Secret(node.token),
        trust=Trust(pins=(node.own_fingerprint,)),
    )
    return TargetCase(
        kind=replace(certpush_target(), deadline=timedelta(seconds=5)),
        settings=settings,
        unreachable=ProxmoxSettings(host="127.0.0.1:1", token_id=node.token_id, token=Secret(node.token), trust=settings.trust),
        secrets=(node.token,),
        snapshot=lambda: dict(node.files),
        broken_switch=lambda: reload_fails(node),
    )
