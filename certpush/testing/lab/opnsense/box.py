"""An OPNsense box on loopback: its API and GUI over TLS, a real sshd into a tree of its own, PHP with OPNsense's config.inc.

The tree, its FreeBSD tools and its shells are those of the pfSense box; what OPNsense has in
other places, or does otherwise, is laid over them.
"""

from __future__ import annotations

import contextlib
import json
import shutil
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Self

from certpush.testing.lab.opnsense.api import Api
from certpush.testing.lab.opnsense.config_file import ConfigFile
from certpush.testing.lab.opnsense.faults import OpnSenseFaults
from certpush.testing.lab.opnsense.webgui import WebGui
from certpush.testing.lab.pfsense import tree
from certpush.testing.lab.pfsense.box import PfSense
from certpush.testing.lab.pfsense.hardware import Hardware
from certpush.testing.lab.pfsense.observed import CONFIG

DEFAULT_CONFIG = Path(__file__).with_name("default.xml")
_OURS = Path(__file__).with_name("skeleton")
_NOT_THERE = ("etc/version", "etc/platform", "etc/rc.restart_webgui", "etc/rc.initial", "usr/local/sbin/pfSctl", "usr/local/sbin/pfSsh.php")
_FREEBSD = "2.7.2"  # the pfSense release whose FreeBSD is nearest


class OpnSense(PfSense):
    """A box; use it in ``with``. Only root can have one.

    ``config``: the bytes of a config.xml, with placeholders as certpush.testing.lab.pfsense.configs has
    them. Other keywords are those of ``PfSense``. ``gui_faults`` are those of GUI and API; ``faults`` those of PHP.
    """

    def __init__(self, config: bytes | None = None, *, user: str = "root", **wishes: Any) -> None:
        self.api_key, self.api_secret = "w86XNZob8Oq8aC5r0kbNarNtdpoQU781", "XeD26XVrJ5ilAc/EmglCRC+0j2e57tRs"
        self.gui_faults = OpnSenseFaults()
        self._file = ConfigFile(lambda: self.path(CONFIG))
        self._gui = WebGui(self._file, lambda: self.path("/usr/local/etc/lighttpd_webgui"), self.gui_faults, self._note)
        self.api = self._gui.api = Api(self._file, self.gui_faults, self.api_key, self.api_secret, self._gui.restart)
        self._ended = threading.Event()
        self._configd: threading.Thread | None = None
        super().__init__(_FREEBSD, config or DEFAULT_CONFIG.read_bytes(), user=user, **wishes)

    def _build(self, login: tree.Login, host_keys: Sequence[str], size: str) -> Hardware:
        hardware = super()._build(login, host_keys, size)
        self._lay_over()
        return hardware

    def _lay_over(self) -> None:
        kept = (self._root / "etc/inc/lab.inc").read_bytes()
        shutil.rmtree(self._root / "etc/inc")
        for name in _NOT_THERE:
            (self._root / name).unlink(missing_ok=True)
        shutil.copytree(_OURS, self._root, dirs_exist_ok=True)
        (self._root / "etc/inc").mkdir()
        (self._root / "etc/inc/lab.inc").write_bytes(kept)
        (self._root / "lab/configd").mkdir()
        accounts = self._root / "etc/passwd"
        accounts.write_text(accounts.read_text().replace(":/root:/bin/sh", ":/root:/usr/local/sbin/opnsense-shell"))

    def _prepare(self) -> None:
        super()._prepare()
        self.path(CONFIG).chmod(0o640)

    # --- life ------------------------------------------------------------------------------------

    def start(self) -> Self:
        """Switch it on, and its GUI."""
        super().start()
        self._ended.clear()
        self._gui.start(self.host, self.gui_port)
        self._configd = threading.Thread(target=self._serve_configd, daemon=True)
        self._configd.start()
        return self

    def stop(self) -> None:
        """Pull the plug."""
        self._ended.set()
        if self._configd:
            self._configd.join()
            self._configd = None
        self._gui.stop()
        super().stop()

    def restart_gui(self) -> None:
        """Restart the GUI as a person on the console does."""
        self._gui.restart()

    def receive_sync(self, primary: OpnSense) -> None:
        """Take over the primary's certificates and authorities as high availability does: whole sections, and no pointer."""
        theirs = primary._file.read()
        with self._file.changing("root@primary", "HA sync") as root:
            for kind in ("cert", "ca"):
                for one in root.findall(kind):
                    root.remove(one)
                root.extend(theirs.findall(kind))

    # --- configd -----------------------------------------------------------------------------------

    def _serve_configd(self) -> None:
        folder = self._root / "lab/configd"
        while not self._ended.wait(0.02):
            for ticket in folder.glob("*.request"):
                answer = self._act(ticket.read_text().split())
                ticket.with_suffix(".answer").write_text(f"{answer}\n")
                ticket.unlink()

    def _act(self, words: Sequence[str]) -> str:
        if words[:2] != ["webgui", "restart"]:
            return "Action not found"
        with contextlib.suppress(OSError):
            self._gui.restart(float(words[2]) if len(words) > 2 else 0.0)
        return "OK"

    def _note(self, what: str, **facts: object) -> None:
        with (self._root / "lab/events").open("a") as file:
            file.write(json.dumps({"time": time.time(), "what": what, "facts": facts}) + "\n")
