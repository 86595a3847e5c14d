"""The contract, held against Proxmox VE as the stand-in gives it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta

import pytest
from msgspec.structs import replace as with_other

from certpush.kit.trust import Trust
from certpush.model import Secret
from certpush.testing import Cluster, TargetCase, TargetContract
from certpush.testing.lab.proxmox import ProxmoxCluster, ProxmoxNode
from certpush_proxmox.conformance import WRONG, reload_fails
from certpush_proxmox.ve import certpush_target
from certpush_proxmox.ve_settings import ProxmoxSettings


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
        wrong_login=with_other(settings, token=Secret(WRONG)),  # type: ignore[type-var] # a Struct, to msgspec
        snapshot=lambda: dict(node.files),
        broken_switch=lambda: reload_fails(node),
        cluster=two_nodes,
    )


@contextmanager
def two_nodes() -> Iterator[Cluster[ProxmoxSettings]]:
    """A cluster whose nodes are listed by the first."""
    with ProxmoxCluster(("pve1", "pve2"), overlap=0.3, first_new=0.05, refusal_delay=0.1) as nodes:
        settings = ProxmoxSettings(
            host=nodes.host,
            port=nodes.port,
            token_id=nodes.token_id,
            token=Secret(nodes.token),
            nodes="all",
            addresses=("pve2=127.0.0.2",),
            trust=Trust(pins=(nodes.nodes["pve1"].own_fingerprint,)),
        )
        nobody: ProxmoxSettings = with_other(settings, host="127.0.0.1:1")  # type: ignore[type-var] # a Struct, to msgspec
        yield Cluster(settings=settings, unreachable=nobody, names=("localhost", "127.0.0.1", "127.0.0.2"))
