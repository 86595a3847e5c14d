"""Post a pair to a node of Proxmox VE with proxmoxer and a pinned CA file: the least that the library needs for it."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from proxmoxer import ProxmoxAPI


def main(access: str, trusted: str, certificate: str, key: str) -> None:
    node = json.loads(Path(access).read_text())
    user, _, token = node["token_id"].partition("!")
    api = ProxmoxAPI(
        node["host"], port=node["port"], user=user, token_name=token, token_value=node["token"], verify_ssl=trusted, timeout=60
    )
    pair = {"certificates": Path(certificate).read_text(), "key": Path(key).read_text()}
    answer = api.nodes(node["name"]).certificates.custom.post(**pair, force=1, restart=1)
    print(f"posted {answer['filename']}")


if __name__ == "__main__":
    main(*sys.argv[1:])
