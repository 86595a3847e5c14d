from __future__ import annotations

import pytest

from certpush_recipe import conformance

pytestmark = pytest.mark.timeout(120)


class TestFilesOfThisMachine(conformance.TestFilesOfThisMachine):
    pass


class TestAdGuardHome(conformance.TestAdGuardHome):
    pass


class TestAnApplianceWithSeveralCertificates(conformance.TestAnApplianceWithSeveralCertificates):
    pass
