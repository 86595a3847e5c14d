"""Process 1 of a box: starts it, takes in events as check_reload_status does, counts failed logins as sshguard does.

It sees this machine's files, what it starts sees the tree alone. It ends when its standard input
does, and the kernel ends all other processes of the box with it.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import select
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import NoReturn

_PATH = "/sbin:/bin:/usr/sbin:/usr/bin"
_FOLDERS = "run etc log log/nginx db db/rrd tmp empty run/sshd cache lib"
_FAILED_LOGIN = re.compile(
    r"Failed \S+ for |Invalid user |Connection (?:closed|reset) by (?:authenticating|invalid) user "
    r"|Disconnected from (?:authenticating|invalid) user "
)


class Init:
    """What runs in the box while it is switched on."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._failed_logins = 0
        self._sshd = 0
        self._log = 0
        self._pending = b""
        self._events = socket.socket(socket.AF_UNIX)
        self._woken, wakes = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
        self._wakes = wakes

    def prepare(self) -> None:
        """Mount what does not outlive a start: /proc, /tmp, /var."""
        for folder, options in (("proc", []), ("tmp", ["-o", "mode=1777"]), ("var", ["-o", "mode=755"])):
            place = str(self._root / folder)
            subprocess.run(["/usr/bin/umount", "-l", place], check=False, stderr=subprocess.DEVNULL)  # noqa: S603 -- constants
            kind = "proc" if folder == "proc" else "tmpfs"
            subprocess.run(["/usr/bin/mount", "-t", kind, *options, kind, place], check=True)  # noqa: S603 -- constants
        for folder in _FOLDERS.split():
            (self._root / "var" / folder).mkdir(parents=True, exist_ok=True)
        socket.sethostname("pfSense.home.arpa")
        (self._root / "lab/boottime").write_text(f"{int(time.time())}\n")

    def boot(self) -> None:
        """Start everything."""
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.set_wakeup_fd(self._wakes)
        os.chdir(self._root / "var/run")  # a relative name, because that of a socket must be short
        self._events.bind("check_reload_status")
        os.chmod("check_reload_status", 0o666)  # noqa: PTH101, S103 -- relative on purpose; anybody may send events there, too
        self._events.listen()
        os.chdir("/")
        self._log, log = os.pipe()
        self._sshd = self._spawn(["/usr/sbin/sshd", "-D", "-e", "-f", "/lab/sshd_config"], log)
        os.close(log)
        self._spawn(["/bin/sh", "/etc/rc"], 1)

    def serve(self) -> None:
        """Do what comes in, until standard input ends."""
        watched: list[int | socket.socket] = [0, self._woken, self._events, self._log]
        while True:
            for ready in select.select(watched, [], [])[0]:
                if ready == 0 and not os.read(0, 4096):
                    return
                if ready == self._woken:
                    self._reap()
                elif ready is self._events:
                    self._take_event()
                elif ready == self._log and not self._read_log():
                    watched.remove(self._log)

    def _spawn(self, command: list[str], output: int) -> int:
        pid = os.fork()
        return pid or self._become(command, output)

    def _become(self, command: list[str], output: int) -> NoReturn:
        try:
            os.setsid()
            nothing = os.open("/dev/null", os.O_RDONLY)
            os.dup2(nothing, 0)
            os.dup2(output, 1)
            os.dup2(output, 2)
            os.closerange(3, 256)
            signal.set_wakeup_fd(-1)
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            signal.signal(signal.SIGPIPE, signal.SIG_DFL)
            os.chroot(self._root)
            os.chdir("/")
            os.execve(command[0], command, {"PATH": _PATH, "HOME": "/root"})  # noqa: S606 -- of the tree
        finally:
            os._exit(127)

    def _reap(self) -> None:
        os.read(self._woken, 4096)
        with contextlib.suppress(ChildProcessError):
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass

    # --- check_reload_status -------------------------------------------------------------------

    def _take_event(self) -> None:
        connection, _ = self._events.accept()
        with connection, contextlib.suppress(OSError):
            connection.settimeout(2)
            event = connection.recv(4096).decode(errors="replace").strip()
            connection.sendall(b"OK\n")
            self._record("event", event=event)
            self._obey(event)

    def _obey(self, event: str) -> None:
        if (self._root / "lab/faults/events_lost").exists():
            return
        if event == "service restart webgui":
            self._spawn(["/etc/rc.restart_webgui"], 1)
        elif event == "filter sync":
            self._spawn(["/etc/rc.filter_synchronize"], 1)

    # --- sshguard ------------------------------------------------------------------------------

    def _read_log(self) -> bool:
        read = os.read(self._log, 65536)
        with (self._root / "lab/sshd.log").open("ab") as log:
            log.write(read)
        *lines, self._pending = (self._pending + read).split(b"\n")
        for line in lines:
            if _FAILED_LOGIN.match(line.decode(errors="replace").strip()):
                self._count_failed_login(line.decode(errors="replace").strip())
        return bool(read)

    def _count_failed_login(self, line: str) -> None:
        self._failed_logins += 1
        self._record("failed-login", line=line)
        with contextlib.suppress(OSError, ValueError):
            bound = int((self._root / "lab/faults/sshguard_after").read_text())
            if self._failed_logins == bound:
                # A packet filter that drops: nothing is refused, nothing answers, what is open stays open.
                os.kill(self._sshd, signal.SIGSTOP)
                self._record("blocked")

    def _record(self, what: str, **facts: str) -> None:
        line = json.dumps({"time": time.time(), "what": what, "facts": facts})
        with (self._root / "lab/events").open("a") as file:
            file.write(line + "\n")


def _main(root: Path) -> None:
    init = Init(root)
    init.prepare()
    init.boot()
    init.serve()


if __name__ == "__main__":
    _main(Path(sys.argv[1]))
