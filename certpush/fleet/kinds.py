"""The kind of a target: what the plugin declares, as it is for what the target's table says."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from certpush.config import TargetSpec
from certpush.errors import ConfigError

if TYPE_CHECKING:
    from certpush.target import TargetKind


def kind_of(spec: TargetSpec, load_kind: Callable[[str], TargetKind[Any]]) -> TargetKind[Any]:
    """The kind of this target, loaded if it is not yet.

    Raises:
        PluginError: there is none, or it cannot be used.
        ConfigError: the table asks for something that the kind does not have.

    """
    kind = load_kind(spec.kind)
    if kind.variant is None:
        return kind
    try:
        return kind.variant(spec.table)
    except ConfigError as error:
        raise ConfigError(f"{spec.path}: {error.message}", hint=error.hint) from None
