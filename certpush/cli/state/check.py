"""certpush state check: look through everything that certpush remembers."""

from __future__ import annotations

import argparse

from certpush.cli.console import Console
from certpush.cli.exits import OK, SAFETY
from certpush.cli.findings import show_findings
from certpush.cli.state.place import configuration_for
from certpush.state.checking import check_state
from certpush.state.directory import open_state_directory


def run(arguments: argparse.Namespace, console: Console) -> int:
    """Look, and show each finding."""
    configuration = configuration_for(arguments.config)
    directory = configuration.state_directory.absolute()
    console.document["directory"] = str(directory)
    if not directory.exists():
        console.document["findings"] = []
        console.line(f"there is no state in {directory} yet: nothing was deployed")
        return OK
    open_state_directory(directory)
    seen = show_findings(console, check_state(directory, configuration.targets))
    return SAFETY if seen["error"] else OK
