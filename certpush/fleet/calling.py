"""Calls into a plugin from outside of a rotation: whatever escapes it becomes an error that names it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from certpush.errors import CertpushError, TrustError

if TYPE_CHECKING:  # who only looks at an endpoint calls no plugin
    from certpush.target import TargetKind


@contextmanager
def asking(kind: TargetKind[Any], name: str, phase: str) -> Iterator[None]:
    """Ask a kind about the target ``name``; errors of ours pass, and anything else is the plugin's bug."""
    try:
        yield
    except TrustError as error:
        error.hint = error.hint.replace("certpush trust NAME", f"certpush trust {name}")
        raise
    except CertpushError:
        raise
    except (Exception, SystemExit) as error:  # noqa: BLE001 - a plugin may raise anything
        from certpush.rotation.rotation import plugin_bug

        raise plugin_bug(error, kind.name, name, phase) from None
