"""What a test sees of a box from outside of it, without SSH."""

from __future__ import annotations

import hashlib
import json
import socket
import ssl
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

from certpush.testing.lab.pfsense.hardware import Hardware
from certpush.testing.lab.pfsense.view import Event, FileFacts, Process, StoredConfig, read_events, read_files, read_processes
from certpush.testing.server import HousedServer

CONFIG = "/cf/conf/config.xml"
_ADMINISTRATOR = {"LAB_QUIET": "1", "LAB_USER": "admin@192.168.1.10 (Local Database)"}


class ObservedBox(HousedServer):
    """The part of a box that looks, and changes nothing."""

    host: str
    gui_port: int
    _hardware: Hardware
    _root: Path

    @property
    def running(self) -> bool:
        """Whether it is switched on."""
        return self._hardware.on

    @property
    def config_bytes(self) -> bytes:
        """/cf/conf/config.xml as it is now."""
        return self.path(CONFIG).read_bytes()

    def config(self) -> StoredConfig:
        """/cf/conf/config.xml, read by a strict parser that is not pfSense's."""
        return StoredConfig(ET.fromstring(self.config_bytes))  # noqa: S314 -- written by tests

    def understood(self) -> dict[str, Any]:
        """The configuration as pfSense itself understands it, from the cache where that counts."""
        read: dict[str, Any] = json.loads(self.run("/usr/local/bin/php-cgi", "-f", "/lab/read.php").stdout)
        return read

    def served(self) -> str | None:
        """The SHA-256 of the leaf that the GUI shows, in hex; None where nobody answers."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        try:
            with socket.create_connection((self.host, self.gui_port), 5) as raw, context.wrap_socket(raw) as secured:
                return hashlib.sha256(secured.getpeercert(binary_form=True) or b"").hexdigest()
        except OSError:
            return None

    def processes(self) -> tuple[Process, ...]:
        """What runs in the box beyond its own sshd, nginx and rc scripts; nothing where it is switched off."""
        return tuple(process for process in self.all_processes() if not process.own)

    def all_processes(self) -> tuple[Process, ...]:
        """What runs in the box, with sshd, its sessions, and nginx."""
        return read_processes(self.path("/proc")) if self.running else ()

    def files(self) -> Mapping[str, FileFacts]:
        """All files of the box by path, without the programs that came with it."""
        return read_files(self.path(""))

    @property
    def events(self) -> list[Event]:
        """All that happened since the first start, oldest first."""
        return read_events(self._root / "lab/events")

    def happened(self, what: str) -> list[Event]:
        """What happened of one kind."""
        return [event for event in self.events if event.what == what]

    @property
    def failed_logins(self) -> int:
        """How many failed logins sshguard has counted."""
        return len(self.happened("failed-login"))

    @property
    def system_log(self) -> str:
        """/var/log/system.log."""
        log = self.path("/var/log/system.log")
        return log.read_text(errors="replace") if log.exists() else ""

    def log(self) -> str:
        """What sshd has logged."""
        log = self._root / "lab/sshd.log"
        return log.read_text(errors="replace") if log.exists() else ""

    def path(self, inside: str) -> Path:
        """Where a test reaches a path of the box; /conf is a link that leads nowhere from outside, /cf/conf does."""
        return self._hardware.path(inside)

    def run(self, *command: str, text: str | None = None) -> subprocess.CompletedProcess[str]:
        """Run a command in the box as root, not over SSH; moments do not stop it."""
        return subprocess.run(self.inside(*command), input=text, capture_output=True, text=True, check=False, timeout=60)  # noqa: S603 -- a test's own

    def inside(self, *command: str) -> list[str]:
        """Wrap a command of an administrator, so that it runs in the box as root."""
        return self._hardware.command(command, _ADMINISTRATOR)
