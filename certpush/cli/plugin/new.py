"""certpush plugin new: a whole project for a kind of one's own."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING

from certpush.cli.plugin.naming import PluginName
from certpush.cli.plugin.project import write_project

if TYPE_CHECKING:
    import argparse

    from certpush.cli.console import Console


def run(arguments: argparse.Namespace, console: Console) -> int:
    """Write it, and say how to go on."""
    name = PluginName.parse(arguments.name)
    directory = Path(arguments.directory or name.distribution).expanduser()
    files = write_project(name, directory)
    _warn_of_a_namesake(name, console)
    console.result(f"{directory} has a plugin for the kind {console.paint(name.kind, 'bold')}: {len(files)} files")
    steps = _steps(name, directory)
    width = max(len(command) for command, _ in steps)
    for command, what in steps:
        console.line(f"  {command:<{width}}  {console.paint(f'# {what}', 'dim')}" if what else f"  {command}")
    console.line("docs/tutorial.md goes on from there.")
    console.document["project"] = {
        "kind": name.kind,
        "distribution": name.distribution,
        "module": name.module,
        "directory": str(directory.absolute()),
        "files": files,
        "next": [command for command, _ in steps],
    }
    return 0


def _steps(name: PluginName, directory: Path) -> tuple[tuple[str, str], ...]:
    return (
        (f"cd {shlex.quote(str(directory))}", ""),
        ("python3 -m venv .venv && . .venv/bin/activate", ""),
        ("pip install --editable '.[dev]'", ""),
        ("pytest", "the contract, against the stand-in that comes with it"),
        (f"python -m {name.module}.device", "the stand-in and a small CA; it says how to deploy to it"),
    )


def _warn_of_a_namesake(name: PluginName, console: Console) -> None:
    from certpush.plugins import available

    for offer in available():
        if offer.name == name.kind:
            console.warn(f"{offer.author} offers the kind {name.kind} here already; of two that are installed, none is used")
