"""Go back, and prove it. Where that fails too, say so loudly: a person is needed."""

from __future__ import annotations

from dataclasses import replace

from certpush.errors import CertpushError, Interrupted, Stranded, VerificationFailed
from certpush.model import After, Deployment, Expected, Outcome, Phase, Served
from certpush.rotation.activate import note
from certpush.rotation.inspect import ask_installed
from certpush.rotation.retry import persistently
from certpush.rotation.rotation import Rotation, as_ours
from certpush.rotation.verify import verify_back

RESCUE_MARGIN = 10.0  # seconds that the device may need after its timer, to reload


_EARLIER = "; before that: "


class AskedToGoBack(Interrupted):
    """Nothing went wrong now: a person wants the certificate from before. ``earlier`` is what went wrong when that was tried before."""

    def __init__(self, message: str, *, earlier: str = "") -> None:
        super().__init__("; ".join(filter(None, (message, earlier))))
        self.earlier = earlier.rpartition(_EARLIER)[2]  # the first of all, however often a person asked


def roll_back(rotation: Rotation, deployment: Deployment, cause: CertpushError) -> tuple[Deployment, tuple[Served, ...]]:
    """Take the way back that the plan named, and see that it was taken.

    Raises:
        Stranded: neither we nor the device's own timer could bring it back.

    """
    rotation.tell("rollback", cause.message, deployment)
    armed = rotation.kind.self_rescue and deployment.phase is not Phase.CONFIRMED  # confirming disarmed it
    deployment = note(rotation, replace(deployment, phase=Phase.ROLLING_BACK, error=cause.message), cause.message)
    try:
        deployment, expected = _go_back(rotation, deployment)
        try:
            served = verify_back(rotation, deployment, expected)
        except VerificationFailed:
            # A run that died may have left a switch on its way, which came to its end only now: go back from that, too.
            if armed or ask_installed(rotation, "rollback").fingerprint != deployment.wanted:
                raise
            deployment, expected = _go_back(rotation, deployment)
            served = verify_back(rotation, deployment, expected)
    except Exception as error:  # noqa: BLE001 - a bug of ours leaves a state that nobody knows: that is Stranded too
        served = _rescued_by_itself(rotation, deployment, cause, as_ours(error), armed=armed)
    done = replace(deployment, phase=Phase.ROLLED_BACK, outcome=Outcome.ROLLED_BACK, finished=rotation.clock())
    return note(rotation, done), served


def _go_back(rotation: Rotation, deployment: Deployment) -> tuple[Deployment, Expected]:
    expected = _ask_to_go_back(rotation, deployment)
    return _with_own_certificate(rotation, deployment, expected), expected


def _ask_to_go_back(rotation: Rotation, deployment: Deployment) -> Expected:
    before = deployment.before
    previous = rotation.escrow.find(before.fingerprint, first=rotation.spec.name) if before.fingerprint else None

    def go_back() -> Expected:
        return rotation.target.rollback(before, deployment.staged, previous)

    return persistently(lambda: rotation.ask("rollback", go_back, Expected), rotation.pause)


def _with_own_certificate(rotation: Rotation, deployment: Deployment, expected: Expected) -> Deployment:
    """Write down which certificate of its own the device went back to: it may be recognised by nothing else from now on."""
    if expected.after is not After.DEVICE_DEFAULT or expected.fingerprint in (None, deployment.before.own):
        return deployment
    return note(rotation, replace(deployment, before=replace(deployment.before, own=expected.fingerprint)))


def _rescued_by_itself(
    rotation: Rotation, deployment: Deployment, cause: CertpushError, error: CertpushError, *, armed: bool
) -> tuple[Served, ...]:
    """Going back failed: see whether it is back all the same; where the device has a timer of its own, wait for it and look."""
    only_its_end_failed = bool(rotation.endpoints) and not isinstance(error, VerificationFailed)
    if (armed or only_its_end_failed) and (served := _back_already(rotation, deployment, error)) is not None:
        return served
    if armed:
        rotation.tell("rescue", "waiting for the device to put the old certificate back by itself", deployment)
        rotation.pause(rotation.rescue_after.total_seconds() + RESCUE_MARGIN)
        try:
            return verify_back(rotation, deployment, Expected.leaf(deployment.before.fingerprint))
        except Exception as still:  # noqa: BLE001 - as above
            error = as_ours(still)
    lost = replace(deployment, phase=Phase.STRANDED, outcome=Outcome.STRANDED, error=_both(cause, error), finished=rotation.clock())
    raise stranded(rotation, note(rotation, lost, error.message), cause, error)


def _back_already(rotation: Rotation, deployment: Deployment, error: CertpushError) -> tuple[Served, ...] | None:
    """What is served, where only the last step of going back failed, such as a reload: the timer would find nothing to do."""
    before = deployment.before.fingerprint
    if error.retryable or before is None:
        return None  # nobody answers, or "nothing" may be what a half-done switch looks like
    try:
        if ask_installed(rotation, "rollback").fingerprint != before:
            return None
        served = verify_back(rotation, deployment, Expected.leaf(before))
        rotation.tell("warning", f"the old certificate is there again, though going back ended with: {error.message}", deployment)
        return served
    except CertpushError:
        return None


def stranded(rotation: Rotation, deployment: Deployment, cause: CertpushError, error: CertpushError) -> Stranded:
    """What a person is told, and what to do."""
    by_hand = f"bring back the certificate on {rotation.name} by hand (way back: {deployment.way_back.text})"
    return Stranded(
        f"STRANDED: {_both(cause, error)}",
        deployment=deployment,
        cause=cause,
        rollback_error=error,
        hint=f"{error.hint or by_hand}; then `certpush resolve {rotation.name}`",
    )


def _both(cause: CertpushError, error: CertpushError) -> str:
    if isinstance(cause, AskedToGoBack):
        return f"going back was asked for, and failed: {error.message}{_EARLIER if cause.earlier else ''}{cause.earlier}"
    return f"{cause.message}; going back failed too: {error.message}"
