"""Stand-ins for nodes of Proxmox VE, in a process of their own, whose cost is not counted; they end when their input does."""

from __future__ import annotations

import json
import sys
from contextlib import ExitStack

from certpush.testing.lab.proxmox import ProxmoxNode


def main(*names: str) -> None:
    with ExitStack() as running:
        # A real node's old workers answer for 5 s beside new ones. Here for a moment: else waiting for them would be all that is seen.
        nodes = [running.enter_context(ProxmoxNode(name, overlap=0.3, first_new=0.1)) for name in names]
        print(json.dumps([_told(node) for node in nodes]), flush=True)
        sys.stdin.read()


def _told(node: ProxmoxNode) -> dict[str, str | int]:
    access = {"token_id": node.token_id, "token": node.token, "ca": node.ca_pem.decode()}
    return {"name": node.name, "host": node.host, "port": node.port, **access}


if __name__ == "__main__":
    main(*sys.argv[1:])
