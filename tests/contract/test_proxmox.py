from __future__ import annotations

import pytest

from certpush_proxmox.conformance import ve

pytestmark = pytest.mark.timeout(120)


class TestProxmox(ve.TestProxmox):
    pass
