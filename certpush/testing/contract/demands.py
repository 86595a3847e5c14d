"""How the suite insists."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator, Mapping
from typing import Any, NoReturn

import pytest

from certpush.errors import CertpushError

NOT_CLAIMED = "not claimed: "
NOT_TRIED = "not tried: "


def not_claimed(why: str) -> NoReturn:
    """Pass over an obligation that the kind says it does not take on."""
    pytest.skip(f"{NOT_CLAIMED}{why}")


def not_tried(why: str) -> NoReturn:
    """Pass over an obligation that could not be tried here: nobody knows whether it is kept."""
    pytest.skip(f"{NOT_TRIED}{why}")


def need_secrets(*, known: bool) -> None:
    """Pass over a search for secrets where nobody told which they are; keys were looked for before."""
    if not known:
        not_tried("give TargetCase.secrets: the passwords and tokens in the settings, () where there are none")


@contextlib.contextmanager
def must_raise(wanted: type[CertpushError], complaint: str, *, unless: bool = False) -> Iterator[None]:
    """Insist on this error; ``unless`` lets a success pass too."""
    began = time.monotonic()
    try:
        yield
    except wanted:
        return
    except CertpushError as error:
        pytest.fail(f"{complaint}, not {type(error).__name__}: {error}", pytrace=False)
    if not unless:
        pytest.fail(f"{complaint}; it returned after {time.monotonic() - began:.1f} s as if all were well", pytrace=False)


def what_differs(before: object, after: object) -> str:
    """Name what changed between two snapshots, without quoting contents, which may be keys."""
    if isinstance(before, Mapping) and isinstance(after, Mapping):
        changed = [f"{key} is {_change(key, before, after)}" for key in {**before, **after} if before.get(key) != after.get(key)]
        return "; ".join(sorted(changed)[:10])
    return "compare TargetCase.snapshot() before and after"


def _change(key: object, before: Mapping[Any, object], after: Mapping[Any, object]) -> str:
    if key not in before:
        return "new"
    return "changed" if key in after else "gone"
