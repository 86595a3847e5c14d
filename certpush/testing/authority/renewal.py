"""POST /renew and /rekey: the same certificate again, proved by the current one."""

from __future__ import annotations

from datetime import timedelta

from cryptography import x509

from certpush.testing.authority.body import Body, requested_key, signed_request
from certpush.testing.authority.chains import leads_to, may_sign
from certpush.testing.authority.go_text import go_time
from certpush.testing.authority.jws import BadToken, Jws
from certpush.testing.authority.leaf import sign_again
from certpush.testing.authority.refusals import GENERIC, Refusal, bad_request, unauthorized
from certpush.testing.authority.signing import common_name_of
from certpush.testing.authority.state import CaState
from certpush.testing.authority.tokens import audience_matches, audiences, burn, check_times, text_of

_INVALID = "error validating renew token"


def renew(state: CaState, peer: x509.Certificate | None, authorization: str) -> x509.Certificate:
    """Answer a renewal, by client certificate or by a token signed with its key.

    Raises:
        Refusal: with the status and text of step-ca.

    """
    _, bearer, token = authorization.partition("Bearer ")
    if peer is None and not bearer:
        raise bad_request("missing client certificate")
    return _again(state, peer or _bearer(state, token), None)


def rekey(state: CaState, peer: x509.Certificate | None, raw: bytes) -> x509.Certificate:
    """Answer a rekey: only the request's key is used, and the smallest RSA size does not count.

    Raises:
        Refusal: with the status and text of step-ca.

    """
    if peer is None:
        raise bad_request("missing client certificate")
    return _again(state, peer, signed_request(Body(raw)))


def _again(state: CaState, old: x509.Certificate, request: x509.CertificateSigningRequest | None) -> x509.Certificate:
    _authorize(state, old)
    start = state.clock() - state.backdate
    # The whole duration of the old one, backdate included; limits are not looked at again.
    valid = (start, start + (old.not_valid_after_utc - old.not_valid_before_utc))
    key = requested_key(request) if request else None
    certificate = sign_again(state.pki, old, key, valid)
    if provisioner := state.provisioner_of(old):
        state.remember(certificate, provisioner.name)
    return certificate


def _authorize(state: CaState, old: x509.Certificate) -> None:
    if old.serial_number in state.revoked:
        raise unauthorized("certificate has been revoked")
    provisioner = state.provisioner_of(old)
    if provisioner is None:
        if state.names_provisioner(old):
            raise unauthorized("provisioner not found")
        return  # a certificate that names no provisioner may be renewed
    limits = state.limits(provisioner)
    if limits.disable_renewal:
        raise unauthorized(f"renew is disabled for provisioner '{provisioner.name}'")
    now = state.clock().replace(microsecond=0)
    if now < old.not_valid_before_utc:
        raise unauthorized("certificate is not yet valid")
    if now > old.not_valid_after_utc and not limits.allow_renewal_after_expiry:
        ended = go_time(old.not_valid_after_utc)
        raise Refusal(401, f"The request lacked necessary authorization to be completed: certificate expired on {ended}")


def _bearer(state: CaState, token: str) -> x509.Certificate:
    jws, leaf = _holder(state, token)
    try:
        jws.verify(leaf.public_key())
    except BadToken as error:
        raise Refusal(500, _INVALID, str(error)) from error
    provisioner = state.provisioner_of(leaf)
    if provisioner is None:
        raise Refusal(401, GENERIC[401], "cannot get provisioner from certificate")
    try:
        burn(state, token, jws.claims)
        matches = audience_matches(jws.claims, audiences(state, "renew"))
    except BadToken as error:
        raise Refusal(500, _INVALID, str(error)) from error
    _check_claims(state, jws, leaf)
    if not matches:
        raise Refusal(500, f"{_INVALID}: invalid audience claim (aud)")
    if jws.claims.get("iss") not in ("step-ca-client/1.0", provisioner.name):
        refusal = Refusal(401, f"{_INVALID}: invalid issuer claim (iss)")
        refusal.body = {"type": "unauthorized", "detail": "unauthorized", "message": str(refusal)}
        raise refusal
    return leaf


def _holder(state: CaState, token: str) -> tuple[Jws, x509.Certificate]:
    try:
        jws = Jws.parse(token)
        leaf, *intermediates = jws.certificates("x5cInsecure")
    except BadToken as error:
        raise Refusal(401, _INVALID, str(error)) from error
    # The chain is checked for a moment in the certificate's life, so that expired ones pass here.
    while_valid = leaf.not_valid_after_utc - timedelta(minutes=1)
    if not leads_to(leaf, intermediates, state.roots, while_valid) or not may_sign(leaf):
        raise Refusal(401, _INVALID, "error verifying x5cInsecure certificate chain")
    return jws, leaf


def _check_claims(state: CaState, jws: Jws, leaf: x509.Certificate) -> None:
    try:
        subject = text_of(jws.claims, "sub")
        wrong = check_times(jws.claims, state.clock())
    except BadToken as error:
        raise Refusal(500, _INVALID, str(error)) from error
    wanted = common_name_of(leaf)
    if wanted and subject != wanted:
        raise Refusal(401, f"{_INVALID}: invalid subject claim (sub)")
    if wrong:
        raise Refusal(401, f"{_INVALID}: {wrong}")
