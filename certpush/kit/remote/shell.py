"""Run scripts of steps on the other machine, and understand what they say."""

from __future__ import annotations

import shlex
from importlib import resources
from typing import TYPE_CHECKING

from certpush.errors import CertpushError, TargetRefused
from certpush.kit.command import escaped, shown_tail
from certpush.kit.layout import GENERATION_NAMES
from certpush.kit.remote.hands import RemoteHands
from certpush.kit.ssh import SshSettings, connect, session
from certpush.kit.ssh.session import Session, Told
from certpush.kit.trouble import Trouble, explain

_STEPS = session.STEPS + resources.files(__package__).joinpath("steps.sh").read_text(encoding="ascii")

if TYPE_CHECKING:
    from certpush.kit.ssh.connection import SshConnection


class Shell:
    """The machine's shell, for the steps of this kind."""

    def __init__(self, login: SshSettings, *, sudo: bool, folder: str) -> None:
        self._session = Session(lambda: connect(login), user=login.user, sudo=sudo, folder=folder, inline=True)

    @property
    def connection(self) -> SshConnection:
        """The connection, standing as far as is known."""
        return self._session.connection

    def close(self) -> None:
        """End the connection; the next use makes a new one."""
        self._session.close()

    def perform(self, hands: RemoteHands, *, without_sftp: bool = False) -> Told:
        """Run all steps in one script; see ``Session.perform``.

        Raises:
            CertpushError: a step could not be taken, or the machine cannot be reached.

        """

        def failure(told: Told, where: str) -> CertpushError:
            return _failure(told, hands, where)

        return self._session.perform(hands, script_of, failure, without_sftp=without_sftp)

    def discard_uploads(self) -> None:
        """Remove files that a run which died had handed over."""
        self._session.discard_uploads()


def _failure(told: Told, hands: RemoteHands, where: str) -> CertpushError:
    trouble, subject, detail = (escaped(" ".join(told.of(word)[-1:])) for word in ("fail", "subject", "detail"))
    if trouble not in set(Trouble):
        return TargetRefused(f"{where}: a step failed for an unknown reason ({trouble})")
    if Trouble(trouble) in (Trouble.CHECK, Trouble.RELOAD):
        order = hands.orders[int(subject)]
        subject, detail = f"{escaped(order.in_words)} ({detail})", shown_tail(told.errors)
    error = explain(Trouble(trouble), subject, detail)
    error.message = f"{where}: {error.message}"
    error.args = (error.message,)
    return error


def library() -> str:
    """The steps, defined; nothing is done yet."""
    return f"{_STEPS}\ngeneration_files={shlex.quote(' '.join(GENERATION_NAMES.values()))}"


def script_of(lines: list[str], tag: str) -> str:
    """The whole text that the remote shell reads; the last line sets it going."""
    return session.script_of(library(), lines, tag)
