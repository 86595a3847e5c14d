"""How wide the terminal is."""

from __future__ import annotations

import contextlib
import os
import sys

_WIDTH = 80  # where nobody says another


def terminal_width() -> int:
    """As ``shutil.get_terminal_size``, which would load every way of compressing with it."""
    with contextlib.suppress(KeyError, ValueError):
        if (columns := int(os.environ["COLUMNS"])) > 0:
            return columns
    try:
        return os.get_terminal_size(sys.stdout.fileno()).columns or _WIDTH
    except (AttributeError, ValueError, OSError):  # it is none, closed, or no terminal
        return _WIDTH
