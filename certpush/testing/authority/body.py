"""The body of a request, read as Go reads JSON: first value only, unknown members ignored, wrong types refused."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import NoReturn, TypeAlias

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

from certpush.model import JsonValue
from certpush.testing.authority.go_text import When
from certpush.testing.authority.refusals import bad_request, undecodable

_PEM = re.compile(r"^-----BEGIN ([^-\n]*)-----[ \t]*\r?\n(?:(?:[^\n:]+:[^\n]*\n)+\s*\n)?([A-Za-z0-9+/=\s]*)-----END \1-----", re.MULTILINE)
_INT_ENDS = 2**63
_LONGEST_INTEGER = 4000  # digits; Python reads no more
RequestedKey: TypeAlias = ec.EllipticCurvePublicKey | rsa.RSAPublicKey | ed25519.Ed25519PublicKey
_CURVES = {"secp224r1", "secp256r1", "secp384r1", "secp521r1"}


class Body:
    """A JSON object; its members are found without regard to case, as Go does."""

    def __init__(self, raw: bytes) -> None:
        """Read it.

        Raises:
            Refusal: 400, it is no JSON object.

        """
        try:
            value, _ = _DECODER.raw_decode(raw.decode(errors="replace").lstrip(" \t\r\n"))
        except (ValueError, RecursionError) as error:
            raise undecodable(str(error)) from error
        if value is not None and not isinstance(value, dict):
            raise undecodable("not an object")
        self._members: Mapping[str, JsonValue] = {name.casefold(): member for name, member in (value or {}).items()}

    def text(self, name: str) -> str:
        """A member that is a text; empty where it is missing or null."""
        value = self._members.get(name.casefold())
        if value is not None and not isinstance(value, str):
            raise undecodable(f"{name} is no string")
        return value or ""

    def number(self, name: str) -> int:
        """A member that is an integer; 0 where it is missing or null."""
        value = self._members.get(name.casefold())
        if value is not None and (isinstance(value, bool) or not isinstance(value, int) or abs(value) >= _INT_ENDS):
            raise undecodable(f"{name} is no int")
        return value or 0

    def switch(self, name: str) -> bool:
        """A member that is true or false; false where it is missing or null."""
        value = self._members.get(name.casefold())
        if value is not None and not isinstance(value, bool):
            raise undecodable(f"{name} is no bool")
        return value or False

    def when(self, name: str) -> When:
        """A member that is a moment or a duration."""
        try:
            return When.parse(self.text(name))
        except ValueError as error:
            raise undecodable(f"failed to parse {name}") from error

    def request(self, name: str = "csr") -> x509.CertificateSigningRequest | None:
        """A member that is a signing request, PEM; None where it is missing or null."""
        text = self.text(name)
        if text in ("", "null"):
            return None
        block = _PEM.search(text)
        if block is None:
            raise undecodable("error decoding csr")
        try:
            # Whatever the label says: step-ca does not read it.
            plain = f"-----BEGIN CERTIFICATE REQUEST-----\n{block[2].strip()}\n-----END CERTIFICATE REQUEST-----\n"
            request = x509.load_pem_x509_csr(plain.encode("ascii"))
            _check_curve(request)
            _check_names(request)  # extensions that cannot be read are refused by Go, too
        except (ValueError, UnsupportedAlgorithm) as error:
            raise undecodable(f"error decoding csr: {error}") from error
        return request


def signed_request(body: Body) -> x509.CertificateSigningRequest:
    """The signing request of a body, there and signed with its own key.

    Raises:
        Refusal: 400, it is missing or its signature is wrong.

    """
    request = body.request()
    if request is None:
        raise bad_request("missing csr")
    try:
        requested_key(request)
        signed = request.is_signature_valid
    except (InvalidSignature, UnsupportedAlgorithm, ValueError):
        signed = False
    if not signed:
        raise bad_request("invalid csr")
    return request


def requested_key(request: x509.CertificateSigningRequest) -> RequestedKey:
    """The key of a signing request.

    Raises:
        ValueError: of a type that Go does not check signatures with.

    """
    key = request.public_key()
    if not isinstance(key, ec.EllipticCurvePublicKey | rsa.RSAPublicKey | ed25519.Ed25519PublicKey):
        raise ValueError("unsupported key")  # noqa: TRY004 -- the content is wrong, not our argument
    return key


def _check_curve(request: x509.CertificateSigningRequest) -> None:
    key = request.public_key()
    if isinstance(key, ec.EllipticCurvePublicKey) and key.curve.name not in _CURVES:
        raise ValueError("unsupported elliptic curve")


def _check_names(request: x509.CertificateSigningRequest) -> None:
    try:
        names = request.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return
    for one in names.get_values_for_type(x509.UniformResourceIdentifier):
        if re.search(r"%(?![0-9A-Fa-f]{2})", one):
            raise ValueError("cannot parse URI")


def _integer(text: str) -> int:
    return int(text) if len(text) <= _LONGEST_INTEGER else _INT_ENDS


def _without_nulls(members: list[tuple[str, JsonValue]]) -> dict[str, JsonValue]:
    """Go leaves a member as it was when null follows."""
    return {name: value for name, value in members if value is not None}


def _no_number(text: str) -> NoReturn:
    raise ValueError(f"{text} is no JSON")


_DECODER = json.JSONDecoder(parse_constant=_no_number, parse_int=_integer, object_pairs_hook=_without_nulls)
