"""What a person names to be installed: a requirement, a wheel, a directory, an address."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

from certpush.errors import ConfigError
from certpush.records import record

_REQUIREMENT = re.compile(r"([A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?)\s*(?:[\[@<>=!~;(].*)?", re.DOTALL)


@record(frozen=True, slots=True)
class Package:
    """``text`` is how an installer takes it; ``distribution`` is its name, empty where only installing tells."""

    text: str
    distribution: str = ""

    @classmethod
    def parse(cls, text: str) -> Package:
        """Read a word of the command line.

        Raises:
            ConfigError: it is none, such as an option of an installer, or a file that is not there.

        """
        path = Path(text).expanduser()
        if "://" not in text and (text.endswith(".whl") or "/" in text.partition("@")[0] or text in (".", "..")):
            if not path.exists():
                raise ConfigError(f"{text[:200]!a} is not there", hint="name a wheel, a project's directory, or a package of the index")
            return cls(str(path.absolute()), _name_at(path))
        named = _REQUIREMENT.fullmatch(text)
        if "://" in text and not text.startswith("-"):
            return cls(text, named[1] if named and "@" in text.partition("://")[0] else "")
        if not named:
            raise ConfigError(f"{text[:200]!a} is no package", hint="for example: certpush plugin install certpush-acme-nas")
        return cls(text, named[1])


def normalised(distribution: str) -> str:
    """One spelling for all that mean the same distribution (PEP 503)."""
    return re.sub(r"[-_.]+", "-", distribution).lower()


def _name_at(path: Path) -> str:
    """The name of the distribution that a wheel or a project's directory is."""
    if path.suffix == ".whl":
        return path.name.partition("-")[0]
    try:
        return str(tomllib.loads((path / "pyproject.toml").read_text())["project"]["name"])
    except (OSError, ValueError, KeyError, TypeError):
        return ""
