"""A refusal of the CA, in words that say what to do next. The texts are step-ca's (v0.30)."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

from certpush.errors import IssuerRefused


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


GENERIC_401 = "The request lacked necessary authorization to be completed. Please see"


@dataclass(frozen=True, slots=True)
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


@dataclass(frozen=True, slots=True)
class Explained:
    """What happened and what to do; ``retryable`` where waiting may help."""

    what: str
    hint: str
    retryable: bool = False


Explain = Callable[[re.Match[str], Asked], Explained | None]


@dataclass(frozen=True, slots=True)
class Rule:
    """How to explain the refusals with this status (0: any) and text, on these routes (none named: on all)."""

    status: int
    text: re.Pattern[str]
    explain: Explain
    routes: tuple[str, ...] = ()


def explain(status: int, text: str, request_id: str, asked: Asked) -> CaRefusal:
    """Put a refusal into words; one that nobody has seen yet is given as the CA wrote it."""
    from certpush.stepca.refusal_rules import RULES

    for rule in RULES:
        match = rule.text.search(text)
        if match and rule.status in (0, status) and (not rule.routes or asked.route in rule.routes):
            told = rule.explain(match, asked)
            if told:
                return _refusal(told, status, text, request_id, asked)
    return _refusal(_unknown(status, text), status, text, request_id, asked)


def _refusal(told: Explained, status: int, text: str, request_id: str, asked: Asked) -> CaRefusal:
    return CaRefusal(
        f"{asked.what}: {told.what}", status=status, text=text, request_id=request_id, hint=told.hint, retryable=told.retryable
    )


def _unknown(status: int, text: str) -> Explained:
    said = f": {text}" if text else ""
    return Explained(f"the CA answered {status}{said}", "look for the request-id in the CA's log", retryable=status >= 500)
