from __future__ import annotations

import pytest

from certpush_file import conformance
from certpush_file.conformance import folder  # noqa: F401 - a fixture

pytestmark = pytest.mark.timeout(120)


class TestSingleFiles(conformance.TestSingleFiles):
    pass


class TestManagedDirectory(conformance.TestManagedDirectory):
    pass


@pytest.mark.live("nginx")
class TestBehindNginx(conformance.TestBehindNginx):
    pass
