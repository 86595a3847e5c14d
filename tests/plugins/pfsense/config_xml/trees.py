"""What a config.xml means, told by another parser than the one that is tested: a whole tree, compared as a whole."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from datetime import UTC, datetime
from pathlib import Path

from certpush.testing.lab.pfsense.configs import filled
from certpush_pfsense.config_xml.new_entry import NewEntry
from certpush_pfsense.config_xml.reading import Config, read

NOW = datetime(2026, 11, 27, 12, 0, 0, 250000, tzinfo=UTC)
NEW_CERT, NEW_CA = "6a1b2c3d4e5f0", "6a1b2c3d4e5f1"
BODY = "bWFkZSB1cA=="

Tree = tuple[str, dict[str, str], str, list]


def tree(source: bytes) -> Tree:
    return _tree(ET.fromstring(source))


def _tree(element: ET.Element) -> Tree:
    """Name, attributes, text, children; the space between children means nothing, nor does it in a list."""
    texts = [element.text or "", *(child.tail or "" for child in element)]
    text = "".join(texts) if len(element) == 0 else " ".join("".join(texts).split())
    return element.tag.lower(), dict(element.attrib), text, [_tree(child) for child in element]


def child(of: Tree, *path: str) -> Tree | None:
    for name in path:
        of = next((one for one in of[3] if one[0] == name), None)
        if of is None:
            return None
    return of


def fixture(condition: str = "default", version: str = "2.7.2") -> Config:
    return read(filled(version, condition).text)


def new_cert(refid: str = NEW_CERT, descr: str = "certpush fw 2026-11-27", caref: str = "") -> NewEntry:
    return NewEntry("cert", refid, descr, BODY, BODY, caref)


def new_ca(refid: str = NEW_CA, descr: str = "certpush CA Lab 2026-11-27", caref: str = "") -> NewEntry:
    return NewEntry("ca", refid, descr, BODY, "", caref)


def entry_trees(*entries: NewEntry) -> list[Tree]:
    return [tree(one.element()) for one in entries]


def small(
    *sections: bytes, newline: bytes = b"\n", webgui: bytes = b"<ssl-certref>64b1c2d3e4f5a</ssl-certref>", last: bytes = b"\n"
) -> bytes:
    """A config.xml of a few lines with one certificate and what is given."""
    lines = [
        b'<?xml version="1.0"?>',
        b"<pfsense>",
        b"\t<version>23.3</version>",
        b"\t<system>",
        b"\t\t<webgui>",
        b"\t\t\t<protocol>https</protocol>",
        *([b"\t\t\t" + webgui] if webgui else []),
        b"\t\t</webgui>",
        b"\t</system>",
        b"\t<cert>",
        b"\t\t<refid>64b1c2d3e4f5a</refid>",
        b"\t\t<descr><![CDATA[GUI default]]></descr>",
        b"\t</cert>",
        *sections,
        b"</pfsense>",
    ]
    return newline.join(lines) + (newline if last == b"\n" else last)


def without_space(source: bytes) -> bytes:
    return re.sub(rb"\s+", b"", source)


def here(name: str) -> Path:
    return Path(__file__).with_name(name)
