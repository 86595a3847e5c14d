"""An edit for people: in a few words, and as lines of a diff in which no key and no long body stands."""

from __future__ import annotations

import re
from collections.abc import Iterator

from certpush_pfsense.config_xml.changes import Change
from certpush_pfsense.config_xml.edit import Edit
from certpush_pfsense.config_xml.markup import elements
from certpush_pfsense.config_xml.reading import Config, first_certificate
from certpush_pfsense.config_xml.splice import Edited
from certpush_pfsense.config_xml.values import meant

_BODY = re.compile(rb"<(crt|prv|csr)>([^<]*)</\1>")
_LONGEST = 200


def words(edit: Edit) -> str:
    """What is edited, short: ``+1 <cert>, +2 <ca>, system/webgui/ssl-certref``."""
    told = [f"+{len(some)} <{kind}>" for kind, some in (("cert", edit.certs), ("ca", edit.cas)) if some]
    if edit.remove:
        told.append(f"-{len(edit.remove)} <cert> or <ca>")
    if edit.point_to is not None:
        told.append("system/webgui/ssl-certref")
    told += dict.fromkeys(one.path for one in edit.repoint if one.path != "system/webgui/ssl-certref")
    return ", ".join(told) or "nothing"


def lines(config: Config, edited: Edited) -> tuple[str, ...]:
    """The edit as lines of a unified diff, without the lines around it: passwords may stand there."""
    return tuple(line for change in edited.changes for line in _lines(config, change))


def _lines(config: Config, change: Change) -> Iterator[str]:
    yield f"@@ {change.where} @@"
    old = config.source[change.start : change.end]
    if change.element >= 0 and not change.records:
        name = change.where.rpartition("/")[2]
        yield from (f"{sign}<{name}>{text}</{name}>" for sign, text in (("-", _text_before(config, change)), ("+", meant(change.text))))
        return
    yield from (f"-{line}" for line in _shown(old))
    yield from (f"+{line}" for line in _shown(change.new))


def _text_before(config: Config, change: Change) -> str:
    section = next(one for one in config.outline.sections if one.start < change.start < one.end)
    return next(meant(one.text)[:_LONGEST] for one in elements(config.slice(section)) if one.start == change.element)


def _shown(raw: bytes) -> Iterator[str]:
    text = _BODY.sub(_shortened, raw).decode(errors="replace")
    return (line[:_LONGEST] for line in text.splitlines() if line.strip())


def _shortened(body: re.Match[bytes]) -> bytes:
    kind = body[1].decode()
    if kind != "crt":
        told = "a private key, not shown" if kind == "prv" else "a signing request"
    else:
        from hashlib import sha256

        der = first_certificate(body[2].decode(errors="replace"))
        told = f"a certificate, SHA-256 {sha256(der).hexdigest()}" if der else "nothing readable"
    return f"<{kind}>({told})</{kind}>".encode()
