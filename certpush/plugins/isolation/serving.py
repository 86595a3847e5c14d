"""The plugin's side of the border: loads the plugin, and does what it is asked, each target in a thread of its own."""

from __future__ import annotations

import contextlib
import logging
import os
import queue
import socket
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NoReturn

from certpush.plugins.isolation import failing, frames
from certpush.plugins.isolation.frames import Malformed, Message
from certpush.plugins.isolation.limits import LONGEST_TEXT, THREAD_STACK
from certpush.plugins.isolation.verbs import Lane, Loaded, answer


def serve(channel: socket.socket) -> NoReturn:
    """Answer until the channel ends, and the process with it."""
    os.register_at_fork(after_in_child=channel.close)  # what the plugin forks is not the plugin
    threading.stack_size(THREAD_STACK)
    Server(channel).run()
    os._exit(0)


@dataclass
class Server:
    """Hands each request to the thread of its lane, and the answers back."""

    channel: socket.socket
    plugin: Loaded = field(default_factory=Loaded)
    _writing: threading.Lock = field(default_factory=threading.Lock)
    _lanes: dict[int, queue.SimpleQueue[Message]] = field(default_factory=dict)

    def run(self) -> None:
        """Until the other side is gone."""
        while (request := frames.receive(self.channel)) is not None:
            if request["verb"] == "load":
                _log_to(self._say, request)
            self._lane(request["lane"]).put(request)

    def _lane(self, number: int) -> queue.SimpleQueue[Message]:
        if number not in self._lanes:
            waiting: queue.SimpleQueue[Message] = queue.SimpleQueue()
            self._lanes[number] = waiting
            threading.Thread(target=self._work, args=(number, waiting), name=f"lane-{number}", daemon=True).start()
        return self._lanes[number]

    def _work(self, number: int, waiting: queue.SimpleQueue[Message]) -> None:
        process, lane = os.getpid(), Lane()
        done = False
        while not done:
            request = waiting.get()
            found = self._answered(lane, request)
            if os.getpid() != process:
                os._exit(0)  # the plugin forked, and this is the copy
            done = request["last"] or (lane.opened is None and "value" not in found)
            if done:
                del self._lanes[number]
            self._answer({"id": request["id"], **found})

    def _answered(self, lane: Lane, request: Message) -> Message:
        try:
            return answer(self.plugin, lane, request)
        except BaseException as error:  # noqa: BLE001 - a plugin may raise anything, and only an answer tells of it
            return {"error": failing.told(error)}

    def _answer(self, message: Message) -> None:
        try:
            self._say(message)
        except Malformed as error:
            self._say({"id": message["id"], "odd": str(error)})

    def _say(self, message: Message) -> None:
        with self._writing:
            frames.send(self.channel, message)


class _Records(logging.Handler):
    """Log records cross as level, logger and text: certpush's own and the plugin's, and of other libraries warnings at most."""

    def __init__(self, say: Callable[[Message], None], own: str) -> None:
        super().__init__()
        self._say = say
        self._own = (own, "certpush")

    def emit(self, record: logging.LogRecord) -> None:
        """Send it; failing at that must not fail what it tells of."""
        if record.levelno >= logging.WARNING or record.name.startswith(self._own):
            with contextlib.suppress(Exception):
                self._say({"log": [record.levelno, record.name, record.getMessage()[:LONGEST_TEXT]]})


def _log_to(say: Callable[[Message], None], first: Message) -> None:
    root = logging.getLogger()
    root.handlers[:] = [_Records(say, first["entry"][1].partition(":")[0].partition(".")[0])]
    root.setLevel(first["level"])
