"""Showing a certificate in TLS whose key lives in memory, though ``ssl`` reads keys from files only."""

from __future__ import annotations

import contextlib
import os
import secrets
import ssl
from collections.abc import Iterator
from pathlib import Path

from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, Encoding, PrivateFormat

from certpush.errors import BundleInvalid
from certpush.model import CertificateBundle


def show_in_tls(context: ssl.SSLContext, bundle: CertificateBundle) -> None:
    """Have ``context`` show the bundle's certificate; what the key passes through is sealed, ours alone, and gone at once.

    The text is encrypted with a passphrase that exists in this process only, so that not even
    a file left behind by a kill in between holds a usable key.

    Raises:
        BundleInvalid: OpenSSL does not take the certificate or its key.

    """
    passphrase = secrets.token_urlsafe(32)
    sealed = bundle.key.reveal_key().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(passphrase.encode()))
    with _readable_by_us_alone(bundle.fullchain_pem + sealed) as path:
        try:
            context.load_cert_chain(path, password=passphrase)
        except ssl.SSLError as error:
            raise BundleInvalid(
                f"the certificate cannot be shown in TLS ({(error.reason or str(error)).lower().replace('_', ' ')})"
            ) from None


@contextlib.contextmanager
def _readable_by_us_alone(content: bytes) -> Iterator[str]:
    """Give a path that holds ``content`` inside the block: memory where the system can, else a file 0600 in a directory 0700."""
    if hasattr(os, "memfd_create"):
        with os.fdopen(os.memfd_create("certpush"), "wb") as memory:
            memory.write(content)
            memory.flush()
            path = f"/proc/self/fd/{memory.fileno()}"
            if os.access(path, os.R_OK):  # not in a chroot without /proc
                yield path
                return
    import tempfile

    with tempfile.TemporaryDirectory(prefix="certpush-") as directory:
        file = Path(directory) / "certificate.pem"
        with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as out:
            out.write(content)
        yield str(file)
