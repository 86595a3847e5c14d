"""Logging in with a password, with a second factor where there is one, and renewing a ticket by itself."""

from __future__ import annotations

import hmac
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from certpush.model import JsonValue
from certpush.testing.lab.proxmox.accounts import Accounts, User
from certpush.testing.lab.proxmox.parameters import Parameters, text
from certpush.testing.lab.proxmox.refusals import Refused
from certpush.testing.lab.proxmox.tickets import Tickets


@dataclass
class Logins:
    """Gives tickets to those who prove who they are."""

    accounts: Accounts
    tickets: Tickets

    def prove(self, given: Parameters, now: datetime) -> tuple[str, bool]:
        """Tell who logs in, and whether that is all; False where a second factor is still to come.

        Raises:
            Refused: 401, whatever the reason is.

        """
        realm = text(given, "realm")
        name = f"{text(given, 'username')}@{realm}" if realm else text(given, "username") or ""
        user = self.accounts.users.get(name)
        if not user or not user.enabled:
            raise _failed()
        return name, self._proves(name, user, given, now)

    def log_in(self, given: Parameters, now: datetime, extra: Callable[[str], dict[str, JsonValue]]) -> dict[str, JsonValue]:
        """The answer to a login: a ticket and what the product tells beside it, or a challenge.

        Raises:
            Refused: 401, whatever the reason is.

        """
        name, done = self.prove(given, now)
        told: dict[str, JsonValue] = {
            "ticket": self.tickets.issue(name, now) if done else self.tickets.challenge(name, now),
            "username": name,
            "CSRFPreventionToken": self.tickets.csrf_token(name, now),
        }
        return told | (extra(name) if done else {"NeedTFA": 1})

    def _proves(self, name: str, user: User, given: Parameters, now: datetime) -> bool:
        """Whether the user has proved all; False where the second factor is missing."""
        password, challenge, otp = text(given, "password") or "", text(given, "tfa-challenge"), text(given, "otp")
        if challenge is not None:
            if otp is not None or not self.tickets.is_challenge(challenge, name, now):
                raise _failed()
            return self._answers(name, user, password, now)
        if self.tickets.user_of(password, now) == name:
            return True
        if not hmac.compare_digest(user.password.encode(), password.encode()):
            raise _failed()
        if otp is not None:
            return self._answers(name, user, otp, now)
        return user.totp_secret is None

    def _answers(self, name: str, user: User, response: str, now: datetime) -> bool:
        """Refuse all but a right code that says of what kind it is: ``totp:123456``."""
        kind, _, code = response.partition(":")
        if kind != "totp" or user.totp_secret is None or not self.tickets.takes_code(name, user.totp_secret, code, now):
            raise _failed()
        return True


def _failed() -> Refused:
    return Refused(401, "authentication failure\n")
