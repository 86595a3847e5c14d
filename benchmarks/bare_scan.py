"""As many verified handshakes as asked for, one after another, by the standard library alone; nothing is made of what they show."""

from __future__ import annotations

import socket
import ssl
import sys


def main(port: int, root: str, count: int) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(root)
    for number in range(count):
        with (
            socket.create_connection(("127.0.0.1", port)) as plain,
            context.wrap_socket(plain, server_hostname=f"t{number:04}.scan.example") as shaken,
        ):
            assert shaken.getpeercert(binary_form=True)
    print(f"{count} seen")


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2], int(sys.argv[3]))
