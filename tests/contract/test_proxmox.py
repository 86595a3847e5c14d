from __future__ import annotations

from certpush_proxmox.conformance import ve


class TestProxmox(ve.TestProxmox):
    pass
