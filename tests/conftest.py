"""What all tests share: no socket beyond this machine, real servers where they are there, and a list of what was not run."""

from __future__ import annotations

import fcntl
import ipaddress
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from itertools import islice
from pathlib import Path
from typing import NoReturn

import pytest
from hypothesis import HealthCheck, settings

from certpush.testing.authority import Authority, EmbeddedCa, JwkProvisioner
from certpush.testing.lab import NotPossibleHere, find_tool, hurry, missing_tools, process
from certpush.testing.lab.nginx import Nginx
from certpush.testing.lab.sshd import Sshd
from certpush.testing.lab.step_ca import RealCa, find_step_ca

# How far the sweeps step from one point at which a run is killed to the next. `make soak` takes every one.
STRIDE = 1 if os.environ.get("THOROUGH") == "1" else 3
PATIENCE = 20 if STRIDE == 1 else 3
"""Times the limit that a test names: it is to end what hangs, and a machine with other work than ours is none that hangs."""
WORKER = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
WORKERS = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
FAST_P2C = 1000  # 600 000 rounds guard a password; here they would only cost time


# --- what is missing is named, or a failure ---------------------------------------------------


def need(*tools: str) -> None:
    """Skip where a tool of the lab is missing; with REQUIRE_LIVE=1 fail."""
    brings = {tool.name: f" ({tool.brings})" for tool in missing_tools()}
    for tool in tools:
        if find_tool(tool) is None:
            not_run(f"{tool} is missing{brings.get(tool, '')}")


def not_run(reason: str) -> NoReturn:
    """Say what this machine cannot try; with REQUIRE_LIVE=1 that is a failure."""
    if os.environ.get("REQUIRE_LIVE") == "1":
        pytest.fail(f"{reason} (REQUIRE_LIVE=1)", pytrace=False)
    pytest.skip(f"not run: {reason}")


def pytest_configure() -> None:
    """Nothing of how the run was started may matter: a shell's background job ignores Ctrl-C, and hands that down.

    Some tests give a home of their own; the step-ca that was found stays in use there. The servers here are near, and
    each look may follow the one before it sooner. How long an example takes says more of what else runs here than of it;
    those of `make test` are the same each time, and `make soak` looks for new ones.
    """
    hurry.looks()
    process.PORTS = process.PORTS[WORKER::WORKERS]  # what one has found free, and will use in a moment, no other one finds
    settings.register_profile("beside others", deadline=None, suppress_health_check=[HealthCheck.too_slow], derandomize=STRIDE != 1)
    settings.load_profile("beside others")
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    if signal.getsignal(signal.SIGHUP) is signal.SIG_IGN:  # nohup, or a session without a terminal
        signal.signal(signal.SIGHUP, signal.SIG_DFL)
    if found := find_step_ca():
        os.environ.setdefault("CERTPUSH_STEP_CA", str(found))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What asks for more time than others begins first, on all workers: else all would wait at the end for one that began last."""
    items[:] = dealt(items, WORKERS)
    for item in items:
        for mark in [*item.iter_markers("timeout")][:1]:
            item.add_marker(pytest.mark.timeout(PATIENCE * mark.args[0]), append=False)


def dealt(items: list[pytest.Item], workers: int) -> list[pytest.Item]:
    """Order them for ``--dist worksteal``, which begins by cutting the list into equal pieces, one for each worker.

    Each piece begins with its part of what asks for long, the longest first; what is quick comes last, when those who
    have nothing left take from others. A module, or a class, stays together: what it makes for its tests is made once.
    """
    groups: dict[tuple[str, object], list[pytest.Item]] = {}
    for item in items:
        groups.setdefault((str(item.path), getattr(item, "cls", None)), []).append(item)
    asked = {name: max(map(_minutes_asked, group)) for name, group in groups.items()}
    pieces: list[list[pytest.Item]] = [[] for _ in range(workers)]
    burden = [0] * workers
    for name in sorted((name for name in groups if asked[name]), key=lambda name: asked[name], reverse=True):
        least = burden.index(min(burden))
        pieces[least] += groups[name]
        burden[least] += asked[name] * len(groups[name])
    quick = (item for name, group in groups.items() if not asked[name] for item in group)
    order: list[pytest.Item] = []
    for number, piece in enumerate(pieces):
        room = (len(items) - len(order)) // (workers - number) - len(piece)
        order += [*piece, *islice(quick, max(0, room))]
    return [*order, *quick]


def _minutes_asked(item: pytest.Item) -> int:
    """What it may take; who waits for a real server asks for one."""
    timeout = item.get_closest_marker("timeout")
    more = timeout.args[0] // 60 if timeout and timeout.args[0] > 60 else 0
    return max(more, 1 if item.get_closest_marker("live") else 0)


def pytest_runtest_setup(item: pytest.Item) -> None:
    """A mark may name its tools: ``@pytest.mark.live("sshd", "nginx")``; fixtures look for theirs by themselves."""
    for mark in item.iter_markers("live"):
        need(*mark.args)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    reasons = Counter(
        report.longrepr[2].removeprefix("Skipped: ")
        for report in terminalreporter.stats.get("skipped", [])
        if isinstance(report.longrepr, tuple) and "not run: " in report.longrepr[2]
    )
    for reason, tests in sorted(reasons.items()):
        terminalreporter.write_line(f"{reason}: {tests} tests", yellow=True)


def once_for_all(factory: pytest.TempPathFactory, name: str, make: Callable[[Path], None]) -> Path:
    """A directory that ``make`` fills once for all processes of a run; the others wait for it."""
    base = factory.getbasetemp()
    base = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base
    directory, made = base / name, base / f"{name}.made"
    with (base / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not made.exists():
            shutil.rmtree(directory, ignore_errors=True)
            directory.mkdir()
            make(directory)
            made.touch()
    return directory


# --- what is measured -------------------------------------------------------------------------

MEASURES = {name: value for name, value in os.environ.items() if name.startswith("COVERAGE_")}
"""What makes a Python that is started here measure its coverage, where that is measured at all."""


@pytest.fixture(scope="session", autouse=True)
def tests_alone_are_measured() -> None:
    """Not what they start: in each of a thousand processes that would take longer than what is done there, and tests reach the same in here."""
    for name in MEASURES:
        os.environ.pop(name, None)


@pytest.fixture
def measured(monkeypatch: pytest.MonkeyPatch) -> None:
    """Measure what this test starts, too: some of it runs nowhere else."""
    for name, value in MEASURES.items():
        monkeypatch.setenv(name, value)


@pytest.fixture
def unmeasured() -> Iterator[None]:
    """Do not measure what this test does in here: it goes a thousand times through what others measure, and measuring takes half of its time."""
    here, threads = sys.gettrace(), threading.gettrace()
    sys.settrace(None)
    threading.settrace(None)  # type: ignore[arg-type] # None is what there is where nobody traces
    yield
    sys.settrace(here)
    threading.settrace(threads)  # type: ignore[arg-type]


# --- no socket beyond this machine ------------------------------------------------------------


class BeyondLoopback(AssertionError):
    """A test tried to reach another machine."""


def _is_local(address: object) -> bool:
    if not isinstance(address, tuple):
        return True  # a path or an abstract name: AF_UNIX
    try:
        return ipaddress.ip_address(str(address[0]).partition("%")[0] or "0.0.0.0").is_loopback
    except ValueError:
        return str(address[0]) == "localhost"


@pytest.fixture(autouse=True)
def loopback_only(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Refuse connections to other machines, and fail the test even where its code swallowed the refusal."""
    tried: list[object] = []

    def refuse(address: object) -> None:
        if not _is_local(address):
            tried.append(address)
            raise BeyondLoopback(f"a test tried to reach {address}")

    for method in ("connect", "connect_ex"):
        real = getattr(socket.socket, method)
        monkeypatch.setattr(socket.socket, method, lambda self, address, real=real: refuse(address) or real(self, address))
    monkeypatch.setattr(socket, "getaddrinfo", _resolver_without_network(socket.getaddrinfo))
    yield
    assert not tried, f"a test tried to reach {tried}"


def _resolver_without_network(real):
    def getaddrinfo(host, *args, **kwargs):
        """Names of other machines are unknown, as on a machine without network: nobody is asked."""
        text = host.decode() if isinstance(host, bytes) else host
        try:
            ipaddress.ip_address((text or "127.0.0.1").partition("%")[0])
        except ValueError:
            if text.rstrip(".") not in ("localhost", "ip6-localhost"):
                raise socket.gaierror(socket.EAI_NONAME, "Name or service not known") from None
        return real(host, *args, **kwargs)

    return getaddrinfo


# --- disks ------------------------------------------------------------------------------------


@pytest.fixture
def mounted() -> Iterator[Callable[..., None]]:
    """Mount something for the time of the test: ``mounted("-t", "tmpfs", "-o", "size=64k", "none", path)``."""
    places: list[str] = []

    def mount(*arguments: str | Path) -> None:
        ended = subprocess.run(["mount", *map(str, arguments)], capture_output=True, text=True, check=False)
        if ended.returncode != 0:
            not_run(f"mounting is not possible here ({ended.stderr.strip()})")
        if str(arguments[-1]) not in places:  # a remount is no further mount
            places.append(str(arguments[-1]))

    yield mount
    for place in reversed(places):
        subprocess.run(["umount", place], check=True)


# --- CAs --------------------------------------------------------------------------------------


@pytest.fixture(scope="session")
def real_ca() -> Iterator[RealCa]:
    """A real step-ca for the whole session: change nothing on it that others would notice."""
    need("step-ca")
    with RealCa(admin=JwkProvisioner.make(p2c=FAST_P2C)) as ca:
        yield ca


@pytest.fixture(scope="session")
def embedded_ca() -> Iterator[EmbeddedCa]:
    """An embedded CA for the whole session: change nothing on it that others would notice."""
    with EmbeddedCa(admin=JwkProvisioner.make(p2c=FAST_P2C)) as ca:
        yield ca


@pytest.fixture(scope="session", params=[pytest.param("real_ca", marks=pytest.mark.live), "embedded_ca"])
def ca(request: pytest.FixtureRequest) -> RealCa | EmbeddedCa:
    """Each CA in turn: what holds for one must hold for the other."""
    served: RealCa | EmbeddedCa = request.getfixturevalue(request.param)
    return served


@pytest.fixture
def start_real_ca() -> Iterator[Callable[..., RealCa]]:
    """Start a real step-ca of one's own: ``start_real_ca(claims={"maxTLSCertDuration": "2160h"})``."""
    need("step-ca")
    with ExitStack() as servers:
        yield lambda **options: servers.enter_context(RealCa(**{"admin": JwkProvisioner.make(p2c=FAST_P2C), **options}))


@pytest.fixture
def start_embedded_ca() -> Iterator[Callable[..., EmbeddedCa]]:
    """Start an embedded CA of one's own, to change its clock, its claims, or what it does wrong."""
    with ExitStack() as servers:
        yield lambda **options: servers.enter_context(EmbeddedCa(**{"admin": JwkProvisioner.make(p2c=FAST_P2C), **options}))


@pytest.fixture(params=[pytest.param("start_real_ca", marks=pytest.mark.live), "start_embedded_ca"])
def start_ca(request: pytest.FixtureRequest) -> Callable[..., RealCa | EmbeddedCa]:
    """Start a CA of one's own, of each sort in turn."""
    start: Callable[..., RealCa | EmbeddedCa] = request.getfixturevalue(request.param)
    return start


@pytest.fixture(scope="session")
def authority() -> Authority:
    """A CA in memory, to mint certificates with."""
    return Authority()


# --- servers ----------------------------------------------------------------------------------


@pytest.fixture(scope="session")
def sshd() -> Iterator[Sshd]:
    """A real sshd for the whole session, in which the user who runs the tests can log in: change nothing on it."""
    need("sshd")
    with Sshd() as server:
        yield server


@pytest.fixture
def start_sshd() -> Iterator[Callable[..., Sshd]]:
    """Start a real sshd of one's own: ``start_sshd(user="deploy", sudo=True)``."""
    need("sshd")
    with ExitStack() as servers:

        def start(**options: object) -> Sshd:
            try:
                return servers.enter_context(Sshd(**options))
            except NotPossibleHere as error:
                not_run(error.message)

        yield start


@pytest.fixture
def start_nginx() -> Iterator[Callable[[Path, Path], Nginx]]:
    """Start a real nginx with these certificate and key files."""
    need("nginx")
    with ExitStack() as servers:
        yield lambda certificate, key: servers.enter_context(Nginx(certificate, key))
