"""The judgement: fresh handshakes, several in a row, until a deadline. Success is what they show."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

from cryptography import x509

from certpush.errors import CertpushError, TargetUnreachable, VerificationFailed
from certpush.model import After, CertificateBundle, Deployment, Endpoint, Expected, Phase, Served
from certpush.records import record
from certpush.rotation.activate import note
from certpush.rotation.inspect import address, ask_installed
from certpush.rotation.rotation import Rotation

Roots = tuple[x509.Certificate, ...]
Accept = Callable[[Served], str]
"""Says what is wrong with what is served; an empty text means that it is right."""


_STILL_NEW = "still serves the new certificate"


class _TimeLeft:
    """The time that is left for seeing what should be seen, at all endpoints together.

    Both the pauses that were asked for and the time that really passed count, whichever is
    longer: an endpoint that swallows connections makes each look take seconds.
    """

    def __init__(self, rotation: Rotation, length: timedelta) -> None:
        self._rotation = rotation
        self._length = length.total_seconds()
        self._begun = rotation.monotonic()
        self._asked = 0.0

    @property
    def passed(self) -> float:
        """Seconds since the first look."""
        return max(self._asked, self._rotation.monotonic() - self._begun)

    @property
    def over(self) -> bool:
        """Whether nothing is left of it."""
        return self.passed >= self._length

    def pause(self) -> None:
        """Wait until the next look."""
        self._rotation.pause(self._rotation.patience.interval)
        self._asked += self._rotation.patience.interval


@record(frozen=True)
class _Wanted:
    """What must be seen at an endpoint: what is accepted, the roots it is verified with, how often in a row, and over what time."""

    wrong: Accept
    roots: Roots
    matches: int
    steady: float = 0.0
    may_be_silent: bool = False


def verify(
    rotation: Rotation, deployment: Deployment, bundle: CertificateBundle, *, share: float = 1.0
) -> tuple[Deployment, tuple[Served, ...]]:
    """Prove that the new certificate is served everywhere, with its chain; again after the kind's settle time.

    Raises:
        VerificationFailed: it is not, and the deadline, or this share of it, has passed.

    """
    rotation.tell("verify", deployment=deployment)
    wanted = _Wanted(_unlike(bundle), bundle.roots, rotation.patience.matches, rotation.kind.steady.total_seconds())
    served = _see_everywhere(rotation, wanted, share)
    if rotation.kind.settle:
        rotation.tell("settle", deployment=deployment)
        rotation.pause(rotation.kind.settle.total_seconds())
        served = _see_everywhere(rotation, replace(wanted, matches=1, steady=0.0))
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
    time_left = _TimeLeft(rotation, rotation.kind.deadline)
    served = tuple(
        found
        for endpoint in rotation.endpoints
        if (found := _see(rotation, endpoint, _wanted_back(rotation, deployment, expected, endpoint), time_left))
    )
    if not all(address(endpoint) in deployment.served_before for endpoint in rotation.endpoints) or not rotation.endpoints:
        unknown = expected.after is After.DEVICE_DEFAULT and expected.fingerprint is None
        _see_installed(rotation, expected.fingerprint, not_fingerprint=deployment.wanted, any_else=unknown)
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


def _wanted_back(rotation: Rotation, deployment: Deployment, expected: Expected, endpoint: Endpoint) -> _Wanted:
    gone = expected.after is After.NOTHING and deployment.before.fingerprint is not None  # the fallback was to serve none at all
    if address(endpoint) in deployment.served_before and not gone:
        steady = rotation.kind.steady.total_seconds()
        return _Wanted(_unlike_before(deployment, expected, endpoint), (), rotation.patience.matches, steady)
    return _Wanted(_unlike_new(deployment, expected), (), 1, may_be_silent=True)


def _unlike_new(deployment: Deployment, expected: Expected) -> Accept:
    unwanted = deployment.wanted if deployment.wanted != expected.fingerprint else None  # the same one was to be put in place again
    return lambda served: _STILL_NEW if served.fingerprint == unwanted else ""


def _unlike_before(deployment: Deployment, expected: Expected, endpoint: Endpoint) -> Accept:
    own = expected.after is After.DEVICE_DEFAULT
    # Where the device's own was there before, it may be that one still, although the device has made itself another.
    before = deployment.served_before[address(endpoint)] if not own or deployment.before.device_default else None
    allowed = {expected.fingerprint, before} - {None}
    which = "its own" if own else "the old"

    def wrong(served: Served) -> str:
        if served.fingerprint == deployment.wanted and deployment.wanted not in allowed:
            return _STILL_NEW
        if expected.after is not After.NOTHING and allowed and served.fingerprint not in allowed:
            return f"serves neither {which} nor the new certificate (sha256 {served.fingerprint[:16]})"
        return ""

    return wrong


def _see_everywhere(rotation: Rotation, wanted: _Wanted, share: float = 1.0) -> tuple[Served, ...]:
    time_left = _TimeLeft(rotation, _deadline(rotation) * share)
    return tuple(found for endpoint in rotation.endpoints if (found := _see(rotation, endpoint, wanted, time_left)))


def _see(rotation: Rotation, endpoint: Endpoint, wanted: _Wanted, time_left: _TimeLeft) -> Served | None:
    """Look until ``matches`` looks in a row are right, over the time wanted; each is a connection of its own. None: silent, and may be.

    A look that is right is followed to the end of its row even when the time is over: the
    next endpoint of a slow one must not fail for want of time alone.
    """
    in_a_row, since = 0, 0.0
    while True:
        now = time_left.passed
        served, problem = _one_look(rotation, endpoint, wanted)
        in_a_row, since = (0, now) if problem else (in_a_row + 1, since if in_a_row else now)
        if in_a_row >= wanted.matches and now - since >= wanted.steady:
            return served
        if problem and time_left.over:
            raise VerificationFailed(
                f"{endpoint}: {problem}",
                endpoint=endpoint,
                served=served,
                hint="look at the service's own log; `certpush inspect` shows what an endpoint serves",
            )
        time_left.pause()


def _one_look(rotation: Rotation, endpoint: Endpoint, wanted: _Wanted) -> tuple[Served | None, str]:
    try:
        served = rotation.look(endpoint, wanted.roots, rotation.clock())
    except TargetUnreachable as error:
        return None, "" if wanted.may_be_silent else error.message.removeprefix(f"{endpoint}: ")
    return served, wanted.wrong(served)


def _deadline(rotation: Rotation) -> timedelta:
    """The kind's deadline. Two of them and the settle time between fit in half of the device's own timer: we judge before it does."""
    if rotation.kind.self_rescue:
        fitting = (rotation.rescue_after / 2 - rotation.kind.settle) / 2
        return min(rotation.kind.deadline, max(fitting, timedelta(0)))
    return rotation.kind.deadline


def _see_installed(rotation: Rotation, fingerprint: str | None, *, not_fingerprint: str | None = None, any_else: bool = False) -> None:
    found = ask_installed(rotation, "verify").fingerprint
    right = found != not_fingerprint if any_else else found == fingerprint
    if not right:
        shown = f"sha256 {found[:16]}" if found else "no certificate"
        raise VerificationFailed(f"{rotation.name}: {shown} is installed, which is not what should be there")
