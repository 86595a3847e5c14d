"""What a test sees of a box: its configuration, its record, its processes and its files."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import re
import stat
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

from cryptography import x509
from cryptography.hazmat.primitives import hashes

_OF_THE_BOX = re.compile(
    r"/usr/sbin/sshd|sshd: |/usr/libexec/sftp-server|nginx: "
    r"|/bin/sh /etc/rc$|(?:sh -c )?/bin/sh /usr/local/sbin/updaterrd|sleep 1000000$|.*php\S* .*-f /etc/rc\."
)
_WATCHED = "cf tmp var root home etc usr/local boot"


@dataclass(frozen=True, slots=True)
class StoredEntry:
    """A ``<cert>`` or ``<ca>`` of config.xml; ``sha256`` is that of the first certificate's DER, empty where there is none."""

    refid: str
    descr: str
    caref: str
    sha256: str


@dataclass(frozen=True, slots=True)
class StoredConfig:
    """config.xml, read by a parser of Python's: ``root`` is the element ``<pfsense>``."""

    root: ET.Element

    @property
    def certref(self) -> str:
        """Which certificate the GUI is to show."""
        return self.text("system/webgui/ssl-certref")

    @property
    def certs(self) -> Mapping[str, StoredEntry]:
        """The certificates by refid, in their order."""
        return {entry.refid: entry for entry in self._entries("cert")}

    @property
    def cas(self) -> Mapping[str, StoredEntry]:
        """The CAs by refid, in their order."""
        return {entry.refid: entry for entry in self._entries("ca")}

    @property
    def revision(self) -> str:
        """The description of the last change."""
        return self.text("revision/description")

    def text(self, path: str) -> str:
        """The text of an element, empty where there is none."""
        return (self.root.findtext(path) or "").strip()

    def _entries(self, kind: str) -> Iterator[StoredEntry]:
        for element in self.root.findall(kind):
            crt = element.findtext("crt") or ""
            refid, descr, caref = ((element.findtext(name) or "").strip() for name in ("refid", "descr", "caref"))
            yield StoredEntry(refid, descr, caref, _leaf_sha256(crt))


def _leaf_sha256(crt: str) -> str:
    try:
        return x509.load_pem_x509_certificate(base64.b64decode(crt)).fingerprint(hashes.SHA256()).hex()
    except ValueError:
        return ""


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened in a box: ``what`` is event, restart, restarted, gui-started, gui-failed, selfsigned, write_config, ..."""

    time: float
    what: str
    facts: Mapping[str, Any]


def read_events(file: Path) -> list[Event]:
    """All that happened so far, oldest first."""
    if not file.exists():
        return []
    return [Event(**json.loads(line)) for line in file.read_text().splitlines()]


@dataclass(frozen=True, slots=True)
class Process:
    """A process of a box; its id counts inside."""

    pid: int
    command: str

    @property
    def own(self) -> bool:
        """Whether it belongs to the box itself: sshd and its sessions, nginx, what rc.restart_webgui leaves running."""
        return bool(_OF_THE_BOX.match(self.command))


def read_processes(proc: Path) -> tuple[Process, ...]:
    """What runs, without process 1 and what has ended."""
    return tuple(sorted(_processes(proc), key=lambda process: process.pid))


def _processes(proc: Path) -> Iterator[Process]:
    for folder in proc.glob("[0-9]*"):
        try:
            command = (folder / "cmdline").read_bytes().rstrip(b"\0").replace(b"\0", b" ").decode(errors="replace")
            state = (folder / "stat").read_text().rpartition(")")[2].split()[0]
        except OSError:
            continue
        if command and folder.name != "1" and state not in "ZX":  # one that is about to end has no command any more
            yield Process(int(folder.name), command)


@dataclass(frozen=True, slots=True)
class FileFacts:
    """What a file is: two are equal when nothing of it was changed."""

    mode: int
    owner: int
    group: int
    sha256: str


def read_files(outside: Path) -> dict[str, FileFacts]:
    """All files, by their paths in the box, below the folders that something could be left in."""
    prefix = len(str(outside))
    # A folder may go while it is read; os.walk goes on with the others.
    walks = (walk for folder in _WATCHED.split() for walk in os.walk(outside / folder))
    found = (Path(folder, name) for folder, folders, files in walks for name in (*folders, *files))
    return {str(path)[prefix:]: facts for path in found if "/etc/php/" not in str(path) and (facts := _facts(path))}


def _facts(path: Path) -> FileFacts | None:
    try:
        status = path.lstat()
        content = path.read_bytes() if stat.S_ISREG(status.st_mode) else b""
    except OSError:  # gone in the meantime
        return None
    return (
        None
        if stat.S_ISDIR(status.st_mode)
        else FileFacts(status.st_mode, status.st_uid, status.st_gid, hashlib.sha256(content).hexdigest())
    )
