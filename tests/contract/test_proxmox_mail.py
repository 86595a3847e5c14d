from __future__ import annotations

import pytest

from certpush_proxmox.conformance import mail
from certpush_proxmox.conformance.mail import gateway  # noqa: F401 - a fixture

pytestmark = pytest.mark.timeout(120)


class TestWebUi(mail.TestWebUi):
    pass


class TestMailServer(mail.TestMailServer):
    pass
