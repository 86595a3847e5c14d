"""Work in the background: each has a name that says who started it, and a status that its owner may ask for."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from certpush.model import JsonValue
from certpush.testing.lab.proxmox.refusals import Refused, bad_parameters

_FIRST_PID = 4096
_STARTED_AFTER_BOOT = 0x00A1B2C3
_UPID = re.compile(r"UPID:[a-zA-Z0-9-]+:[0-9A-Fa-f]{8}:[0-9A-Fa-f]{8,9}:[0-9A-Fa-f]{8}:[^:\s/]+:[^:\s/]*:[^:\s/]+:")
_SECONDS = 0.05


@dataclass
class Task:
    """One piece of work; ``ended`` is None while it runs, then OK or what went wrong."""

    upid: str
    pid: int
    node: str
    kind: str
    subject: str
    owner: str
    began: int
    ended: str | None = None

    def belongs_to(self, caller: str) -> bool:
        """Whether the caller started it, by themselves or with a token of theirs."""
        return caller in (self.owner, self.owner.partition("!")[0])

    def described(self) -> dict[str, JsonValue]:
        """What the API tells of it."""
        user, mark, token = self.owner.partition("!")
        told: dict[str, JsonValue] = {
            "upid": self.upid,
            "pid": self.pid,
            "pstart": _STARTED_AFTER_BOOT,
            "starttime": self.began,
            "node": self.node,
            "type": self.kind,
            "id": self.subject,
            "user": user,
            "status": "running" if self.ended is None else "stopped",
        }
        return told | ({"tokenid": token} if mark else {}) | ({"exitstatus": self.ended} if self.ended is not None else {})


class Tasks:
    """The tasks of one node."""

    def __init__(self, node: str) -> None:
        self._node = node
        self._tasks: dict[str, Task] = {}
        self._threads: list[threading.Thread] = []

    def start(self, kind: str, subject: str, owner: str, now: datetime, work: Callable[[], None]) -> str:
        """Begin some work; gives its name."""
        pid, began = _FIRST_PID + len(self._tasks), int(now.timestamp())
        upid = f"UPID:{self._node}:{pid:08X}:{_STARTED_AFTER_BOOT:08X}:{began:08X}:{kind}:{subject}:{owner}:"
        task = self._tasks[upid] = Task(upid, pid, self._node, kind, subject, owner, began)
        thread = threading.Thread(target=_run, args=(task, work), daemon=True)
        self._threads.append(thread)
        thread.start()
        return upid

    def find(self, upid: str) -> Task:
        """A task by its name.

        Raises:
            Refused: 400, there is none.

        """
        if not _UPID.fullmatch(upid):
            raise bad_parameters({"upid": "unable to parse worker upid"})
        if upid not in self._tasks:
            raise bad_parameters({"upid": "no such task"})
        return self._tasks[upid]

    def wait(self) -> None:
        """Wait until all have ended."""
        while self._threads:
            self._threads.pop().join()


def _run(task: Task, work: Callable[[], None]) -> None:
    threading.Event().wait(_SECONDS)  # who asks at once finds it running
    try:
        work()
        task.ended = "OK"
    except Refused as error:
        task.ended = error.message.strip()
