"""What a box can be told to do wrong; all of it may be changed while it runs."""

from __future__ import annotations

from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Literal


@dataclass
class PfSenseFaults:
    """What goes wrong on a box. A number says how often; True is always, False never.

    ``restart_does_nothing``: the GUI's restart leaves it as it is. ``restart_dies``: it ends it, and
    starts nothing. ``gui_accepts_only``: nginx starts only while ssl-certref is this refid.
    ``restart_seconds``: how long the GUI is down at least. ``events_lost``: check_reload_status says
    OK, and does nothing. ``php_dies``: /usr/local/bin/php has a fatal error when the configuration
    is loaded ("load"), at the begin of write_config ("write"), or after it wrote ("after-write").
    ``php_notices``: PHP prints a warning. ``config_readonly``: write_config gives false.
    ``write_fails``: it gives -1. ``hook_seconds``: how long packages take over a new configuration.
    ``clock_offset``: by how many seconds the clock is wrong, for date and for what pfSense writes; for all of
    PHP where libfaketime is installed.
    ``sshguard_after``: after so many failed logins the address is blocked.
    """

    restart_does_nothing: bool | int = False
    restart_dies: bool | int = False
    gui_accepts_only: str = ""
    restart_seconds: float = 0.0
    events_lost: bool = False
    php_dies: Literal["", "load", "write", "after-write"] = ""
    php_notices: bool = False
    config_readonly: bool = False
    write_fails: bool | int = False
    hook_seconds: float = 0.0
    clock_offset: int = 0
    sshguard_after: int = 0

    def at(self, folder: Path) -> None:
        """Let them take effect in a box, whose programs read this folder; from now on at each change."""
        object.__setattr__(self, "_folder", folder)
        for one in fields(self):
            setattr(self, one.name, getattr(self, one.name))

    def __setattr__(self, name: str, value: Any) -> None:
        object.__setattr__(self, name, value)
        folder: Path | None = getattr(self, "_folder", None)
        if folder is None:
            return
        file = folder / name
        if not value:
            file.unlink(missing_ok=True)
            return
        # The programs of the box may read at any time: never half a value.
        (folder.parent / f"{name}.new").write_text("always" if value is True else str(value))
        (folder.parent / f"{name}.new").replace(file)
