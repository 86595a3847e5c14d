"""certpush completion: the script that makes a shell complete commands, options and target names."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from certpush.cli.console import Console


def configure(parser: argparse.ArgumentParser) -> None:
    """The options of this command."""
    parser.add_argument("shell", choices=("bash", "zsh", "fish"), help="whose script to print")
    parser.epilog = (
        'bash: eval "$(certpush completion bash)" in ~/.bashrc\n'
        'zsh:  eval "$(certpush completion zsh)" in ~/.zshrc, after compinit\n'
        "fish: certpush completion fish > ~/.config/fish/completions/certpush.fish"
    )


def run(arguments: argparse.Namespace, console: Console) -> int:
    """Print the script."""
    from argcomplete.shell_integration import shellcode

    script = shellcode(["certpush"], shell=arguments.shell)
    console.result(script)
    console.document["script"] = script
    return 0
