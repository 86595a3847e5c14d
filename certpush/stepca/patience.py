"""Trying again: never with the same token, never more than three times, never longer than the operation's deadline."""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import TypeVar

from certpush.errors import IssuerUnreachable
from certpush.kit.allowance import current
from certpush.kit.settings import format_duration
from certpush.stepca.transport_errors import AnswerLost

_log = logging.getLogger(__name__)
T = TypeVar("T")
MOST_TRIES = 3
_SHORTEST, _LONGEST = timedelta(seconds=1), timedelta(hours=1)


class CaBusy(IssuerUnreachable):
    """The CA, or a proxy before it, answered 429, 502, 503 or 504; ``wait`` is what it asked us to wait."""

    def __init__(self, message: str, *, wait: timedelta, hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.wait = wait


def wait_asked(retry_after: str, now: datetime) -> timedelta:
    """Read a Retry-After header, in seconds or as a date; held between one second and one hour, one second for nonsense."""
    try:
        asked = timedelta(seconds=int(retry_after)) if retry_after.strip().isdecimal() else _until(retry_after, now)
    except (ValueError, OverflowError):
        return _SHORTEST
    return min(max(asked, _SHORTEST), _LONGEST)


def _until(date: str, now: datetime) -> timedelta:
    moment = parsedate_to_datetime(date)
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)) - now


def persistently(attempt: Callable[[], T], sleep: Callable[[float], None], *, lost: Callable[[AnswerLost], object] = lambda _: None) -> T:
    """Do ``attempt``, which must make everything anew that may be used once only; again when the CA is busy or an answer was lost.

    ``lost`` hears of each answer that was, and that was asked for again.

    Raises:
        IssuerUnreachable: the last try failed too, or the CA asks for a longer wait than the deadline leaves.

    """
    for _ in range(MOST_TRIES - 1):
        try:
            return attempt()
        except AnswerLost as error:
            if _is_over():
                raise
            _log.warning("%s; trying again from the start", error)
            lost(error)
        except CaBusy as error:
            _wait(error, sleep)
    return attempt()


def _is_over() -> bool:
    """Whether the time is used up, and another try would only say that nobody answers."""
    try:
        current().seconds()
    except TimeoutError:
        return True
    return False


def _wait(busy: CaBusy, sleep: Callable[[float], None]) -> None:
    try:
        left = current().seconds()
    except TimeoutError:
        raise busy from None
    if busy.wait.total_seconds() >= left:
        asked = format_duration(busy.wait)
        raise CaBusy(f"{busy.message}; it asks to wait {asked}", wait=busy.wait, hint=f"try again in {asked}") from None
    sleep(busy.wait.total_seconds())
