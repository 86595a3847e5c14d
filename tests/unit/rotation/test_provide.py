"""Another run may touch the certificate's folder while we wait for our turn."""

from __future__ import annotations

from contextlib import nullcontext
from types import SimpleNamespace
from typing import Any, cast

import pytest

from certpush.model import Action
from certpush.rotation.provide import provide


class GoesOn(Exception):
    """It is about to ask the CA."""


def rotation_between(*, before: object, after: object) -> Any:
    """A rotation during whose wait the newest generation changed its name, from ``before`` to ``after``."""
    names, bundles = iter(("20260101", "20260102")), iter((before, after))

    def prove() -> None:
        raise GoesOn

    escrow = SimpleNamespace(newest=lambda _: next(names), current=lambda _: next(bundles), prove=prove)
    locks = SimpleNamespace(hold=lambda _, **__: nullcontext())
    return SimpleNamespace(escrow=escrow, locks=locks, spec=SimpleNamespace(name="wiki"), stop_here_if_asked=lambda: None)


PLAN = cast("Any", SimpleNamespace(action=Action.OBTAIN))
HELD, OTHER = SimpleNamespace(fingerprint="a" * 64), SimpleNamespace(fingerprint="b" * 64)


@pytest.mark.parametrize("after", [HELD, None], ids=["the same, put down again", "gone"])
def test_what_is_no_newer_certificate_is_not_taken_for_one(after):
    with pytest.raises(GoesOn):
        provide(rotation_between(before=HELD, after=after), PLAN)


@pytest.mark.parametrize("before", [HELD, None], ids=["another before", "none before"])
def test_what_another_target_obtained_meanwhile_is_taken(before):
    assert provide(rotation_between(before=before, after=OTHER), PLAN).bundle is cast("Any", OTHER)
