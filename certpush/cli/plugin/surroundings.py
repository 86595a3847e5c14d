"""What certpush runs in, seen from inside, and who looks after it."""

from __future__ import annotations

import os
import shutil
import sys
import sysconfig
from collections.abc import Callable, Mapping
from importlib.util import find_spec
from pathlib import Path

from certpush.cli.plugin.keepers import Keeper, Pip, Pipx, UvPip, UvTool
from certpush.cli.plugin.uv_receipt import Receipt
from certpush.errors import PluginError
from certpush.records import record

_PIPX_GLOBAL = Path("/opt/pipx")


@record(frozen=True, slots=True)
class Surroundings:
    """The Python that runs certpush: where it is, what it has, and which programs there are."""

    python: str
    prefix: Path
    base_prefix: Path
    library: Path
    """The directory of its standard library, where a system says that it looks after this Python itself (PEP 668)."""
    has_pip: bool
    home: Path
    environ: Mapping[str, str]
    find: Callable[[str], str | None]
    """Where a program is, by its name."""

    @classmethod
    def here(cls) -> Surroundings:
        """Those of this process."""
        return cls(
            python=sys.executable,
            prefix=Path(sys.prefix),
            base_prefix=Path(sys.base_prefix),
            library=Path(sysconfig.get_path("stdlib")),
            has_pip=find_spec("pip") is not None,
            home=Path(os.path.expanduser("~")),  # noqa: PTH111 - Path.home raises for a home of nobody
            environ=os.environ,
            find=shutil.which,
        )

    def keeper(self) -> Keeper:
        """Who looks after it.

        Raises:
            PluginError: nobody whom we may or can call; with what to do.

        """
        if (self.prefix / "pipx_metadata.json").exists():
            return self._pipx()
        if (self.prefix / "uv-receipt.toml").exists():
            return self._uv_tool()
        if self.prefix != self.base_prefix:
            return self._of_an_environment()
        return self._of_a_system()

    def _pipx(self) -> Pipx:
        home = self.prefix.parent.parent
        if home == _PIPX_GLOBAL:
            return Pipx(self.prefix.name, ("--global",))
        usual = self.environ.get("PIPX_HOME") or self._data / "pipx"
        return Pipx(self.prefix.name, environ=_unless_usual("PIPX_HOME", home, usual))

    def _uv_tool(self) -> UvTool:
        receipt = self.prefix / "uv-receipt.toml"
        tools = self.environ.get("UV_TOOL_DIR") or self._data / "uv" / "tools"
        programs = self.environ.get("UV_TOOL_BIN_DIR") or self.environ.get("XDG_BIN_HOME") or self.home / ".local" / "bin"
        return UvTool(
            receipt,
            {
                **_unless_usual("UV_TOOL_DIR", self.prefix.parent, tools),
                **_unless_usual("UV_TOOL_BIN_DIR", Receipt.read(receipt).programs, programs),
            },
        )

    def _of_an_environment(self) -> Keeper:
        if self.has_pip:
            return Pip(self.python)
        if self.find("uv") is None:
            raise PluginError(
                f"the environment {self.prefix} has no pip, and there is no uv",
                hint=f"{self.python} -m ensurepip, or install the package with what made the environment",
            )
        return UvPip(self.python)

    def _of_a_system(self) -> Pip:
        if (self.library / "EXTERNALLY-MANAGED").exists():
            raise PluginError(
                f"{self.python} belongs to the system, whose own packages it runs: nothing else is installed into it",
                hint="give certpush an environment of its own: `pipx install certpush`, then `certpush plugin install` again",
            )
        if not self.has_pip:
            raise PluginError(f"{self.python} has no pip", hint=f"{self.python} -m ensurepip, or pipx install certpush")
        return Pip(self.python)

    @property
    def _data(self) -> Path:
        return Path(self.environ.get("XDG_DATA_HOME") or self.home / ".local" / "share")


def _unless_usual(name: str, wanted: Path | None, usual: str | Path) -> dict[str, str]:
    """The variable, where the program would choose another place by itself."""
    return {} if wanted is None or wanted == Path(usual) else {name: str(wanted)}
