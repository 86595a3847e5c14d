from __future__ import annotations

import pytest

from certpush_proxmox.conformance import backup

pytestmark = pytest.mark.timeout(120)


class TestProxmoxBackup(backup.TestProxmoxBackup):
    pass
