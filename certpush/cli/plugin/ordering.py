"""Having the keeper of the environment do something, and looking afterwards at what plugins there are."""

from __future__ import annotations

import json
import os
import subprocess
from typing import TYPE_CHECKING, Any

from certpush.errors import PluginError

if TYPE_CHECKING:
    from certpush.cli.console import Console
    from certpush.cli.plugin.keepers import Order

Offered = dict[str, Any]
"""One kind, as ``certpush plugins --output json`` has it."""

_SECONDS = 60
_STDERR = 2


def show(order: Order, keeper: str, console: Console) -> None:
    """Say what is run, or would be."""
    console.document.update(environment=keeper, run=list(order.command), environ=dict(order.environ), ran=False, said=None)


def carry_out(order: Order, keeper: str, console: Console) -> None:
    """Run it. What it says goes to stderr, and for a machine into the document.

    Raises:
        PluginError: it failed.

    """
    console.note(console.paint(f"$ {order}", "dim"))
    told = subprocess.PIPE if console.json else _STDERR
    try:
        ended = subprocess.run(  # noqa: S603 - a list of words, and those of a person at that
            order.command,
            env={**os.environ, **order.environ},
            stdout=told,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            check=False,
        )
    except OSError as error:
        raise PluginError(f"{order.command[0]} cannot be run: {error.strerror}", hint=f"run it where it can be: {order}") from error
    console.document.update(ran=True, said=ended.stdout)
    if ended.returncode != 0:
        raise PluginError(
            f"{keeper} ended with {ended.returncode}",
            hint=f"it said why; by hand, perhaps as the user who installed certpush: {order}",
        )


def offered_now(python: str) -> list[Offered]:
    """What is installed, asked of a process of its own: the environment may be another one than this process began in.

    Raises:
        PluginError: certpush does not run there any more.

    """
    command = (python, "-P", "-m", "certpush", "plugins", "--output", "json")
    try:
        ended = subprocess.run(command, capture_output=True, stdin=subprocess.DEVNULL, timeout=_SECONDS, check=True)  # noqa: S603 - ours
        offers: list[Offered] = json.loads(ended.stdout)["plugins"]
    except (OSError, ValueError, KeyError, subprocess.SubprocessError) as error:
        raise PluginError("certpush does not run there any more", hint=f"see why: {python} -m certpush plugins") from error
    return offers
