"""What a refusal of the CA is made of; ``refusals`` knows them all."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import timedelta

from certpush.errors import IssuerRefused
from certpush.records import record


class CaRefusal(IssuerRefused):
    """The CA answered no: ``status`` and ``text`` are its own, ``request_id`` finds the reason in its log."""

    def __init__(self, message: str, *, status: int, text: str, request_id: str, hint: str = "", retryable: bool = False) -> None:
        super().__init__(f"{message} (request-id={request_id})", hint=hint, retryable=retryable)
        self.status = status
        self.text = text
        self.request_id = request_id

    @property
    def says_nothing(self) -> bool:
        """Whether it is the one text that step-ca has for every failed authentication."""
        return self.status == 401 and self.text.startswith(GENERIC_401)

    @property
    def already_revoked(self) -> bool:
        """Whether the CA would revoke what is revoked."""
        return "already revoked" in self.text


GENERIC_401 = "The request lacked necessary authorization to be completed. Please see"


@record(frozen=True, slots=True)
class Asked:
    """What was asked for, as far as the explanation of a refusal needs it."""

    what: str
    """The request line: ``POST https://ca.example.com/sign``."""
    lifetime: timedelta | None = None
    provisioner: str = ""

    @property
    def route(self) -> str:
        """The last part of the path: ``sign``, ``renew``."""
        return self.what.rpartition("/")[2]


@record(frozen=True, slots=True)
class Explained:
    """What happened and what to do; ``retryable`` where waiting may help, ``allowed`` where a shorter life would do."""

    what: str
    hint: str
    retryable: bool = False
    allowed: timedelta | None = None


Explain = Callable[[re.Match[str], Asked], Explained | None]


@record(frozen=True, slots=True)
class Rule:
    """How to explain the refusals with this status (0: any) and text, on these routes (none named: on all)."""

    status: int
    text: re.Pattern[str]
    explain: Explain
    routes: tuple[str, ...] = ()
