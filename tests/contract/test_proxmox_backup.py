from __future__ import annotations

from certpush_proxmox.conformance import backup


class TestProxmoxBackup(backup.TestProxmoxBackup):
    pass
