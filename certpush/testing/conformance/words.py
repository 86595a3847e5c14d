"""What a test ended with, in words that the author of a plugin understands."""

from __future__ import annotations

import pytest

from certpush.errors import CertpushError
from certpush.testing.conformance.events import Verdict
from certpush.testing.contract.bench import BENCH
from certpush.testing.contract.demands import NOT_CLAIMED, NOT_TRIED
from certpush.testing.leaks import find_leak

_LONGEST = 600


def verdict_of(excinfo: pytest.ExceptionInfo[BaseException]) -> Verdict:
    """A test passes over what is not claimed, and over what cannot be tried, in words of its own."""
    if not excinfo.errisinstance(pytest.skip.Exception):
        return Verdict.FAILED
    return Verdict.NOT_CLAIMED if str(excinfo.value).startswith(NOT_CLAIMED) else Verdict.NOT_TRIED


def words_of(error: BaseException, when: str, item: pytest.Function) -> str:
    """What it says, cut to a length; without it where a secret stands in it."""
    text = _text_of(error)
    bench = item.stash.get(BENCH, None)
    leak = find_leak(text, keys=bench.keys, secrets=bench.secrets) if bench else ""
    if leak:
        return f"{type(error).__name__}, whose text is left out because it shows {leak}"
    around = {"setup": "setting up the case: ", "teardown": "after the test: "}.get(when, "")
    return f"{'' if isinstance(error, pytest.skip.Exception) else around}{text[:_LONGEST]}"


def words_of_collecting(error: BaseException) -> str:
    """What pytest stumbled over, without what it wraps around it."""
    while error.__cause__ is not None:
        error = error.__cause__
    return _text_of(error)[:_LONGEST]


def _text_of(error: BaseException) -> str:
    if isinstance(error, pytest.skip.Exception | pytest.fail.Exception):
        return (error.msg or "").removeprefix(NOT_CLAIMED).removeprefix(NOT_TRIED)
    if isinstance(error, AssertionError):  # pytest adds what was compared, which only the author's own run needs
        return str(error).partition("\nassert ")[0]
    hint = f" ({error.hint})" if isinstance(error, CertpushError) and error.hint else ""
    return f"{type(error).__name__}: {error}{hint}"
