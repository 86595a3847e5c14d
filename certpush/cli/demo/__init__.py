"""certpush demo: the whole story on this machine, with real servers where they are installed."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from certpush.cli.console import Console


def configure(parser: argparse.ArgumentParser) -> None:
    """The options of this command."""
    parser.epilog = (
        "Takes about half a minute, on loopback alone, and needs nothing: what is not installed here\n"
        "(step-ca, nginx, sshd) is stood in for, and so are Proxmox and pfSense; pfSense needs root, php, nginx\n"
        "and sshd, and is left out without them. Ctrl-C ends it; nothing stays behind."
    )


def run(arguments: argparse.Namespace, console: Console) -> int:
    """Tell the story; 0 when every part of it went as it must."""
    del arguments
    from certpush.cli.demo.story import tell

    return tell(console)
