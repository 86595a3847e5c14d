"""Many targets in one process: over SSH against Ansible and against a shell loop, and memory.

Each of the three gets each target's certificate its own way, per target: what one target cost is compared.
"""

from __future__ import annotations

import shlex
import statistics
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

from many import Many, many, names
from obtain import step_command
from over_there import cpu_of
from pairs import Command, Cost, Pairs, median_of
from parts import KEX, P2C, PYTHON, Bench, ca_table, certpush, private, step_ca
from rows import Figure, Row
from tools import missing

GROUP = f"many SSH targets at once ({KEX} on all sides), for each of them"
OURS, BARE, ANSIBLE, SHELL = "certpush deploy --force", "obtain, put, look: 32 threads", "Ansible copy, 32 forks", "shell, xargs -P 8"
FLOOR = "2 logins, 5 empty scripts, 4 looks, 1 certificate, one after another"
HOSTS, LOOPED, BARELY, FEW = 50, 80, 200, 50
_ANSIBLE_NOTE = "one file put on each of 50 hosts and nothing else; Ansible's ssh masters stay behind, and are not counted"
_SHELL_NOTE = "80 targets: step ca certificate, ssh 'cat and mv', one look by openssl; no way back, no record"
_BARE_NOTE = "what the machine can do without the safe path: no lock, record, timer, reading back or way back, and one look"
_FLOOR_NOTE = "what the safe path is made of, and nothing between: with these libraries it cannot cost less"
_THERE_NOTE = "sshd and what it started; it is in no figure of the client"
_NEEDED = ("step", "step-ca", "sshd", "ssh", "nginx", "openssl", "ansible")


def measure(bench: Bench) -> Iterator[Row | Figure]:
    """The fleet over SSH, then memory."""
    absent = missing(bench.tools, *_NEEDED)
    if absent:
        yield Row(group=GROUP, what=OURS, against=ANSIBLE, goal=0.1, p2c=P2C, not_run=absent)
        yield Row(group=GROUP, what=OURS, against=SHELL, goal=0.1, p2c=P2C, not_run=absent)
        return
    with ExitStack() as servers:
        ca = servers.enter_context(step_ca(bench.directory))
        there = servers.enter_context(many(bench.directory, ca))
        yield from _over_ssh(bench, there)
        yield from _memory(bench, there)


def _over_ssh(bench: Bench, there: Many) -> Iterator[Row | Figure]:
    count = bench.targets
    there.make(names(max(count, LOOPED, BARELY)))
    commands = (_ours(bench, there, count), _bare(bench, there), _ansible(bench, there), _shell(bench, there), _floor(bench, there))
    rounds = [[_both_sides(bench, there, one) for one in commands] for _ in range(bench.count(1))]
    costs = [tuple(cost for cost, _ in side) for side in zip(*rounds, strict=True)]
    ours, bare, ansible, shell, floor = costs
    name = f"{OURS}, {count} targets"
    row = Row(group=GROUP, what=name, against=ANSIBLE, goal=0.1, wall_goal=0.1, note=_ANSIBLE_NOTE, p2c=P2C, pairs=Pairs(ours, ansible))
    yield row
    yield replace(row, against=SHELL, wall_goal=0.25, note=_SHELL_NOTE, pairs=Pairs(ours, shell))
    yield replace(row, against=BARE, goal=None, wall_goal=None, note=_BARE_NOTE, pairs=Pairs(ours, bare))
    for other, pairs in ((ANSIBLE, Pairs(bare, ansible)), (SHELL, Pairs(bare, shell))):
        yield Row(group=GROUP, what=BARE, against=other, note=_BARE_NOTE, p2c=P2C, pairs=pairs)
    yield Figure(group=GROUP, what="CPU of the client for each", value=median_of(ours, "cpu") * 1000, unit="ms", goal=8)
    yield Figure(group=GROUP, what=f"the same for {FLOOR}", value=median_of(floor, "cpu") * 1000, unit="ms", note=_FLOOR_NOTE)
    yield Figure(group=GROUP, what=f"peak of the process, {count} targets", value=median_of(ours, "peak"), unit="MiB", goal=120)
    for command, side in zip(commands, zip(*rounds, strict=True), strict=True):
        there_ms = statistics.median(over_there for _, over_there in side) * 1000
        yield Figure(group=GROUP, what=f"CPU of the machine itself for each: {command.name}", value=there_ms, unit="ms", note=_THERE_NOTE)


def _both_sides(bench: Bench, there: Many, command: Command) -> tuple[Cost, float]:
    """What the client cost, and what the SSH server and all that it started did, in seconds of CPU, for each target."""
    server = int((there.over.directory / "sshd.pid").read_text())
    before = cpu_of(server)
    cost = bench.runner.run(command)
    return cost, (cpu_of(server) - before) / command.times


def _ours(bench: Bench, there: Many, count: int) -> Command:
    config = there.configuration(bench.directory / "fleet.toml", names(count))
    return certpush("deploy", "--force", "--config", str(config), name=OURS, expects="rotated", times=count, seconds=3600)


def _bare(bench: Bench, there: Many) -> Command:
    words = [str(there.home), str(there.port), str(BARELY)]
    return Command(name=BARE, argv=_by_itself(bench, there, "bare_fleet", words), expects='"cpu"', tells=True, times=BARELY, seconds=600)


def _floor(bench: Bench, there: Many) -> Command:
    words = [str(there.port), str(FEW)]
    return Command(name=FLOOR, argv=_by_itself(bench, there, "floor_fleet", words), expects='"cpu"', tells=True, times=FEW, seconds=600)


def _by_itself(bench: Bench, there: Many, script: str, words: list[str]) -> list[str]:
    """A script of ours that logs in by itself."""
    config = there.configuration(bench.directory / f"{script}.toml", names(BARELY))
    login = [there.over.host, str(there.over.port), there.over.user, str(there.over.client_key_path), str(_known_hosts(bench, there))]
    return [PYTHON, str(Path(__file__).with_name(f"{script}.py")), str(config), *login, *words]


def _known_hosts(bench: Bench, there: Many) -> Path:
    path = bench.directory / "known_hosts"
    path.write_text("\n".join([*there.over.known_hosts_lines, ""]))
    return path


def _ssh_options(bench: Bench, there: Many) -> str:
    return f"-q -F none -o UserKnownHostsFile={_known_hosts(bench, there)} -o KexAlgorithms={KEX} -i {there.over.client_key_path}"


def _ansible(bench: Bench, there: Many) -> Command:
    """The pair in one file, as HAProxy has it: one task."""
    hosts = "".join(f"{name} ansible_host={there.over.host}\n" for name in names(HOSTS))
    common = f"ansible_port={there.over.port}\nansible_user={there.over.user}\nansible_python_interpreter={sys.executable}\n"
    (bench.directory / "hosts.ini").write_text(f"[all]\n{hosts}\n[all:vars]\n{common}")
    pair = private(bench.directory / "pair.pem", "".join((there.home / "model" / one).read_text() for one in ("site.crt", "site.key")))
    task = f"copy: {{src: {pair}, dest: '{there.home}/{{{{ inventory_hostname }}}}/pair.pem', mode: '0600'}}"
    (bench.directory / "copy.yml").write_text(f"- hosts: all\n  gather_facts: false\n  tasks:\n    - {task}\n")
    (bench.directory / "ansible.cfg").write_text(
        f"[defaults]\nforks = 32\nretry_files_enabled = false\n[ssh_connection]\nssh_args = -C -o ControlMaster=auto -o ControlPersist=60s"
        f" {_ssh_options(bench, there)}\n"
    )

    def forget() -> None:
        for one in there.home.glob("t*/pair.pem"):
            one.unlink()

    playbook = bench.tools["ansible"].with_name("ansible-playbook")
    return Command(
        name=ANSIBLE, argv=[str(playbook), "-i", "hosts.ini", "copy.yml"], expects="changed=1", ready=forget, times=HOSTS, seconds=600
    )


def _shell(bench: Bench, there: Many) -> Command:
    """What people write: get it, put it in place, look whether it is served; eight at once."""
    step = shlex.join(step_command(bench, there.ca).argv).replace("site.example", "$1.example")
    step = step.replace("step.crt", "$1.crt").replace("step.key", "$1.key")
    put = f"umask 077; cd {there.home}/$1 && cat > n && mv n"
    ssh = f"ssh {_ssh_options(bench, there)} -p {there.over.port} {there.over.user}@{there.over.host}"
    private(
        bench.directory / "one.sh",
        f"""\
set -eu
{step} >/dev/null 2>&1
{ssh} "{put} site.crt" < $1.crt
{ssh} "{put} site.key" < $1.key
wanted=$(openssl x509 -in $1.crt -noout -fingerprint -sha256)
for look in 1 2 3 4 5 6 7 8 9 10; do
  served=$(openssl s_client -connect 127.0.0.1:{there.port} -servername $1.example </dev/null 2>/dev/null |
    openssl x509 -noout -fingerprint -sha256) || served=
  [ "$served" = "$wanted" ] && exit 0
  sleep 0.2
done
exit 1
""",
    )
    loop = f"printf '%s\\n' {' '.join(names(LOOPED))} | xargs -P 8 -n 1 sh one.sh && echo all served"
    return Command(name=SHELL, argv=["/bin/sh", "-c", loop], expects="all served", times=LOOPED, seconds=600)


# --- memory, and what is looked at by `scan.py` -------------------------------------------------


def files_here(bench: Bench, there: Many, path: Path, count: int, *, served: bool) -> str:
    """A configuration of files on this machine that share a certificate; where ``served`` an endpoint for each, under a name of its own."""
    tables = [ca_table(bench.directory, there.ca), f'[state]\ndirectory = "{path.with_suffix("")}-state"\n']
    tables.append('[certificate.shared]\nnames = ["*.scan.example"]\nlifetime = "24h"\n')
    home = there.home / "model" if served else bench.directory / f"{path.stem}-files"
    home.mkdir(exist_ok=True)
    for name in names(count):
        where = f'endpoints = ["127.0.0.1:{there.port}#{name}.scan.example"]' if served else 'verify = "files"'
        file = "site" if served else name
        files = f'fullchain = "{home}/{file}.crt"\nkey_file = "{home}/{file}.key"'
        tables.append(f'[target.{name}]\nkind = "file"\ncertificate = "shared"\n{files}\n{where}\n')
    path.write_text("\n".join(tables))
    return str(path)


def _memory(bench: Bench, there: Many) -> Iterator[Figure]:
    """Of files on this machine: what the process holds for each target is the same, and thousands are done in a minute."""
    few, several = (_peak(bench, there, count) for count in (bench.targets, 3 * bench.targets))
    note = f"{several.peak:.0f} instead of {few.peak:.0f} MiB; targets are files on this machine"
    what = f"more memory for {3 * bench.targets} targets than for {bench.targets}"
    yield Figure(group="memory", what=what, value=several.peak - few.peak, unit="MiB", goal=10, note=note)


def _peak(bench: Bench, there: Many, count: int) -> Cost:
    config = files_here(bench, there, bench.directory / f"memory{count}.toml", count, served=False)
    return bench.runner.run(certpush("deploy", "--config", config, expects="rotated", times=count, seconds=1200))
