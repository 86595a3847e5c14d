"""certpush observer: the kinds of observer that can be configured, and trying one that is."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from certpush.cli.console import Console
    from certpush.plugins import Offer, PluginLoader

SUBCOMMANDS = ("kinds", "test")


def configure(parser: argparse.ArgumentParser) -> None:
    """The options of this command."""
    from certpush.cli.options import everywhere

    actions = parser.add_subparsers(dest="action", required=True, metavar="|".join(SUBCOMMANDS), parser_class=type(parser))
    kinds = actions.add_parser("kinds", help="the kinds of observer, or one with all its keys", allow_abbrev=False)
    kinds.add_argument("kind", nargs="?", metavar="KIND", help="show this kind with all its keys")
    kinds.description = "What can stand in an [observer.NAME] table."
    test = actions.add_parser("test", help="have an observer do once what it is there for, marked as a test", allow_abbrev=False)
    test.add_argument("observer", metavar="NAME", help="of an [observer.NAME] table")
    test.description = (
        "Sends a message that says that it is a test, or writes what is known anew. What the observer remembers stays as it is."
    )
    test.epilog = "Exit code 0 when that was done, 1 when not, 2 when its table is wrong."
    for one in (kinds, test):
        one.formatter_class = argparse.RawDescriptionHelpFormatter
        everywhere(one, again=True)


def run(arguments: argparse.Namespace, console: Console) -> int:
    """List the kinds, show one, or try an observer."""
    return _test(arguments, console) if arguments.action == "test" else _kinds(arguments, console)


def _test(arguments: argparse.Namespace, console: Console) -> int:
    from certpush.cli.console import indented
    from certpush.cli.exits import OK
    from certpush.fleet.fleet import Fleet

    with Fleet.load(arguments.config) as fleet:
        done = fleet.test_observer(arguments.observer)
    console.line(f"{console.paint(arguments.observer, 'bold')}  {indented(done)}")
    console.document["observer"] = {"name": arguments.observer, "done": done}
    return OK


def _kinds(arguments: argparse.Namespace, console: Console) -> int:
    from certpush.cli.exits import OK
    from certpush.plugins import PluginLoader, available

    loader = PluginLoader()
    if arguments.kind is not None:
        loader.load_observer(arguments.kind)  # one that is none is refused with the nearest
        offers = [one for one in available() if one.name == arguments.kind]
        _show(console, loader, offers[0])
    else:
        offers = [one for one in available() if one.own_observer]
        rows = [[console.paint(one.name, "bold"), loader.load_observer(one.name).summary, one.author] for one in offers]
        console.table(("kind", "for", "from"), rows)
        console.line(
            "\n`certpush observer kinds KIND` shows a kind's keys, also those of a third party's: `certpush plugins` lists what is there."
        )
    console.document["kinds"] = [_document(loader, one, keys=arguments.kind is not None) for one in offers]
    return OK


def _show(console: Console, loader: PluginLoader, offer: Offer) -> None:
    from certpush.cli.console import safe
    from certpush.cli.targets import show_keys
    from certpush.config import ObserverKeys
    from certpush.kit.description import describe

    kind = loader.load_observer(offer.name)
    console.line(f"{console.paint(safe(kind.name), 'bold')}  {safe(kind.summary)}\n")
    show_keys(console, [*describe(kind.settings), *(one for one in describe(ObserverKeys) if one.key != "kind")])


def _document(loader: PluginLoader, offer: Offer, *, keys: bool) -> dict[str, Any]:
    from certpush.cli.targets import key_document
    from certpush.kit.description import describe

    kind = loader.load_observer(offer.name)
    known = {
        "kind": kind.name,
        "summary": kind.summary,
        "distribution": offer.distribution,
        "version": offer.version,
        "built_in": offer.built_in,
    }
    return {**known, "keys": [key_document(one) for one in describe(kind.settings)]} if keys else known
