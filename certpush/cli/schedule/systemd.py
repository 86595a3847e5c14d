"""The system's or the user's systemd: its folder of units, and what it says of them."""

from __future__ import annotations

import os
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from shutil import which

from certpush.cli.schedule.order import Scope
from certpush.cli.schedule.units import Unit, is_as_written, is_ours
from certpush.errors import CertpushError, ConfigError, SafetyRefusal, TargetRefused
from certpush.kit.command import SEARCH_PATH, minimal_environment, run
from certpush.kit.files import Directory
from certpush.records import record

SYSTEM_UNITS = Path("/etc/systemd/system")
BOOTED = Path("/run/systemd/system")  # sd_booted(3)
_ANSWERS_WITHIN = timedelta(minutes=1)
_HEARD = ("XDG_RUNTIME_DIR", "DBUS_SESSION_BUS_ADDRESS")  # how the user's systemd is found


@record(frozen=True, slots=True)
class Systemd:
    """One of the two."""

    scope: Scope
    folder: Path
    environment: Mapping[str, str]
    program: str | None
    """systemctl; None where it is not installed."""

    @classmethod
    def of(cls, scope: Scope, environ: Mapping[str, str]) -> Systemd:
        """The one that this scope means."""
        home = Path(environ.get("XDG_CONFIG_HOME") or Path(environ.get("HOME", "/")) / ".config")
        folder = SYSTEM_UNITS if scope == "system" else home / "systemd" / "user"
        return cls(
            scope,
            folder,
            {**minimal_environment(), "TZ": "UTC", **{name: environ[name] for name in _HEARD if name in environ}},
            which("systemctl", path=SEARCH_PATH),
        )

    @property
    def runs(self) -> bool:
        """Whether this machine is run by systemd."""
        return BOOTED.is_dir() and self.program is not None

    # --- files ---

    def text_of(self, name: str) -> str | None:
        """The text of a unit's file; None where there is none."""
        try:
            return (self.folder / name).read_text("utf-8", "replace")
        except FileNotFoundError:
            return None
        except OSError as error:
            raise ConfigError(f"{self.folder / name} cannot be read: {error.strerror}", hint="look what is there") from None

    def refuse_foreign(self, name: str, *, force: bool) -> None:
        """Refuse to touch a unit that is not ours, or that somebody changed.

        Raises:
            SafetyRefusal: with what to do about it.

        """
        text, path = self.text_of(name), self.folder / name
        if text is None:
            return
        if not is_ours(text):
            raise SafetyRefusal(f"{path} was not written by certpush", hint=f"move it away if it is in the way: mv {path} {path}.old")
        if not is_as_written(text) and not force:
            raise SafetyRefusal(
                f"{path} was changed by hand", hint=f"move the changes into a drop-in ({self.shown('edit', name)}), then add --force"
            )

    def write(self, unit: Unit) -> bool:
        """Write a unit's file, in one step; False where it is there already."""
        if self.text_of(unit.name) == unit.text:
            return False
        try:
            self.folder.mkdir(mode=0o755, parents=True, exist_ok=True)
            with Directory.open(str(self.folder)) as folder:
                folder.refuse_odd(unit.name)
                folder.replace(unit.name, unit.text.encode(), mode=0o644)
        except OSError as error:
            raise _unwritable(self.folder / unit.name, error) from None
        return True

    def delete(self, name: str) -> None:
        """Remove a unit's file."""
        try:
            with Directory.open(str(self.folder)) as folder:
                folder.remove(name)
        except OSError as error:
            raise _unwritable(self.folder / name, error) from None

    # --- systemctl ---

    def call(self, *words: str) -> str:
        """Call systemctl; gives what it printed.

        Raises:
            CertpushError: it said no, or cannot be asked.

        """
        try:
            ended = run((self.program or "systemctl", *self._mine, *words), within=_ANSWERS_WITHIN, environment=self.environment)
        except TargetRefused as error:
            raise CertpushError(error.message, hint="is systemd running?") from None
        if ended.status != 0:
            hint = "become that user by a login (ssh, machinectl shell), not by su" if self._mine else "run it as root"
            raise CertpushError(f"{self.shown(*words)} failed: {ended.tail(3) or f'exit status {ended.status}'}", hint=hint)
        return ended.output.decode("utf-8", "replace")

    def shown(self, *words: str) -> str:
        """The command as a person would type it."""
        return " ".join(("systemctl", *self._mine, *words))

    def properties(self, unit: str, *names: str) -> dict[str, str]:
        """What systemd says of a unit."""
        lines = self.call("show", unit, f"--property={','.join(names)}").splitlines()
        return {name: value for name, _, value in (line.partition("=") for line in lines)}

    @property
    def _mine(self) -> tuple[str, ...]:
        return ("--user",) if self.scope == "user" else ()


def _unwritable(path: Path, error: OSError) -> ConfigError:
    hint = "run it with sudo, or install a timer of your own: --user" if os.geteuid() != 0 else "look what stands in the way"
    return ConfigError(f"{path} cannot be written: {error.strerror}", hint=hint)
