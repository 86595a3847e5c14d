"""POST /revoke: keeps a certificate from being renewed."""

from __future__ import annotations

from cryptography import x509

from certpush.testing.authority.body import Body
from certpush.testing.authority.go_text import go_quoted, parse_go_integer
from certpush.testing.authority.refusals import bad_request, forbidden, generic
from certpush.testing.authority.state import CaState
from certpush.testing.authority.tokens import admit

_LAST_REASON = 10  # RFC 5280 5.3.1


def revoke(state: CaState, peer: x509.Certificate | None, raw: bytes) -> None:
    """Answer a revocation, by token or by the very certificate; serials that nobody knows are taken, too.

    Raises:
        Refusal: with the status and text of step-ca.

    """
    body = Body(raw)
    token = body.text("ott")
    body.text("reason")
    serial = _serial(body)
    if token:
        _check_token(state, token, serial)
    else:
        _check_peer(peer, serial)
    if not state.database:
        raise generic(501, "no persistence layer configured")
    if not state.revoke(serial):
        raise bad_request(f"certificate with serial number '{serial}' is already revoked")


def _serial(body: Body) -> int:
    text, code, passive = body.text("serial"), body.number("reasonCode"), body.switch("passive")
    if not text:
        raise bad_request("missing serial")
    try:
        serial = parse_go_integer(text)
    except ValueError as error:
        raise bad_request(
            f"'{text}' is not a valid serial number - use a base 10 representation or a base 16 representation with '0x' prefix",
        ) from error
    if not 0 <= code <= _LAST_REASON:
        raise bad_request("reasonCode out of bounds")
    if not passive:
        raise generic(501, "non-passive revocation not implemented")
    return serial


def _check_token(state: CaState, token: str, serial: int) -> None:
    subject = admit(state, token, "revoke").subject
    if subject != str(serial):
        raise forbidden(f"request serial number {go_quoted(str(serial))} and token subject {go_quoted(subject)} do not match")


def _check_peer(peer: x509.Certificate | None, serial: int) -> None:
    if peer is None:
        raise bad_request("missing ott or client certificate")
    if peer.serial_number != serial:
        asked, own = go_quoted(str(serial)), go_quoted(str(peer.serial_number))
        raise forbidden(f"request serial number {asked} and certificate serial number {own} do not match")
