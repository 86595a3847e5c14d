from __future__ import annotations

from certpush_recipe import conformance


class TestFilesOfThisMachine(conformance.TestFilesOfThisMachine):
    pass


class TestAdGuardHome(conformance.TestAdGuardHome):
    pass


class TestAnApplianceWithSeveralCertificates(conformance.TestAnApplianceWithSeveralCertificates):
    pass
