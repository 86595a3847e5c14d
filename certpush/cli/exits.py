"""Exit codes: one table from what went wrong to the number that scripts see."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from certpush import errors

if TYPE_CHECKING:  # a mistyped command needs none of it
    from certpush.model import Receipt, Standing

OK, NOT_ROTATED, USAGE, STRANDED, IDENTITY, SAFETY, LOCKED, DANGER = range(8)

MEANINGS: dict[int, str] = {
    OK: "everything asked for is served and confirmed (also: nothing was due)",
    NOT_ROTATED: "not rotated: every endpoint serves what it served before, or the way back that the plan named, and that was seen",
    USAGE: "usage or configuration; nothing was attempted",
    STRANDED: "stranded: a state is unknown or could not be rolled back; a person is needed",
    IDENTITY: "identity refused: SSH host key, TLS pin or CA root does not match; nothing secret was sent",
    SAFETY: "refused by a safety rule: foreign certificate, no way back, clock skew, drift, damaged state",
    LOCKED: "another run holds the lock",
    DANGER: "from `check` alone: a certificate is inside its danger window, or has expired",
}

CODES: tuple[tuple[type[errors.CertpushError], int], ...] = (
    (errors.Stranded, STRANDED),
    (errors.TrustError, IDENTITY),
    (errors.LockHeld, LOCKED),
    (errors.StateError, SAFETY),
    (errors.SafetyRefusal, SAFETY),
    (errors.ConfigError, USAGE),
    (errors.PluginError, USAGE),
    (errors.IssuerError, NOT_ROTATED),
    (errors.RescueFired, NOT_ROTATED),
    (errors.TargetDrifted, SAFETY),
    (errors.TargetError, NOT_ROTATED),
    (errors.VerificationFailed, NOT_ROTATED),
    (errors.Interrupted, NOT_ROTATED),
    (errors.BackingOff, NOT_ROTATED),
    (errors.CertpushError, NOT_ROTATED),
)

# By the words of model.Outcome.
_WITHOUT_ERROR: Mapping[str, int] = {
    "unchanged": OK,
    "rotated": OK,
    "rolled-back": OK,  # on request; a failure always brings its error
    "refused": SAFETY,
    "failed": NOT_ROTATED,
    "stranded": STRANDED,
}
# By the words of model.Standing: what `check` says of one target.
_OF_STANDING: Mapping[str, int] = {
    "stranded": STRANDED,
    "expired": DANGER,
    "untrusted": IDENTITY,
    "danger": DANGER,
    "drifted": SAFETY,
    "foreign": SAFETY,
    "unreachable": NOT_ROTATED,
    "login-refused": NOT_ROTATED,
    "unknown": NOT_ROTATED,
    "due": OK,
    "new": NOT_ROTATED,  # it should have been deployed
    "ok": OK,
}
_WORST_FIRST = (STRANDED, IDENTITY, SAFETY, DANGER, NOT_ROTATED, LOCKED, USAGE, OK)


def code_of(error: errors.CertpushError) -> int:
    """The exit code for an error: the first line of the table that it belongs to."""
    return next(code for kind, code in CODES if isinstance(error, kind))


def code_of_receipt(receipt: Receipt) -> int:
    """The exit code for how one target ended."""
    if receipt.error is None or receipt.outcome == "stranded":
        return _WITHOUT_ERROR[receipt.outcome]
    code = code_of(receipt.error)
    # "Nothing was attempted" would be untrue of what was rolled back.
    return NOT_ROTATED if receipt.outcome == "rolled-back" and code == USAGE else code


def code_of_standing(standing: Standing) -> int:
    """The exit code of `check` for how one target stands."""
    return _OF_STANDING[standing]


def worst(codes: Iterable[int]) -> int:
    """The exit code for several targets."""
    return min(codes, key=_WORST_FIRST.index, default=OK)
