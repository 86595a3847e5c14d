"""Elements of a page. What is in them is text until it is written out, so that nobody's name can become markup."""

from __future__ import annotations

from datetime import UTC, datetime
from xml.etree.ElementTree import Element, SubElement, tostring

from certpush.cli.console import safe

Content = Element | str | None
"""What may stand in an element; None is left out."""


def node(tag: str, *content: Content, **attributes: object) -> Element:
    """An element: ``class_`` is class, ``aria_label`` is aria-label; an attribute that is None is left out."""
    names = {name: name.rstrip("_").replace("_", "-") for name, value in attributes.items() if value is not None}
    made = Element(tag, {names[name]: safe(str(attributes[name])) for name in names})
    for one in content:
        _append(made, one)
    return made


def _append(to: Element, content: Content) -> None:
    if isinstance(content, Element):
        to.append(content)
    elif content is not None and len(to):
        to[-1].tail = (to[-1].tail or "") + safe(content)
    elif content is not None:
        to.text = (to.text or "") + safe(content)


def several_lines(tag: str, text: str, **attributes: object) -> Element:
    """An element with a text that may have several lines."""
    first, *more = text.split("\n")
    made = node(tag, first, **attributes)
    for line in more:
        SubElement(made, "br").tail = safe(line)
    return made


def moment(when: datetime, now: datetime, *, class_: str | None = None) -> Element:
    """A moment, to the minute; with its year where that is another one."""
    utc = when.astimezone(UTC)
    day = f"{utc.day} {utc:%b}" if utc.year == now.astimezone(UTC).year else f"{utc.day} {utc:%b %Y}"
    return node("time", f"{day} {utc:%H:%M}", datetime=f"{utc:%Y-%m-%dT%H:%M:%SZ}", class_=class_)


def document(root: Element) -> bytes:
    """The whole page."""
    return b"<!doctype html>\n" + tostring(root, encoding="unicode", method="html").encode() + b"\n"
