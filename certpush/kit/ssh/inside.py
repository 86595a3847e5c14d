"""Look at what is served on another machine from within it: TLS through a tunnel of its SSH connection."""

from __future__ import annotations

import ssl
import time
from typing import TYPE_CHECKING

import paramiko
from cryptography import x509

from certpush.errors import TargetUnreachable
from certpush.kit.tls import accepting_all
from certpush.model import UNREADABLE

if TYPE_CHECKING:
    from certpush.kit.ssh.connection import SshConnection

_PROHIBITED = 1  # SSH_OPEN_ADMINISTRATIVELY_PROHIBITED, RFC 4254, 5.1


class TunnelsProhibited(TargetUnreachable):
    """The SSH server lets nobody look through it (AllowTcpForwarding no)."""


def leaf_inside(
    connection: SshConnection, port: int, server_name: str, *, host: str = "127.0.0.1", seconds: float = 5.0
) -> x509.Certificate:
    """Fetch the leaf that is served there, on a connection made for this look; nothing is sent but a handshake.

    Raises:
        TunnelsProhibited: the SSH server does not allow it.
        TargetUnreachable: nothing answers there, or it does not speak TLS.

    """
    try:
        channel = connection.tunnel(host, port)
    except TargetUnreachable as error:
        if isinstance(error.__cause__, paramiko.ChannelException) and error.__cause__.code == _PROHIBITED:
            raise TunnelsProhibited(error.message, hint="set AllowTcpForwarding local in its sshd_config") from error
        raise
    where = f"[{host}]:{port} on {connection.where}"
    try:
        der = _handshake(channel, server_name, time.monotonic() + seconds)
        return x509.load_der_x509_certificate(der)
    except (OSError, EOFError) as error:  # TLS's own errors are OSErrors
        raise TargetUnreachable(f"{where}: no TLS there") from error
    except UNREADABLE as error:
        raise TargetUnreachable(f"{where}: the certificate there cannot be read") from error
    finally:
        channel.close()


def _handshake(channel: paramiko.Channel, server_name: str, deadline: float) -> bytes:
    """Shake hands over a channel, which is no socket to ``ssl``."""
    coming, going = ssl.MemoryBIO(), ssl.MemoryBIO()
    tls = accepting_all().wrap_bio(coming, going, server_hostname=server_name)
    while True:
        try:
            tls.do_handshake()
            return tls.getpeercert(binary_form=True) or b""
        except ssl.SSLWantReadError:
            channel.settimeout(max(0.01, deadline - time.monotonic()))
            channel.sendall(going.read())
            piece = channel.recv(16384)
            if not piece:
                raise EOFError from None
            coming.write(piece)
