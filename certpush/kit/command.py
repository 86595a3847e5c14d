"""Run a command of this machine: an argument list, no shell, a constructed environment, a deadline, capped output."""

from __future__ import annotations

import os
import pwd
import selectors
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import IO, TypedDict

from certpush.errors import TargetRefused
from certpush.kit.escaping import escaped, shown_tail
from certpush.records import record

__all__ = ["OUTPUT_LIMIT", "SEARCH_PATH", "Finished", "escaped", "minimal_environment", "run", "shown_tail"]

SEARCH_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
OUTPUT_LIMIT = 1024 * 1024


@record(frozen=True, slots=True)
class Finished:
    """A command that ended: its exit status (negative: the signal that ended it) and the last MiB of what it wrote."""

    status: int
    output: bytes

    def tail(self, lines: int = 8) -> str:
        """The last lines that are not blank, each escaped, for a message."""
        return shown_tail(self.output, lines)


def minimal_environment(account: str | None = None) -> dict[str, str]:
    """What a command gets to see: a search path, a plain locale, the user's home; nothing of ours, no secrets."""
    home, name = _user(account)
    return {"PATH": SEARCH_PATH, "LC_ALL": "C", "HOME": home, "USER": name, "LOGNAME": name}


def _user(account: str | None) -> tuple[str, str]:
    try:
        user = pwd.getpwuid(os.geteuid()) if account is None else pwd.getpwnam(account)
    except KeyError:
        if account is not None:
            raise
        return "/", str(os.geteuid())  # a container may run us as a number that nobody has
    return user.pw_dir, user.pw_name


def run(
    command: Sequence[str],
    *,
    within: timedelta,
    environment: Mapping[str, str] | None = None,
    given: bytes = b"",
    account: str | None = None,
) -> Finished:
    """Run ``command`` and wait for its end; it reads ``given`` on stdin, and its stdout and stderr come together.

    With ``account`` it runs as that user, with no right of ours: only root can ask for that.

    Raises:
        TargetRefused: it cannot be started, or does not end within the time; its whole process group is ended then.

    """
    try:
        with _as_file(given) as stdin:
            process = subprocess.Popen(  # noqa: S603 - an argument list, never a shell
                list(command),
                stdin=stdin,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                env=dict(environment) if environment is not None else minimal_environment(account),
                cwd="/",
                start_new_session=True,
                **_identity(account),
            )
    except OSError as error:
        raise TargetRefused(
            f"the command {escaped(command[0])} cannot be run: {error.strerror}",
            hint=f"name it by its full path, or put it into one of {SEARCH_PATH}",
        ) from error
    with process:
        return _wait(process, command, within)


def _as_file(given: bytes) -> IO[bytes]:
    """What a command reads; a file without a name, so that nothing has to be fed to it while it writes."""
    if not given:
        return open(os.devnull, "rb")  # noqa: PTH123 - a device, not a path of anybody's
    from tempfile import TemporaryFile

    file = TemporaryFile()  # noqa: SIM115 - the caller closes it
    file.write(given)
    file.seek(0)
    return file


class _Identity(TypedDict, total=False):
    user: int
    group: int
    extra_groups: list[int]


def _identity(account: str | None) -> _Identity:
    if account is None:
        return {}
    user = pwd.getpwnam(account)
    return {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": os.getgrouplist(account, user.pw_gid)}


def _wait(process: subprocess.Popen[bytes], command: Sequence[str], within: timedelta) -> Finished:
    assert process.stdout is not None  # noqa: S101 - asked for above
    output = _Tail(process.stdout)
    deadline = time.monotonic() + within.total_seconds()
    try:
        # A daemon that it left behind may hold the pipe open: the end of the command counts, not the end of its output.
        while process.poll() is None and not output.ended and time.monotonic() < deadline:
            output.take(min(0.05, max(0.0, deadline - time.monotonic())))
        status = process.wait(max(0.001, deadline - time.monotonic()))
        output.drain()
    except subprocess.TimeoutExpired:
        raise TargetRefused(
            f"{escaped(' '.join(command))} did not end within {within.total_seconds():g} s",
            hint="run it by hand to see what it waits for; check_timeout and reload_timeout give it longer",
        ) from None
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
    return Finished(status, output.text)


class _Tail:
    """The end of an endless stream."""

    def __init__(self, stream: IO[bytes]) -> None:
        self._fd = stream.fileno()
        os.set_blocking(self._fd, False)
        self._text = bytearray()
        self.ended = False

    def take(self, seconds: float) -> bool:
        """Wait for output and keep it; False when there was none."""
        with selectors.DefaultSelector() as selector:
            selector.register(self._fd, selectors.EVENT_READ)
            if not selector.select(seconds):
                return False
        piece = os.read(self._fd, 65536)
        self.ended = not piece
        self._text += piece
        if len(self._text) > 2 * OUTPUT_LIMIT:
            del self._text[:-OUTPUT_LIMIT]
        return bool(piece)

    def drain(self) -> None:
        """Keep what is there already, bounded for a writer that never stops."""
        for _ in range(64):
            if not self.take(0):
                return

    @property
    def text(self) -> bytes:
        return bytes(self._text[-OUTPUT_LIMIT:])
