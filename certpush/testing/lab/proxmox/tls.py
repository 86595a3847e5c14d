"""TLS contexts from what stands in files, also from pairs that do not belong together."""

from __future__ import annotations

import ssl
import tempfile
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509

from certpush.model import fingerprint
from certpush.testing.lab.proxmox.info import first_certificate


@dataclass(frozen=True)
class Shown:
    """What workers show in a handshake; ``context`` is None where every handshake ends in EOF."""

    context: ssl.SSLContext | None
    certificate: x509.Certificate | None

    @property
    def fingerprint(self) -> str | None:
        """The leaf's SHA-256; None where nothing can be shown."""
        return fingerprint(self.certificate) if self.context and self.certificate else None


def shown(certificates: bytes, key: bytes) -> Shown:
    """Load a pair as a server does at its start; one that does not match is loaded, and dead."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    try:
        load_pair(context, certificates, key)
    except (ssl.SSLError, OSError):
        return Shown(None, first_certificate(certificates))
    return Shown(context, first_certificate(certificates))


def load_pair(context: ssl.SSLContext, certificates: bytes, key: bytes) -> None:
    """Have a context show this chain with this key.

    Raises:
        ssl.SSLError: they cannot be read, or do not belong together.

    """
    with tempfile.TemporaryDirectory(prefix="certpush-lab-") as folder:  # 0700; ssl reads only files
        chain_file, key_file = Path(folder) / "chain.pem", Path(folder) / "key.pem"
        chain_file.write_bytes(certificates)
        key_file.write_bytes(key)
        context.load_cert_chain(chain_file, key_file, password=_no_password)


def _no_password() -> str:
    return ""  # an encrypted key stays shut; without this, OpenSSL would ask a person
