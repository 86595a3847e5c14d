"""A bench for trying a plugin by hand: a CA on loopback, and a configuration for another terminal."""

from __future__ import annotations

import contextlib
import json
import os
import shlex
import shutil
import sys
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Self, TypeAlias

from certpush.testing.authority import EmbeddedCa

Value: TypeAlias = "str | int | bool | list[str]"
"""What a key of a target can be given here."""

_DIRECTORY = Path(".certpush-dev")


class Workbench:
    """Runs inside of ``with``; its configuration and state are in ``directory``, which is made anew each time.

    Each time the CA is another one, so nothing of before would fit.
    """

    def __init__(self, directory: Path = _DIRECTORY) -> None:
        self.configuration = directory / "certpush.toml"
        self._directory = directory
        self._ca = EmbeddedCa()

    @property
    def told(self) -> str:
        """What to type in another terminal, in the same directory and environment."""
        environment = f"  . {shlex.quote(sys.prefix)}/bin/activate\n" if sys.prefix != sys.base_prefix else ""
        return f"""\
A small CA answers at {self._ca.url}. In another terminal, in the same directory:

{environment}  export CERTPUSH_CONFIG={self.configuration}
  certpush deploy
  certpush status

Ctrl-C ends both."""

    def secret(self, name: str, value: str) -> str:
        """Keep a secret in a file that only its owner reads; gives the reference that the configuration holds."""
        path = self._directory / name
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(value)
        return f"file:{path.absolute()}"

    def configure(self, name: str, keys: Mapping[str, Value]) -> None:
        """Add ``[target.NAME]`` with these keys to the configuration."""
        lines = [f"{key} = {json.dumps(value)}" for key, value in keys.items()]  # such JSON is TOML, too
        with self.configuration.open("a") as file:
            file.write("\n".join(["", f"[target.{name}]", *lines, ""]))

    def wait(self) -> None:
        """Stay until Ctrl-C."""
        with contextlib.suppress(KeyboardInterrupt):
            threading.Event().wait()

    def __enter__(self) -> Self:
        if self.configuration.exists():  # ours, and of an earlier time
            shutil.rmtree(self._directory)
        self._directory.mkdir(mode=0o700)
        self._ca.start()
        password = self.secret("provisioner-password", self._ca.password)
        self.configuration.write_text(f"""\
[ca]
url = "{self._ca.url}"
fingerprint = "{self._ca.fingerprint}"
provisioner = "{self._ca.provisioner}"
password = {json.dumps(password)}

[state]
directory = {json.dumps(str(self._directory.absolute() / "state"))}
""")
        return self

    def __exit__(self, *_: object) -> None:
        self._ca.close()
