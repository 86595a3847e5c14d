"""The recipe target: an appliance that a TOML file describes, with files and commands or with calls of its API."""

from __future__ import annotations

from certpush import TargetKind, hookimpl
from certpush_recipe.kind import declared
from certpush_recipe.settings import RecipeSettings


@hookimpl
def certpush_target() -> TargetKind[RecipeSettings]:
    """Declare the kind ``recipe``."""
    return declared()
