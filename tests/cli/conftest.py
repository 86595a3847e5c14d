"""The command line called as a person would, in a home directory of its own."""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from certpush.cli.main import run


@dataclass(frozen=True)
class Ended:
    """How a call ended."""

    code: int
    out: str
    err: str

    @property
    def document(self) -> dict[str, Any]:
        return json.loads(self.out)

    def line(self, label: str) -> str:
        """What stands behind a label in the output."""
        (found,) = [line for line in self.out.splitlines() if line.startswith(label)]
        return found.removeprefix(label).strip()


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty home directory, and no setting of this machine's in sight."""
    home = tmp_path / "home"
    work = tmp_path / "work"
    home.mkdir()
    work.mkdir()
    for name in list(os.environ):
        if name.startswith(("STEP", "XDG_", "CERTPUSH_CONFIG", "STATE_DIRECTORY", "SUDO_")):
            monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setattr("certpush.config.SYSTEM_CONFIGURATION", tmp_path / "etc" / "certpush.toml")
    monkeypatch.chdir(work)
    return home


@pytest.fixture
def certpush(home: Path, capsys: pytest.CaptureFixture[str]) -> Callable[..., Ended]:
    """Call the command line in this process: ``certpush("inspect", path)``."""

    def call(*words: object) -> Ended:
        root = logging.getLogger()
        before = root.handlers[:], root.level
        capsys.readouterr()
        try:
            code = run([str(word) for word in words])
        finally:
            root.handlers[:], level = before
            root.setLevel(level)
        printed = capsys.readouterr()
        return Ended(code, printed.out, printed.err)

    return call


@pytest.fixture
def password_file(real_ca, tmp_path: Path) -> Path:
    """The real CA's provisioner password, in a file that only its owner reads."""
    path = tmp_path / "provisioner-password"
    path.write_text(real_ca.password + "\n")
    path.chmod(0o600)
    return path


@pytest.fixture
def configured(real_ca, home: Path, password_file: Path) -> Path:
    """A configuration that knows the real CA."""
    path = home / ".config" / "certpush" / "certpush.toml"
    path.parent.mkdir(parents=True)
    path.write_text(
        f'[ca]\nurl = "{real_ca.url}"\nfingerprint = "{real_ca.fingerprint}"\n'
        f'provisioner = "{real_ca.provisioner}"\npassword = "file:{password_file}"\n'
    )
    path.chmod(0o600)
    return path
