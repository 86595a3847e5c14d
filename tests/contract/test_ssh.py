from __future__ import annotations

import pytest

from certpush_ssh import conformance
from certpush_ssh.conformance import deploy_sshd, own_sshd  # noqa: F401 - fixtures


@pytest.mark.live("sshd", "nginx")
class TestNginxBehindSsh(conformance.TestNginxBehindSsh):
    pass


@pytest.mark.live("sshd")
class TestManagedDirectoryBySsh(conformance.TestManagedDirectoryBySsh):
    pass
