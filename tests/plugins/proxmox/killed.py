"""Runs of certpush that end by SIGKILL just before one of their deeds. A program of its own, because it forks.

Each line of stdin is a call: what to do (``deploy``, ``rollback``, ``converge``), with which tables and wishes, and before
which deed to die (its name, and which of that name; none: not at all). A fresh child does it; the line that answers has its
deeds in order, how it ended, and what it told.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import time
import traceback
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import proxmoxer.backends.https  # noqa: F401 - this and what follows is loaded once, for all children
import urllib3.connection

from certpush import Fleet
from certpush.fleet.workers import Slots
from certpush.plugins import PluginLoader
from certpush.state.escrow import Escrow
from certpush.state.journal import Journal
from certpush_proxmox import api, device, target, ve  # noqa: F401

HASTE = 5.0  # every wait of a rotation is shortened by this; the stand-in's old workers go sooner, too


def hurry() -> None:
    """Wait for less long, in the same order."""
    real = PluginLoader.load_kind
    PluginLoader.load_kind = lambda self, name: replace(real(self, name), steady=timedelta(seconds=0.6), deadline=timedelta(seconds=6))
    Slots.pause = lambda self, seconds: time.sleep(seconds / HASTE)
    device.Device.__init__.__kwdefaults__["pause"] = lambda seconds: time.sleep(seconds / HASTE)
    api.Api.__init__.__kwdefaults__["pause"] = device.Device.__init__.__kwdefaults__["pause"]
    device._LOST_SECONDS, device._PROXIED_SECONDS, device._OLD_WORKERS_SECONDS = 1.5, 4.0, 1.0


class Deeds:
    """Tells each deed before it is done, and dies before the one that was asked for."""

    def __init__(self, at: list[Any], tell: Callable[[str], None]) -> None:
        self._at = tuple(at)
        self._tell = tell
        self._done: Counter[str] = Counter()

    def mark(self, name: str) -> None:
        self._done[name] += 1
        self._tell(name)
        if self._at == (name, self._done[name]):
            os.kill(os.getpid(), signal.SIGKILL)

    def of(self, owner: type, verb: str, called: Callable[..., str]) -> None:
        real = getattr(owner, verb)

        def call(*args: Any, **more: Any) -> Any:
            if name := called(*args, **more):
                self.mark(name)
            return real(*args, **more)

        setattr(owner, verb, call)

    def watch(self) -> None:
        """Whatever a run leaves behind, here or there, it leaves by one of these."""
        self.of(Journal, "begin", lambda *_: "begin")
        self.of(Journal, "enter", lambda _, deployment, *__: f"enter {deployment.phase}")
        self.of(Journal, "adopt", lambda *_: "adopt")
        for name in ("store", "make_current", "prune"):
            self.of(Escrow, name, lambda *_, name=name, **__: name)
        # Before a request, between its head and its body, and when all of it is on its way.
        connection = urllib3.connection.HTTPConnection
        self.of(connection, "request", lambda _, method, url, *__, **___: _short(method, url))
        self.of(connection, "send", lambda one, _: f"a part of {_asked(one)}" if one._method != "GET" else "")
        self.of(connection, "getresponse", lambda one: f"the answer to {_asked(one)}")


def _asked(connection: Any) -> str:
    return _short(connection._method, connection._response_options.request_url)


def _short(method: str, url: str) -> str:
    path = url.partition("?")[0].removeprefix("/api2/json").removeprefix("/nodes/pve1")
    return f"{method} {'/tasks' if path.startswith('/tasks/') else path}"


def do(call: dict[str, Any]) -> Any:
    with Fleet.from_tables(call["tables"]) as fleet:
        if call["do"] == "rollback":
            return [_told(fleet.rollback("proxmox"))]
        told = [_told(one) for one in fleet.deploy(**call.get("wishes", {}))]
        if call["do"] == "converge":
            told += [_told(one) for one in fleet.plan()]
            told.append([one.phase.value for one in fleet.history("proxmox") if not one.phase.settled])
        return told


def _told(receipt: Any) -> dict[str, Any]:
    return {
        "outcome": receipt.outcome.value,
        "action": receipt.plan.action.value,
        "now": receipt.now,
        "error": str(receipt.error or ""),
    }


def in_a_child(call: dict[str, Any]) -> dict[str, Any]:
    deeds, answer = Path(call["notes"]), Path(f"{call['notes']}.answer")
    answer.unlink(missing_ok=True)
    deeds.write_text("")
    child = os.fork()
    if child == 0:
        try:
            descriptor = os.open(deeds, os.O_WRONLY | os.O_APPEND)
            Deeds(call["at"], lambda name: os.write(descriptor, f"{name}\n".encode())).watch()
            answer.write_text(json.dumps(do(call)))
            os._exit(0)
        except BaseException:  # noqa: BLE001 - the child must not come back into the loop
            traceback.print_exc()
        finally:
            os._exit(7)
    status = os.waitpid(child, 0)[1]
    killed = os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL
    told = json.loads(answer.read_text()) if answer.exists() else None
    return {"killed": killed, "exit": os.waitstatus_to_exitcode(status), "deeds": deeds.read_text().splitlines(), "told": told}


if __name__ == "__main__":
    hurry()
    for line in sys.stdin:
        print(json.dumps(in_a_child(json.loads(line))), flush=True)
