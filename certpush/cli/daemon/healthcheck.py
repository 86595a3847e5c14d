"""certpush daemon --healthcheck: whether the daemon that wrote the health file is alive. What its targets serve, `certpush check` says."""

from __future__ import annotations

import argparse
import os
from pathlib import Path
from typing import Any

from certpush.cli.console import Console, safe
from certpush.cli.daemon.health import FILE_NAME, is_alive, read_health
from certpush.cli.exits import NOT_ROTATED, OK
from certpush.config import load, locate
from certpush.errors import CertpushError
from certpush.kit.tls import utc_now


def check(arguments: argparse.Namespace, console: Console) -> int:
    """Look; 0 when it is alive, whatever became of its targets: to start it again would mend none of them."""
    try:
        document = read_health(health_path(arguments))
    except CertpushError as error:
        console.error(error)
        return NOT_ROTATED
    alive = is_alive(document, utc_now()) and document.get("doing") != "stopped"
    console.document |= {"alive": alive, "health": document}
    console.line(_in_words(document, alive=alive))
    return OK if alive else NOT_ROTATED


def health_path(arguments: argparse.Namespace) -> Path:
    """Where the health file is; the configuration is read only where nobody said it."""
    if arguments.health_file:
        return Path(arguments.health_file).absolute()
    return load(locate(arguments.config, os.environ), os.environ).state_directory.absolute() / FILE_NAME


def _in_words(document: dict[str, Any], *, alive: bool) -> str:
    last = document.get("last") or {}
    ended = f"last run ended {last.get('ended')} with {last.get('exit')}" if last else "no run ended yet"
    if document.get("doing") == "stopped":
        return safe(f"stopped at {document.get('at')}; {ended}")
    sign = "alive" if alive else f"no sign of life since {document.get('at')}"
    return safe(f"{sign}: {document.get('doing')}; {ended}")
