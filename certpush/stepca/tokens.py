"""Tokens by which a request proves itself to step-ca: minted for one request, sent once, good for five minutes."""

from __future__ import annotations

import base64
import hashlib
import secrets
from collections.abc import Callable, Sequence
from dataclasses import field
from datetime import datetime, timedelta
from urllib.parse import quote

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from certpush.model import UNREADABLE, CertificateBundle, JsonValue, Name, SigningKey
from certpush.records import record
from certpush.stepca.address import CaAddress
from certpush.stepca.jose import sign_compact, to_base64url

TOKEN_LIFETIME = timedelta(minutes=5)
_PLAIN_IN_FRAGMENT = "$&+,/:;=?@!()*"  # as Go's net/url writes a fragment: step-ca compares the text
Clock = Callable[[], datetime]


@record(frozen=True, slots=True)
class Audience:
    """How a CA must be addressed in a token: by one of its own names, whatever name it was reached by."""

    host: str
    port: int

    @classmethod
    def of(cls, address: CaAddress, ca_names: Sequence[str]) -> Audience:
        """Take the URL's host where the CA has that name, else the first name that the CA does have.

        step-ca compares with the ``dnsNames`` of its configuration letter by letter (ports are
        ignored), and those are the names of its certificate.
        """
        same = [name for name in ca_names if name.lower() == address.host]
        return cls(next(iter((*same, *ca_names)), address.host), address.port)

    def url(self, path: str) -> str:
        """The ``aud`` of a token for ``path`` (``sign``, ``revoke``, ``renew``)."""
        return f"{CaAddress(self.host, self.port)}/1.0/{path}"


@record(frozen=True, slots=True)
class TokenMint:
    """Mints the one-time tokens of a JWK provisioner (``kid``) or of an X5C provisioner (``chain``)."""

    provisioner: str
    key: SigningKey = field(repr=False)
    clock: Clock = field(repr=False)
    kid: str = ""
    chain: tuple[x509.Certificate, ...] = ()

    def for_signing(self, audience: Audience, names: Sequence[Name], csr: x509.CertificateSigningRequest, root: str) -> str:
        """Mint a token for one signing request, and for no other: it carries the request's digest (``cnf``)."""
        digest = hashlib.sha256(csr.public_bytes(Encoding.DER)).digest()
        claims: dict[str, JsonValue] = {"sans": [str(name) for name in names], "sha": root, "cnf": {"x5rt#S256": to_base64url(digest)}}
        return self._mint(audience.url("sign"), subject_of(names), claims)

    def for_revoking(self, audience: Audience, serial: int) -> str:
        """Mint a token that revokes one serial number."""
        return self._mint(audience.url("revoke"), str(serial), {})

    def _mint(self, audience: str, subject: str, more: dict[str, JsonValue]) -> str:
        if self.chain:
            # Without the fragment an X5C provisioner is not found; with one a JWK provisioner is not.
            header: dict[str, JsonValue] = {"x5c": _x5c(self.chain)}
            audience = f"{audience}#{quote(f'x5c/{self.provisioner}', safe=_PLAIN_IN_FRAGMENT)}"
        else:
            header = {"kid": self.kid}
        claims: dict[str, JsonValue] = {"aud": audience, "iss": self.provisioner, "sub": subject, "jti": secrets.token_hex(32)}
        return sign_compact(header, {**claims, **_times(self.clock), **more}, self.key)


def mint_renewal(audience: Audience, current: CertificateBundle, clock: Clock) -> str:
    """Mint a token that renews a certificate without showing it in TLS: step-ca takes it for expired ones too, where allowed."""
    claims: dict[str, JsonValue] = {
        "aud": audience.url("renew"),
        "iss": "step-ca-client/1.0",
        "sub": common_name(current.leaf),
        "jti": secrets.token_hex(32),
        **_times(clock),
    }
    # The intermediates must be there: with the leaf alone step-ca answers 401.
    return sign_compact({"x5cInsecure": _x5c((current.leaf, *current.chain))}, claims, current.key.reveal_key())


def own_names(server_certificate: bytes | None) -> tuple[str, ...]:
    """The names in a CA's own certificate (DER), letter by letter, DNS names first; none where it cannot be read."""
    try:
        certificate = x509.load_der_x509_certificate(server_certificate or b"")
        san = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except (*UNREADABLE, x509.ExtensionNotFound, x509.DuplicateExtension, x509.UnsupportedGeneralNameType):
        return ()
    return (*san.get_values_for_type(x509.DNSName), *(str(one) for one in san.get_values_for_type(x509.IPAddress)))


def subject_of(names: Sequence[Name]) -> str:
    """The name that becomes the CN: the first that fits the 64 characters of a CN (X.520), else the first."""
    return next((str(name) for name in names if len(str(name)) <= 64), str(names[0]))


def common_name(certificate: x509.Certificate) -> str:
    """The certificate's CN; empty where it has none."""
    found = certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    return str(found[0].value) if found else ""


def _times(clock: Clock) -> dict[str, JsonValue]:
    # Minted right before it is sent: step-ca refuses an iat from before its own start.
    now = int(clock().timestamp())
    return {"iat": now, "nbf": now, "exp": now + int(TOKEN_LIFETIME.total_seconds())}


def _x5c(chain: Sequence[x509.Certificate]) -> list[JsonValue]:
    # Standard base64, not base64url (RFC 7515 4.1.6).
    return [base64.b64encode(one.public_bytes(Encoding.DER)).decode("ascii") for one in chain]
