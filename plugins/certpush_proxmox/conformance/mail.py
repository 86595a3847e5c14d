"""The contract, held against both services of Proxmox Mail Gateway as the stand-in gives it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from certpush.kit.trust import Trust
from certpush.model import Secret
from certpush.testing import Cluster, TargetCase, TargetContract
from certpush.testing.lab.proxmox import ProxmoxMail
from certpush_proxmox.conformance import WRONG, reload_fails
from certpush_proxmox.mail import MailSettings, certpush_target


@pytest.fixture
def gateway() -> Iterator[ProxmoxMail]:
    """One gateway with both its services."""
    with ProxmoxMail(overlap=0.3, first_new=0.05, refusal_delay=0.1) as gateway:
        yield gateway


def mail_case(gateway: ProxmoxMail, service: str) -> TargetCase[MailSettings]:
    """Put one of its services on trial."""
    trust = Trust(pins=(gateway.own_fingerprint,))
    login: dict[str, Any] = {"user": gateway.user, "password": Secret(gateway.password), "trust": trust, "services": (service,)}
    return TargetCase(
        kind=replace(certpush_target(), deadline=timedelta(seconds=5)),
        settings=MailSettings(host=gateway.host, port=gateway.port, smtp_port=gateway.smtp_port, **login),
        unreachable=MailSettings(host="127.0.0.1:1", smtp_port=1, **login),
        secrets=(gateway.password,),
        wrong_login=MailSettings(host=gateway.host, port=gateway.port, smtp_port=gateway.smtp_port, **login | {"password": Secret(WRONG)}),
        snapshot=lambda: dict(gateway.files),
        broken_switch=lambda: reload_fails(gateway),
        cluster=lambda: both_services(gateway),
    )


@contextmanager
def both_services(gateway: ProxmoxMail) -> Iterator[Cluster[MailSettings]]:
    """Web UI and mail server as members of one target."""
    settings = MailSettings(
        host=gateway.host,
        port=gateway.port,
        smtp_port=gateway.smtp_port,
        user=gateway.user,
        password=Secret(gateway.password),
        trust=Trust(pins=(gateway.own_fingerprint,)),
        services=("api", "smtp"),
    )
    yield Cluster(settings=settings, unreachable=None)


class TestWebUi(TargetContract):
    """The certificate of the web UI."""

    @pytest.fixture
    def target_case(self, gateway: ProxmoxMail) -> TargetCase[MailSettings]:
        """See Trial."""
        return mail_case(gateway, "api")


class TestMailServer(TargetContract):
    """The certificate of the mail server."""

    @pytest.fixture
    def target_case(self, gateway: ProxmoxMail) -> TargetCase[MailSettings]:
        """See Trial."""
        return mail_case(gateway, "smtp")
