"""The judgement: fresh handshakes, several in a row, until a deadline. Success is what they show."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

from cryptography import x509

from certpush.errors import CertpushError, TargetUnreachable, VerificationFailed
from certpush.model import After, CertificateBundle, Deployment, Endpoint, Expected, Phase, Served
from certpush.rotation.activate import note
from certpush.rotation.retry import persistently
from certpush.rotation.rotation import Rotation

Accept = Callable[[Served], str]
"""Says what is wrong with what is served; an empty text means that it is right."""


def verify(rotation: Rotation, deployment: Deployment, bundle: CertificateBundle) -> tuple[Deployment, tuple[Served, ...]]:
    """Prove that the new certificate is served everywhere, with its chain; again after the kind's settle time.

    Raises:
        VerificationFailed: it is not, and the deadline has passed.

    """
    rotation.tell("verify", deployment=deployment)
    wrong = _unlike(bundle)
    served = _see_everywhere(rotation, wrong, bundle.roots)
    if rotation.kind.settle:
        rotation.tell("settle", deployment=deployment)
        rotation.pause(rotation.kind.settle.total_seconds())
        served = _see_everywhere(rotation, wrong, bundle.roots, matches=1)
    if not rotation.endpoints:
        _see_installed(rotation, bundle.fingerprint)
    return note(rotation, replace(deployment, phase=Phase.VERIFIED)), served


def verify_back(rotation: Rotation, deployment: Deployment, expected: Expected) -> tuple[Served, ...]:
    """Prove that the way back was taken: the old certificate (or what the plan named) is served again.

    Where an endpoint was silent before, it may be so again; then the target's own account counts.

    Raises:
        VerificationFailed: it is not.

    """
    rotation.tell("verify", "the way back", deployment)
    silent_before = [one for one in rotation.endpoints if str(one) not in deployment.served_before]
    served = tuple(
        _see(rotation, endpoint, _unlike_before(deployment, expected, endpoint), (), rotation.patience.matches)
        for endpoint in rotation.endpoints
        if endpoint not in silent_before
    )
    for endpoint in silent_before:
        _not_ours(rotation, endpoint, deployment.wanted)
    if silent_before or not rotation.endpoints:
        _see_installed(rotation, expected.fingerprint, not_fingerprint=deployment.wanted, any_else=expected.after is After.DEVICE_DEFAULT)
    return served


def is_served(rotation: Rotation, bundle: CertificateBundle) -> bool:
    """One look at everything: whether this certificate is served, or installed where nothing serves it."""
    wrong = _unlike(bundle)
    try:
        if not rotation.endpoints:
            _see_installed(rotation, bundle.fingerprint)
        return not any(wrong(rotation.look(endpoint, bundle.roots, rotation.clock())) for endpoint in rotation.endpoints)
    except CertpushError:
        return False


def _unlike(bundle: CertificateBundle) -> Accept:
    def wrong(served: Served) -> str:
        if served.fingerprint != bundle.fingerprint:
            return f"serves another certificate ({served.subject or 'no subject'}, sha256 {served.fingerprint[:16]})"
        return "" if served.chain_ok else f"serves the new certificate, but {served.problem}"

    return wrong


def _unlike_before(deployment: Deployment, expected: Expected, endpoint: Endpoint) -> Accept:
    allowed = {deployment.served_before.get(str(endpoint)), expected.fingerprint} - {None}

    def wrong(served: Served) -> str:
        if served.fingerprint == deployment.wanted and deployment.wanted not in allowed:
            return "still serves the new certificate"
        if expected.after is After.LEAF and served.fingerprint not in allowed:
            return f"serves neither the old nor the new certificate (sha256 {served.fingerprint[:16]})"
        return ""

    return wrong


def _see_everywhere(
    rotation: Rotation, wrong: Accept, roots: tuple[x509.Certificate, ...], matches: int | None = None
) -> tuple[Served, ...]:
    count = rotation.patience.matches if matches is None else matches
    return tuple(_see(rotation, endpoint, wrong, roots, count) for endpoint in rotation.endpoints)


def _see(rotation: Rotation, endpoint: Endpoint, wrong: Accept, roots: tuple[x509.Certificate, ...], matches: int) -> Served:
    """Look until ``matches`` looks in a row are right; each is a connection of its own."""
    waited, deadline, in_a_row = 0.0, _deadline(rotation).total_seconds(), 0
    while True:
        served, problem = _one_look(rotation, endpoint, wrong, roots)
        in_a_row = 0 if problem or served is None else in_a_row + 1
        if served is not None and in_a_row >= matches:
            return served
        if waited >= deadline:
            raise VerificationFailed(
                f"{endpoint}: {problem or 'not steady'}",
                endpoint=endpoint,
                served=served,
                hint="look at the service's own log; `certpush inspect` shows what an endpoint serves",
            )
        rotation.pause(rotation.patience.interval)
        waited += rotation.patience.interval


def _one_look(rotation: Rotation, endpoint: Endpoint, wrong: Accept, roots: tuple[x509.Certificate, ...]) -> tuple[Served | None, str]:
    try:
        served = rotation.look(endpoint, roots, rotation.clock())
    except TargetUnreachable as error:
        return None, error.message.removeprefix(f"{endpoint}: ")
    return served, wrong(served)


def _deadline(rotation: Rotation) -> timedelta:
    """The kind's deadline; below the device's own timer, so that we judge before it does."""
    if rotation.kind.self_rescue:
        return min(rotation.kind.deadline, rotation.rescue_after / 2)
    return rotation.kind.deadline


def _not_ours(rotation: Rotation, endpoint: Endpoint, wanted: str) -> None:
    served, _ = _one_look(rotation, endpoint, lambda _: "", ())
    if served is not None and served.fingerprint == wanted:
        raise VerificationFailed(f"{endpoint}: still serves the new certificate", endpoint=endpoint, served=served)


def _see_installed(rotation: Rotation, fingerprint: str | None, *, not_fingerprint: str | None = None, any_else: bool = False) -> None:
    def ask() -> str | None:
        with rotation.calling("verify"):
            return rotation.target.inspect().fingerprint

    found = persistently(ask, rotation.pause)
    right = found != not_fingerprint if any_else else found == fingerprint
    if not right:
        shown = f"sha256 {found[:16]}" if found else "no certificate"
        raise VerificationFailed(f"{rotation.name}: {shown} is installed, which is not what should be there")
