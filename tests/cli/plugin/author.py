"""An author of a plugin: an environment of its own in which certpush is installed, a project in it, and a terminal."""

from __future__ import annotations

import contextlib
import json
import os
import re
import site
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from certpush.cli.plugin.naming import PluginName
from certpush.cli.plugin.project import write_project

PIP = ("--quiet", "--no-index", "--no-build-isolation", "--no-deps", "--disable-pip-version-check")


class Author:
    """Works in ``directory``: ``venv/`` is the environment, ``certpush-NAME/`` the project."""

    def __init__(self, directory: Path, name: str) -> None:
        self.project = directory / f"certpush-{name}"
        self.kind = name
        self._environment = directory / "venv"
        self.python = self._environment / "bin" / "python"

    def write(self) -> None:
        """As `certpush plugin new` does."""
        write_project(PluginName.parse(self.kind), self.project)

    def make_environment(self) -> None:
        """As `python -m venv` and `pip install certpush[testing]` do: what is installed here is seen there, without a package index."""
        subprocess.run([sys.executable, "-m", "venv", "--without-pip", self._environment], check=True)
        (packages,) = self._environment.glob("lib/python*/site-packages")
        (packages / "ours.pth").write_text("".join(f"import site; site.addsitedir({path!r})\n" for path in site.getsitepackages()))

    def install(self) -> None:
        """The project, by pip."""
        ended = self.call(sys.executable, "-m", "pip", "--python", self._environment, "install", *PIP, self.project)
        assert ended.returncode == 0, ended.stdout + ended.stderr

    def call(self, *words: str | Path, **more: str) -> subprocess.CompletedProcess[str]:
        """Run a command in the project's directory."""
        environment = {**_measured(), "PATH": "/usr/bin:/bin", "HOME": str(self.project.parent), **more}
        return subprocess.run(words, cwd=self.project, env=environment, capture_output=True, text=True, timeout=100, check=False)

    def certpush(self, *words: str | Path, code: int = 0, **more: str) -> dict[str, Any]:
        """What certpush says there to a machine."""
        ended = self.call(self.python, "-m", "certpush", *words, "--output", "json", **more)
        assert ended.returncode == code, ended.stdout + ended.stderr
        document: dict[str, Any] = json.loads(ended.stdout)
        return document

    def verdicts(self, code: int = 0) -> Counter[str]:
        """How often each verdict stands on the report card."""
        return Counter(one["verdict"] for one in self.certpush("conformance", self.kind, code=code)["obligations"])

    @contextlib.contextmanager
    def stand_in(self) -> Iterator[dict[str, str]]:
        """The stand-in and its CA, run as the README says; gives the variable that they tell to set."""
        device = subprocess.Popen(
            [self.python, "-u", "-m", f"certpush_{self.kind.replace('-', '_')}.device"],
            cwd=self.project, stdout=subprocess.PIPE, text=True, env={"PATH": "/usr/bin:/bin"},
        )  # fmt: skip
        try:
            yield dict([_variable(device)])
        finally:
            device.terminate()
            device.communicate(timeout=20)


def _measured() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if name.startswith("COVERAGE_")}


def _variable(device: subprocess.Popen[str]) -> tuple[str, str]:
    assert device.stdout is not None
    told = ""
    while "Ctrl-C" not in told:
        line = device.stdout.readline()
        assert line, f"it ended: {told}"
        told += line
    found = re.search(r"export (CERTPUSH_CONFIG)=(\S+)", told)
    assert found is not None
    assert "  certpush deploy\n" in told
    return found[1], found[2]
