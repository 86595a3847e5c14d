"""Calls into a plugin: whatever escapes it becomes an error that says of which target, and where."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from certpush.errors import CertpushError, ConfigError, TargetBug, TargetError, TrustError

REPORT = "report it to the plugin's authors (yours? `certpush conformance KIND` shows more); what was begun is rolled back"


@contextmanager
def calling(kind: str, name: str, phase: str) -> Iterator[None]:
    """Ask a plugin of this kind about the target ``name``. It does not know what its target is called, and errors of ours learn it here."""
    try:
        yield
    except TargetError as error:
        error.target = error.target or name
        error.phase = error.phase or phase
        raise
    except TrustError as error:  # a person wants the command to copy
        error.hint = error.hint.replace("certpush trust NAME", f"certpush trust {name}")
        raise
    except ConfigError as error:
        _add_path(error, f"target.{name.partition('/')[0]}")
        raise
    except CertpushError:
        raise
    except (Exception, SystemExit) as error:  # noqa: BLE001 - a plugin may raise anything
        raise plugin_bug(error, kind, name, phase) from None


def plugin_bug(error: BaseException, kind: str, target: str, phase: str) -> TargetBug:
    """What a plugin raised, as an error of ours: the type and the place only, for its text may hold a key, and so may its traceback."""
    import traceback

    *_, (frame, line) = traceback.walk_tb(error.__traceback__)
    where = f"{frame.f_globals.get('__name__', '?')}, line {line}"
    return TargetBug(f"the plugin for {kind} raised {type(error).__name__} ({where})", hint=REPORT, target=target, phase=phase)


def _add_path(error: ConfigError, path: str) -> None:
    """Some keys are read no earlier than they are used, as that of a login: a person looks for them in the table all the same."""
    if not error.message.startswith(path):
        error.message = f"{path}: {error.message}"
        error.args = (error.message,)
