"""Reach a machine: dial, agree on keys, compare its host key, and only then log in; through another machine where that is the way."""

from __future__ import annotations

import contextlib
import itertools
import socket
import time
from collections.abc import Iterator

import paramiko
from paramiko.ssh_exception import IncompatiblePeer

from certpush.errors import CertpushError, HostKeyMismatch, TargetUnreachable, TrustError
from certpush.kit.boundary import translate
from certpush.kit.command import escaped
from certpush.kit.ssh.algorithms import HOST_KEYS, Offer, harden, read_offer
from certpush.kit.ssh.connection import BROKEN, SshConnection, cut
from certpush.kit.ssh.hostkeys import Known, known_keys
from certpush.kit.ssh.login import log_in
from certpush.kit.ssh.settings import SshSettings, blob_fingerprint, parse_jump
from certpush.kit.ssh.watchdog import Watchdog
from certpush.model import Identity
from certpush.records import record

# OpenSSH keeps its list of algorithms to itself until it has heard a version (RFC 4253, 4.2 allows both).
_VERSION = b"SSH-2.0-certpush\r\n"


def open_connection(login: SshSettings) -> SshConnection:
    """See ``certpush.kit.ssh.connect``."""
    under = None
    if login.jump is not None:
        jump = parse_jump(login.jump)
        known = known_keys(jump.host, jump.port, login.jump_host_key, login.known_hosts, "jump_host_key")
        under = _Hop(jump.host, jump.port, jump.user, known, login, None).open()
    known = known_keys(login.host, login.port, login.host_key, login.known_hosts)
    try:
        return _Hop(login.host, login.port, login.user, known, login, under).open()
    except BaseException:
        if under is not None:
            under.close()
        raise


def identities(login: SshSettings) -> tuple[Identity, ...]:
    """See ``certpush.kit.ssh.identify``."""
    known = known_keys(login.host, login.port, login.host_key, login.known_hosts)
    if login.jump is None:
        return _Hop(login.host, login.port, login.user, known, login, None).show()
    jump = parse_jump(login.jump)
    first = _Hop(
        jump.host,
        jump.port,
        jump.user,
        known_keys(jump.host, jump.port, login.jump_host_key, login.known_hosts, "jump_host_key"),
        login,
        None,
    )
    try:
        under = first.open()
    except HostKeyMismatch:
        return first.show()
    with contextlib.closing(under):
        return _Hop(login.host, login.port, login.user, known, login, under).show()


@record(frozen=True, slots=True)
class _Hop:
    """One machine to be reached, directly or through a connection that stands."""

    host: str
    port: int
    user: str
    known: Known
    login: SshSettings
    under: SshConnection | None

    @property
    def where(self) -> str:
        return self.known.address

    @property
    def seconds(self) -> float:
        return self.login.connect_timeout.total_seconds()

    def open(self) -> SshConnection:
        transport = self._trusted()
        try:
            with translate(BROKEN, where=self.where), self._watch(transport, "logging in"):
                log_in(transport, self.user, self.where, self.login)
        except BaseException:
            transport.close()
            raise
        return SshConnection(self.where, transport, self.login.connect_timeout, self.under)

    def show(self) -> tuple[Identity, ...]:
        """The server's host key as it is now; the one that is already known, where it is among several."""
        transport = self._handshake(self.known.types or HOST_KEYS)
        with contextlib.closing(transport):
            key = self._shown_by(transport)
        shown = blob_fingerprint(key.asbytes())
        return (
            Identity(
                self.known.setting,
                shown,
                (f"{self.where}", f"{key.get_name()} {shown}"),
                f"on the machine's own console: ssh-keygen -lf /etc/ssh/ssh_host_{_family(key.get_name())}_key.pub",
            ),
        )

    def _trusted(self) -> paramiko.Transport:
        """A connection to a server that showed a key we know."""
        preferred = tuple(one for one in self.known.types if one in HOST_KEYS)
        shown: list[paramiko.PKey] = []
        usual = (*preferred, *(one for one in HOST_KEYS if one not in preferred))
        for types in itertools.chain([usual], self._other_types(shown)):
            transport = self._handshake(types)
            try:
                key = self._shown_by(transport)
            except CertpushError:
                transport.close()
                raise
            if self.known.accepts(key):
                return transport
            transport.close()
            shown.append(key)
        raise self.known.refusal(tuple(shown))

    def _shown_by(self, transport: paramiko.Transport) -> paramiko.PKey:
        """The server's host key; a server may have closed the connection right after the handshake."""
        with translate(BROKEN, where=self.where):
            return transport.get_remote_server_key()

    def _other_types(self, shown: list[paramiko.PKey]) -> Iterator[tuple[str, ...]]:
        """The server's other types of host key, once the first did not fit: it may have several, and the pin be of any."""
        offer = self._offer() if self.known.right else None
        for family in ("ed25519", "ecdsa", "rsa") if offer else ():
            if family not in {_family(key.get_name()) for key in shown}:
                types = tuple(one for one in HOST_KEYS if _family(one) == family and offer and one in offer.host_keys)
                if types:
                    yield types

    def _handshake(self, types: tuple[str, ...]) -> paramiko.Transport:
        """Agree on keys with the server; nothing of ours is sent but version and algorithms."""
        with translate(BROKEN, where=self.where):
            transport = paramiko.Transport(self._socket())
            transport.banner_timeout = transport.auth_timeout = self.seconds
            harden(transport, types)
            try:
                with self._watch(transport, "agreeing on keys"):
                    transport.start_client()
            except IncompatiblePeer as error:
                transport.close()
                raise self._too_weak(error) from error
            except BaseException:
                transport.close()
                raise
            return transport

    def _too_weak(self, error: Exception) -> TrustError:
        offer = self._offer()
        detail = (offer.weakness() if offer else "") or escaped(str(error))
        return TrustError(
            f"{self.where} offers only algorithms that are too weak: {detail}; nothing was sent to it",
            hint="update its SSH server, or reach it through a newer machine: jump",
        )

    def _offer(self) -> Offer | None:
        """What the server says that it can do; None when it does not say."""
        with contextlib.suppress(CertpushError, OSError, EOFError), contextlib.closing(self._socket()) as sock:
            sock.settimeout(self.seconds)
            with Watchdog(sock.close, self.seconds, f"{self.where}: reading what it offers"):
                sock.sendall(_VERSION)
                return read_offer(sock.recv)
        return None

    def _socket(self) -> socket.socket | paramiko.Channel:
        if self.under is None:
            return _dial(self.host, self.port, self.where, self.seconds)
        return self.under.tunnel(self.host, self.port)

    def _watch(self, transport: paramiko.Transport, what: str) -> Watchdog:
        return Watchdog(lambda: cut(transport), self.seconds, f"{self.where}: {what}")


def _dial(host: str, port: int, where: str, seconds: float) -> socket.socket:
    """Try every address of the host, and leave time for the ones after a dead one."""
    deadline = time.monotonic() + seconds
    try:
        addresses = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except socket.gaierror as error:
        raise TargetUnreachable(f"{where}: the name is not known", hint="check the name, or write an address") from error
    why: OSError | None = None
    for index, (*_, address) in enumerate(addresses):
        left = (deadline - time.monotonic()) / (len(addresses) - index)
        try:
            sock = socket.create_connection((str(address[0]), int(address[1])), timeout=max(0.1, left))
            # Small packets go both ways in turn: without this each turn costs a delayed acknowledgement, 40 ms.
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            return sock
        except OSError as error:
            why = error
    raise TargetUnreachable(
        f"{where}: no connection ({escaped(why.strerror or str(why)) if why else 'no address'})",
        hint="check the address and port, and that an SSH server listens there",
    ) from why


def _family(key_type: str) -> str:
    return "rsa" if "rsa" in key_type else "ecdsa" if "ecdsa" in key_type else "ed25519"
