"""What the cases of the four products share; each kind has a module of its own."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

from certpush import TargetKind
from certpush.kit.trust import Trust
from certpush.model import Secret
from certpush.testing import TargetCase
from certpush.testing.lab.proxmox import ProxmoxBackup, ProxmoxDatacenter

WRONG = "no-token-or-password-of-anybody"
"""Refused by each of them."""


@contextlib.contextmanager
def reload_fails(appliance: Any) -> Iterator[None]:
    """The files are taken, and the service is not brought to take them up."""
    appliance.faults.reload_fails = True
    yield
    appliance.faults.reload_fails = False


def case_of(server: ProxmoxBackup | ProxmoxDatacenter, kind: TargetKind[Any]) -> TargetCase[Any]:
    """One server with one certificate, by a token."""
    trust = Trust(pins=(server.own_fingerprint,))
    login = {"token_id": server.token_id, "token": Secret(server.token), "trust": trust}
    return TargetCase(
        kind=replace(kind, deadline=timedelta(seconds=5)),
        settings=kind.settings(host=server.host, port=server.port, **login),
        unreachable=kind.settings(host="127.0.0.1:1", **login),
        secrets=(server.token,),
        wrong_login=kind.settings(host=server.host, port=server.port, **login | {"token": Secret(WRONG)}),
        snapshot=lambda: dict(server.files),
        broken_switch=lambda: reload_fails(server),
    )
