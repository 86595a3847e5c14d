"""Make a change of the configuration that is lost to nobody: planned on what was seen, made only while that still is so."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Literal

from certpush.kit.ssh.firewall import Changed
from certpush.kit.ssh.session import Steps, Told
from certpush_pfsense.box import Box, Sight
from certpush_pfsense.transaction import Make, Transaction, by_editing, by_php
from certpush_pfsense.troubles import PhpFailed

_log = logging.getLogger(__name__)
_ATTEMPTS = 3

How = Literal["php", "xml"]
Around = Callable[[Steps, Transaction], None]
"""Adds steps to the script of a change, before or after the one that makes it."""


def nothing_else(_steps: Steps, _transaction: Transaction) -> None:
    """No steps around it."""


def commit(box: Box, how: How, make: Make, *, before: Around = nothing_else, after: Around = nothing_else) -> Told | None:
    """Look, plan, and write once; from the beginning where somebody else wrote in between, three times at most.

    ``before`` and ``after`` add steps to the same script; they are done also where there is nothing
    to write. What the script said is returned, None where PHP could not say it and all is as wanted.

    Raises:
        CertpushError: it was not done, or nobody knows.

    """
    for attempt in range(1, _ATTEMPTS + 1):
        sight = box.look(whole=how == "xml")
        transaction = make(sight)
        if how == "xml" and transaction.nothing:
            box.discard_uploads()  # a run that died may have left a whole configuration there
        try:
            return box.perform(_script(how, transaction, sight, before, after))
        except Changed:
            _log.info("%s: somebody else wrote the configuration, attempt %d of %d", box.connection.where, attempt, _ATTEMPTS)
            if attempt == _ATTEMPTS:
                raise
        except PhpFailed as error:
            _settle(box, make, error)
            return None
    raise AssertionError  # the last attempt returned or raised


def _script(how: How, transaction: Transaction, sight: Sight, before: Around, after: Around) -> Steps:
    steps = Steps()
    before(steps, transaction)
    if not transaction.nothing:
        (by_editing if how == "xml" else by_php)(steps, transaction, sight)
    after(steps, transaction)
    return steps


def _settle(box: Box, make: Make, error: PhpFailed) -> None:
    """PHP died, before or after it wrote: what the file says decides."""
    if not make(box.look()).nothing:
        raise error
    _log.warning("%s; its configuration was written all the same", error.message)
