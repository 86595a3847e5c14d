"""Before a CA is trusted: fetching its root by fingerprint, and finding out why its certificate was not accepted.

Nothing secret is ever sent from here. What is read without trust is checked by its fingerprint,
shown to a person who compares it, or used for the text of a refusal alone.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from contextlib import closing
from datetime import datetime
from typing import TYPE_CHECKING

from cryptography import x509

from certpush.errors import CertpushError, IssuerRefused, RootMismatch
from certpush.kit.allowance import PinnedContext
from certpush.model import fingerprint, to_pem
from certpush.stepca import wire
from certpush.stepca.address import CaAddress
from certpush.stepca.answers import accepted
from certpush.stepca.client import StepCa
from certpush.stepca.refusal import Asked
from certpush.stepca.skew import refuse_skew
from certpush.stepca.transport import Transport
from certpush.stepca.transport_errors import OutsideValidity, WrongName, naming

if TYPE_CHECKING:
    from certpush.stepca.tokens import Clock


def fetch_root(address: CaAddress, wanted: str, clock: Clock) -> x509.Certificate:
    """Get the root with this fingerprint from a CA that is not trusted yet, as ``step ca bootstrap`` does.

    Raises:
        RootMismatch: the CA has no such root, or sent another.
        IssuerUnreachable: the CA does not answer.

    """
    asked = Asked(f"GET {address}/root/{wanted}")
    with closing(Transport(address, PinnedContext.trusting_nobody())) as transport:
        answer = transport.exchange("GET", f"/root/{wanted}")
    told = wire.read_error(answer.body)
    if answer.status == 404 and (not told or "fingerprint" in told):  # another 404 is none of step-ca's, and explained as such
        raise RootMismatch(f"{address}: this CA has no root with the fingerprint {wanted}", hint=_COMPARE)
    body = accepted(answer, asked, clock()).body
    with naming(answer.request_id):
        root = wire.read_one(wire.decode(body, wire.RootAnswer, asked.what).ca, asked.what)
    if fingerprint(root) != wanted:
        raise RootMismatch(
            f"{address}: sent a root with the fingerprint {fingerprint(root)}, where {wanted} was asked for",
            hint="somebody else answers at this address; nothing secret was sent",
        )
    return root


ON_THE_CA = "step certificate fingerprint $(step path)/certs/root_ca.crt"
IN_DOCKER = "docker exec CONTAINER step certificate fingerprint /home/step/certs/root_ca.crt"
_COMPARE = f"compare it with: {ON_THE_CA}, on the CA; is this the right CA?"


def shown_roots(address: CaAddress, clock: Clock) -> tuple[x509.Certificate, ...]:
    """The roots that whoever answers at this address names as its own: for a person to compare, trusted by nobody yet.

    Raises:
        IssuerUnreachable: nobody answers.
        IssuerRefused: what answers is no step-ca.

    """
    asked = Asked(f"GET {address}/roots")
    with closing(Transport(address, PinnedContext.trusting_nobody())) as transport:
        answer = accepted(transport.exchange("GET", "/roots"), asked, clock())
    with naming(answer.request_id):
        named = wire.decode(answer.body, wire.CertificatesAnswer, asked.what).crts
        if not 0 < len(named) <= _MOST_ROOTS:
            raise IssuerRefused(f"{address}: it names {len(named) or 'no'} roots", hint="is this a step-ca?")
        return tuple(wire.read_one(text, asked.what) for text in named)


_MOST_ROOTS = 20


def root_in_use(address: CaAddress, clock: Clock) -> x509.Certificate:
    """The root that the CA's own certificate leads to, for a person to compare; others may be announced while roots are rotated.

    Raises:
        RootMismatch: it leads to none of the roots that are named.
        TrustError: its certificate is for other names, or out of its time.
        IssuerError: nobody answers, or what answers is no step-ca.

    """
    *others, last = shown_roots(address, clock)
    for root in others:
        with contextlib.suppress(RootMismatch):
            return _seen_with(root, address, clock)
    return _seen_with(last, address, clock)


def _seen_with(root: x509.Certificate, address: CaAddress, clock: Clock) -> x509.Certificate:
    """The root again, once the CA's certificate was seen to lead to it."""
    with closing(StepCa(str(address), (root,), clock=clock)) as ca, explaining_distrust(address, (root,), clock):
        ca.health()
    return root


@contextlib.contextmanager
def explaining_distrust(address: CaAddress, roots: Sequence[x509.Certificate], clock: Clock) -> Iterator[None]:
    """Add to a refusal of the CA's certificate what a second look shows: its names, or the difference of the clocks."""
    try:
        yield
    except WrongName as error:
        names = _names_shown(address, roots)
        if names:
            raise WrongName(f"{address}: the CA's certificate is for {', '.join(names)}, not for {address.host}", hint=error.hint) from None
        raise
    except OutsideValidity:
        shown = _date_shown(address)
        if shown:
            refuse_skew(str(address), shown - clock(), clock())
        raise


def _names_shown(address: CaAddress, roots: Sequence[x509.Certificate]) -> tuple[str, ...]:
    context = PinnedContext.trusting(to_pem(*roots))
    context.check_hostname = False  # it failed already; its names are what we are after
    with closing(Transport(address, context)) as transport, contextlib.suppress(CertpushError):
        transport.exchange("GET", "/health")
    from certpush.stepca.tokens import own_names

    return own_names(context.server_certificate)


def _date_shown(address: CaAddress) -> datetime | None:
    with closing(Transport(address, PinnedContext.trusting_nobody())) as transport, contextlib.suppress(CertpushError):
        return transport.exchange("GET", "/health").date
    return None
