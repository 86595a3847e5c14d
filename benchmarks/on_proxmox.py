"""One deploy on a node of Proxmox VE, against what a shell script does with curl, and against proxmoxer posting a ready pair."""

from __future__ import annotations

import contextlib
import json
import shlex
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from certpush.model import CertificateBundle
from certpush.testing.authority import Authority
from certpush.testing.lab.step_ca import RealCa
from obtain import step_command
from pairs import Command
from parts import P2C, PYTHON, Bench, ca_table, certpush, private, step_ca
from rows import Row, compare
from tools import missing

GROUP = "one deploy on a Proxmox node (a stand-in, in a process of its own)"
SAFE, FEW, SCRIPT, POST = (
    "certpush deploy --force, Proxmox",
    "certpush deploy, three looks",
    "step + curl + s_client",
    "proxmoxer, bare post",
)
NAMES = ("site.example", "127.0.0.1")
_SCRIPT_NOTE = (
    "certpush looks for 6 s in a row, because a real node's old workers answer for 5 s beside new ones; the script stops at one look"
)
_FEW_NOTE = "the same command without those 6 s: what remains is its own work; no setting does this"
_POST_NOTE = "what the safe path costs beside one request: obtain, record, ask before and after, upload, 6 s of looks; the pair is ready"


@dataclass(frozen=True)
class Node:
    """A node, and what was written down about it in ``directory``."""

    directory: Path
    host: str
    port: int
    token_id: str

    @property
    def api(self) -> str:
        """Where its certificate is put."""
        return f"https://{self.host}:{self.port}/api2/json/nodes/{self.directory.name}/certificates/custom"

    @property
    def trusted(self) -> Path:
        """Its own CA and ours: before the switch it is known by one, afterwards by the other."""
        return self.directory / "trusted.pem"


def measure(bench: Bench) -> Iterator[Row]:
    """The safe path beside the script, with and without its 6 s of looks, and beside the request alone."""
    everything, little = missing(bench.tools, "step", "step-ca", "curl", "openssl"), missing(bench.tools, "step-ca")
    if little:
        yield from (Row(group=GROUP, what=what, against=SCRIPT, p2c=P2C, not_run=everything) for what in (SAFE, FEW))
        yield Row(group=GROUP, what=SAFE, against=POST, p2c=P2C, not_run=little)
        return
    with step_ca(bench.directory) as ca, _nodes(bench.directory, ca, "ours", "theirs") as (ours, theirs):
        config = str(_configuration(bench.directory, ca, ours))
        safe = certpush("deploy", "--force", "--config", config, name=SAFE, expects="rotated")
        few = replace(safe, name=FEW, argv=[PYTHON, str(Path(__file__).with_name("few_looks.py")), *safe.argv[1:]])
        post, count = _post(bench, ca, theirs), bench.count(5)
        if everything:
            yield from (Row(group=GROUP, what=what, against=SCRIPT, p2c=P2C, not_run=everything) for what in (SAFE, FEW))
        else:
            script = _script(bench, step_command(bench, ca, *NAMES), theirs)
            yield compare(bench.runner, safe, script, count, group=GROUP, p2c=P2C, note=_SCRIPT_NOTE)
            yield compare(bench.runner, few, script, count, group=GROUP, p2c=P2C, note=_FEW_NOTE)
        yield compare(bench.runner, safe, post, count, group=GROUP, p2c=P2C, note=_POST_NOTE)


@contextlib.contextmanager
def _nodes(directory: Path, ca: RealCa, *names: str) -> Iterator[list[Node]]:
    """Nodes of these names, with a directory each."""
    command = [PYTHON, str(Path(__file__).with_name("proxmox_nodes.py")), *names]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:  # leaving ends its input
        yield [_written(directory / told["name"], ca, told) for told in json.loads(process.stdout.readline())]


def _written(directory: Path, ca: RealCa, told: dict[str, Any]) -> Node:
    """Write down how to reach a node: for each side in the form that it reads."""
    directory.mkdir()
    node = Node(directory, told["host"], told["port"], told["token_id"])
    (directory / "ca.pem").write_text(told["ca"])
    node.trusted.write_text(told["ca"] + ca.root_pem.decode())
    private(directory / "token", told["token"])
    private(directory / "header", f"Authorization: PVEAPIToken={told['token_id']}={told['token']}\n")
    private(directory / "access.json", json.dumps(told))
    return node


def _configuration(directory: Path, ca: RealCa, node: Node) -> Path:
    path = directory / "proxmox.toml"
    path.write_text(f"""\
{ca_table(directory, ca)}
[state]
directory = "{directory}/state"

[target.proxmox]
kind = "proxmox"
names = {json.dumps(NAMES)}
lifetime = "24h"
host = "{node.host}"
port = {node.port}
token_id = "{node.token_id}"
token = "file:{node.directory}/token"
trust = "{node.directory}/ca.pem"
""")
    return path


def _script(bench: Bench, step: Command, node: Node) -> Command:
    """What people write: get it, post it, look until it is served."""
    text = f"""\
set -eu
{shlex.join(step.argv)}
curl --silent --show-error --fail --output answer.json --cacert {node.trusted} -H @{node.directory}/header \\
  --data-urlencode certificates@step.crt --data-urlencode key@step.key --data force=1 --data restart=1 {node.api}
wanted=$(openssl x509 -in step.crt -noout -fingerprint -sha256)
for look in $(seq 100); do
  served=$(openssl s_client -connect {node.host}:{node.port} </dev/null 2>/dev/null |
    openssl x509 -noout -fingerprint -sha256)
  if [ "$served" = "$wanted" ]; then echo served; exit 0; fi
  sleep 0.1
done
exit 1
"""
    return Command(name=SCRIPT, argv=["/bin/sh", str(private(bench.directory / "deploy.sh", text))], expects="served")


def _post(bench: Bench, ca: RealCa, node: Node) -> Command:
    ready = Authority(pki=ca.pki).issue(*NAMES)
    files = [str(one) for one in _written_pair(bench.directory, ready)]
    argv = [PYTHON, str(Path(__file__).with_name("bare_post.py")), str(node.directory / "access.json"), str(node.trusted), *files]
    return Command(name=POST, argv=argv, expects="posted pveproxy-ssl.pem")


def _written_pair(directory: Path, pair: CertificateBundle) -> tuple[Path, Path]:
    certificate = directory / "ready.crt"
    certificate.write_bytes(pair.fullchain_pem)
    return certificate, private(directory / "ready.key", pair.key.reveal_pem().decode())
