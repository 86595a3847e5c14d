"""What ``uv tool install`` wrote down of a tool: it forgets all that its next call does not name again."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from certpush.cli.plugin.package import normalised
from certpush.errors import PluginError
from certpush.records import record

_TOOL = "certpush"


@record(frozen=True, slots=True)
class Receipt:
    """The options of ``uv tool install`` that make the same environment again."""

    main: tuple[str, ...]
    """certpush itself."""
    with_: Mapping[str, tuple[str, ...]]
    """Each other requirement, by the normalised name of its distribution."""
    python: str = ""
    programs: Path | None = None
    """The directory of the programs that it made."""

    @property
    def others(self) -> tuple[str, ...]:
        """The options for all but certpush."""
        return tuple(option for options in self.with_.values() for option in options)

    def without(self, distribution: str) -> Receipt:
        """The same but for one."""
        return replace(self, with_={name: one for name, one in self.with_.items() if name != normalised(distribution)})

    @classmethod
    def read(cls, path: Path) -> Receipt:
        """Read ``uv-receipt.toml``.

        Raises:
            PluginError: it cannot be read, or holds what cannot be repeated on a command line.

        """
        try:
            tool = tomllib.loads(path.read_text())["tool"]
            written = {normalised(str(one["name"])): one for one in tool["requirements"]}
            main = _options(written.pop(_TOOL), "", "--editable")
            others = {name: _options(one, "--with", "--with-editable") for name, one in written.items()}
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise PluginError(
                f"{path} cannot be understood, and what it holds would be lost ({type(error).__name__}: {error})",
                hint="name all of it by hand: uv tool install certpush --with PACKAGE --with ...",
            ) from error
        made = [Path(str(one["install-path"])).parent for one in tool.get("entrypoints", []) if "install-path" in one]
        return cls(main, others, str(tool.get("python", "")), made[0] if made else None)


def _options(requirement: Mapping[str, Any], plain: str, editable: str) -> tuple[str, ...]:
    name, extras = str(requirement["name"]), requirement.get("extras", [])
    suffix = f"[{','.join(extras)}]" if extras else ""
    before = (plain,) if plain else ()
    match {key: value for key, value in requirement.items() if key not in ("name", "extras")}:
        case {"editable": str(path), **rest} if not rest:
            return (editable, f"{path}{suffix}")
        case {"path": str(path), **rest} | {"directory": str(path), **rest} if not rest:
            return (*before, f"{path}{suffix}")
        case {"url": str(url), **rest} if not rest:
            return (*before, f"{name}{suffix} @ {url}")
        case {**rest} if rest.keys() <= {"specifier"}:
            return (*before, f"{name}{suffix}{rest.get('specifier', '')}")
    raise ValueError(name)
