"""What a new plugin is called: one name, and the forms that it takes in a package, a module and a class."""

from __future__ import annotations

import re

from certpush.errors import ConfigError
from certpush.records import record

_NAME = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")
_PREFIX = "certpush-"
_LONGEST = 30


@record(frozen=True, slots=True)
class PluginName:
    """The name of a kind, which no plugin of certpush's own has."""

    kind: str

    @property
    def distribution(self) -> str:
        """What is installed: ``certpush-acme-nas``."""
        return f"{_PREFIX}{self.kind}"

    @property
    def module(self) -> str:
        """What is imported: ``certpush_acme_nas``."""
        return self.distribution.replace("-", "_")

    @property
    def class_prefix(self) -> str:
        """What its classes begin with: ``AcmeNas``."""
        return "".join(part.capitalize() for part in self.kind.split("-"))

    @classmethod
    def parse(cls, text: str) -> PluginName:
        """Read what a person wrote.

        Raises:
            ConfigError: it cannot be the name of a kind; with one that can, where there is one near.

        """
        from certpush.plugins import RESERVED_NAMES

        if text in RESERVED_NAMES:
            raise ConfigError(
                f"the kind {text!r} belongs to certpush itself", hint=f"add what is special about yours: certpush plugin new {text}-NAME"
            )
        if text.startswith(_PREFIX) or len(text) > _LONGEST or not _NAME.fullmatch(text):
            raise ConfigError(f"{text[:60]!a} cannot be the name of a kind", hint=_how_instead(text))
        return cls(text)


def _how_instead(text: str) -> str:
    near = re.sub(r"[^a-z0-9]+", "-", text.lower()).removeprefix(_PREFIX).strip("-")
    suggestion = f"; for example: certpush plugin new {near}" if near != text and len(near) <= _LONGEST and _NAME.fullmatch(near) else ""
    return f"small letters, digits and single hyphens, {_LONGEST} at most, a letter first, and no certpush- before it{suggestion}"
