"""The parameters of a recipe: what a target gives, held against what the recipe takes."""

from __future__ import annotations

from collections.abc import Mapping

from certpush.errors import ConfigError
from certpush.kit.layout import refuse_bad_path
from certpush.model import Secret
from certpush_recipe.filling import Value
from certpush_recipe.recipe import Given, Parameter, Recipe

_SHAPES = {
    "text": (str, 'a text "..."'),
    "path": (str, 'a path "/..."'),
    "port": (int, "a number from 1 to 65535"),
    "number": (int, "a whole number"),
    "flag": (bool, "true or false"),
    "words": (tuple, 'a list of words ["...", "..."]'),
}


def check_default(parameter: Parameter) -> None:
    """Refuse a default that could not have been given.

    Raises:
        ConfigError: it is of another type, or the parameter is a secret.

    """
    if parameter.default is None:
        return
    if parameter.type == "secret":
        raise ConfigError("a secret has no default", hint="leave default out: each target gives its own, by reference")
    _check("default", parameter, parameter.default)


def values_of(recipe: Recipe, given: Mapping[str, Given], secrets: Mapping[str, Secret]) -> dict[str, Value]:
    """Each parameter that is no secret, as given or by default.

    Raises:
        ConfigError: one is unknown, missing, or not of its type; with the path of it.

    """
    for key, table, wanted in (("parameters", given, False), ("secrets", secrets, True)):
        for name in table:
            _refuse_unknown(recipe, key, name, secret=wanted)
    values: dict[str, Value] = {}
    for name, parameter in recipe.parameters.items():
        secret = parameter.type == "secret"
        value = None if secret else given.get(name, parameter.default)
        if value is None and not (secret and name in secrets):
            key = "secrets" if secret else "parameters"
            raise ConfigError(
                f"{key}.{name} is missing: {parameter.about}",
                hint=_how_to_add(key, name),
            )
        if value is not None:
            _check(f"parameters.{name}", parameter, value)
            values[name] = value
    return values


def _how_to_add(key: str, name: str) -> str:
    example = '"file:/path/of/it"' if key == "secrets" else "..."
    return f"add {key} = {{ {name} = {example} }} to the target"


def _refuse_unknown(recipe: Recipe, key: str, name: str, *, secret: bool) -> None:
    parameter = recipe.parameters.get(name)
    if parameter is not None and (parameter.type == "secret") == secret:
        return
    if parameter is not None:
        other = "parameters" if secret else "secrets"
        raise ConfigError(
            f"{key}.{name}: this is {'no secret' if secret else 'a secret'}", hint=f"it stands in `{other}`: {_how_to_add(other, name)}"
        )
    import difflib  # only for a mistyped name

    there = [one for one, about in recipe.parameters.items() if (about.type == "secret") == secret]
    near = difflib.get_close_matches(name, there, n=1)
    hint = f"did you mean {near[0]!r}?" if near else f"the recipe {recipe.name} takes {', '.join(there) or 'none'}"
    raise ConfigError(f"{key}.{name}: unknown to the recipe {recipe.name}", hint=hint)


def _check(key: str, parameter: Parameter, value: Given) -> None:
    wanted, words = _SHAPES[parameter.type]
    if not isinstance(value, wanted) or (isinstance(value, bool) and wanted is not bool):
        raise ConfigError(f"{key}: expected {words}", hint=parameter.about)
    if parameter.type == "port" and not 0 < int(str(value)) < 65536:
        raise ConfigError(f"{key}: {value} is no port", hint="1 to 65535")
    if parameter.type == "path":
        refuse_bad_path(key, str(value))
    for text in value if isinstance(value, tuple) else (value,):
        # They go into arguments, paths and headers, where none of these is ever meant.
        if isinstance(text, str) and not text.isprintable():
            raise ConfigError(f"{key}: it holds characters that cannot be printed", hint="remove them")
