"""A pfSense box on loopback: a real sshd into a tree of its own, PHP with pfSense's functions, a real nginx as GUI."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Self

from certpush.model import CertificateBundle
from certpush.testing.authority import Authority
from certpush.testing.lab import hurry
from certpush.testing.lab.pfsense import tree
from certpush.testing.lab.pfsense.administrator import Appointment, Moment, Page
from certpush.testing.lab.pfsense.configs import Filled, filled, filled_text
from certpush.testing.lab.pfsense.faults import PfSenseFaults
from certpush.testing.lab.pfsense.hardware import Hardware
from certpush.testing.lab.pfsense.observed import CONFIG, ObservedBox
from certpush.testing.lab.pfsense.releases import RELEASES
from certpush.testing.lab.process import LabError, NotPossibleHere, answers, free_port, wait_until
from certpush.testing.lab.ssh_keys import fingerprint, public_line, write_key

_SOCKET = "/var/run/check_reload_status"
_PHP = "/usr/local/bin/php"


class PfSense(ObservedBox):
    """A box; use it in ``with``, or call ``start`` and ``close``. Only root can have one.

    ``config``: the name of a condition in fixtures/pfsense, or the bytes of a config.xml with the
    same placeholders. ``user``: root, admin, or another account, whose shell is tcsh and which
    ``sudo`` lets do everything. ``options``: further lines of sshd_config. ``size``: of /cf, as
    mount says it. ``lab``: who signed what the configuration names ``lab-...``.
    """

    def __init__(  # noqa: PLR0913 - keywords, all with a default
        self,
        version: str = "2.7.2",
        config: str | bytes = "default",
        *,
        user: str = "admin",
        password: str | None = None,
        sudo: bool = False,
        options: Sequence[str] = (),
        host_keys: Sequence[str] = ("ed25519", "ecdsa"),
        host: str = "127.0.0.1",
        size: str = "256m",
        lab: Authority | None = None,
    ) -> None:
        if os.geteuid() != 0:
            raise NotPossibleHere("only root can have a pfSense box (a mount namespace)")
        super().__init__("pfsense")
        self.host, self.user, self.version = host, user, version
        self.port = self.gui_port = 0
        self.client_key_path = self.directory / "client_ed25519"
        self.faults = PfSenseFaults()
        self.initial: Filled | None = None
        self.same: Mapping[str, CertificateBundle] = {}
        self._config, self._lab, self._options, self._passwords = config, lab, list(options), password is not None
        self._root = self.directory / "root"
        try:
            self._hardware = self._build(tree.Login(user, password, sudo), host_keys, size)
        except BaseException:
            self._own.remove()
            raise

    def _build(self, login: tree.Login, host_keys: Sequence[str], size: str) -> Hardware:
        self._root.mkdir()
        write_key(self.client_key_path, "ed25519")
        tree.build(self._root, RELEASES[self.version], login, self.client_key_path)
        self._make_host_keys(host_keys)
        self.faults.at(self._root / "lab/faults")
        (self._root / "lab/address").write_text(self.host)
        return Hardware(self._root, self.directory / "console.log", size)

    # --- what clients ask for --------------------------------------------------------------

    @property
    def host_key_fingerprint(self) -> str:
        """The first host key's ``SHA256:...``, as ssh-keygen prints it."""
        return fingerprint(self._public_host_keys()[0])

    @property
    def known_hosts_lines(self) -> tuple[str, ...]:
        """The lines of known_hosts for all host keys."""
        return tuple(f"[{self.host}]:{self.port} {line}" for line in self._public_host_keys())

    @property
    def home(self) -> str:
        """The user's home directory in the box."""
        return "/root" if self.user in ("root", "admin") else f"/home/{self.user}"

    # --- what tests do ---------------------------------------------------------------------

    def open_page(self) -> Page:
        """Let an administrator open a page of the GUI now, to save it later."""
        return Page(self.inside("/usr/local/bin/php-cgi", "-f", "/lab/edit.php"))

    def as_administrator(self, php: str) -> None:
        """Let an administrator change ``$config`` in the GUI by this PHP: fresh page, write_config, all of it now."""
        self.open_page().save(php)

    def by_hand(self, edit: Callable[[bytes], bytes]) -> None:
        """Let an administrator edit config.xml with viconfig, which removes the cache afterwards."""
        edited = edit(self.config_bytes)
        new = self.path("/cf/conf/.viconfig")
        new.write_bytes(edited)
        new.chmod(0o644)
        new.replace(self.path(CONFIG))
        self.path("/tmp/config.cache").unlink(missing_ok=True)  # noqa: S108 -- in the box

    def at(self, moment: Moment, deed: Callable[[], None]) -> Appointment:
        """Do something the next time the box comes to a moment; the box waits meanwhile."""
        return Appointment(self._root / "lab/moments", moment, deed)

    def restart_gui(self) -> None:
        """Restart the GUI as the console menu does, and wait for the end of it."""
        self.run("/bin/sh", "-c", "/etc/rc.restart_webgui </dev/null >/dev/null 2>&1")

    def pass_time(self, length: timedelta) -> None:
        """Let so much time pass for the timer that brings the old certificate back, and for nobody else."""
        hurry.pass_time(length, lambda: hurry.timers("", self._hardware.processes))

    def unblock(self) -> None:
        """Let sshguard forget the address that it blocked."""
        self.run("/bin/pkill", "-CONT", "-f", "sshd: /usr/sbin/sshd|^/usr/sbin/sshd -D")

    # --- what goes wrong -------------------------------------------------------------------

    @property
    def event_socket(self) -> bool:
        """Whether check_reload_status can be reached. May be set."""
        return self.path(_SOCKET).exists()

    @event_socket.setter
    def event_socket(self, there: bool) -> None:
        away = self.path(f"{_SOCKET}.away")
        if there != self.event_socket:
            (away.rename(self.path(_SOCKET)) if there else self.path(_SOCKET).rename(away))

    @property
    def php(self) -> bool:
        """Whether there is a /usr/local/bin/php. May be set."""
        return self.path(_PHP).exists()

    @php.setter
    def php(self, there: bool) -> None:
        away = self.path("/lab/php.away")
        if there != self.php:
            (away.rename(self.path(_PHP)) if there else self.path(_PHP).rename(away))

    @property
    def booting(self) -> bool:
        """Whether the flag of a start-up is there. May be set."""
        return self.path("/var/run/booting").exists()

    @booting.setter
    def booting(self, booting: bool) -> None:
        flag = self.path("/var/run/booting")
        flag.touch() if booting else flag.unlink(missing_ok=True)

    @contextlib.contextmanager
    def full_disk(self, left: int = 0) -> Iterator[None]:
        """Fill /cf up to so many bytes."""
        filler = self.path("/cf/filler")
        _fill(filler, left)
        try:
            yield
        finally:
            filler.unlink()

    @contextlib.contextmanager
    def readonly_disk(self) -> Iterator[None]:
        """Mount /cf read-only."""
        self._hardware.on_the_disk("mount", "-o", "remount,ro", str(self._root / "cf"))
        try:
            yield
        finally:
            self._hardware.on_the_disk("mount", "-o", "remount,rw", str(self._root / "cf"))

    # --- life ------------------------------------------------------------------------------

    def start(self) -> Self:
        """Switch it on and wait until it is up.

        Raises:
            LabError: it did not come up; the message has the end of its console.

        """
        if not self.port:
            self._prepare()
        (self._root / "lab/booted").unlink(missing_ok=True)
        self._hardware.switch_on()
        try:
            wait_until(lambda: not self.running or ((self._root / "lab/booted").exists() and answers(self.host, self.port)), "the box")
        except LabError as error:
            raise LabError(f"{error.message}\n{self._console()}") from None
        if not self.running:
            raise LabError(f"the box did not start\n{self._console()}")
        return self

    def stop(self) -> None:
        """Pull the plug: all its processes end at once; /tmp and /var are gone, all else stays."""
        self._hardware.switch_off()

    def reboot(self) -> None:
        """Pull the plug and switch it on again."""
        self.restart()

    def close(self) -> None:
        """End it for good and remove all of it."""
        self._hardware.remove()
        super().close()

    def _prepare(self) -> None:
        self.port, self.gui_port = free_port(self.host), free_port(self.host)
        tree.write_sshd_config(self._root, self.host, self.port, self._options, passwords=self._passwords)
        if isinstance(self._config, bytes):
            self.initial = filled_text(self._config, self.gui_port, lab=self._lab, same=self.same)
        else:
            self.initial = filled(self.version, self._config, port=self.gui_port, lab=self._lab, same=self.same)
        self.path(CONFIG).write_bytes(self.initial.text)
        self.path(CONFIG).chmod(0o644)

    def _make_host_keys(self, kinds: Sequence[str]) -> None:
        self._host_keys = [self._root / f"etc/ssh/ssh_host_{kind}_key" for kind in kinds]
        for kind, path in zip(kinds, self._host_keys, strict=True):
            write_key(path, kind)
            path.with_suffix(".pub").write_bytes(public_line(path))

    def _public_host_keys(self) -> list[str]:
        return [path.with_suffix(".pub").read_text().strip() for path in self._host_keys]

    def _console(self) -> str:
        return "\n".join((self.directory / "console.log").read_text(errors="replace").splitlines()[-20:])


def _fill(filler: Path, left: int) -> None:
    disk = os.statvfs(filler.parent)
    with filler.open("wb", buffering=0) as file, contextlib.suppress(OSError):
        os.posix_fallocate(file.fileno(), 0, max(disk.f_bavail * disk.f_frsize - left, 1))
        while not left:
            file.seek(0, os.SEEK_END)
            file.write(bytes(4096))
