from __future__ import annotations

from certpush_proxmox.conformance import mail
from certpush_proxmox.conformance.mail import gateway  # noqa: F401 - a fixture


class TestWebUi(mail.TestWebUi):
    pass


class TestMailServer(mail.TestMailServer):
    pass
