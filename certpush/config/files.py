"""Where configurations are, and reading them: one file, and the conf.d beside it."""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from certpush.config.configuration import unknown
from certpush.errors import ConfigError

_MAX_CONFIG_BYTES = 8 * 1024 * 1024  # thousands of targets fit; a file of another kind does not
_SECTIONS = ("ca", "certificate", "defaults", "fleet", "observer", "state", "target")
SYSTEM_CONFIGURATION = Path("/etc/certpush/certpush.toml")


def locate(explicit: str | None, environ: Mapping[str, str]) -> Path | None:
    """The configuration file to use, or None where there is none.

    Raises:
        ConfigError: a file that was named does not exist.

    """
    named = explicit or environ.get("CERTPUSH_CONFIG")
    if named:
        path = Path(expanded(named))
        if not _is_file(path):
            raise ConfigError(f"there is no configuration file {path}", hint="`certpush init` writes one")
        return path
    return next((path for path in (user_configuration(environ), SYSTEM_CONFIGURATION) if _is_file(path)), None)


def user_configuration(environ: Mapping[str, str]) -> Path:
    """Where a user's own configuration is."""
    home = Path(environ.get("XDG_CONFIG_HOME") or Path(environ.get("HOME", "/")) / ".config")
    return home / "certpush" / "certpush.toml"


def expanded(text: str) -> str:
    """The path with ``~`` in its place."""
    try:
        return str(Path(text).expanduser())
    except RuntimeError:
        raise ConfigError(f"{text[:120]!a} lies in the home of nobody known here", hint="write the path in full") from None


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except PermissionError:
        return True  # somebody else's, perhaps ours: reading it will say so, and silence would look like no configuration


def read_toml(path: Path) -> dict[str, Any]:
    """Read one file; anything wrong with it is a ConfigError that names it."""
    try:
        with path.open("rb") as file:
            content = file.read(_MAX_CONFIG_BYTES + 1)
        if len(content) > _MAX_CONFIG_BYTES:
            raise ConfigError(f"{path}: larger than 8 MiB", hint="this is not a configuration of certpush")
        return tomllib.loads(content.decode())
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror}", hint="check the path and who runs certpush") from None
    except RecursionError:
        raise ConfigError(f"{path}: nested too deeply", hint="this is not a configuration of certpush") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: not valid TOML: {error}", hint="texts stand in double quotes, lists in square brackets") from None


def merge(into: dict[str, Any], more: Mapping[str, Any], path: Path) -> None:
    """Add another file's tables; what two files give is refused."""
    for section, content in more.items():
        if section not in _SECTIONS:
            raise unknown("table", section, _SECTIONS, f"tables are: {', '.join(_SECTIONS)}", where=f"{path}: ")
        if not isinstance(content, dict):
            raise ConfigError(f"{path}: {section} is a table", hint=f"write [{section}] on a line of its own")
        for key, value in content.items():
            known = into.setdefault(section, {})
            if key in known:
                raise ConfigError(f"{path}: {section}.{key} is already given in another file", hint="keep one of the two")
            known[key] = value


def default_state_directory(environ: Mapping[str, str]) -> Path:
    """Where state is kept unless configured: the system's place for root, systemd's or the user's otherwise."""
    if "STATE_DIRECTORY" in environ:  # set by systemd for units with StateDirectory=
        return Path(environ["STATE_DIRECTORY"].split(":")[0])
    if os.geteuid() == 0:
        return Path("/var/lib/certpush")
    base = environ.get("XDG_STATE_HOME") or Path(environ.get("HOME", "/")) / ".local" / "state"
    return Path(base) / "certpush"
