"""Get a certificate again and again in one process; tells what one costs once the provisioner's key is open."""

from __future__ import annotations

import json
import sys
import time

from certpush import CertificateRequest, Fleet
from certpush.model import DnsName


def main(configuration: str, times: int) -> None:
    request = CertificateRequest((DnsName("site.example"),))
    with Fleet.load(configuration) as fleet:
        fleet.issue(request)
        wall, cpu = time.perf_counter(), time.process_time()
        for _ in range(times):
            fleet.issue(request)
        wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    print(json.dumps({"cpu": cpu / times, "wall": wall / times}))


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
