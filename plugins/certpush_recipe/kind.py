"""The kind ``recipe``, and the kind as it is for one target: what a recipe promises is the recipe's own."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from certpush import Identity, Target, TargetKind
from certpush.errors import ConfigError
from certpush.kit import ssh
from certpush.target import ALL_KEYS, Footprint, Reversible
from certpush_recipe.reading import read_recipe, shipped_names
from certpush_recipe.recipe import ApiRecipe, Recipe
from certpush_recipe.settings import ApiSettings, RecipeSettings, reached_by_ssh


def declared() -> TargetKind[RecipeSettings]:
    """The kind, whatever the recipe."""
    return TargetKind(
        "recipe",
        "an appliance that a TOML file describes: HAProxy, Traefik, PostgreSQL, AdGuard Home and others, or your own",
        ApiSettings,
        open_target,
        disruption="as the recipe says",
        identify=identify,
        footprint=footprint,
        variant=variant,
        catalogue=catalogue,
    )


def variant(table: Mapping[str, Any]) -> TargetKind[RecipeSettings]:
    """The kind with this table's recipe: its way back, its times, its keys.

    Raises:
        ConfigError: there is no such recipe, or it is wrong.

    """
    recipe = read_recipe(_named(table))
    by_ssh = reached_by_ssh(recipe, table.get("host"))
    kind = replace(
        declared(),
        settings=ApiSettings if isinstance(recipe, ApiRecipe) else RecipeSettings,
        accepted_keys=frozenset(recipe.key_types) or ALL_KEYS,
        disruption=recipe.disruption,
        settle=recipe.times.settle,
        steady=recipe.times.steady,
        deadline=recipe.times.deadline,
        self_rescue=by_ssh,
        switches_again=not isinstance(recipe, ApiRecipe),
        footprint=None if by_ssh or isinstance(recipe, ApiRecipe) else footprint,
        identify=identify if by_ssh or isinstance(recipe, ApiRecipe) else None,
        variant=None,
    )
    return _with_its_way_back(kind, recipe)


def open_target(settings: RecipeSettings) -> Target:
    """One appliance; nothing is asked of it yet."""
    recipe = read_recipe(settings.recipe)
    if isinstance(recipe, ApiRecipe):
        from certpush_recipe.api_target import ApiTarget

        assert isinstance(settings, ApiSettings)  # noqa: S101 - the variant for such a recipe takes no others
        return ApiTarget(recipe, settings)
    from certpush_recipe.files import HereTarget, SshTarget

    return SshTarget(settings) if reached_by_ssh(recipe, settings.host) else HereTarget(settings)


def identify(settings: RecipeSettings) -> tuple[Identity, ...]:
    """The certificate of the API, or the SSH host keys; nothing is sent but handshakes."""
    recipe = read_recipe(settings.recipe)
    if isinstance(recipe, ApiRecipe):
        from certpush.kit.tls import tls_identity

        return tls_identity(settings.address, compare="with the certificate that its own console or configuration shows")
    return ssh.identify(settings.ssh) if reached_by_ssh(recipe, settings.host) else ()


def footprint(settings: RecipeSettings) -> Footprint:
    """The directories of the files on this machine."""
    from certpush_recipe.files import here

    layout = here(settings)
    directories = {path.rpartition("/")[0] or "/" for path in layout.places().values()}
    return Footprint(tuple(sorted(directories)), commands=bool(layout.checks(layout.places()) or layout.reloads()))


def catalogue() -> tuple[tuple[str, str], ...]:
    """The recipes that come with certpush."""
    return tuple((name, read_recipe(name).summary) for name in shipped_names())


def _named(table: Mapping[str, Any]) -> str:
    named = table.get("recipe")
    if not isinstance(named, str):
        raise ConfigError(
            "the key 'recipe' is missing" if named is None else "recipe: expected a text",
            hint=f"write recipe = one of {', '.join(shipped_names())}, or the path of your own",
        )
    return named


def _with_its_way_back(kind: TargetKind[RecipeSettings], recipe: Recipe) -> TargetKind[RecipeSettings]:
    if not isinstance(recipe, ApiRecipe) or recipe.undo.how == "select":
        return kind
    return replace(kind, reversible=Reversible.NEEDS_PREVIOUS, fallback=recipe.undo.fallback)
