"""Put files on another machine by SFTP and rename them into place: the least that paramiko needs for it."""

from __future__ import annotations

import sys
from pathlib import Path

import paramiko


def main(host: str, port: str, user: str, identity: str, known_hosts: str, directory: str, *files: str) -> None:
    with paramiko.SSHClient() as client:
        client.load_host_keys(known_hosts)
        client.connect(host, int(port), user, key_filename=identity, allow_agent=False, look_for_keys=False)
        with client.open_sftp() as sftp:
            for path in map(Path, files):
                target = f"{directory}/{path.name}"
                with sftp.open(f"{target}.new", "wb") as remote:
                    remote.write(path.read_bytes())
                sftp.posix_rename(f"{target}.new", target)
    print(f"put {len(files)} files")


if __name__ == "__main__":
    main(*sys.argv[1:])
