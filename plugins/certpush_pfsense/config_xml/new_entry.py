"""A ``<cert>`` or ``<ca>`` of ours, as pfSense's own writer would have it."""

from __future__ import annotations

import re
from typing import NamedTuple

from certpush_pfsense.config_xml.refusing import refused
from certpush_pfsense.config_xml.values import cdata

REFID = re.compile(r"[0-9a-f]{13}")
_BASE64 = re.compile(r"[A-Za-z0-9+/]+={0,2}")

Record = tuple[tuple[str, ...], tuple[tuple[str, str], ...], str]
"""An element as the proof compares it: its path, its attributes, its text."""


class NewEntry(NamedTuple):
    """What is added. ``crt`` and ``prv`` are base64 of a whole PEM text, unbroken; ``prv`` is secret, and empty for a ``<ca>``."""

    kind: str
    refid: str
    descr: str
    crt: str
    prv: str = ""
    caref: str = ""

    def __repr__(self) -> str:
        return f"<new {self.kind} {self.refid} {self.descr!r}>"

    def element(self, newline: bytes = b"\n") -> bytes:
        """Its text, without a newline at the end.

        Raises:
            SafetyRefusal: a value has a form that pfSense would not read back.

        """
        self._refuse_odd()
        lines = [f"\t\t<{name}>".encode() + value + f"</{name}>".encode() for name, value in self._children()]
        return newline.join([f"\t<{self.kind}>".encode(), *lines, f"\t</{self.kind}>".encode()])

    def records(self) -> list[Record]:
        """The same as a parser should find it."""
        texts = [((self.kind, name), (), _unwrapped(value)) for name, value in self._children()]
        return [*texts, ((self.kind,), (), "")]

    def _children(self) -> list[tuple[str, bytes]]:
        found = [("refid", self.refid.encode()), ("descr", cdata(self.descr))]
        if self.kind == "ca":  # neither trusted by the firewall itself, nor able to sign there
            found += [("trust", b"disabled"), ("randomserial", b"disabled")]
        found.append(("crt", self.crt.encode()))
        if self.prv:
            found.append(("prv", self.prv.encode()))
        if self.kind == "ca":
            found.append(("serial", b"0"))
        if self.caref:
            found.append(("caref", self.caref.encode()))
        return found

    def _refuse_odd(self) -> None:
        if self.kind not in ("cert", "ca"):
            raise refused(f"takes no <{self.kind}> from certpush")
        for refid in (self.refid, self.caref or self.refid):
            if not REFID.fullmatch(refid):
                raise refused("takes only references of 13 hexadecimal digits", "this is a fault of certpush; please report it")
        for text in (self.crt, self.prv or self.crt):
            if not _BASE64.fullmatch(text):
                raise refused("takes certificates and keys as base64 only", "this is a fault of certpush; please report it")


def _unwrapped(value: bytes) -> str:
    return value.removeprefix(b"<![CDATA[").removesuffix(b"]]>").decode()
