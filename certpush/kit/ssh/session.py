"""Run scripts of steps on another machine, and understand what they say.

A script is one text of POSIX sh: a library of steps, the lines that call them, and a last line
that sets it going. What it has to tell are lines behind a tag that is made for this one run.
"""

from __future__ import annotations

import base64
import logging
import secrets
import shlex
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from importlib import resources
from typing import TYPE_CHECKING, Protocol

from certpush.errors import CertpushError, TargetAuthFailed, TargetError, TargetRefused
from certpush.kit.command import OUTPUT_LIMIT, shown_tail
from certpush.records import record

if TYPE_CHECKING:
    from certpush.kit.ssh.connection import Answer, SshConnection

_log = logging.getLogger(__name__)
_FAILED = 65  # the exit status with which `fail` of steps.sh says that a step could not be taken
STEPS = resources.files(__package__).joinpath("steps.sh").read_text(encoding="ascii")
"""The shell functions that every kind brings along: telling, failing, tools, and the machine's own way back."""
SLACK = timedelta(seconds=30)
"""For everything in a script but the commands of the configuration."""
TO_THE_LOG = 'say() { logger -t certpush -- "$*" 2>/dev/null || :; }\n'
"""Shell: what runs alone tells the system's log, because nobody else listens."""


class Script(Protocol):
    """What is to be run: lines that call steps, files that they take by ``given NAME``, and the time for it."""

    lines: list[str]
    files: dict[str, bytes]
    within: timedelta


@dataclass(slots=True)
class Steps:
    """A script in the making; nothing happens before ``Session.perform`` runs it."""

    lines: list[str] = field(default_factory=list)
    files: dict[str, bytes] = field(default_factory=dict, repr=False)
    within: timedelta = SLACK

    def step(self, verb: str, *arguments: str) -> None:
        """Add a call of a step."""
        self.lines.append(shlex.join([verb, *arguments]))

    def feed(self, verb: str, *arguments: str, text: str) -> None:
        """Add a call of a step that reads ``text``, which is in no argument of any process then."""
        end = f"CERTPUSH_{secrets.token_hex(8)}"
        self.lines += [f"{shlex.join([verb, *arguments])} <<'{end}'", text.removesuffix("\n"), end]


@record(frozen=True, slots=True)
class Told:
    """What a script said, line by line, what its commands wrote, and all of its output."""

    lines: tuple[str, ...]
    errors: bytes = field(default=b"", repr=False)
    output: bytes = field(default=b"", repr=False)
    tag: str = ""

    def of(self, word: str) -> list[str]:
        """What follows this word, for every line that begins with it."""
        return [line.removeprefix(word).removeprefix(" ") for line in self.lines if line == word or line.startswith(word + " ")]

    def between(self, begin: str, end: str) -> bytes | None:
        """The bytes between two lines that it said; None where they were not said, or the output was too long to keep."""
        first, last = f"{self.tag}{begin}\n".encode(), f"\n{self.tag}{end}\n".encode()
        _, found, rest = self.output.partition(first)
        body, ended, _ = rest.partition(last)
        return body if found and ended else None


class Session:
    """The shell of one machine: one connection, made when it is first needed, and again where it broke.

    ``folder`` is where files are handed over, in the login user's home directory. With ``inline``
    they are sent in the script itself, which is one login's shell, and nobody else reads it: for
    small ones, and not through a sudo, that may record what it reads (`log_input`).
    """

    def __init__(self, connect: Callable[[], SshConnection], *, user: str, sudo: bool | str, folder: str, inline: bool = False) -> None:
        self._connect = connect
        self._user = user
        self._sudo = sudo
        self._folder = folder
        self._inline = inline and not sudo
        self._connection: SshConnection | None = None

    @property
    def connection(self) -> SshConnection:
        """The connection, standing as far as is known."""
        if self._connection is None or not self._connection.alive:
            self.close()
            self._connection = self._connect()
        return self._connection

    def close(self) -> None:
        """End the connection; the next use makes a new one."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def perform(
        self,
        script: Script,
        text: Callable[[list[str], str], str],
        failure: Callable[[Told, str], CertpushError],
        *,
        without_sftp: bool = False,
        limit: int = OUTPUT_LIMIT,
    ) -> Told:
        """Run all steps in one go; files that they need are handed over before.

        ``text`` makes the whole script from lines and tag. ``failure`` makes the error when a step
        said ``fail``, with where it was. ``limit`` is how much output is kept. With
        ``without_sftp`` files are sent in the script itself where SFTP does not take them; that is
        for going back only: a sudo that records what it reads (`log_input`) would record the keys.

        Raises:
            CertpushError: a step could not be taken, or the machine cannot be reached.

        """
        lines = [*self._handed_over(script.files, without_sftp=without_sftp), *script.lines] if script.files else script.lines
        tag = f"certpush-{secrets.token_hex(4)}:"
        connection = self.connection
        answer = connection.run(text(lines, tag), within=script.within, sudo=self._sudo, limit=limit)
        return self._understood(answer, tag, failure, connection.where)

    def discard_uploads(self) -> None:
        """Remove files that a run which died had handed over."""
        self.connection.discard(self._folder, within=SLACK)

    def _handed_over(self, files: Mapping[str, bytes], *, without_sftp: bool) -> list[str]:
        """Hand the files over; the lines of a script that say where they are."""
        if self._inline:
            return in_the_script(files)
        try:
            place = self.connection.upload(self._folder, files, within=SLACK)
        except TargetError as error:
            if not without_sftp:
                raise
            _log.warning("%s; what is put back is sent in the script itself", error.message)
            return in_the_script(files)
        return [f"upload={shlex.quote(place)}", "trap 'rm -rf \"$upload\"' EXIT", 'given() { cat "$upload/$1"; }']

    def _understood(self, answer: Answer, tag: str, failure: Callable[[Told, str], CertpushError], where: str) -> Told:
        told = Told(tuple(_tagged(answer.output, tag)), answer.errors, answer.output, tag)
        # The exit status alone is not believed: a shell that was cut off, or is none, may end with 0.
        if answer.status == 0 and told.lines and told.lines[-1] == "done":
            return told
        if answer.status == _FAILED and told.of("fail"):
            raise failure(told, where)
        raise self._no_shell(answer, where)

    def _no_shell(self, answer: Answer, where: str) -> CertpushError:
        said = shown_tail(answer.errors or answer.output)
        if self._sudo and answer.errors.lstrip().startswith((b"sudo:", f"{self._sudo}/sudo:".encode())):
            return TargetAuthFailed(
                f"{where}: sudo refused: {said}",
                hint=f"allow it there, with visudo: {self._user} ALL=(root) NOPASSWD: /bin/sh -s",
            )
        return TargetRefused(
            f"{where}: the shell ended with status {answer.status}" + (f": {said}" if said else ""),
            hint="try `ssh` with the same user: /bin/sh must be there and the login must not be restricted",
        )


def _tagged(output: bytes, tag: str) -> Iterator[str]:
    mark = tag.encode()
    for line in output.splitlines():
        if line.startswith(mark):
            yield line.removeprefix(mark).decode("utf-8", "backslashreplace")


def in_the_script(files: Mapping[str, bytes]) -> list[str]:
    """The lines of a script that hold the files themselves."""
    lines = ["given() {", 'case "$1" in']
    for name, content in files.items():
        lines += [f"{name})", "decode <<'END'", base64.encodebytes(content).decode().rstrip("\n"), "END", ";;"]
    return [*lines, "esac", "}"]


def script_of(library: str, lines: list[str], tag: str) -> str:
    """The whole text that the remote shell reads; the last line sets it going."""
    return "\n".join([library, f"tag={shlex.quote(tag)}", "main() {", *lines, "say done", "}", "main", ""])


def armed(folder: str, length: timedelta, script: list[str], *, after: tuple[str, ...] = ()) -> list[str]:
    """The lines that start the machine's own way back, in ``folder``, after this length.

    ``script`` is its library; it defines ``go_back``. ``after`` are lines that follow once it went back.
    """
    quoted, end = shlex.quote(folder), f"CERTPUSH_{secrets.token_hex(8)}"
    seconds = f"{length.total_seconds():.0f}"
    return [f"arm {quoted} <<'{end}'", *script, f"rescue {quoted} {seconds}", *after, end]
