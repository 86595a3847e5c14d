"""Start-up: what shells, people and timers ask for all the time, against the interpreter that does nothing."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack

from pairs import Command
from parts import Bench, certpush, configuration, step_ca, website
from rows import Row, compare
from tools import missing

GROUP = "start-up"


def measure(bench: Bench) -> Iterator[Row]:
    """Help, version and completion; then a look at one endpoint, and a timer's run with nothing to do."""
    python, count = bench.python(), bench.count(15)
    yield compare(bench.runner, certpush("--help", expects="Usage: certpush"), python, count, group=GROUP, goal=5)
    yield compare(bench.runner, certpush("--version", expects="certpush "), python, count, group=GROUP, goal=5)
    yield compare(bench.runner, _completion(bench, "certpush sta", expects="status"), python, count, group=GROUP)
    yield compare(bench.runner, _completion(bench, "certpush issue --", expects="--san"), python, count, group=GROUP)
    absent = missing(bench.tools, "step-ca", "nginx")
    if absent:
        for what, goal in (("certpush status, one endpoint", 8), ("certpush renew, nothing due", None)):
            yield Row(group=GROUP, what=what, against=python.name, goal=goal, not_run=absent)
        return
    yield from _one_endpoint(bench)


def _completion(bench: Bench, line: str, *, expects: str) -> Command:
    asked = {"_ARGCOMPLETE": "1", "COMP_LINE": line, "COMP_POINT": str(len(line)), "_ARGCOMPLETE_STDOUT_FILENAME": str(bench.runner.log)}
    return certpush(name=f"{line}<Tab>", env=asked, expects=expects)


def _one_endpoint(bench: Bench) -> Iterator[Row]:
    python, count = bench.python(), bench.count(15)
    with ExitStack() as servers:
        ca = servers.enter_context(step_ca(bench.directory))
        site = bench.directory / "site"
        nginx = servers.enter_context(website(site))
        config = str(configuration(bench.directory, ca, site=site, nginx=nginx))
        bench.runner.run(certpush("deploy", "--config", config, expects="rotated"))
        status = certpush("status", "--config", config, name="certpush status, one endpoint", expects=" ok")
        yield compare(bench.runner, status, python, count, group=GROUP, goal=8)
        renew = certpush("renew", "--config", config, name="certpush renew, nothing due", expects="what it should")
        yield compare(bench.runner, renew, python, count, group=GROUP, note="what a timer runs all day")
