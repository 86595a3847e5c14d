"""What one run came to: in a line for people, and for machines."""

from __future__ import annotations

import logging
from datetime import datetime
from typing import Any

from certpush.cli.console import safe
from certpush.cli.exits import LOCKED, OK, code_of, code_of_receipt, worst
from certpush.cli.receipts import left, moment, short
from certpush.errors import BackingOff, CertpushError, LockHeld
from certpush.model import Outcome, Receipt
from certpush.records import record

_log = logging.getLogger("certpush.daemon")


@record(frozen=True, slots=True, kw_only=True)
class Run:
    """One run that ended. ``exit`` is what `certpush renew` would have ended with."""

    began: datetime
    ended: datetime
    exit: int
    targets: int
    rotated: tuple[str, ...]
    failed: tuple[str, ...]
    problem: str = ""
    """Why it failed as a whole; empty where it did not."""

    @property
    def text(self) -> str:
        """In a line."""
        if self.problem:
            return f"run failed: {self.problem}"
        counts = [counted(self.targets, "target"), f"{len(self.rotated)} rotated"]
        names = f" ({', '.join(self.failed[:5])}{' ...' if len(self.failed) > 5 else ''})" if self.failed else ""
        return f"run ended with {self.exit}: {', '.join(counts)}, {len(self.failed)} failed{names}"

    @property
    def level(self) -> int:
        """How loud to say it; that another run was at work is no trouble."""
        return logging.INFO if self.exit in (OK, LOCKED) else logging.WARNING

    @property
    def document(self) -> dict[str, Any]:
        """For machines; docs/output.md explains each field."""
        return {
            "began": moment(self.began),
            "ended": moment(self.ended),
            "exit": self.exit,
            "targets": self.targets,
            "rotated": list(self.rotated),
            "failed": list(self.failed),
            "problem": self.problem,
        }


def counted(number: int, what: str) -> str:
    """``1 target``, ``2 targets``."""
    return f"{number} {what}{'' if number == 1 else 's'}"


def run_of(receipts: list[Receipt], began: datetime, ended: datetime, problem: CertpushError | None = None) -> Run:
    """A run that gave these receipts, and then failed as a whole where there is a problem."""
    whole = [] if problem is None else [code_of(problem)]
    return Run(
        began=began,
        ended=ended,
        exit=worst([*whole, *(code_of_receipt(one) for one in receipts)]),
        targets=len(receipts),
        rotated=tuple(one.target for one in receipts if one.outcome is Outcome.ROTATED),
        failed=tuple(one.target for one in receipts if code_of_receipt(one) != 0),
        problem="" if problem is None else _in_words(problem),
    )


def tell(receipt: Receipt, now: datetime) -> None:
    """One line of the log for a target that changed, or that failed; none for one that rests."""
    if receipt.error is not None:
        _tell_failure(receipt, receipt.error)
    elif receipt.outcome is not Outcome.UNCHANGED:
        _log.info(
            "%s: %s: was %s, is %s, for %s (%s)",
            receipt.target,
            receipt.outcome,
            short(receipt.was),
            short(receipt.now),
            left(receipt.not_after, now),
            safe(receipt.plan.why),
        )


def _tell_failure(receipt: Receipt, error: CertpushError) -> None:
    loud = logging.ERROR if receipt.outcome is Outcome.STRANDED else logging.WARNING
    level = next((level for kind, level in _EXPECTED if isinstance(error, kind)), loud)
    _log.log(level, "%s: %s: %s", receipt.target, receipt.outcome, _in_words(error).removeprefix(f"{receipt.target}: "))


def _in_words(error: CertpushError) -> str:
    return f"{error.message}; {error.hint}" if error.hint else error.message


_EXPECTED: tuple[tuple[type[CertpushError], int], ...] = (
    (LockHeld, logging.INFO),  # another run is at work on it
    (BackingOff, logging.DEBUG),  # it failed before, and that was told then
)
