"""Reading a file that should hold a certificate, and saying what it is where it does not."""

from __future__ import annotations

import re
import sys
from pathlib import Path

from cryptography import x509

from certpush.errors import BundleInvalid, ConfigError
from certpush.kit.escaping import escaped
from certpush.model import MAX_PEM_BYTES, UNREADABLE, PrivateKey, leaf_spki, read_certificates
from certpush.records import record

_KEY_BLOCK = re.compile(rb"-----BEGIN ([A-Z ]*)PRIVATE KEY-----.+?-----END \1PRIVATE KEY-----", re.DOTALL)
_OTHERS = (
    (rb"PRIVATE KEY-----", "a private key and no certificate", "give the certificate's file; a key has nothing in it to show"),
    (rb"CERTIFICATE REQUEST-----", "a signing request, not a certificate", "openssl req -in FILE -noout -text shows it"),
    (rb"PUBLIC KEY-----", "a public key, not a certificate", "give the certificate's file"),
    (rb"BEGIN X509 CRL-----", "a revocation list, not a certificate", "openssl crl -in FILE -noout -text shows it"),
    (rb"BEGIN TRUSTED CERTIFICATE-----", "a certificate in OpenSSL's own form", "openssl x509 -in FILE writes it as others do"),
)
_DER_CHAIN = b"\x30"


@record(frozen=True, slots=True)
class CertificateFile:
    """What a file holds: its certificates in order, and of a private key only whether it belongs to the first."""

    certificates: tuple[x509.Certificate, ...]
    key: str = ""


def read_certificate_file(name: str) -> CertificateFile:
    """Read PEM or DER; ``-`` is standard input. A private key in it is compared, never kept.

    Raises:
        ConfigError: it cannot be read, or holds no certificate; the hint says what it seems to be.

    """
    shown = escaped(name)
    content = _content(name, shown)
    if len(content) > MAX_PEM_BYTES:
        raise ConfigError(f"{shown} is larger than 64 KiB", hint="this is no certificate with its chain; a trust store holds too many")
    certificates = _certificates(content, shown)
    return CertificateFile(certificates, _key(content, certificates[0]))


def _content(name: str, shown: str) -> bytes:
    if name == "-":
        return sys.stdin.buffer.read(MAX_PEM_BYTES + 1)
    try:
        path = Path(name).expanduser()
        if path.is_dir():
            raise ConfigError(f"{shown} is a directory", hint="name the certificate's file in it")
        if path.exists() and not path.is_file():
            raise ConfigError(f"{shown} is no regular file", hint="name the certificate's file, or - for standard input")
        with path.open("rb") as file:
            return file.read(MAX_PEM_BYTES + 1)
    except FileNotFoundError:
        raise ConfigError(f"there is no file {shown}", hint="give an existing file, or HOST:PORT to look at a server") from None
    except OSError as error:
        raise ConfigError(f"{shown} cannot be read: {error.strerror}", hint="check the path and who runs certpush") from None
    except (RuntimeError, ValueError):
        raise ConfigError(f"{shown} is not a path", hint="write it in full") from None


def _certificates(content: bytes, shown: str) -> tuple[x509.Certificate, ...]:
    if b"-----BEGIN CERTIFICATE-----" in content:
        try:
            return read_certificates(content)
        except BundleInvalid as error:
            raise ConfigError(f"{shown}: {error.message}", hint="is the file complete, with its END line?") from None
    for mark, what, hint in _OTHERS:
        if mark in content:
            raise ConfigError(f"{shown} holds {what}", hint=hint.replace("FILE", shown))
    return (_der(content, shown),)


def _der(content: bytes, shown: str) -> x509.Certificate:
    try:
        return x509.load_der_x509_certificate(content)
    except UNREADABLE:
        hint = "certpush reads PEM and DER"
        if content.startswith(_DER_CHAIN):
            hint += f"; if it is PKCS#12: openssl pkcs12 -in {shown} -nokeys"
        raise ConfigError(f"{shown} holds no certificate", hint=hint) from None


def _key(content: bytes, leaf: x509.Certificate) -> str:
    block = _KEY_BLOCK.search(content)
    if block is None:
        return ""
    if b"ENCRYPTED" in block[0]:
        return "in the file too, sealed with a password"
    try:
        belongs = PrivateKey.from_pem(block[0]).public_spki == leaf_spki(leaf)
    except BundleInvalid:
        return "in the file too, and cannot be read"
    return "in the file too, and belongs to it" if belongs else "in the file too, and DOES NOT belong to it"
