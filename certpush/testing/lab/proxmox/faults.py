"""What a Proxmox stand-in can be told to do wrong; all of it may be changed while it runs."""

from __future__ import annotations

import enum
import threading
from dataclasses import dataclass, field
from datetime import timedelta

from certpush.model import JsonValue


class Answer(enum.Enum):
    """An answer other than the product's."""

    LOST = "none: the work is done, the connection is closed"
    LATE = "none: the connection is closed, and the work is done ``seconds`` later"
    CUT = "none: the connection is closed after ``size`` bytes of the request's body, and nothing is done"
    SLOW = "the honest one, after ``seconds``"
    SILENT = "none: the work is done, the connection stays open"
    HTML = "a reverse proxy's page with status 200; nothing is done"
    HTML_ERROR = "a reverse proxy's page with status 502; nothing is done"
    NO_OBJECT = "JSON that is a list"
    NO_DATA = "a JSON object without data"
    REDIRECT = "a redirect to another server; nothing is done"
    HUGE = "a body of 2 GiB"
    TRICKLE = "the honest one, a byte a second"
    TRUNCATED = "the honest one, cut in the middle of its body"


@dataclass
class Broken:
    """Break the answers to requests of this method whose path contains ``path``, the next ``times`` times or always."""

    how: Answer
    method: str = ""
    path: str = ""
    times: int | None = None
    seconds: float = 0.0
    size: int = 0

    def concerns(self, method: str, path: str) -> bool:
        """Whether that request's answer is to be broken."""
        return self.times != 0 and self.method in ("", method) and self.path in path


@dataclass
class ProxmoxFaults:
    """What goes wrong on one node.

    ``reload_fails``: systemctl fails, new files stay. ``reload_fails_once``: the same, the next
    time alone. ``reload_does_nothing``: it says that it reloaded, or restarted. ``only_restart_helps``:
    it says that it reloaded, and a restart does what it should. ``lock_held``: another process
    holds the lock of the certificates; a call gives up after ``lock_seconds`` (10 on a real one).
    ``no_quorum``: the directory of the configuration cannot be written. ``tls_key_file``: the PEM
    of the key that TLS_KEY_FILE in /etc/default/pveproxy names. ``clock_offset``: by how much the
    node's clock is wrong. ``hidden_files``: what the information leaves out, as where a file cannot
    be read. ``acme_domains``: what ACME is configured for. ``storages``: what GET /storage lists.
    ``broken``: which answers are spoilt, and how; the first that matches counts.
    """

    reload_fails: bool = False
    reload_fails_once: bool = False
    reload_does_nothing: bool = False
    only_restart_helps: bool = False
    lock_held: bool = False
    lock_seconds: float = 10.0
    no_quorum: bool = False
    tls_key_file: bytes | None = None
    clock_offset: timedelta = timedelta(0)
    hidden_files: set[str] = field(default_factory=set)
    acme_domains: tuple[str, ...] = ()
    storages: list[dict[str, JsonValue]] = field(default_factory=list)
    broken: list[Broken] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False, compare=False)

    def breaks(self, method: str, path: str) -> Broken | None:
        """How the answer to this request is to be broken; counts it."""
        with self._lock:
            found = next((one for one in self.broken if one.concerns(method, path)), None)
            if found and found.times is not None:
                found.times -= 1
            return found

    def reload_breaks(self) -> bool:
        """Whether this reload fails; counts it."""
        with self._lock:
            fails, self.reload_fails_once = self.reload_fails or self.reload_fails_once, False
            return fails
