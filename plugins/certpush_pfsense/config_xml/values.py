"""Texts as pfSense means them: entities are resolved once more after the XML parser did it, and written accordingly."""

from __future__ import annotations

import re

from certpush_pfsense.config_xml.refusing import refused

_ENTITY = re.compile(r"&(#[0-9]{1,7}|#[xX][0-9a-fA-F]{1,6}|[a-zA-Z][a-zA-Z0-9]{1,31});")
_WRITTEN = {"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;"}
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


def meant(text: str) -> str:
    """What pfSense reads from an element's text: trimmed, and ``R&amp;D`` (which CDATA kept) is ``R&D``."""
    trimmed = text.strip("\t\r\n")
    return _ENTITY.sub(_resolved, trimmed) if "&" in trimmed else trimmed


def cdata(text: str) -> bytes:
    """The text as pfSense's writer has it in elements such as ``descr``.

    Raises:
        SafetyRefusal: there is a control character in it.

    """
    if _CONTROL.search(text):
        raise refused("cannot take a description with a control character in it", "use plain words in names and descriptions")
    return b"<![CDATA[" + "".join(_WRITTEN.get(one, one) for one in text).encode() + b"]]>"


def _resolved(entity: re.Match[str]) -> str:
    name = entity[1]
    if not name.startswith("#"):
        from html.entities import html5

        return html5.get(f"{name};", entity[0])
    number = int(f"0{name[1:]}", 16) if name[1] in "xX" else int(name[1:])
    return chr(number) if 0 < number < 0x110000 and not 0xD800 <= number < 0xE000 else entity[0]
