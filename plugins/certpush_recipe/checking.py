"""Whether the parts of a recipe fit together; said with the path of what does not, before any target uses it."""

from __future__ import annotations

import re
from collections.abc import Collection
from pathlib import PurePosixPath

from certpush.errors import ConfigError
from certpush.kit.rendering import Role
from certpush.kit.settings import fields_of
from certpush_recipe.checking_calls import check_api
from certpush_recipe.filling import check_names, holes
from certpush_recipe.names import CONTENT, FILE, HOST, PORT, RESERVED, public, secrets
from certpush_recipe.parameters import check_default
from certpush_recipe.place import at
from certpush_recipe.recipe import Command, FileRecipe, Files, Recipe

_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,62}")
_PARAMETER = re.compile(r"[a-z][a-z0-9_]{0,40}")
_SHELLS = frozenset({"sh", "ash", "bash", "dash", "ksh", "mksh", "zsh", "fish", "csh", "tcsh"})


def check_recipe(recipe: Recipe) -> None:
    """Refuse a recipe that cannot work, or does not say what it owes.

    Raises:
        ConfigError: with the path of what is wrong.

    """
    _check_head(recipe)
    if isinstance(recipe, FileRecipe):
        _check_files(recipe)
    else:
        check_api(recipe)


def _check_head(recipe: Recipe) -> None:
    if recipe.format != 1:
        raise ConfigError(f"recipe.format: {recipe.format} is not known here", hint="write format = 1, or upgrade certpush")
    if not _NAME.fullmatch(recipe.name):
        raise ConfigError(f"recipe.name: {recipe.name[:80]!a} is no name", hint="small letters, digits and hyphens")
    if not recipe.summary.strip() or "\n" in recipe.summary:
        raise ConfigError("recipe.summary: it is one line that says what the recipe is for", hint='write summary = "..."')
    if not recipe.source or not all(one.startswith("https://") for one in recipe.source):
        raise ConfigError(
            "recipe.source: nothing says where its facts come from", hint='name pages or source code: source = ["https://..."]'
        )
    for name, parameter in recipe.parameters.items():
        with at(f"recipe.parameters.{name}"):
            if not _PARAMETER.fullmatch(name) or name in RESERVED:
                raise ConfigError(
                    "this cannot be the name of a parameter", hint=f"small letters, digits, underscores; not {', '.join(RESERVED)}"
                )
            check_default(parameter)
    for number, endpoint in enumerate(recipe.endpoints):
        with at(f"recipe.endpoints[{number}].at"):
            check_names(endpoint.at, {*public(recipe), HOST, *(() if isinstance(recipe, FileRecipe) else (PORT,))})


def _check_files(recipe: FileRecipe) -> None:
    given = [role for role in Role if getattr(recipe.files, role.value, None) is not None]
    if not any(role.holds_leaf for role in given) or not any(role.holds_key for role in given):
        raise ConfigError(
            "recipe.files: it takes a file with the certificate and one with the key", hint="write fullchain and key_file, or combined"
        )
    for one in fields_of(Files):
        with at(f"recipe.files.{one.name}"):
            check_names(getattr(recipe.files, one.name) or "", public(recipe))
    if not recipe.where:
        raise ConfigError("recipe.where: it is for no machine", hint='leave it out, or write where = ["ssh"]')
    if secrets(recipe):
        name = secrets(recipe)[0]
        raise ConfigError(
            f"recipe.parameters.{name}: a recipe for files has no use for a secret", hint="commands take none: others see their arguments"
        )
    for part in ("check", "activate"):
        for number, command in enumerate(getattr(recipe, part)):
            _check_command(f"recipe.{part}[{number}]", command, public(recipe), [role.value for role in given])
    for number, command in enumerate(recipe.check):
        if any(hole.name.startswith(CONTENT) for hole in holes(command.input)):
            raise ConfigError(
                f"recipe.check[{number}].input: a check reads no content", hint="name the new file as an argument: {file.fullchain}"
            )


def _check_command(path: str, command: Command, known: Collection[str], files: Collection[str]) -> None:
    if not command.run or not command.run[0].strip():
        raise ConfigError(f"{path}.run: the command has no name", hint='write it as a list of words: run = ["nginx", "-t"]')
    if PurePosixPath(command.run[0]).name in _SHELLS:
        raise ConfigError(f"{path}.run: {command.run[0]!a} is a shell", hint="name the program itself, with its arguments")
    names = {*known, *(FILE + one for one in files)}
    for number, word in enumerate(command.run):
        with at(f"{path}.run[{number}]"):
            if not word.isprintable():
                raise ConfigError("it holds characters that no command needs", hint="remove them")
            check_names(word, names)
    with at(f"{path}.input"):
        check_names(command.input, {*names, *(CONTENT + one for one in files)})
