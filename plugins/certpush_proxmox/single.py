"""What the kinds share whose product is one server with one certificate: Backup Server and Datacenter Manager."""

from __future__ import annotations

from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING, TypeVar

from certpush import TargetKind
from certpush.target import Reversible
from certpush_proxmox import preflight
from certpush_proxmox.identity import identify
from certpush_proxmox.product import Product
from certpush_proxmox.settings import TokenSettings

if TYPE_CHECKING:  # who only reads a configuration loads no HTTP client
    from certpush_proxmox.target import ProxmoxTarget

S = TypeVar("S", bound=TokenSettings)


def kind_of(name: str, product: Product, settings: type[S], *, disruption: str) -> TargetKind[S]:
    """Declare such a kind."""
    return TargetKind(
        name,
        f"the web UI and API of {product.title}, by its API",
        settings,
        partial(_open, product),
        reversible=Reversible.NEEDS_PREVIOUS,
        fallback="a new self-signed certificate, which the server makes after DELETE",
        disruption=disruption,
        steady=timedelta(seconds=2),
        identify=partial(identify, product),
    )


def _open(product: Product, settings: TokenSettings) -> ProxmoxTarget:
    """One server, which knows itself as localhost; nothing is asked of it yet."""
    from certpush_proxmox.device import Device
    from certpush_proxmox.target import ProxmoxTarget

    return ProxmoxTarget(Device(product, settings, lambda _: "localhost", settings.endpoint), preflight.findings)
