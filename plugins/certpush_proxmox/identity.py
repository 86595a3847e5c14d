"""First contact: what a device shows to a stranger, and where a person finds the same on the device itself."""

from __future__ import annotations

from certpush import Identity
from certpush.kit.tls import tls_identity
from certpush_proxmox.product import Product
from certpush_proxmox.settings import LoginSettings


def identify(product: Product, settings: LoginSettings) -> tuple[Identity, ...]:
    """The certificate of the API; nothing is sent but a handshake."""
    compare = f"with what `{product.show}` prints on the console of {settings.address.host}"
    return tls_identity(settings.address, compare=compare)
