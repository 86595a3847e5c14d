"""certpush forget: stop managing a target."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from certpush.cli.console import Console, safe

if TYPE_CHECKING:
    from certpush.fleet.fleet import Fleet
    from certpush.fleet.forgetting import Forgotten


def configure(parser: argparse.ArgumentParser) -> None:
    """The options of this command."""
    parser.add_argument("target", metavar="TARGET", help="the target's name, configured or not any more; or TARGET/MEMBER")
    parser.add_argument("--clean", action="store_true", help="first back to what was there before certpush, and our leftovers removed")
    parser.add_argument("--abandon", action="store_true", help="also where a deployment was left half-way, as on a device that is gone")
    parser.add_argument("--yes", action="store_true", help="do not ask")
    parser.epilog = (
        "The certificate on the target stays, unless --clean is said; its key is kept no more, so there is no way back to it.\n"
        "The records stay, in a file below the state directory. The table in certpush.toml is yours to remove."
    )


def run(arguments: argparse.Namespace, console: Console) -> int:
    """Make sure, do it, and say what remains."""
    from certpush.cli.exits import OK, code_of_receipt, worst
    from certpush.cli.progress import Progress
    from certpush.cli.receipts import show_receipts
    from certpush.cli.stopping import stoppable
    from certpush.fleet.fleet import Fleet
    from certpush.kit.tls import utc_now

    progress = Progress(console, asked_to_go_back=True)
    with Fleet.load(arguments.config, observe=progress.observe) as fleet:
        if not arguments.yes:
            fleet.forgettable(arguments.target, clean=arguments.clean, abandon=arguments.abandon)  # before anybody is asked
            _make_sure(arguments, console)
        with stoppable(console):
            with progress.shown():
                forgotten = fleet.forget(arguments.target, clean=arguments.clean, abandon=arguments.abandon)
            if arguments.clean:
                show_receipts(console, forgotten.cleaned, utc_now())
            _tell(console, fleet, arguments.target, forgotten)
    return worst(code_of_receipt(one) for one in forgotten.cleaned) if forgotten.archive is None else OK


def _make_sure(arguments: argparse.Namespace, console: Console) -> None:
    from certpush.cli.asking import agreed, can_ask
    from certpush.errors import ConfigError, Interrupted

    command = f"certpush forget {arguments.target}{' --clean' * arguments.clean}{' --abandon' * arguments.abandon} --yes"
    if console.json or not can_ask():
        raise ConfigError(f"{arguments.target}: nobody is here to be asked whether to forget it", hint=command)
    what = "goes back to what was there before certpush" if arguments.clean else "keeps its certificate"
    if not agreed(console, f"{safe(arguments.target)} {what}; its keys here are removed, which cannot be undone. Forget it?"):
        raise Interrupted("nothing was forgotten", hint=f"later: {command}")


def _tell(console: Console, fleet: Fleet, name: str, forgotten: Forgotten) -> None:
    whole = name.partition("/")[0]
    configured = whole in fleet.configuration.targets
    console.document.update(
        forgotten=list(forgotten.targets) if forgotten.archive else [],
        archive=str(forgotten.archive) if forgotten.archive else None,
        certificates=list(forgotten.certificates),
        configured=configured,
    )
    if forgotten.archive is None:
        console.line("nothing was forgotten: what is above comes first")
        return
    console.line(f"forgotten: {safe(', '.join(forgotten.targets))}; the records are kept in {forgotten.archive}")
    if configured:
        console.line(f"remains: [target.{whole}] in the configuration. Remove it, or the next run takes the target up again")
