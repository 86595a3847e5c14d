"""The contract, held against Proxmox Backup Server as the stand-in gives it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta

import pytest

from certpush.kit.trust import Trust
from certpush.model import Secret
from certpush.testing import TargetCase, TargetContract
from certpush.testing.lab.proxmox import ProxmoxBackup
from certpush_proxmox.backup import BackupSettings, certpush_target
from contract.appliances import reload_fails


class TestProxmoxBackup(TargetContract):
    @pytest.fixture
    def target_case(self) -> Iterator[TargetCase[BackupSettings]]:
        with ProxmoxBackup(refusal_delay=0.1) as server:
            trust = Trust(pins=(server.own_fingerprint,))
            login = {"token_id": server.token_id, "token": Secret(server.token), "trust": trust}
            yield TargetCase(
                kind=replace(certpush_target(), deadline=timedelta(seconds=5)),
                settings=BackupSettings(host=server.host, port=server.port, **login),
                unreachable=BackupSettings(host="127.0.0.1:1", **login),
                secrets=(server.token,),
                snapshot=lambda: dict(server.files),
                broken_switch=lambda: reload_fails(server),
            )
