"""certpush conformance: try an installed kind against the contract, and print a report card."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from certpush.errors import PluginError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from certpush.cli.conformance.card import Line
    from certpush.cli.conformance.trial import Trial
    from certpush.cli.console import Console
    from certpush.plugins import Offer
    from certpush.testing.conformance.order import Order


def configure(parser: argparse.ArgumentParser) -> None:
    """The options of this command."""
    parser.add_argument("kind", metavar="KIND", help="a kind of target that is installed: `certpush plugins` lists them")
    parser.epilog = (
        "Runs the contract suite on the stand-in device that the plugin ships, in a process of its own; no device of\n"
        "yours is touched, and no configuration is read. Exit code 0 when each obligation is kept or not claimed,\n"
        "1 when one is not, or could not be tried here."
    )


def run(arguments: argparse.Namespace, console: Console) -> int:
    """Try it, and print the card."""
    from certpush.cli.conformance.shipped import cases_of, offer_of
    from certpush.cli.exits import NOT_ROTATED, OK

    offer = offer_of(arguments.kind)
    module = cases_of(offer)
    _need_pytest()
    _load(offer)
    return OK if _card_of(offer, module, console) else NOT_ROTATED


def _need_pytest() -> None:
    from importlib.util import find_spec

    if find_spec("pytest") is None:
        raise PluginError("the contract suite needs pytest, which is not installed here", hint="pip install 'certpush[testing]'")


def _load(offer: Offer) -> None:
    """As a deployment does, which needs more than the suite: what certpush cannot load keeps no promise at all."""
    from certpush.plugins import PluginLoader

    with PluginLoader() as loader:
        loader.load_kind(offer.name)


def _card_of(offer: Offer, module: str, console: Console) -> bool:
    """Run the suite and show what came out; tells whether the kind conforms."""
    import os
    import tempfile
    from pathlib import Path

    from certpush.cli.conformance import card
    from certpush.cli.conformance.trial import Trial
    from certpush.cli.stopping import ended_by_signals
    from certpush.testing.conformance.order import Order

    console.line(f"{console.paint(offer.name, 'bold')} from {offer.author}, tried on what {module} stands up")
    with ended_by_signals(), tempfile.TemporaryDirectory(prefix="certpush-conformance-") as folder:
        trial = Trial(Path(folder), os.environ)
        _follow(trial, Order(offer.name, module), console)
    lines = card.lines_of(trial.asked, [*trial.ended.values()])
    card.show(console, trial.asked, lines)
    console.document.update(
        {"kind": offer.name, "distribution": offer.distribution, "version": offer.version, **card.document(trial.asked, lines)}
    )
    _conclude(offer, lines, console)
    return card.conforms(lines)


def _follow(trial: Trial, order: Order, console: Console) -> None:
    """Let a person who watches see how far it is."""
    from certpush.cli.conformance.watching import following

    with following(console) as tell:
        for event in trial.run(order):
            tell(event, len(trial.ended), len(trial.asked.tests))


def _conclude(offer: Offer, lines: Sequence[Line], console: Console) -> None:
    """The one line that is printed even with -q, and the next step where it is bad."""
    from certpush.cli.conformance.card import commonest_cause, conforms, summary

    if conforms(lines):
        console.result(console.paint(f"{offer.name} keeps the contract: {summary(lines)}", "green"))
        return
    console.result(console.paint(f"{offer.name} is not shown to keep the contract: {summary(lines)}", "red"))
    if cause := commonest_cause(lines):
        console.note(cause)
    console.note("docs/reference/obligations.md says of each obligation why it is one; pytest shows where in the plugin it broke")
