"""One deploy over SSH, from nothing to confirmed, against what a shell script does, and against a put of the same files."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

from certpush.testing.lab.nginx import Nginx
from certpush.testing.lab.sshd import Sshd
from obtain import step_command
from pairs import Command
from parts import KEX, P2C, PYTHON, Bench, certpush, configuration, private, sshd, step_ca, website
from rows import Row, compare
from tools import missing

GROUP = f"one deploy over SSH ({KEX} on both sides)"
SAFE, SCRIPT, PUT = "certpush deploy --force", "step + scp + ssh + s_client", "paramiko, bare put"
_NEEDED = ("step", "step-ca", "sshd", "ssh", "scp", "nginx", "openssl")
_SCRIPT_NOTE = "the script has no way back, no timer on the other machine, no lock, no record, one look, and a moment with a foreign key"
_PUT_NOTE = "what the safe path costs beside two files written and renamed: obtain, arm, read back, switch, three looks in a row, confirm"


def measure(bench: Bench) -> Iterator[Row]:
    """The safe path beside the unsafe minimum, and beside the files alone."""
    absent = missing(bench.tools, *_NEEDED)
    if absent:
        yield Row(group=GROUP, what=SAFE, against=SCRIPT, p2c=P2C, not_run=absent)
        yield Row(group=GROUP, what=SAFE, against=PUT, p2c=P2C, not_run=absent)
        return
    with ExitStack() as servers:
        ca, over = servers.enter_context(step_ca(bench.directory)), servers.enter_context(sshd())
        ours, theirs = bench.directory / "ours", bench.directory / "theirs"
        config = configuration(bench.directory, ca, site=ours, nginx=servers.enter_context(website(ours)), over=over)
        nginx = servers.enter_context(website(theirs))
        safe = certpush("deploy", "--force", "--config", str(config), name=SAFE, expects="rotated")
        script = _script(bench, over, nginx, step_command(bench, ca), theirs)
        yield compare(bench.runner, safe, script, bench.count(5), group=GROUP, p2c=P2C, note=_SCRIPT_NOTE)
        yield compare(bench.runner, safe, _put(bench, over), bench.count(5), group=GROUP, p2c=P2C, note=_PUT_NOTE)


def _script(bench: Bench, over: Sshd, nginx: Nginx, step: Command, there: Path) -> Command:
    """What people write: get it, copy it, move it into place, reload, look until it is served."""
    (bench.directory / "known_hosts").write_text("\n".join([*over.known_hosts_lines, ""]))
    options = f"-q -F none -o UserKnownHostsFile=known_hosts -o KexAlgorithms={KEX} -i {over.client_key_path}"
    move = f"mv {there}/site.crt.new {there}/site.crt && mv {there}/site.key.new {there}/site.key && {shlex.join(nginx.reload_command)}"
    text = f"""\
set -eu
{shlex.join(step.argv)}
scp {options} -P {over.port} step.crt {over.user}@{over.host}:{there}/site.crt.new
scp {options} -P {over.port} step.key {over.user}@{over.host}:{there}/site.key.new
ssh {options} -p {over.port} {over.user}@{over.host} {shlex.quote(move)}
wanted=$(openssl x509 -in step.crt -noout -fingerprint -sha256)
for look in 1 2 3 4 5 6 7 8 9 10; do
  served=$(openssl s_client -connect {nginx.host}:{nginx.port} -servername site.example </dev/null 2>/dev/null |
    openssl x509 -noout -fingerprint -sha256)
  if [ "$served" = "$wanted" ]; then echo served; exit 0; fi
  sleep 0.1
done
exit 1
"""
    return Command(name=SCRIPT, argv=["/bin/sh", str(private(bench.directory / "deploy.sh", text))], expects="served")


def _put(bench: Bench, over: Sshd) -> Command:
    there = bench.directory / "put"
    there.mkdir()
    files = [str(bench.directory / "theirs" / name) for name in ("site.crt", "site.key")]
    host = [over.host, str(over.port), over.user, str(over.client_key_path), str(bench.directory / "known_hosts")]
    argv = [PYTHON, str(Path(__file__).with_name("bare_put.py")), *host, str(there), *files]
    return Command(name=PUT, argv=argv, expects="put 2 files")
