"""Run scripts of steps on the other machine, and understand what they say."""

from __future__ import annotations

import base64
import logging
import secrets
import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib import resources
from typing import TYPE_CHECKING

from certpush.errors import CertpushError, TargetAuthFailed, TargetError, TargetRefused
from certpush.kit.command import escaped, shown_tail
from certpush.kit.layout import GENERATION_NAMES
from certpush.kit.ssh import SshLogin, connect
from certpush.kit.trouble import Trouble, explain
from certpush_ssh.hands import SLACK, RemoteHands

_log = logging.getLogger(__name__)
_FAILED = 65  # the exit status with which steps.sh says that a step could not be taken
_STEPS = resources.files(__package__).joinpath("steps.sh").read_text(encoding="ascii")

if TYPE_CHECKING:
    from certpush.kit.ssh.connection import Answer, SshConnection


@dataclass(frozen=True, slots=True)
class Told:
    """What a script said, line by line, and what its commands wrote."""

    lines: tuple[str, ...]
    errors: bytes = field(default=b"", repr=False)

    def of(self, word: str) -> list[str]:
        """What follows this word, for every line that begins with it."""
        return [line.removeprefix(word).removeprefix(" ") for line in self.lines if line == word or line.startswith(word + " ")]


class Shell:
    """The machine's shell: one connection, made when it is first needed, and again where it broke."""

    def __init__(self, login: SshLogin, *, sudo: bool, folder: str) -> None:
        self._login = login
        self._sudo = sudo
        self._folder = folder
        self._connection: SshConnection | None = None

    @property
    def connection(self) -> SshConnection:
        """The connection, standing as far as is known."""
        if self._connection is None or not self._connection.alive:
            self.close()
            self._connection = connect(self._login)
        return self._connection

    def close(self) -> None:
        """End the connection; the next use makes a new one."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def perform(self, hands: RemoteHands, *, without_sftp: bool = False) -> Told:
        """Run all steps in one script; files that they need are handed over before.

        With ``without_sftp`` they are sent in the script itself where SFTP does not take them. That is for
        going back only: a sudo that records what it reads (`log_input`) would record the keys in it.

        Raises:
            CertpushError: a step could not be taken, or the machine cannot be reached.

        """
        lines = [*self._handed_over(hands.files, without_sftp=without_sftp), *hands.lines] if hands.files else hands.lines
        tag = f"certpush-{secrets.token_hex(4)}:"
        connection = self.connection
        answer = connection.run(script_of(lines, tag), within=hands.within, sudo=self._sudo)
        return self._understood(answer, tag, hands, connection.where)

    def _handed_over(self, files: Mapping[str, bytes], *, without_sftp: bool) -> list[str]:
        """Hand the files over; the lines of a script that say where they are."""
        try:
            place = self.connection.upload(self._folder, files, within=SLACK)
        except TargetError as error:
            if not without_sftp:
                raise
            _log.warning("%s; what is put back is sent in the script itself", error.message)
            return in_the_script(files)
        return [f"upload={shlex.quote(place)}", "trap 'rm -rf \"$upload\"' EXIT", 'given() { cat "$upload/$1"; }']

    def discard_uploads(self) -> None:
        """Remove files that a run which died had handed over."""
        self.connection.discard(self._folder, within=SLACK)

    def _understood(self, answer: Answer, tag: str, hands: RemoteHands, where: str) -> Told:
        said = answer.output.decode("utf-8", "backslashreplace").splitlines()
        told = Told(tuple(line.removeprefix(tag) for line in said if line.startswith(tag)), answer.errors)
        # The exit status alone is not believed: a shell that was cut off, or is none, may end with 0.
        if answer.status == 0 and told.lines and told.lines[-1] == "done":
            return told
        if answer.status == _FAILED and told.of("fail"):
            raise _failure(told, hands, where)
        raise self._no_shell(answer, where)

    def _no_shell(self, answer: Answer, where: str) -> CertpushError:
        said = shown_tail(answer.errors or answer.output)
        if self._sudo and answer.errors.lstrip().startswith(b"sudo:"):
            return TargetAuthFailed(
                f"{where}: sudo refused: {said}",
                hint=f"allow it there, with visudo: {self._login.user} ALL=(root) NOPASSWD: /bin/sh -s",
            )
        return TargetRefused(
            f"{where}: the shell ended with status {answer.status}" + (f": {said}" if said else ""),
            hint="try `ssh` with the same user: /bin/sh must be there and the login must not be restricted",
        )


def _failure(told: Told, hands: RemoteHands, where: str) -> CertpushError:
    trouble, subject, detail = (escaped(" ".join(told.of(word)[-1:])) for word in ("fail", "subject", "detail"))
    if trouble not in set(Trouble):
        return TargetRefused(f"{where}: a step failed for an unknown reason ({trouble})")
    command = hands.commands.get(Trouble(trouble))
    if command is not None:
        subject, detail = f"{escaped(shlex.join(command))} ({subject})", shown_tail(told.errors)
    error = explain(Trouble(trouble), subject, detail)
    error.message = f"{where}: {error.message}"
    error.args = (error.message,)
    return error


def in_the_script(files: Mapping[str, bytes]) -> list[str]:
    """The lines of a script that hold the files themselves."""
    lines = ["given() {", 'case "$1" in']
    for name, content in files.items():
        lines += [f"{name})", "decode <<'END'", base64.encodebytes(content).decode().rstrip("\n"), "END", ";;"]
    return [*lines, "esac", "}"]


def library() -> str:
    """The steps, defined; nothing is done yet."""
    return f"{_STEPS}\ngeneration_files={shlex.quote(' '.join(GENERATION_NAMES.values()))}"


def script_of(lines: list[str], tag: str) -> str:
    """The whole text that the remote shell reads; the last line sets it going."""
    return "\n".join([library(), f"tag={shlex.quote(tag)}", "main() {", *lines, "say done", "}", "main", ""])
