"""What the safe path is made of, one after another and with nothing between: the least that a target can cost with these libraries.

Two logins (what is confirmed over the old connection would prove nothing), five scripts that do nothing, four looks
at what is served (one before, three in a row after), and a certificate.
"""

from __future__ import annotations

import json
import sys
import time
from datetime import UTC, datetime, timedelta

from bare_fleet import connected
from certpush import CertificateRequest, Fleet
from certpush.kit.ssh.connection import SshConnection
from certpush.kit.tls import look
from certpush.model import DnsName, Endpoint

_SCRIPTS, _LOOKS = (4, 1), (1, 3)
"""Over the first login and over the second; before the switch and after it."""


def main(configuration: str, login: list[str], served_at: int, count: int) -> None:
    def rotate(number: int) -> None:
        name = f"t{number:04}.example"
        bundle = fleet.issue(CertificateRequest((DnsName(name),)))
        for scripts, looks in zip(_SCRIPTS, _LOOKS, strict=True):
            _scripts(login, scripts)
            for _ in range(looks):
                look(Endpoint("127.0.0.1", served_at, name), bundle.roots, datetime.now(UTC), timeout=60)

    with Fleet.load(configuration) as fleet:
        rotate(0)  # what is loaded once is no target's
        wall, cpu = time.perf_counter(), time.process_time()
        for number in range(count):
            rotate(number)
        wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    print(json.dumps({"cpu": cpu, "wall": wall}))


def _scripts(login: list[str], count: int) -> None:
    with connected(*login) as client:
        connection = SshConnection("there", client.get_transport(), timedelta(seconds=60), None)
        for _ in range(count):
            connection.run("exit 0\n", within=timedelta(seconds=60))
        connection.close()


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:7], int(sys.argv[7]), int(sys.argv[8]))
