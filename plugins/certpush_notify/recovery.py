"""When all is well again: what failed was tried again, and worked. Pure.

A timer that finds nothing to do shows only that what is served is right: not that a login or
the CA works, over which somebody's ``deploy --force`` failed a minute before.
"""

from __future__ import annotations

import enum

from certpush import Action, Outcome, Receipt


class Proof(enum.IntEnum):
    """What was seen to work; each more than the one before."""

    LOOK = 0
    """What is served is what should be, and nothing is due: all that a timer wants."""
    LOGIN = 1
    """The target was asked, too, what is installed there: each ``deploy`` does."""
    CHANGE = 2
    """A certificate was put there, or back, or a person decided what is to be there."""


_BY_LOOKING = {"renew": Proof.LOOK, "deploy": Proof.LOGIN}
_DOING = (Action.OBTAIN, Action.PUSH, Action.ACTIVATE)


def proof_needed(receipt: Receipt, command: str) -> Proof:
    """What ends the trouble that this receipt tells of."""
    if receipt.outcome is Outcome.STRANDED:
        return Proof.LOOK  # nothing is found well before what was left half-way is settled
    if command == "deploy" and receipt.plan.action in _DOING:
        return Proof.CHANGE
    return _BY_LOOKING.get(command, Proof.CHANGE)


def proof_given(receipt: Receipt, command: str) -> Proof | None:
    """What a receipt without an error shows to work; None where it shows nothing: what is due waits, or nobody looked."""
    if receipt.outcome is not Outcome.UNCHANGED or receipt.deployment is not None:
        return Proof.CHANGE
    return None if receipt.plan.action is Action.WAIT else _BY_LOOKING.get(command)
