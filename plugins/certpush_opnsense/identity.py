"""First contact: what the firewall shows to a stranger, and where a person finds the same on its console."""

from __future__ import annotations

from certpush import Identity
from certpush.kit import ssh
from certpush.kit.tls import tls_identity
from certpush_opnsense.settings import OpnsenseSettings


def identify(settings: OpnsenseSettings) -> tuple[Identity, ...]:
    """The certificate of API and GUI, and the SSH host keys where SSH is configured; nothing is sent but handshakes."""
    compare = f"with what stands behind `HTTPS: SHA256` above the console menu of {settings.address.host}"
    of_the_gui = tls_identity(settings.address, compare=compare)
    return (*of_the_gui, *(ssh.identify(settings.ssh) if settings.ssh else ()))
