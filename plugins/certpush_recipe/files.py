"""Recipes with files: made into what ``kit.local`` and ``kit.remote`` work by, so that they promise what the kinds file and ssh do."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from certpush import CertificateRequest, Endpoint, Finding, Target
from certpush.kit.layout import LayoutSettings
from certpush.kit.local.files import LocalFiles
from certpush.kit.order import Content, Order
from certpush.kit.remote.files import RemoteFiles
from certpush.kit.remote.settings import RemoteSettings
from certpush.kit.rendering import Role
from certpush.kit.settings import fields_of
from certpush.kit.ssh import SshSettings
from certpush_recipe.about import endpoints_of, note_of
from certpush_recipe.filling import Hole, Value, filled, filled_words, holes, pieces
from certpush_recipe.names import CONTENT, FILE
from certpush_recipe.reading import read_recipe
from certpush_recipe.recipe import Command, FileRecipe, Files
from certpush_recipe.settings import RecipeSettings


@dataclass(frozen=True, slots=True)
class Orders:
    """The commands of a recipe, for one target."""

    check: tuple[Command, ...] = ()
    activate: tuple[Command, ...] = ()
    values: Mapping[str, Value] = field(default_factory=dict)
    places: Mapping[Role, str] = field(default_factory=dict)

    @property
    def look_at_new_files(self) -> bool:
        """Whether the check names files, so that it is of use before anything is switched."""
        return any(hole.name.startswith(FILE) for one in self.check for word in one.run for hole in holes(word))

    def checks(self, paths: Mapping[Role, str]) -> tuple[Order, ...]:
        """The commands of the check, for files at ``paths``."""
        return tuple(self._order(one, paths) for one in self.check)

    def reloads(self) -> tuple[Order, ...]:
        """The commands that have the service take up the files that are in place."""
        return tuple(self._order(one, self.places) for one in self.activate)

    def _order(self, command: Command, paths: Mapping[Role, str]) -> Order:
        values = {**self.values, **{FILE + role.value: path for role, path in paths.items()}}
        given = tuple(self._piece(one, values) for one in pieces(command.input))
        return Order(filled_words(command.run, values), given, command.expect)

    def _piece(self, piece: str | Hole, values: Mapping[str, Value]) -> str | Content:
        if isinstance(piece, str):
            return piece
        if piece.name.startswith(CONTENT):
            return Content(self.places[Role(piece.name.removeprefix(CONTENT))])
        return filled(f"{{{piece.name}}}", values)


class FilesHere(LayoutSettings):
    """Files on this machine, with the commands of a recipe."""

    orders: Any = Orders()

    @property
    def check_uses_files(self) -> bool:
        """Whether the check looks at the new files before they are in place."""
        return bool(self.orders.look_at_new_files)

    def checks(self, paths: Mapping[Role, str]) -> tuple[Order, ...]:
        """The recipe's check."""
        return self.orders.checks(paths)  # type: ignore[no-any-return] # a field of a Struct, which has to be Any

    def reloads(self) -> tuple[Order, ...]:
        """The recipe's activation."""
        return self.orders.reloads()  # type: ignore[no-any-return] # as above


class FilesBySsh(RemoteSettings):
    """Files on a machine that is reached by SSH, with the commands of a recipe."""

    orders: Any = Orders()
    check_uses_files = FilesHere.check_uses_files
    checks = FilesHere.checks
    reloads = FilesHere.reloads


class _OfRecipe(Target):
    """What a recipe adds to the verbs for files, wherever they are."""

    _recipe_settings: RecipeSettings

    def preflight(self, request: CertificateRequest) -> tuple[Finding, ...]:
        """As for any files; and whether the recipe was ever tried."""
        return (*super().preflight(request), *note_of(self._recipe_settings))

    def endpoints(self) -> tuple[Endpoint, ...]:
        """Where the recipe says."""
        return endpoints_of(self._recipe_settings)


class HereTarget(_OfRecipe, LocalFiles, Target):
    """A recipe with files on this machine."""

    def __init__(self, settings: RecipeSettings) -> None:
        super().__init__(here(settings))
        self._recipe_settings = settings


class SshTarget(_OfRecipe, RemoteFiles, Target):
    """A recipe with files on a machine that is reached by SSH."""

    def __init__(self, settings: RecipeSettings) -> None:
        super().__init__(by_ssh(settings))
        self._recipe_settings = settings


def here(settings: RecipeSettings) -> FilesHere:
    """The files and commands, for this machine."""
    layout = _layout(settings)
    return FilesHere(**layout, orders=_orders(settings, FilesHere(**layout)))


def by_ssh(settings: RecipeSettings) -> FilesBySsh:
    """The files and commands, for another machine."""
    login = {one.name: getattr(settings.ssh, one.name) for one in fields_of(SshSettings)}
    layout: dict[str, Any] = {**_layout(settings), **login, "rescue_after": settings.rescue_after}
    return FilesBySsh(**layout, orders=_orders(settings, FilesHere(**_layout(settings))))


def _orders(settings: RecipeSettings, layout: LayoutSettings) -> Orders:
    recipe = _recipe(settings)
    return Orders(recipe.check, recipe.activate, settings.values, layout.places())


def _layout(settings: RecipeSettings) -> dict[str, Any]:
    recipe, values = _recipe(settings), settings.values
    given = {one.name: filled(value, values) for one in fields_of(Files) if (value := getattr(recipe.files, one.name))}
    return {**given, "check_timeout": recipe.times.check, "reload_timeout": recipe.times.activate}


def _recipe(settings: RecipeSettings) -> FileRecipe:
    recipe = read_recipe(settings.recipe)
    assert isinstance(recipe, FileRecipe)  # noqa: S101 - the kind's variant opens nothing else by this
    return recipe
