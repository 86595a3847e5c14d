"""One process of a plugin, seen from our side: started, asked, and ended with everything that it left behind."""

from __future__ import annotations

import contextlib
import errno
import itertools
import json
import os
import signal
import socket
import struct
import subprocess
import sys
import threading
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

from certpush.kit.command import minimal_environment
from certpush.kit.settings import format_duration
from certpush.plugins.isolation import frames, limits
from certpush.plugins.isolation.frames import Malformed, Message
from certpush.plugins.isolation.heard import Heard

_BOOT = str(Path(__file__).with_name("boot.py"))
_BOUNDS: Mapping[str, int] = {"RLIMIT_CORE": 0, "RLIMIT_NOFILE": limits.OPEN_FILES, "RLIMIT_AS": limits.MEMORY}
_GRACE = 2.0  # seconds for the guard to end what it guards; then both are ended


class Ended(Exception):
    """The process is gone, and this call has no answer.

    ``why`` continues a sentence about the plugin. ``lane`` is whose fault it was, where that is
    known; where it is not, ``shared`` says that it may have been that of several.
    """

    def __init__(self, why: str, lane: int | None, *, shared: bool = False) -> None:
        super().__init__(why)
        self.why = why
        self.lane = lane
        self.shared = shared and lane is None


@dataclass
class _Call:
    done: threading.Event = field(default_factory=threading.Event)
    answer: Message | None = None


class Process:
    """Lives in threads of its own, so that whoever asked first may go."""

    def __init__(self, heard: Heard) -> None:
        self.heard = heard
        self._owner = os.getpid()
        self._lock, self._writing = threading.Lock(), threading.Lock()
        self._calls: dict[int, _Call] = {}
        self._ids = itertools.count()
        self._end: Ended | None = None
        self._up, self._gone = threading.Event(), threading.Event()
        self._popen: subprocess.Popen[bytes] | None = None
        self._channel, self._theirs = socket.socketpair()
        # A plugin that does not read must not hold us up for longer than one that does not answer.
        self._channel.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, struct.pack("@ll", 10, 0))
        # The system ends the process with the thread that started it: so it is one that stays until then.
        self._start(self._keep, "keeper")
        self._up.wait()

    def _start(self, work: Any, name: str) -> None:
        threading.Thread(target=work, name=f"plugin-{self.heard.name}-{name}", daemon=True).start()

    # --- asking --------------------------------------------------------------------------------

    @property
    def alive(self) -> bool:
        """Whether it can be asked: by the process that started it, and by no copy of that."""
        return self._end is None and self._owner == os.getpid()

    def ask(self, lane: int, message: Message, within: timedelta) -> Message:
        """Ask, and wait for the answer.

        Raises:
            Ended: there is none, and will be none: the process is gone, or was ended for want of an answer.
            Malformed: what should be sent is no message.

        """
        call, number = _Call(), next(self._ids)
        with self._lock:
            self._calls[number] = call
        if self._end is not None:
            call.done.set()
        self.heard.begin()
        self._send({**message, "id": number, "lane": lane})
        if not call.done.wait(within.total_seconds()):
            self.end(f"hung: no answer within {format_duration(within)}", lane)
        if call.answer is None:
            end = self._end or Ended("ended", None)
            raise Ended(end.why, end.lane, shared=end.shared)
        return call.answer

    def _send(self, message: Message) -> None:
        try:
            with self._writing:
                frames.send(self._channel, message)
        except OSError:
            if not self._gone.wait(_GRACE):
                self.end("hung: it does not read what it is asked", message["lane"])
        except Malformed:
            self._calls.pop(message["id"], None)
            raise

    def end(self, why: str, lane: int | None = None) -> None:
        """End it, with all that it started; every call that waits is told why."""
        if self._owner != os.getpid():
            return
        self._fail(Ended(why, lane))
        if self._popen is not None and not self._gone.is_set():
            self._popen.terminate()
            if not self._gone.wait(_GRACE):
                with contextlib.suppress(ProcessLookupError, PermissionError):
                    os.killpg(self._popen.pid, signal.SIGKILL)
                self._gone.wait(_GRACE)

    def _fail(self, end: Ended) -> None:
        with self._lock:
            calls, self._calls = self._calls, {}
            self._end = self._end or Ended(end.why, end.lane, shared=len(calls) > 1)
        for one in calls.values():
            one.done.set()
        with contextlib.suppress(OSError):
            self._channel.shutdown(socket.SHUT_RDWR)

    # --- the threads ---------------------------------------------------------------------------

    def _keep(self) -> None:
        try:
            self._popen = self._launched()
        except OSError as error:
            self._fail(Ended(f"cannot be started: {error.strerror}", None))
            self._channel.close()
            self._gone.set()
            return
        finally:
            self._theirs.close()
            self._up.set()
        self._start(self._read_answers, "answers")
        self._start(self._read_output, "output")
        self._fail(Ended(_ended_like(self._popen.wait()), None))
        self._gone.set()

    def _launched(self) -> subprocess.Popen[bytes]:
        theirs = self._theirs.fileno()
        paths = json.dumps([os.path.abspath(one) for one in sys.path])  # noqa: PTH100 - '' is the working directory
        return subprocess.Popen(  # noqa: S603 - this very interpreter, never a shell
            [*_interpreter(), _BOOT, str(theirs), str(os.getpid()), paths, json.dumps(_BOUNDS)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env={**minimal_environment(), "MALLOC_ARENA_MAX": "2"},  # arenas reserve what the limit of memory counts
            pass_fds=(theirs,),
            start_new_session=True,
        )

    def _read_answers(self) -> None:
        why = ""
        try:
            while (message := frames.receive(self._channel)) is not None and not why:
                why = self._take(message)
        except Malformed as error:
            why = f"sent what is no message: {error}"
        if not why and not self._gone.wait(_GRACE):
            why = "closed its channel"
        if why:
            self.end(why)
        self._channel.close()

    def _take(self, message: Message) -> str:
        """Hand an answer to who waits for it; gives what is wrong with it, if anything is."""
        if "log" in message:
            return self.heard.record(message["log"])
        with self._lock:
            number = message.get("id")
            call = self._calls.pop(number, None) if isinstance(number, int) else None
        if call is None:
            return "" if self._end else "answered what it was not asked"
        call.answer = message
        call.done.set()
        return ""

    def _read_output(self) -> None:
        assert self._popen is not None  # noqa: S101 - it was started
        assert self._popen.stdout is not None  # noqa: S101 - asked for above
        with self._popen.stdout as stream:
            while piece := os.read(stream.fileno(), 65536):
                if (why := self.heard.output(piece)) and self.alive:
                    self.end(why)
        self.heard.silent()


def _interpreter() -> Iterable[str]:
    """This interpreter, deaf to the environment and to the working directory; what is printed comes at once, not with the end."""
    if not sys.executable:
        raise OSError(errno.ENOENT, "this Python does not know its own program")
    unwritten = ["-B"] if sys.dont_write_bytecode else []
    return [sys.executable, "-I", "-u", "-X", "utf8", *unwritten]


def _ended_like(status: int) -> str:
    if status >= 0:
        return f"ended itself with exit status {status}"
    with contextlib.suppress(ValueError):
        return f"was ended by {signal.Signals(-status).name}"
    return f"was ended by signal {-status}"
