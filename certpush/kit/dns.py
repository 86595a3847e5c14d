"""Whether names are known, as this machine's resolver sees it; within a time, which the system's own call does not know."""

from __future__ import annotations

import queue
import socket
import threading
import time
from collections.abc import Sequence

_AT_ONCE = 8


def unknown_names(names: Sequence[str], *, seconds: float) -> dict[str, str]:
    """Give the names that do not resolve, each with the reason in words; all are asked within ``seconds``."""
    names = tuple(dict.fromkeys(names))
    asked: queue.SimpleQueue[str] = queue.SimpleQueue()
    for name in names:
        asked.put(name)
    answers: queue.SimpleQueue[tuple[str, str]] = queue.SimpleQueue()
    for _ in range(min(_AT_ONCE, len(names))):
        # Daemons: nobody can end a call that waits for a dead name server, and nobody must wait for it.
        threading.Thread(target=_ask, args=(asked, answers), name="certpush-dns", daemon=True).start()
    heard = _heard(answers, len(names), time.monotonic() + seconds)
    return {name: why for name in names if (why := heard.get(name, f"no answer within {seconds:g} s"))}


def _heard(answers: queue.SimpleQueue[tuple[str, str]], count: int, until: float) -> dict[str, str]:
    heard: dict[str, str] = {}
    while len(heard) < count:
        try:
            name, why = answers.get(timeout=max(until - time.monotonic(), 0.001))
        except queue.Empty:
            break
        heard[name] = why
    return heard


def _ask(asked: queue.SimpleQueue[str], answers: queue.SimpleQueue[tuple[str, str]]) -> None:
    while True:
        try:
            name = asked.get_nowait()
        except queue.Empty:
            return
        answers.put((name, _why_unknown(name)))


def _why_unknown(name: str) -> str:
    try:
        socket.getaddrinfo(name, None, type=socket.SOCK_STREAM)
    except socket.gaierror as error:
        # EAI_NONAME is an answer; the others mean that nobody gave one.
        return "no such name" if error.errno == socket.EAI_NONAME else f"the resolver could not tell ({error.strerror})"
    except (OSError, UnicodeError) as error:
        return f"the resolver could not be asked ({error})"
    return ""
