"""Which PEM texts PVE takes: blocks with nothing between them, whatever comes before the first."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TypeAlias

_HEADER = re.compile(r"-----BEGIN .*?-----")


def _block(label: str) -> str:
    # Lines of base64 alone: the headers of a traditionally encrypted key have no place here.
    body = r"(?:[0-9A-Za-z+/]+\s*\n)*[0-9A-Za-z+/]*(?:=\s*\n=|={0,2})?\s*\n"
    return rf"-----BEGIN {label}-----\s*{body}-----END {label}-----\s*"


_CHAIN = re.compile(f"(?:{_block('CERTIFICATE')})+")
_ONE_OF_ANY = re.compile(_block(".*?"))
Format: TypeAlias = Callable[[str], bool]


def is_certificate_chain(text: str) -> bool:
    """Whether the text is one or more blocks CERTIFICATE, with no text between them."""
    return _CHAIN.fullmatch(without_leading_text(text)) is not None


def is_one_block(text: str) -> bool:
    """Whether the text is exactly one block, of any label."""
    return _ONE_OF_ANY.fullmatch(without_leading_text(text)) is not None


def without_leading_text(text: str) -> str:
    """The text from its first block on; all of it where there is none."""
    first = _HEADER.search(text)
    return text[first.start() :] if first else text
