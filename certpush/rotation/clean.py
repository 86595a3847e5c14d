"""Leave a target as it was before certpush came: its own certificate again, and nothing of ours left on it."""

from __future__ import annotations

from dataclasses import replace

from certpush.errors import CertpushError, NoWayBack, Stranded
from certpush.model import Action, Deployment, Phase, Plan, Receipt, WayBackKind
from certpush.rotation.activate import note
from certpush.rotation.inspect import ask_installed, inspect
from certpush.rotation.receipts import as_it_is, receipt_for, went_back
from certpush.rotation.retrace import nothing_happened
from certpush.rotation.rollback import AskedToGoBack, roll_back
from certpush.rotation.rotation import Rotation, as_ours
from certpush.rotation.run import close_quietly

_WHY = "asked to leave nothing behind"


def clean(rotation: Rotation) -> Receipt:
    """Go back to what was there first, see it, and remove what certpush left; the lock is held, and nothing is unsettled.

    Where another certificate is there by now, only leftovers are removed.
    """
    try:
        ours = _deployed(rotation)
        receipt = _back_to_the_first(rotation, ours) if ours else _left_alone(rotation)
        if receipt.error is None:
            with rotation.calling("tidy"):
                rotation.target.tidy(frozenset())
        return receipt
    except Exception as error:  # noqa: BLE001 - as in rotate: a bug ends in a receipt too
        return receipt_for(rotation.name, as_ours(error))
    finally:
        close_quietly(rotation)


def _deployed(rotation: Rotation) -> Deployment | None:
    """The deployment of what is installed now; None where that is not ours, or is there no more."""
    installed = ask_installed(rotation).fingerprint
    every = (one for one in rotation.journal.history(rotation.name, limit=10_000) if one.target == rotation.name)
    return next((one for one in every if one.phase is Phase.CONFIRMED and one.wanted == installed), None)


def _left_alone(rotation: Rotation) -> Receipt:
    return as_it_is(rotation, Plan(Action.NOTHING, "what is there is not ours; leftovers were removed"), inspect(rotation))


def _back_to_the_first(rotation: Rotation, last: Deployment) -> Receipt:
    first = rotation.journal.first(rotation.name) or last
    if first.way_back.kind is WayBackKind.NONE:
        return receipt_for(rotation.name, _no_way(rotation, first.way_back.text))
    goal = replace(last, before=first.before, served_before=first.served_before, way_back=first.way_back)
    try:
        done, served = roll_back(rotation, goal, AskedToGoBack(_WHY))
    except Stranded as stranded:
        if nothing_happened(rotation, last):
            note(rotation, last, "still served: going back did not begin")
            return receipt_for(rotation.name, _no_way(rotation, as_ours(stranded.rollback_error).message))
        return receipt_for(rotation.name, stranded)
    return went_back(rotation, Plan(Action.PUSH, _WHY, way_back=first.way_back), done, served)


def _no_way(rotation: Rotation, why: str) -> CertpushError:
    whole = rotation.name.partition("/")[0]
    return NoWayBack(
        f"{rotation.name}: what was there before certpush cannot be brought back: {why}",
        hint=f"install yours by hand, and run this again; or `certpush forget {whole}` without --clean, which leaves everything as it is",
    )
