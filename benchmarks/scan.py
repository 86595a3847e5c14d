"""A look at many endpoints in one process, beside the handshakes alone: what they cost is OpenSSL's, and no client's to save."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

from fleet import files_here
from many import Many, many, names
from pairs import Command, Pairs, median_of
from parts import PYTHON, Bench, certpush, step_ca
from rows import Figure, Row
from tools import missing

GROUP = "looking at many endpoints, for each of them"
ENDPOINTS = 1500
OURS, ALONE = f"certpush status, {ENDPOINTS} endpoints", "handshakes by Python's ssl alone"
_NOTE = "each a handshake of its own, verified by the CA's root"


def measure(bench: Bench) -> Iterator[Row | Figure]:
    """The scan beside as many handshakes, one after another; what one of them costs is the least that a scan can cost."""
    absent = missing(bench.tools, "step-ca", "sshd", "nginx")
    if absent:
        yield Row(group=GROUP, what=OURS, against=ALONE, not_run=absent)
        return
    with ExitStack() as servers:
        there = servers.enter_context(many(bench.directory, servers.enter_context(step_ca(bench.directory))))
        there.make([])
        pairs = bench.runner.alternate(_status(bench, there), _alone(there), bench.count(3))
    yield Row(group=GROUP, what=OURS, against=ALONE, note=_NOTE, pairs=pairs)
    yield _figure(pairs)


def _figure(pairs: Pairs) -> Figure:
    what = f"{OURS}: CPU for each"
    return Figure(group=GROUP, what=what, value=median_of(pairs.ours, "cpu") * 1000, unit="ms", goal=1.5, note=_NOTE)


def _status(bench: Bench, there: Many) -> Command:
    config = files_here(bench, there, bench.directory / "scan.toml", ENDPOINTS, served=True)
    bench.runner.run(certpush("deploy", names(1)[0], "--force", "--config", config, expects="rotated"))  # now there is a root to verify by
    return certpush("status", "--config", config, name=OURS, expects=names(ENDPOINTS)[-1], times=ENDPOINTS, seconds=600)


def _alone(there: Many) -> Command:
    words = [str(Path(__file__).with_name("bare_scan.py")), str(there.port), "root.crt", str(ENDPOINTS)]
    return Command(name=ALONE, argv=[PYTHON, *words], expects="seen", times=ENDPOINTS, seconds=600)
