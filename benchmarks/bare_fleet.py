"""What the safe path does beside this: obtain, put, look once, on 32 threads; nothing is kept to go back to."""

from __future__ import annotations

import json
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

import paramiko

from certpush import CertificateRequest, Fleet
from certpush.kit.tls import look
from certpush.model import DnsName, Endpoint

_WORKERS = 32


def main(configuration: str, login: list[str], home: str, served_at: int, count: int) -> None:
    def rotate(number: int) -> None:
        name = f"t{number:04}"
        bundle = fleet.issue(CertificateRequest((DnsName(f"{name}.example"),)))
        with connected(*login) as client:
            put(client, f"{home}/{name}/site.crt", bundle.fullchain_pem)
            put(client, f"{home}/{name}/site.key", bundle.key.reveal_pem())
        seen = look(Endpoint("127.0.0.1", served_at, f"{name}.example"), bundle.roots, datetime.now(UTC), timeout=60)
        if seen.fingerprint != bundle.fingerprint:
            raise SystemExit(f"{name} serves something else")

    with Fleet.load(configuration) as fleet:
        wall, cpu = time.perf_counter(), time.process_time()
        with ThreadPoolExecutor(_WORKERS) as pool:
            for _ in pool.map(rotate, range(count)):
                pass
        wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    print(json.dumps({"cpu": cpu, "wall": wall}))


def connected(host: str, port: str, user: str, identity: str, known_hosts: str) -> paramiko.SSHClient:
    client = paramiko.SSHClient()
    client.load_host_keys(known_hosts)
    client.connect(host, int(port), user, key_filename=identity, allow_agent=False, look_for_keys=False, banner_timeout=60)
    return client


def put(client: paramiko.SSHClient, path: str, text: bytes) -> None:
    stdin, stdout, _ = client.exec_command(f"umask 077; cat > {path}.n && mv {path}.n {path}")
    stdin.write(text)
    stdin.channel.shutdown_write()
    if stdout.channel.recv_exit_status():
        raise SystemExit(f"{path} could not be written")


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:7], sys.argv[7], int(sys.argv[8]), int(sys.argv[9]))
