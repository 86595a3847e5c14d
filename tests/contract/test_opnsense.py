from __future__ import annotations

import pytest

from certpush_opnsense import conformance


@pytest.mark.live("sshd", "nginx", "php")
class TestOpnsense(conformance.TestOpnsense):
    pass
