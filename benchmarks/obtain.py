"""Getting and renewing a certificate: cold, as one process each, and warm, in a process that goes on."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from certpush.testing.lab.step_ca import RealCa
from pairs import Command
from parts import P2C, PYTHON, Bench, ca_table, certpush, step_ca
from rows import Row, compare
from tools import missing

GROUP = "obtain a certificate (P-256)"
STEP = "step ca certificate"
RENEW = "step ca renew"
COLD, WARM, RENEWED = "certpush issue, cold", "Fleet.issue, warm, each of 200", "StepCaIssuer.renew, cold"
UNATTENDED = "certpush renew, one due"
_TIMES = 200


def measure(bench: Bench) -> Iterator[Row]:
    """Cold, warm and renewed, against one process of the step command each."""
    absent = missing(bench.tools, "step", "step-ca")
    if absent:
        yield Row(group=GROUP, what=COLD, against=STEP, goal=2, p2c=P2C, not_run=absent)
        yield Row(group=GROUP, what=WARM, against=STEP, goal=0.02, p2c=P2C, not_run=absent)
        yield Row(group=GROUP, what=RENEWED, against=RENEW, goal=6, not_run=absent)
        yield Row(group=GROUP, what=UNATTENDED, against=RENEW, goal=6, not_run=absent)
        return
    with step_ca(bench.directory) as ca:
        config, step = str(_configuration(bench.directory, ca)), step_command(bench, ca)
        issue = certpush("issue", "site.example", "--force", "--config", config, name=COLD, expects="site.example.crt")
        yield compare(bench.runner, issue, step, bench.count(11), group=GROUP, goal=2, p2c=P2C)
        warm = Command(
            name=WARM, argv=[PYTHON, str(Path(__file__).with_name("warm_obtain.py")), config, str(_TIMES)], expects='"cpu"', tells=True
        )
        note = "the key is opened before the first; from then on each is a key, a request, a token and an answer"
        yield compare(bench.runner, warm, step, bench.count(5), group=GROUP, goal=0.02, p2c=P2C, note=note)
        renewed = _step_renewal(bench, ca)
        note = "both show the certificate in TLS; no password, so no key is opened"
        yield compare(bench.runner, _renewal(config), renewed, bench.count(11), group=GROUP, goal=6, note=note)
        note = "what a timer runs: the same for a new key, with a record, a way back, and a look at the files afterwards"
        yield compare(bench.runner, _unattended(bench, ca), renewed, bench.count(11), group=GROUP, goal=6, note=note)


def step_command(bench: Bench, ca: RealCa, *names: str) -> Command:
    """The step command that gets one certificate; for these names instead of its subject where there are any."""
    argv = [str(bench.tools["step"]), "ca", "certificate", "site.example", "step.crt", "step.key", "--force"]
    argv += ["--ca-url", ca.url, "--root", "root.crt", "--provisioner", ca.provisioner, "--provisioner-password-file", "password"]
    argv += [word for name in names for word in ("--san", name)]
    return Command(name=STEP, argv=argv, expects="step.crt")


def _renewal(config: str) -> Command:
    files = ["site.example.crt", "site.example.key"]  # what `certpush issue` left
    return Command(name=RENEWED, argv=[PYTHON, str(Path(__file__).with_name("cold_renew.py")), config, *files], expects="renewed until")


def _unattended(bench: Bench, ca: RealCa) -> Command:
    """A target of two files whose certificate is always due; the first one is obtained here."""
    home, config = bench.directory / "due", bench.directory / "due.toml"
    home.mkdir()
    config.write_text(f"""\
{ca_table(bench.directory, ca)}
[state]
directory = "{bench.directory}/due-state"

[target.due]
kind = "file"
names = ["due.example"]
lifetime = "24h"
renew_at = "1/100000"
fullchain = "{home}/due.crt"
key_file = "{home}/due.key"
verify = "files"
""")
    bench.runner.run(certpush("deploy", "--config", str(config), expects="rotated"))
    return certpush("renew", "--config", str(config), name=UNATTENDED, expects="rotated")


def _step_renewal(bench: Bench, ca: RealCa) -> Command:
    argv = [str(bench.tools["step"]), "ca", "renew", "step.crt", "step.key", "--force", "--ca-url", ca.url, "--root", "root.crt"]
    return Command(name=RENEW, argv=argv, expects="saved in step.crt")


def _configuration(directory: Path, ca: RealCa) -> Path:
    path = directory / "issue.toml"
    path.write_text(ca_table(directory, ca))
    return path
