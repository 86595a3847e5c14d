"""certpush schedule remove: stop the timers, and remove the units that certpush wrote."""

from __future__ import annotations

import argparse
import os

from certpush.cli.console import Console
from certpush.cli.schedule.order import scope_of
from certpush.cli.schedule.systemd import Systemd
from certpush.cli.schedule.units import NAMES, is_ours


def run(arguments: argparse.Namespace, console: Console) -> int:
    """Remove what is ours; what is not stays, and is named. A run at work comes to its end."""
    systemd = Systemd.of(scope_of(arguments), os.environ)
    removed = [name for base in NAMES for name in _remove(base, systemd, console)]
    if removed and systemd.runs:
        systemd.call("daemon-reload")
    console.document["removed"] = removed
    console.line("\n".join(f"removed {systemd.folder / name}" for name in removed) or f"nothing of certpush is in {systemd.folder}")
    return 0


def _remove(base: str, systemd: Systemd, console: Console) -> list[str]:
    removed = []
    for name in (f"{base}.timer", f"{base}.service"):  # the timer first: it must not start a service that is going
        text = systemd.text_of(name)
        if text is not None and not is_ours(text):
            console.warn(f"{systemd.folder / name} was not written by certpush, and stays")
        elif text is not None:
            if name.endswith(".timer") and systemd.runs:
                systemd.call("disable", "--now", name)
            systemd.delete(name)
            removed.append(name)
    return removed
