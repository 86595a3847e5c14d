"""Renew a pair of files by showing it in TLS, as `step ca renew` does; the new certificate is compared with what is asked for."""

from __future__ import annotations

import gc
import sys
from pathlib import Path

from certpush import CertificateBundle, CertificateRequest, Fleet, KeySpec
from certpush.kit.files import write_file
from certpush.kit.tls import utc_now
from certpush.rotation.obtain import check_issued


def main(configuration: str, certificate: str, key: str) -> None:
    gc.set_threshold(100_000, 2)  # this, and freeze at the end: as the command has it
    current = CertificateBundle.from_pem(Path(certificate).read_bytes(), Path(key).read_bytes())
    request = CertificateRequest(current.names, KeySpec(current.key.spec))
    with Fleet.load(configuration) as fleet:
        renewed = check_issued(fleet.issuer().renew(current), request, current.key, utc_now())
    write_file(str(Path(certificate).absolute()), renewed.fullchain_pem)
    print(f"renewed until {renewed.not_after:%Y-%m-%d %H:%M}")


if __name__ == "__main__":
    main(*sys.argv[1:])
    gc.freeze()
