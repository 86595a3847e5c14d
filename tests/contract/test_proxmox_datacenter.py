from __future__ import annotations

from certpush_proxmox.conformance import datacenter


class TestProxmoxDatacenter(datacenter.TestProxmoxDatacenter):
    pass
