"""POST /sign: a signing request and a token become a certificate, or one of step-ca's refusals."""

from __future__ import annotations

import base64
import hashlib
import re
import warnings
from datetime import datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from certpush.stepca.durations import format_go_duration
from certpush.testing.authority.body import Body, requested_key, signed_request
from certpush.testing.authority.go_text import When, go_list, go_quoted, go_time, split_names
from certpush.testing.authority.leaf import AlternativeNames, Profile, provisioner_extension, sign_leaf
from certpush.testing.authority.limits import Limits
from certpush.testing.authority.provisioners import JwkProvisioner
from certpush.testing.authority.refusals import bad_request, forbidden, generic, not_allowed
from certpush.testing.authority.state import CaState
from certpush.testing.authority.tokens import Admission, admit

_JWK, _X5C = 1, 7
_SMALLEST_RSA = 2048


def sign(state: CaState, raw: bytes) -> x509.Certificate:
    """Answer a request for a certificate.

    Raises:
        Refusal: with the status and text of step-ca.

    """
    body = Body(raw)
    body.request()  # all members are read before any of them is missed
    token = body.text("ott")
    not_before, not_after = body.when("notBefore"), body.when("notAfter")
    request = signed_request(body)
    if not token:
        raise bad_request("missing ott")
    admission = admit(state, token, "sign")
    _check_request(request, admission)
    limits = state.limits(admission.provisioner)
    valid = _validity(state, admission, limits, not_before, not_after)
    _check_validity(state, limits, *valid)
    certificate = sign_leaf(state.pki, requested_key(request), _profile(state, admission, limits, valid))
    state.remember(certificate, admission.provisioner.name)
    return certificate


# --- the request must say what the token says, or less ----------------------------------------


def _check_request(request: x509.CertificateSigningRequest, admission: Admission) -> None:
    _check_digest(request, admission)
    _check_common_name(request, admission)
    if isinstance(admission.provisioner, JwkProvisioner):
        _check_key(request)
        _check_names(request, admission)
    else:
        _check_names(request, admission)
        _check_key(request)


def _check_digest(request: x509.CertificateSigningRequest, admission: Admission) -> None:
    if not admission.request_digest:
        return
    if not re.fullmatch(r"[A-Za-z0-9_-]+", admission.request_digest):
        raise forbidden("error decoding fingerprint")
    digest = hashlib.sha256(request.public_bytes(Encoding.DER)).digest()
    own = base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
    if own != admission.request_digest:
        raise forbidden(f"certificate request fingerprint does not match {go_quoted(admission.request_digest)}")


def _check_common_name(request: x509.CertificateSigningRequest, admission: Admission) -> None:
    asked = common_name_of(request)
    if isinstance(admission.provisioner, JwkProvisioner):
        allowed, shown = [admission.subject, *admission.sans], go_list([admission.subject, *admission.sans])
    else:
        allowed, shown = [admission.subject], admission.subject
    if asked and asked not in allowed:
        raise forbidden(f"certificate request does not contain the valid common name - got {asked}, want {shown}")


def common_name_of(holder: x509.CertificateSigningRequest | x509.Certificate) -> str:
    """The CN, the last where there are several; empty where there is none."""
    with warnings.catch_warnings(action="ignore", category=UserWarning):  # a CN of more than 64 characters
        found = holder.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    return str(found[-1].value) if found else ""


def _check_key(request: x509.CertificateSigningRequest) -> None:
    key = request.public_key()
    if isinstance(key, rsa.RSAPublicKey) and key.key_size < _SMALLEST_RSA:
        raise forbidden("certificate request RSA key must be at least 2048 bits (256 bytes)")


def _check_names(request: x509.CertificateSigningRequest, admission: Admission) -> None:
    asked, wanted = _requested_names(request), split_names(admission.sans)
    kinds = (
        ("DNS names", asked.dns, wanted.dns),
        ("email addresses", asked.emails, wanted.emails),
        ("IP addresses", asked.addresses, wanted.addresses),
        ("URIs", asked.uris, wanted.uris),
    )
    for kind, got, want in kinds:
        if got and set(got) != set(want):
            raise forbidden(f"certificate request does not contain the valid {kind} - got {go_list(got)}, want {go_list(want)}")


def _requested_names(request: x509.CertificateSigningRequest) -> AlternativeNames:
    try:
        san = request.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return AlternativeNames()
    return AlternativeNames(
        tuple(san.get_values_for_type(x509.DNSName)),
        tuple(san.get_values_for_type(x509.RFC822Name)),
        split_names([str(one) for one in san.get_values_for_type(x509.IPAddress)]).addresses,
        tuple(san.get_values_for_type(x509.UniformResourceIdentifier)),
    )


# --- how long it is good ----------------------------------------------------------------------


def _validity(state: CaState, admission: Admission, limits: Limits, not_before: When, not_after: When) -> tuple[datetime, datetime]:
    now = state.clock()
    asked = not_before.counted_from(now)
    start = asked or now
    # A duration counts from notBefore, not from now.
    end = not_after.counted_from(start)
    if admission.credential:
        end = _bounded_by_credential(admission.credential, limits, start, end)
    # Only where no notBefore was asked for does the certificate begin a little in the past.
    return (start if asked else now - state.backdate), end or start + limits.default


def _bounded_by_credential(credential: x509.Certificate, limits: Limits, start: datetime, end: datetime | None) -> datetime:
    first, last = credential.not_valid_before_utc, credential.not_valid_after_utc
    if start < first:
        raise forbidden(
            f"requested certificate notBefore ({go_time(start)}) is before the active validity window"
            f" of the provisioning credential ({go_time(first)})",
        )
    if end and end > last:
        raise forbidden(
            f"requested certificate notAfter ({go_time(end)}) is after the expiration of the provisioning credential ({go_time(last)})",
        )
    return end or min(start + limits.default, last)


def _check_validity(state: CaState, limits: Limits, not_before: datetime, not_after: datetime) -> None:
    start, end = (one.replace(microsecond=0) for one in (not_before, not_after))
    length, longest = end - start, limits.maximum + state.backdate
    if end < state.clock().replace(microsecond=0):
        raise bad_request(f"notAfter cannot be in the past; na={go_time(end)}")
    if end < start:
        raise bad_request(f"notAfter cannot be before notBefore; na={go_time(end)}, nb={go_time(start)}")
    if length < limits.minimum:
        raise forbidden(_duration_text(length, "less", "minimum", limits.minimum))
    if length > longest:
        raise forbidden(_duration_text(length, "more", "maximum", longest))


def _duration_text(length: timedelta, than: str, bound: str, limit: timedelta) -> str:
    asked, allowed = format_go_duration(length), format_go_duration(limit)
    return f"requested duration of {asked} is {than} than the authorized {bound} certificate duration of {allowed}"


# --- what it says -----------------------------------------------------------------------------


def _profile(state: CaState, admission: Admission, limits: Limits, valid: tuple[datetime, datetime]) -> Profile:
    names = split_names(admission.sans)
    _check_policy(state, names)
    if not all(one.isascii() for one in (*names.dns, *names.emails, *names.uris)):
        raise generic(500, "x509: cannot be encoded as an IA5String")
    return Profile(admission.subject, names, *valid, provisioner=_extension(admission, limits))


def _check_policy(state: CaState, names: AlternativeNames) -> None:
    if state.allowed_dns is None:
        return
    for name in names.dns:
        if not any(_allows(pattern, name) for pattern in state.allowed_dns):
            raise not_allowed(f"dns name {go_quoted(name)} not allowed")
    if names.addresses:
        raise not_allowed(f"ip name {go_quoted(str(names.addresses[0]))} not allowed")


def _allows(pattern: str, name: str) -> bool:
    first, _, parent = name.partition(".")
    return name == pattern or (bool(first) and first != "*" and pattern == f"*.{parent}")


def _extension(admission: Admission, limits: Limits) -> bytes | None:
    if limits.disable_extensions:
        return None
    provisioner = admission.provisioner
    if isinstance(provisioner, JwkProvisioner):
        return provisioner_extension(_JWK, provisioner.name, provisioner.kid)
    return provisioner_extension(_X5C, provisioner.name, "")
