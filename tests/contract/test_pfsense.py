from __future__ import annotations

import pytest

from certpush_pfsense import conformance

pytestmark = pytest.mark.live("sshd", "nginx", "php")


class TestPfSense(conformance.TestPfSense):
    pass


class TestPfSenseByEditing(conformance.TestPfSenseByEditing):
    pass


class TestSecondaryOfAPair(conformance.TestSecondaryOfAPair):
    pass
