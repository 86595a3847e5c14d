from __future__ import annotations

import pytest

from certpush_pfsense import conformance

pytestmark = [pytest.mark.live("sshd", "nginx", "php"), pytest.mark.usefixtures("unmeasured_boxes")]


class TestPfSense(conformance.TestPfSense):
    pass


class TestPfSenseByEditing(conformance.TestPfSenseByEditing):
    pass


class TestSecondaryOfAPair(conformance.TestSecondaryOfAPair):
    pass
