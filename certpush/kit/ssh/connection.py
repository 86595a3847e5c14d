"""One SSH connection: scripts go to `/bin/sh -s` on stdin, files by SFTP; every wait has a deadline."""

from __future__ import annotations

import contextlib
import shlex
import socket
import time
from collections.abc import Iterator, Mapping
from datetime import timedelta

import paramiko

from certpush.errors import CertpushError, TargetError, TargetRefused, TargetUnreachable
from certpush.kit.boundary import Translation, translate
from certpush.kit.command import OUTPUT_LIMIT, escaped
from certpush.kit.ssh.settings import FREEBSD
from certpush.kit.ssh.watchdog import Watchdog
from certpush.records import record

# The only commands that are ever sent: any login shell understands them, and nothing of ours is in them.
_SHELL = "/bin/sh -s"
_SUDO_SHELL = "sudo -n /bin/sh -s"
_SUDO_SHELL_OF_FREEBSD = "/usr/local/bin/sudo -n /bin/sh -s"

_IDLE = 5.0  # seconds
_LOOK = 0.25  # seconds between looks at what a script said so far
_LAST_WORDS = 0.05  # seconds; output that was under way when the script ended comes within
_MOST = 4 * 1024 * 1024  # more than the window lets come in between

# Only a directory of the login user is removed, which in /tmp nobody else can swap for another one: anybody may plant
# something under this name there, and a link would lead us to delete files elsewhere.
_DISCARD = """\
PATH=/usr/bin:/bin
for place in "${{HOME%/}}/"{folder} /tmp/{folder}; do
	if [ -d "$place" ] && [ ! -h "$place" ]; then
		set -- $(ls -ldn "$place")
		if [ "$3" = "$(id -u)" ]; then rm -rf "$place"; fi
	fi
done
"""


@record(frozen=True, slots=True)
class Answer:
    """How a remote script ended: its exit status, and the begin of each of its outputs."""

    status: int
    output: bytes
    errors: bytes


class SshConnection:
    """A logged-in connection to one machine."""

    def __init__(self, where: str, transport: paramiko.Transport, patience: timedelta, under: SshConnection | None) -> None:
        self.where = where
        self._transport = transport
        self._patience = patience.total_seconds()
        self._under = under
        # paramiko wakes ten times a second to see whether it was closed, for each connection of a fleet; here `_wake` tells it.
        transport.sock.settimeout(_IDLE)

    @property
    def alive(self) -> bool:
        """Whether the connection still stands, as far as is known here."""
        return self._transport.is_active()

    @property
    def strict(self) -> bool:
        """Whether both sides guard the handshake against cut-out packets (Terrapin, CVE-2023-48795)."""
        return bool(getattr(self._transport, "agreed_on_strict_kex", False))

    @property
    def algorithms(self) -> str:
        """What was agreed upon, for the record."""
        return f"{self._transport.host_key_type}, {getattr(self._transport, 'remote_cipher', '')}"

    def close(self) -> None:
        """End the connection; closing twice is harmless."""
        _wake(self._transport, socket.SHUT_RD)  # what is still under way to us would else be answered by a reset, and that be logged
        self._transport.close()
        if self._under is not None:
            self._under.close()

    def run(self, script: str, *, within: timedelta, sudo: bool | str = False, limit: int = OUTPUT_LIMIT) -> Answer:
        """Run a script of POSIX sh on the other side, and wait for its end; ``limit`` bytes of each output are kept.

        ``sudo`` may be ``FREEBSD`` for a system that has its programs there.

        The script must be read whole before it does anything: a connection that breaks leaves it cut off anywhere.

        Raises:
            TargetUnreachable: the connection broke, or the machine does not answer any more.
            TargetRefused: the machine answers, but the script did not end within the time.

        """
        deadline = time.monotonic() + within.total_seconds()
        with translate(BROKEN, where=self.where):
            with self._watch(self._patience, "starting a script"):
                channel = self._transport.open_session(timeout=self._patience)
                channel.exec_command(_command(sudo))
            with contextlib.closing(channel):
                with self._watch(self._patience, "sending a script"), contextlib.suppress(OSError):
                    # A shell that ends early (sudo refuses) closes its side; its exit status then says why.
                    channel.sendall(script.encode())
                    channel.shutdown_write()
                answer = self._collect(channel, deadline, limit)
        if answer is None:
            raise self._overdue(within)
        return answer

    def _collect(self, channel: paramiko.Channel, deadline: float, limit: int) -> Answer | None:
        """Read both outputs until the exit status is there; None when the deadline came first."""
        output, errors = bytearray(), bytearray()
        channel.settimeout(_LAST_WORDS)
        while (left := deadline - time.monotonic()) > 0:
            # Output may be held open by what the script left running: the exit status is what counts. It is also waited for
            # no more when channel or connection end; in between a long output is taken, which else would fill the window.
            ended = channel.status_event.wait(min(_LOOK, left))
            got = _take(channel, output, errors, limit, wait=ended)
            if ended and not got:
                return Answer(self._status(channel), bytes(output), bytes(errors))
        if self.alive:
            return None
        raise TargetUnreachable(f"{self.where}: the connection broke while a script ran")

    def _status(self, channel: paramiko.Channel) -> int:
        status = channel.recv_exit_status()  # it is there: this does not wait
        if status >= 0:
            return status
        if self.alive:
            raise TargetRefused(f"{self.where}: a script was ended by a signal", hint="see whether the machine ran out of memory")
        raise TargetUnreachable(f"{self.where}: the connection broke while a script ran")

    def _overdue(self, within: timedelta) -> TargetError:
        text = f"{self.where}: a script did not end within {within.total_seconds():g} s"
        with contextlib.suppress(CertpushError), self._watch(2.0, "an answer"):
            self._transport.global_request("keepalive@openssh.com", wait=True)
            if self.alive:
                return TargetRefused(text, hint="a command waits for something: run it by hand there; the timeouts can be set")
        return TargetUnreachable(f"{text}, and the machine does not answer any more")

    def upload(self, folder: str, files: Mapping[str, bytes], *, within: timedelta) -> str:
        """Hand over files into a directory of the login user that nobody else can enter; return its path.

        What an earlier upload left there is removed first. The caller compares the content by other
        means: an SFTP server's word for it is not enough.

        Raises:
            TargetUnreachable: the connection broke.
            TargetRefused: there is no SFTP, or nowhere to write.

        """
        with self._sftp(within) as sftp:
            place = self._private(sftp, folder)
            for name, content in files.items():
                with sftp.open(f"{place}/{name}", "wbx") as file:
                    file.write(content)  # not pipelined: then nobody would hear that the disk is full
            return place

    def discard(self, folder: str, *, within: timedelta) -> None:
        """Remove what ``upload`` left, wherever it found room; nothing there is fine. Needs no SFTP, which may be what is broken.

        Raises:
            TargetUnreachable: the connection broke.
            TargetRefused: the shell did not end within the time.

        """
        self.run(_DISCARD.format(folder=shlex.quote(folder)), within=within)

    @contextlib.contextmanager
    def _sftp(self, within: timedelta) -> Iterator[paramiko.SFTPClient]:
        with translate(BROKEN, where=self.where), self._watch(within.total_seconds(), "handing over files"):
            try:
                sftp = paramiko.SFTPClient.from_transport(self._transport)
            except (paramiko.SSHException, paramiko.SFTPError, EOFError, OSError) as error:  # OSError: its channel is closed already
                if isinstance(error, TimeoutError) or not self.alive:
                    raise
                raise TargetRefused(
                    f"{self.where}: there is no SFTP",
                    hint="add `Subsystem sftp internal-sftp` to its sshd_config; login scripts must print nothing",
                ) from error
            assert sftp is not None  # noqa: S101 - None is for a transport that gives no channel, and that raises
            try:
                with sftp:
                    yield sftp
            except OSError as error:
                if isinstance(error, TimeoutError) or not self.alive:
                    raise
                raise TargetRefused(
                    f"{self.where}: handing over files failed: {escaped(str(error.strerror or error))}",
                    hint="see that there is room in the login user's home directory",
                ) from error

    def _private(self, sftp: paramiko.SFTPClient, folder: str) -> str:
        """Make the directory, at home or else in /tmp; what stands in the way may be what a dead run left."""
        homes = _homes(sftp)
        try:
            sftp.mkdir(f"{homes[0]}/{folder}", 0o700)
            return f"{homes[0]}/{folder}"
        except OSError:
            self.discard(folder, within=timedelta(seconds=self._patience))
        why = ""
        for home in homes:
            try:
                sftp.mkdir(f"{home}/{folder}", 0o700)
                return f"{home}/{folder}"
            except OSError as error:
                why = escaped(str(error.strerror or error))
        raise TargetRefused(
            f"{self.where}: nowhere to hand over files: neither the home directory nor /tmp takes a directory ({why})",
            hint="give the user a home directory with some room",
        )

    def tunnel(self, host: str, port: int) -> paramiko.Channel:
        """Open a way to another machine through this one.

        Raises:
            TargetUnreachable: this machine cannot, or may not, reach the other.

        """
        with translate(BROKEN, where=f"[{host}]:{port} through {self.where}"), self._watch(self._patience, f"the way to [{host}]:{port}"):
            return self._transport.open_channel("direct-tcpip", (host, port), ("127.0.0.1", 0), timeout=self._patience)

    def _watch(self, seconds: float, what: str) -> Watchdog:
        return Watchdog(lambda: cut(self._transport), seconds, f"{self.where}: {what}")


def cut(transport: paramiko.Transport) -> None:
    """Take the socket away from whoever waits for it."""
    _wake(transport, socket.SHUT_RDWR)
    transport.sock.close()


def _wake(transport: paramiko.Transport, how: int) -> None:
    """End what is being read, or written: a close alone wakes nobody who waits for that already."""
    if isinstance(transport.sock, socket.socket):  # else it is a channel of another connection, and its own close wakes
        with contextlib.suppress(OSError):  # it is at its end
            transport.sock.shutdown(how)


def _command(sudo: bool | str) -> str:  # noqa: FBT001 - as run has it
    if sudo == FREEBSD:
        return _SUDO_SHELL_OF_FREEBSD
    return _SUDO_SHELL if sudo else _SHELL


def _take(channel: paramiko.Channel, output: bytearray, errors: bytearray, limit: int, *, wait: bool) -> bool:
    """Read what is there, keeping at most ``limit`` of each; ``wait`` a moment for more. False at the end, or when nothing came."""
    got = False
    if channel.recv_stderr_ready():
        piece = channel.recv_stderr(_MOST)
        errors += piece[: limit - len(errors)]
        got = bool(piece)
    if not wait and not channel.recv_ready():
        return got
    try:
        piece = channel.recv(_MOST)
    except TimeoutError:
        return got
    output += piece[: limit - len(output)]
    return got or bool(piece)


def _homes(sftp: paramiko.SFTPClient) -> tuple[str, ...]:
    """Where the login user may write: at home, else in /tmp."""
    home = sftp.normalize(".")
    return (home.rstrip("/"), "/tmp") if home != "/tmp" else ("/tmp",)  # noqa: S108 - in a new directory of mode 0700


def _broken(words: str) -> TargetUnreachable:
    return TargetUnreachable(words, hint="see the SSH server's log there")


BROKEN: Mapping[type[BaseException], Translation] = {
    paramiko.SSHException: _broken,
    paramiko.SFTPError: _broken,
    EOFError: _broken,
    OSError: _broken,
}
