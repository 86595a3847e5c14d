"""Find a recipe, read it, and refuse it with the path of what is wrong before anything is asked of an appliance."""

from __future__ import annotations

import stat
import tomllib
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any

from certpush.errors import ConfigError
from certpush.kit.escaping import escaped
from certpush.kit.settings import convert
from certpush_recipe.checking import check_recipe
from certpush_recipe.recipe import ApiRecipe, FileRecipe, Parameter, Recipe

_SHIPPED = resources.files(__package__).joinpath("recipes")
_MOST_BYTES = 256 * 1024
_REFERENCE = "docs/recipes.md lists each key with its type"


def read_recipe(named: str) -> Recipe:
    """The recipe of this name, or in the file at this path (a name with a slash, or one that ends in ``.toml``).

    Raises:
        ConfigError: there is none, or it is wrong; the message has file and key.

    """
    return _from_file(named) if "/" in named or named.endswith(".toml") else _shipped(named)


@cache
def shipped_names() -> tuple[str, ...]:
    """The names of the recipes that come with certpush."""
    return tuple(sorted(one.name.removesuffix(".toml") for one in _SHIPPED.iterdir() if one.name.endswith(".toml")))


@cache
def _shipped(name: str) -> Recipe:
    if name not in shipped_names():
        import difflib  # only for a mistyped name

        near = difflib.get_close_matches(name, shipped_names(), n=1)
        hint = f"did you mean {near[0]!r}?" if near else f"there are {', '.join(shipped_names())}; one of your own is named by its path"
        raise ConfigError(f"recipe: there is no recipe {name[:80]!a}", hint=hint)
    return parse_recipe(_SHIPPED.joinpath(f"{name}.toml").read_text(encoding="utf-8"), f"{name}.toml")


def _from_file(named: str) -> Recipe:
    try:
        path = Path(named).expanduser()
    except RuntimeError:
        raise ConfigError(f"recipe: {named[:120]!a} lies in the home of nobody known here", hint="write the path in full") from None
    if not path.is_absolute():
        raise ConfigError(
            f"recipe: {named[:120]!a} depends on where certpush is started, and a timer starts it elsewhere",
            hint=f'write the path in full, or with ~: "{escaped(str(path.resolve()))[:200]}"',
        )
    return parse_recipe(_text_of(path), escaped(str(path)))


def _text_of(path: Path) -> str:
    shown = escaped(str(path))
    try:
        with path.open("rb") as file:
            # What it names is run, perhaps as root.
            if path.stat().st_mode & stat.S_IWOTH:
                raise ConfigError(f"recipe: everybody may write to {shown}, and what it names is run", hint=f"chmod o-w {shown}")
            content = file.read(_MOST_BYTES + 1)
    except OSError as error:
        raise ConfigError(f"recipe: {shown} cannot be read: {error.strerror}", hint="name a recipe's file by its full path") from None
    if len(content) > _MOST_BYTES:
        raise ConfigError(f"recipe: {shown} is larger than any recipe", hint="name a recipe's file")
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError:
        raise ConfigError(f"recipe: {shown} is no text", hint="a recipe is TOML, in UTF-8") from None


def parse_recipe(text: str, where: str) -> Recipe:
    """Read a recipe's text; ``where`` it stands begins each message.

    Raises:
        ConfigError: it is no TOML, a key is unknown or of the wrong type, a placeholder is unknown, something does not fit together.

    """
    try:
        table = tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise ConfigError(f"{where}: is no TOML: {escaped(str(error))}", hint=_REFERENCE) from None
    try:
        _check_parameters(table.get("parameters"))
        recipe: Recipe = convert(table, _kind_of(table), path="recipe", read_secret=_no_secret, reference=_REFERENCE)
        check_recipe(recipe)
    except ConfigError as error:
        raise ConfigError(f"{where}: {error.message}", hint=error.hint) from None
    return recipe


def _check_parameters(tables: Any) -> None:
    """Each by itself: of a table of tables, msgspec does not say in which of them something is wrong."""
    for name, one in tables.items() if isinstance(tables, dict) else ():
        convert(
            one if isinstance(one, dict) else {}, Parameter, path=f"recipe.parameters.{name}", read_secret=_no_secret, reference=_REFERENCE
        )


def _kind_of(table: dict[str, Any]) -> type[FileRecipe | ApiRecipe]:
    if ("files" in table) == ("api" in table):
        both = "files" in table
        raise ConfigError(
            "recipe: [files] and [api] exclude each other"
            if both
            else "recipe: neither [files] nor [api] says how the certificate gets there",
            hint="write [files] for files with commands, or [api] for calls over HTTPS",
        )
    return FileRecipe if "files" in table else ApiRecipe


def _no_secret(_: str) -> Any:
    raise AssertionError("no part of a recipe is a secret")
