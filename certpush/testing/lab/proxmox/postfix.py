"""SMTP as Postfix speaks it up to STARTTLS: where TLS is off, it does not offer it."""

from __future__ import annotations

import socket
import ssl

from certpush.testing.lab.proxmox.tls import Shown
from certpush.testing.listener import Listener

_PATIENCE_SECONDS = 10.0


class Postfix:
    """A mail server's port; ``show`` is its reload."""

    def __init__(self, name: str, host: str) -> None:
        self.listener = Listener(self._answer, host)
        self._name = name
        self._shown: Shown | None = None

    @property
    def shown(self) -> Shown | None:
        """What it shows after STARTTLS; None where TLS is off."""
        return self._shown

    def show(self, shown: Shown | None) -> None:
        """Show that to new connections."""
        self._shown = shown

    def _answer(self, connection: socket.socket) -> None:
        connection.settimeout(_PATIENCE_SECONDS)
        shown = self._shown
        connection.sendall(f"220 {self._name}.certpush.test ESMTP Proxmox\r\n".encode())
        if self._talk(connection, offers_tls=shown is not None) and shown and shown.context:
            with shown.context.wrap_socket(connection, server_side=True) as secured:
                self._talk(secured, offers_tls=False)

    def _talk(self, connection: socket.socket | ssl.SSLSocket, *, offers_tls: bool) -> bool:
        """Answer commands until TLS is to begin (True) or the client goes."""
        while words := _line(connection).split():
            command = words[0].upper()
            if command == b"STARTTLS":
                begins = offers_tls and self._shown is not None and self._shown.context is not None
                connection.sendall(_answer_to_starttls(offers_tls=offers_tls, begins=begins))
                if begins:
                    return True
            elif command == b"EHLO":
                connection.sendall(self._greeting(offers_tls=offers_tls))
            else:
                connection.sendall(b"221 2.0.0 Bye\r\n" if command == b"QUIT" else b"502 5.5.2 Error: command not recognized\r\n")
                if command == b"QUIT":
                    return False
        return False

    def _greeting(self, *, offers_tls: bool) -> bytes:
        offers = ["PIPELINING", "SIZE 10485760", *(["STARTTLS"] if offers_tls else []), "8BITMIME"]
        lines = [f"250-{self._name}.certpush.test", *(f"250-{one}" for one in offers[:-1]), f"250 {offers[-1]}"]
        return "".join(f"{line}\r\n" for line in lines).encode()


def _answer_to_starttls(*, offers_tls: bool, begins: bool) -> bytes:
    if begins:
        return b"220 2.0.0 Ready to start TLS\r\n"
    return b"454 4.7.0 TLS not available due to local problem\r\n" if offers_tls else b"502 5.5.1 Error: command not implemented\r\n"


def _line(connection: socket.socket | ssl.SSLSocket) -> bytes:
    """The next line, and not a byte more: TLS begins right behind it."""
    line = b""
    while not line.endswith(b"\n") and (byte := connection.recv(1)):
        line += byte
    return line
