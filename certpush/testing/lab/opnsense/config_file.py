"""config.xml as OPNsense itself treats it: locked as the file that it is, rewritten in place, never replaced by another."""

from __future__ import annotations

import fcntl
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from xml.etree import ElementTree as ET


class ConfigFile:
    """The file, wherever ``path`` finds it now."""

    def __init__(self, path: Callable[[], Path]) -> None:
        self._path = path

    def read(self) -> ET.Element:
        """Give what stands there now."""
        with self._path().open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_SH)
            return ET.fromstring(file.read())  # noqa: S314 -- written by tests

    @contextmanager
    def changing(self, username: str, description: str) -> Iterator[ET.Element]:
        """Give the root element to be changed; it is written unless an exception says otherwise."""
        with self._path().open("r+b") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            root = ET.fromstring(file.read())  # noqa: S314 -- as above
            yield root
            _note_revision(root, username, description)
            text = as_text(root)
            file.seek(0)
            file.truncate()
            file.write(text)
            file.flush()
            backup = self._path().parent / "backup" / f"config-{time.time():.4f}.xml"
            backup.write_bytes(text)
            backup.chmod(0o640)


def as_text(root: ET.Element) -> bytes:
    """Write it as OPNsense does: two spaces for each level."""
    ET.indent(root, "  ")
    text: bytes = ET.tostring(root, encoding="utf-8")
    return b'<?xml version="1.0"?>\n' + text + b"\n"


def text_of(element: ET.Element, path: str) -> str:
    """The text of an element below, empty where there is none."""
    return (element.findtext(path) or "").strip()


def put_text(element: ET.Element, name: str, text: str) -> None:
    """Set the text of a child, which is made where there is none."""
    child = element.find(name)
    if child is None:
        child = ET.SubElement(element, name)
    child.text = text or None


def _note_revision(root: ET.Element, username: str, description: str) -> None:
    revision = root.find("revision")
    if revision is None:
        revision = ET.SubElement(root, "revision")
    for name, text in (("username", username), ("description", description), ("time", f"{time.time():.2f}")):
        put_text(revision, name, text)
