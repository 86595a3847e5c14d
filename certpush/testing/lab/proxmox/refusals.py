"""What a call is refused with: a status, a message that becomes the status line's reason, and errors by parameter."""

from __future__ import annotations

from collections.abc import Mapping


class Refused(Exception):
    """An answer that is no success, in the product's words."""

    def __init__(self, status: int, message: str, errors: Mapping[str, str] | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.errors = errors


def died(message: str) -> Refused:
    """What Perl's ``die`` in a call ends as."""
    return Refused(500, f"{message}\n")


def bad_parameters(errors: Mapping[str, str]) -> Refused:
    """What parameters are refused with, each with its own reason."""
    return Refused(400, "Parameter verification failed.\n", errors)


def not_permitted(what: str) -> Refused:
    """What a call is refused with for lack of a right."""
    return Refused(403, f"Permission check failed ({what})\n")
