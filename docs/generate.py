"""Write the reference pages from the code, so that they cannot be wrong: configuration, commands, recipes, reference/.

``python docs/generate.py`` writes them; ``--check`` says whether they are as the code is (part of ``make lint``).
"""

from __future__ import annotations

import argparse
import difflib
import importlib
import sys
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import reference_pages

from certpush.cli.commands import COMMANDS, GROUPS
from certpush.cli.exits import MEANINGS
from certpush.cli.options import parser_for
from certpush.config import CertificateKeys, DefaultKeys, EndpointTable, FleetKeys, ObserverKeys, StateKeys, TargetKeys
from certpush.kit.description import Field, describe
from certpush.kit.settings import Settings
from certpush.plugins import PluginLoader, available
from certpush.stepca.settings import CaSettings
from certpush_recipe import recipe
from certpush_recipe.reading import read_recipe, shipped_names

DOCS = Path(__file__).parent
PARTS = DOCS / "parts"  # what a page begins with, written by hand
MADE = "<!-- Made by docs/generate.py from the code; change it there. -->"
_EVERYWHERE = ("-v", "-q", "--output", "--no-color", "--config", "--log-format", "-h")


# --- configuration.md ------------------------------------------------------------------------


def configuration() -> Iterator[str]:
    """The page about certpush.toml."""
    yield (PARTS / "configuration.md").read_text().rstrip()
    yield from _table("The CA", '`[ca]`, or several as `[ca.NAME]`; `ca = "NAME"` in a target chooses one.', CaSettings)
    yield from _table("Targets", "`[target.NAME]`: what every target has, whatever its kind.", TargetKeys, leave_out=CertificateKeys)
    yield from _table("Certificates", "In a `[target.NAME]` that has its own, or in `[certificate.NAME]` for several.", CertificateKeys)
    yield from _table("Endpoints", 'An endpoint written as a table, where `"host:port"` does not say enough.', EndpointTable)
    yield from _table("Defaults", "`[defaults]`: what certificates and targets have when they do not say otherwise.", DefaultKeys)
    yield from _table("Many at once", "`[fleet]`", FleetKeys)
    yield from _table("State", "`[state]`", StateKeys)
    yield from _table(
        "Observers", "`[observer.NAME]`: what every observer has, whatever its kind; [the guide](observers.md).", ObserverKeys
    )
    loader = PluginLoader()
    for offer in available():
        if offer.own_target:
            kind = loader.load_kind(offer.name)
            yield from _table(f"Kind `{kind.name}`", f'`kind = "{kind.name}"`: {kind.summary}.', kind.settings, leave_out=TargetKeys)
    for offer in available():
        if offer.own_observer:
            observer = loader.load_observer(offer.name)
            yield from _table(
                f"Observer `{observer.name}`", f'`kind = "{observer.name}"` in `[observer.NAME]`: {observer.summary}.', observer.settings
            )


def _table(
    title: str, about: str, settings: type[Settings], *, leave_out: type[Settings] | None = None, level: str = "##"
) -> Iterator[str]:
    known = {one.key for one in describe(leave_out)} if leave_out else set()
    rows = [_row(one) for one in describe(settings) if one.key not in known]
    yield f"{level} {title}\n\n{about}"
    yield "\n".join(["| key | type | default | for |", "|---|---|---|---|", *rows])


def _row(one: Field) -> str:
    default = "required" if one.required else f"`{one.default}`" if one.default else ""
    return f"| `{one.key}` | {_cell(one.type)} | {default} | {_cell(one.text)} |"


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("<", "&lt;")


# --- commands.md -----------------------------------------------------------------------------


def commands() -> Iterator[str]:
    """The page about the command line."""
    yield (PARTS / "commands.md").read_text().rstrip()
    yield "| option | does |\n|---|---|\n" + "\n".join(_options(parser_for("demo", COMMANDS["demo"]), everywhere=True))
    yield "## Exit codes\n\n| code | meaning |\n|---|---|\n" + "\n".join(f"| {code} | {text} |" for code, text in MEANINGS.items())
    for title, group in GROUPS:
        yield f"## {title}"
        for name, summary in group:
            parser = parser_for(name, summary)
            importlib.import_module(f"certpush.cli.{name}").configure(parser)
            yield from _command(parser, "###")


def _command(parser: argparse.ArgumentParser, level: str) -> Iterator[str]:
    yield f"{level} {parser.prog}\n\n{parser.description or ''}".rstrip()
    yield f"```\n{_usage(parser)}\n```"
    rows = [*_words(parser), *_options(parser, everywhere=False)]
    if rows:
        yield "| argument | for |\n|---|---|\n" + "\n".join(rows)
    if parser.epilog:
        yield f"```\n{parser.epilog}\n```"
    for below in _below(parser):
        yield from _command(below, f"{level}#")


def _usage(parser: argparse.ArgumentParser) -> str:
    words = [action for action in parser._actions if not action.option_strings]
    options = any(action.option_strings and action.option_strings[0] not in _EVERYWHERE for action in parser._actions)
    return " ".join([parser.prog, *(_shown(action) for action in words), *(["[OPTION ...]"] if options else [])])


def _shown(action: argparse.Action) -> str:
    name = str(action.metavar or (f"{{{'|'.join(action.choices)}}}" if action.choices else action.dest))
    return {"*": f"[{name} ...]", "+": f"{name} [{name} ...]", "?": f"[{name}]"}.get(str(action.nargs), name)


def _words(parser: argparse.ArgumentParser) -> Iterator[str]:
    for action in parser._actions:
        if not action.option_strings and not isinstance(action, argparse._SubParsersAction):
            yield f"| `{_shown(action)}` | {_help(action)} |"


def _options(parser: argparse.ArgumentParser, *, everywhere: bool) -> Iterator[str]:
    for action in parser._actions:
        if action.option_strings and (action.option_strings[0] in _EVERYWHERE) == everywhere:
            yield f"| `{_cell(_option(action))}` | {_help(action)} |"


def _option(action: argparse.Action) -> str:
    value = ""
    if action.nargs != 0:
        value = (
            " ".join(action.metavar) if isinstance(action.metavar, tuple) else action.metavar or "|".join(action.choices or (action.dest,))
        )
    return f"{', '.join(action.option_strings)} {value}".rstrip()


def _help(action: argparse.Action) -> str:
    return _cell(" ".join((action.help or "").split()))


def _below(parser: argparse.ArgumentParser) -> Iterable[argparse.ArgumentParser]:
    several = next((one for one in parser._actions if isinstance(one, argparse._SubParsersAction)), None)
    return dict.fromkeys(several.choices.values()) if several else ()


# --- recipes.md ------------------------------------------------------------------------------


def recipes() -> Iterator[str]:
    """The page about recipes: how to use and write one, the format, and those that come with certpush."""
    yield (PARTS / "recipes.md").read_text().rstrip()
    yield "## The format"
    for title, about, shape in _FORMAT:
        common = recipe.Head if shape is not recipe.Head and issubclass(shape, recipe.Head) else None
        yield from _table(title, about, shape, leave_out=common, level="###")
    yield "## Those that come with certpush"
    shipped = [read_recipe(name) for name in shipped_names()]
    rows = [
        f"| [`{one.name}`](#{one.name}) | {_cell(one.summary.partition(': ')[2])} | {one.tried or 'written from the sources'} |"
        for one in shipped
    ]
    yield "\n".join(["| recipe | what | tried on |", "|---|---|---|", *rows])
    for one in shipped:
        yield from _recipe(one)


_FORMAT: tuple[tuple[str, str, type[Settings]], ...] = (
    ("Every recipe", "At the top of the file.", recipe.Head),
    ("Parameters", "`[parameters.NAME]`", recipe.Parameter),
    ("Endpoints", "`endpoints = [{ at = ... }]`", recipe.EndpointTemplate),
    ("Times", "`[times]`", recipe.Times),
    ("With files", "At the top of the file, beside `[files]`.", recipe.FileRecipe),
    ("Files", "`[files]`; each path may hold placeholders.", recipe.Files),
    ("Commands", "`[[check]]` and `[[activate]]` of a recipe with files.", recipe.Command),
    ("With an API", "At the top of the file, beside `[api]`.", recipe.ApiRecipe),
    ("API", "`[api]`", recipe.Api),
    ("Login", "`[api.login]`: user and password, or headers.", recipe.Login),
    ("Look", "`[look]`: exactly one of `certificate`, `fingerprint`, `pattern`, `handshake`.", recipe.Look),
    ("Calls", "`[[check]]`, `[[stage]]`, `[[activate]]`, `[[undo.clear]]`, `[[undo.remove]]` and `[api.login.session]`.", recipe.Call),
    ("Undo", "`[undo]`", recipe.Undo),
)


def _recipe(one: recipe.Recipe) -> Iterator[str]:
    yield f"### {one.name}\n\n{one.summary}." + (f" {one.notes}" if one.notes else "")
    rows = [f"| `{name}` | {each.type} | {_default(each)} | {_cell(each.about)} |" for name, each in one.parameters.items()]
    yield "\n".join(["| parameter | type | default | for |", "|---|---|---|---|", *rows])
    yield "From " + ", ".join(f"<{source}>" for source in one.source) + "."


def _default(one: recipe.Parameter) -> str:
    if one.default is None:
        return "required"
    words = f"[{', '.join(map(repr, one.default))}]".replace("'", '"') if isinstance(one.default, tuple) else one.default
    return f"`{words}`"


# --- writing and checking --------------------------------------------------------------------

PAGES: dict[str, Callable[[], Iterator[str]]] = {
    "configuration.md": configuration,
    "commands.md": commands,
    "recipes.md": recipes,
    **reference_pages.PAGES,
}


def _marked(parts: Iterator[str]) -> Iterator[str]:
    yield MADE
    yield from parts


def main(words: list[str]) -> int:
    """Write the pages, or with --check say what differs; gives the exit code."""
    check, differs = "--check" in words, False
    for name, make in PAGES.items():
        path, text = DOCS / name, "\n\n".join(_marked(make())) + "\n"
        there = path.read_text() if path.exists() else ""
        if check and text != there:
            differs = True
            print(f"docs/{name} is not as the code is: run `make docs`", file=sys.stderr)
            print("\n".join([*difflib.unified_diff(there.splitlines(), text.splitlines(), lineterm="", n=0)][:20]), file=sys.stderr)
        elif not check:
            path.parent.mkdir(exist_ok=True)
            path.write_text(text)
    return 1 if differs else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
