"""What a timer does to one target, with nobody at hand: settle, look, and rotate only what is due or not served."""

from __future__ import annotations

from certpush.errors import BackingOff, TargetUnreachable
from certpush.model import Action, Outcome, Plan, Receipt, Waiting
from certpush.rotation.glance import glance
from certpush.rotation.inspect import View, look_at
from certpush.rotation.receipts import receipt_for
from certpush.rotation.rotation import Rotation, as_ours
from certpush.rotation.run import close_quietly, look_and_rotate
from certpush.rotation.settle import settle
from certpush.state.setbacks import Setback

_CLOCK = "%Y-%m-%d %H:%M:%S"


def renew(rotation: Rotation) -> Receipt:
    """Bring what was left to its end, and do what is due, unless it failed lately. Raises nothing but an interruption."""
    try:
        seen = glance(rotation.name, rotation.spec, rotation.endpoints, rotation, window=rotation.window, anchors=rotation.anchors)
        if seen.receipt is not None:
            return seen.receipt
        with rotation.locks.hold(rotation.name):
            settle(rotation)
            setback = rotation.journal.setbacks.of(rotation.name)
            if setback is not None and setback.holds(rotation.clock()) and not rotation.at_once:
                return _not_yet(rotation, setback, seen.why)
            return look_and_rotate(rotation, hold_back=_nobody_answers)
    except Exception as error:  # noqa: BLE001 - as in rotate: a bug ends in a receipt too
        return receipt_for(rotation.name, as_ours(error))
    finally:
        close_quietly(rotation)


def too_early(name: str, setback: Setback) -> BackingOff:
    """The error for a target that waits after failures."""
    often = Waiting(setback.tries, setback.until, setback.error).often
    until = f"{setback.until.astimezone():{_CLOCK}}"  # for a person, in the time of the clock on the wall
    return BackingOff(
        f"{name}: it failed {often}, and is not tried again before {until}; the last time: {setback.error}",
        hint=f"`certpush renew {name.partition('/')[0]}` tries at once, once the cause is mended",
        retryable=True,
    )


def _not_yet(rotation: Rotation, setback: Setback, why: str) -> Receipt:
    """Without a login: only looked at from outside, for who wants to know how long what is served lives."""
    current = rotation.escrow.current(rotation.spec.name)
    served, _ = look_at(rotation.endpoints, current.roots if current else (), rotation)
    first = min(served.values(), key=lambda one: one.not_after, default=None)
    return Receipt(
        rotation.name,
        Outcome.FAILED,
        Plan(Action.NOTHING, why),
        was=first.fingerprint if first else None,
        now=first.fingerprint if first else None,
        not_after=first.not_after if first else None,
        served=tuple(served.values()),
        seen=bool(rotation.endpoints),
        error=too_early(rotation.name, setback),
    )


def _nobody_answers(view: View, plan: Plan) -> TargetUnreachable | None:
    """What is installed is right, and only silence is in the way: switching again would help nobody, and could not be seen."""
    wrong = any(one.fingerprint != view.installed.fingerprint or not one.chain_ok for one in view.served.values())
    if plan.action is not Action.ACTIVATE or wrong or not view.silent:
        return None
    return TargetUnreachable(
        f"what should be served is installed, but {'; '.join(view.silent.values())}",
        hint="see whether the service runs there, and start it; the certificate need not be put there again",
    )
