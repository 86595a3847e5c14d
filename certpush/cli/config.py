"""certpush config: check the configuration without the network, or print its JSON Schema."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from certpush.cli.console import Console


SUBCOMMANDS = ("check", "schema")


def configure(parser: argparse.ArgumentParser) -> None:
    """The options of this command."""
    from certpush.cli.options import everywhere

    actions = parser.add_subparsers(dest="action", required=True, metavar="|".join(SUBCOMMANDS), parser_class=type(parser))
    check = actions.add_parser("check", help="read every table as a run would; ask nobody anything", allow_abbrev=False)
    check.description = "Reads the configuration and every plugin's part of it, and looks whether each secret is there. Sends nothing."
    check.epilog = "Exit code 2 when something is wrong, 0 when there are warnings at most."
    schema = actions.add_parser("schema", help="the JSON Schema of certpush.toml, for editors", allow_abbrev=False)
    schema.add_argument("--kind", action="append", default=[], metavar="KIND", help="describe targets of this kind too (loads that plugin)")
    schema.epilog = (
        "certpush config schema > certpush.schema.json\n"
        'and "#:schema ./certpush.schema.json" in the first line of certpush.toml, for editors with Taplo (Even Better TOML).'
    )
    for one in (check, schema):
        one.formatter_class = argparse.RawDescriptionHelpFormatter
        everywhere(one, again=True)


def run(arguments: argparse.Namespace, console: Console) -> int:
    """Check, or print the schema."""
    return _check(arguments, console) if arguments.action == "check" else _schema(arguments, console)


def _check(arguments: argparse.Namespace, console: Console) -> int:
    from certpush.cli.exits import OK, USAGE
    from certpush.cli.findings import show_findings
    from certpush.fleet.fleet import Fleet

    with Fleet.load(arguments.config) as fleet:
        seen = show_findings(console, fleet.check_configuration())
    return USAGE if seen["error"] else OK


def _schema(arguments: argparse.Namespace, console: Console) -> int:
    import json

    from certpush.config.schema import configuration_schema
    from certpush.plugins import PluginLoader, available

    loader = PluginLoader()
    offers = available()
    kinds = [*(one.name for one in offers if one.own_target), *arguments.kind]
    observers = {one.name: loader.load_observer(one.name).settings for one in offers if one.own_observer}
    schema = configuration_schema({kind: loader.load_kind(kind).settings for kind in dict.fromkeys(kinds)}, observers)
    console.result(json.dumps(schema, indent=2))
    console.document["schema"] = schema
    return 0
