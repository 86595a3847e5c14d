"""Text of foreign origin, made safe to print."""

from __future__ import annotations


def escaped(text: str | bytes) -> str:
    r"""Make text of foreign origin safe to print: control, bidirectional and undecodable characters as ``\x1b``."""
    if isinstance(text, bytes):
        text = text.decode("utf-8", "backslashreplace")
    if text.isprintable():
        return text
    return "".join(one if one.isprintable() else one.encode("unicode_escape").decode("ascii") for one in text)


def shown_tail(output: bytes, lines: int = 8) -> str:
    """The last ``lines`` lines of a command's output that are not blank, escaped, at most 400 characters each."""
    # Only the end is looked at: the output may be a MiB long, and of one line.
    rows = [escaped(row.rstrip(b"\r")[-400:]) for row in output[-32768:].split(b"\n") if row.strip()]
    return "\n".join(rows[-lines:])
