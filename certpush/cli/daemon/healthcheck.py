"""certpush daemon --healthcheck: whether the daemon that wrote the health file is alive. What its targets serve, `certpush check` says."""

from __future__ import annotations

import argparse
import os
from datetime import datetime
from pathlib import Path
from typing import Any

from certpush.cli.console import Console, safe
from certpush.cli.daemon.health import FILE_NAME, read_health
from certpush.cli.daemon.held_file import is_held
from certpush.cli.exits import NOT_ROTATED, OK
from certpush.config import load, locate
from certpush.errors import CertpushError
from certpush.kit.tls import utc_now
from certpush.state.disk import ailment

_ALIVE = "alive"


def check(arguments: argparse.Namespace, console: Console) -> int:
    """Look; 0 when it is alive, whatever became of its targets: to start it again would mend none of them."""
    try:
        path = health_path(arguments)
        document = read_health(path)
    except CertpushError as error:
        console.error(error)
        return NOT_ROTATED
    sign = _sign(document, path)
    alive = sign.startswith(_ALIVE)
    console.document |= {"alive": alive, "health": document}
    console.line(safe(f"{sign}; {_last_run(document)}"))
    ill, _ = ailment(path)
    if alive and ill:
        console.line(safe(f"{path}: {ill}; what stands there may be old"))
    if alive and document.get("refused_configuration"):
        console.line(safe(f"a new configuration was not taken, and the old one is in use: {document['refused_configuration']}"))
    return OK if alive else NOT_ROTATED


def health_path(arguments: argparse.Namespace) -> Path:
    """Where the health file is; the configuration is read only where nobody said it."""
    if arguments.health_file:
        return Path(arguments.health_file).absolute()
    return load(locate(arguments.config, os.environ), os.environ).state_directory.absolute() / FILE_NAME


def _sign(document: dict[str, Any], path: Path) -> str:
    """How it is, by what it wrote and by whether its process lives."""
    if document.get("doing") == "stopped":
        return f"stopped at {document.get('at')}"
    held = is_held(path)
    if held is False:
        return f"killed: process {document.get('pid')} is gone, and said nothing since {document.get('at')}"
    if utc_now() <= datetime.fromisoformat(document["alive_until"]):
        return f"{_ALIVE}: {document.get('doing')}"
    lives = ", though its process lives: it hangs, or cannot write this file" if held else ""
    ill, _ = ailment(path)
    return f"no sign of life since {document.get('at')}{lives}{f' ({ill})' if ill else ''}: {document.get('doing')}"


def _last_run(document: dict[str, Any]) -> str:
    last = document.get("last")
    if not last:
        return "no run ended yet"
    problem = f": {last['problem']}" if last.get("problem") else ""
    return f"last run ended {last.get('ended')} with {last.get('exit')}{problem}"
