"""The kind ``proxmox-mail``: Proxmox Mail Gateway, its web UI (``api``) and its mail server (``smtp``).

Facts from pmg-api (src/PMG/API2/Certificates.pm, src/PMG/CertHelpers.pm). There are no API tokens,
the key is always needed, and nothing compares it with the certificate. ``pmg-api.pem`` reloads
pmgproxy, with old workers beside new ones as in VE; ``pmg-tls.pem`` switches TLS of the mail
server on and reloads postfix, and DELETE switches it off.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING, Annotated, Literal

import msgspec

from certpush import Endpoint, TargetKind, hookimpl
from certpush.errors import ConfigError, TargetRefused
from certpush.kit.command import escaped
from certpush.kit.settings import Doc
from certpush.model import CertificateRequest
from certpush.target import Member, Reversible
from certpush_proxmox import preflight
from certpush_proxmox.identity import identify
from certpush_proxmox.product import Product, Removal
from certpush_proxmox.settings import LoginSettings, Port, check_node

if TYPE_CHECKING:  # who only reads a configuration loads no HTTP client
    from certpush_proxmox.api import Api
    from certpush_proxmox.target import ProxmoxTarget

_GRANTS = ("pmgsh set /access/users/{user} --role admin",)

API = Product(
    title="Proxmox Mail Gateway",
    service="PMG",
    endpoint=("custom", "api"),
    file="pmg-api.pem",
    daemon="pmgproxy",
    rights="/",
    needs="the role Administrator",
    grants=_GRANTS,
    show="pmgconfig cert info",
    recover="pmgconfig cert delete api 1",
    changes="pmg-api.pem on {node}; pmgproxy reloads",
)
SMTP = Product(
    title="Proxmox Mail Gateway",
    service="PMG",
    endpoint=("custom", "smtp"),
    file="pmg-tls.pem",
    removal=Removal.NONE,
    rights="/",
    needs="the role Administrator",
    grants=_GRANTS,
    show="pmgconfig cert info",
    recover="pmgconfig cert delete smtp 1",
    changes="pmg-tls.pem on {node}; TLS of the mail server is switched on, and postfix reloads",
)
_PRODUCTS: Mapping[str, Product] = {"api": API, "smtp": SMTP}


class MailSettings(LoginSettings):
    """A mail gateway."""

    port: Port = 8006
    smtp_port: Annotated[int, msgspec.Meta(ge=1, le=65535), Doc("port on which the mail server is looked at, by STARTTLS")] = 25
    services: Annotated[tuple[Literal["api", "smtp"], ...], Doc("what gets the certificate: the web UI, the mail server, or both")] = (
        "api",
    )
    node: Annotated[str | None, Doc("the node's name as the web UI shows it; found out by the API when left out")] = None

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.services or len(set(self.services)) != len(self.services):
            raise ConfigError("services: name each of them once, and at least one", hint='write services = ["api"], or ["api", "smtp"]')
        if self.node is not None:
            check_node("node", self.node)


def open_target(settings: MailSettings) -> ProxmoxTarget:
    """One service of one gateway; nothing is asked of it yet."""
    from certpush_proxmox.device import Device
    from certpush_proxmox.target import ProxmoxTarget

    service = settings.services[0]
    mail_server = Endpoint(settings.address.host, settings.smtp_port, settings.server_name, starttls="smtp")
    endpoint = mail_server if service == "smtp" else settings.endpoint
    device = Device(_PRODUCTS[service], settings, lambda api: name_of(api, settings), endpoint)
    return ProxmoxTarget(device, preflight.findings)


def name_of(api: Api, settings: MailSettings) -> str:
    """The name of the node that answers, which a gateway lists first, before the others of its cluster."""
    answer = api.get("nodes")
    names = [str(one["node"]) for one in answer if isinstance(one, dict) and one.get("node")] if isinstance(answer, list) else []
    if not names:
        raise TargetRefused(f"{api.where}: no node was listed", hint="is it the API of Proxmox Mail Gateway?")
    if settings.node not in (None, names[0]):
        raise TargetRefused(
            f"{api.where}: the node {escaped(names[0])[:80]} answers there, not {settings.node}",
            hint=f"write the address of {settings.node} itself as host, or leave node out",
        )
    return names[0]


def members(settings: MailSettings, request: CertificateRequest) -> tuple[Member[MailSettings], ...]:  # noqa: ARG001 - part of the contract
    """Web UI and mail server are rotated one after the other, each with its own proof and way back."""
    if len(settings.services) == 1:
        return ()
    # The web UI last: with it goes the certificate by which the gateway is recognised.
    in_order = sorted(settings.services, key="api".__eq__)
    return tuple(
        Member(one, msgspec.structs.replace(settings, services=(one,)))  # type: ignore[type-var] # a Struct, to msgspec
        for one in in_order
    )


@hookimpl
def certpush_target() -> TargetKind[MailSettings]:
    """Declare the kind ``proxmox-mail``."""
    return TargetKind(
        "proxmox-mail",
        "Proxmox Mail Gateway by its API: the web UI, the mail server, or both",
        MailSettings,
        open_target,
        reversible=Reversible.NEEDS_PREVIOUS,
        fallback="a new self-signed certificate, which the gateway makes after DELETE (the mail server goes on without TLS)",
        disruption="pmgproxy or postfix reloads",
        steady=timedelta(seconds=6),
        deadline=timedelta(seconds=60),
        members=members,
        identify=partial(identify, API),
    )
