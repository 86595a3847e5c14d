from __future__ import annotations

import pytest

from certpush_proxmox.conformance import datacenter

pytestmark = pytest.mark.timeout(120)


class TestProxmoxDatacenter(datacenter.TestProxmoxDatacenter):
    pass
