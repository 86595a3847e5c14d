"""Promise 4 on Proxmox VE: killed before any write to journal and escrow, and around any request, a plain run converges without help."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from certpush.model import fingerprint, read_certificates
from certpush.testing.lab.process import wait_until
from certpush.testing.lab.proxmox import Answer, Broken, ProxmoxNode
from conftest import STRIDE
from plugins.proxmox.conftest import Site, posts

pytestmark = pytest.mark.timeout(300)
PARTS = pytest.mark.parametrize("part", [0, 1])  # of a sweep, so that two processes share it
UPLOAD, REMOVAL = "POST /certificates/custom", "DELETE /certificates/custom"
ANSWER = f"the answer to {UPLOAD}"
SOME = 1 if STRIDE == 1 else 2


Point = tuple[str, int]  # a deed's name, and which of that name


class Runs:
    """Runs of certpush, each in a process of its own."""

    def __init__(self, directory: Path) -> None:
        self._notes = str(directory / "deeds")
        program = [sys.executable, str(Path(__file__).with_name("killed.py"))]
        self._process = subprocess.Popen(program, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def do(self, what: str, tables: dict[str, Any], at: Point | None = None, **wishes: Any) -> dict[str, Any]:
        call = {"do": what, "tables": tables, "at": at or (), "wishes": wishes, "notes": self._notes}
        print(json.dumps(call), file=self._process.stdin, flush=True)
        ended: dict[str, Any] = json.loads(self._process.stdout.readline())
        assert ended["killed"] or ended["exit"] == 0, ended
        return ended

    def close(self) -> None:
        self._process.stdin.close()
        self._process.wait(10)
        self._process.stdout.close()


@dataclass
class World:
    """A node, and certpush that may be killed. ``shown`` is all that new workers ever showed."""

    site: Site
    runs: Runs
    start: Callable[[], ProxmoxNode]
    node: ProxmoxNode
    tables: dict[str, Any] = field(default_factory=dict)
    shown: set[str | None] = field(default_factory=set)
    days: int = 0

    def begin(self, deployments: int = 0) -> str:
        """A node and a certpush that know nothing of each other but the pin; then so many deployments. What is served."""
        self.days += 1
        self.node = node = self.start()
        self.site.targets["proxmox"] |= {
            "host": node.host,
            "port": node.port,
            "token": self.site.secret(node.token),
            "trust": f"sha256:{node.own_fingerprint}",
        }
        self.tables = {**self.site.tables(), "state": {"directory": str(self.site.directory / f"state-{self.days}")}}
        for _ in range(deployments):
            self.deeds(force=True)
        return str(node.served())

    def run(self, what: str = "deploy", **wishes: Any) -> dict[str, Any]:
        """A run that is not killed, and its receipt."""
        return self.runs.do(what, self.tables, **wishes)["told"][0]

    def deeds(self, what: str = "deploy", **wishes: Any) -> list[Point]:
        """What a run does from its begin to its end; what it uploads is no concern of what follows."""
        names = self.runs.do(what, self.tables, **wishes)["deeds"]
        self.node.requests.clear()
        return [(name, names[: number + 1].count(name)) for number, name in enumerate(names)]

    def killed(self, at: Point, what: str = "deploy", **wishes: Any) -> bool:
        """Run, and die before this deed; False where the run came to its end without it."""
        ended = self.runs.do(what, self.tables, at, **wishes)
        assert self.node.served() is not None
        return bool(ended["killed"])

    def files(self) -> str:
        """The certificate that the node would serve after a restart: its files fit together."""
        would_show = self.node._machine.load().fingerprint
        assert would_show is not None, "key and certificate on the node do not belong together"
        return would_show

    def converges(self, point: object, *held: str) -> str:
        """A plain run brings one of the two everywhere, and the next has nothing to do; which one it is."""
        receipt, plan, unfinished = self.runs.do("converge", self.tables)["told"]
        assert receipt["outcome"] in ("rotated", "unchanged"), (point, receipt)
        assert plan["action"] == "nothing", (point, plan)
        assert unfinished == [], point
        wait_until(lambda: self.node.settled, "the old workers go")
        assert self.node.served() == self.files() == receipt["now"] == plan["now"], point
        assert self.sent() <= {*held, receipt["now"]}, f"{point}: another pair was uploaded, too"
        return str(receipt["now"])

    def sent(self) -> set[str]:
        """Fingerprints of the certificates that were uploaded since this was asked last."""
        fields = [one.parameters for one in posts(self.node)]
        self.node.requests.clear()
        return {fingerprint(read_certificates(one["certificates"].encode())[0]) for one in fields if one.get("certificates")}


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Runs]:
    made = Runs(tmp_path_factory.mktemp("runs"))
    yield made
    made.close()


@pytest.fixture
def world(one: Site, start_node: Callable[..., ProxmoxNode], runs: Runs) -> Iterator[World]:
    made = World(one, runs, lambda: start_node(overlap=0.1, first_new=0.02), start_node())
    over = threading.Event()

    def watch() -> None:
        while not over.wait(0.005):
            made.shown.add(made.node.served())

    watching = threading.Thread(target=watch)
    watching.start()
    yield made
    over.set()
    watching.join()
    assert None not in made.shown, "for a moment nothing was served"


def chosen(deeds: list[Point], part: int = 0, parts: int = 1, every: int = 1) -> list[Point]:
    """Which deeds to die before: ``every`` so many of those that change something, and fewer of those that read."""
    reading = [deed for deed in deeds if "GET" in deed[0]]
    writing = [deed for deed in deeds if "GET" not in deed[0]]
    return [*writing[::every], *reading[:: STRIDE * every]][part::parts]


# --- a rotation ----------------------------------------------------------------------------------


@PARTS
def test_the_first_deployment_killed_anywhere_is_brought_to_its_end(world, part):
    world.begin()
    deeds = world.deeds()
    assert {"begin", "enter activating", UPLOAD, f"a part of {UPLOAD}", ANSWER, "enter confirmed", "prune"} <= {name for name, _ in deeds}
    for point in chosen(deeds, part, 2, every=SOME):
        own = world.begin()
        assert world.killed(point) or "GET" in point[0], point
        assert world.converges(point, own) != own


@PARTS
def test_a_renewal_killed_anywhere_is_brought_to_its_end(world, part):
    old = world.begin(deployments=1)
    deeds = world.deeds(force=True)
    old = world.converges("the end", old)
    for point in chosen(deeds, part, 2):
        assert world.killed(point, force=True) or "GET" in point[0], point
        old = world.converges(point, old)


@pytest.mark.parametrize("first", [ANSWER, "enter activated", "enter verified", "enter confirmed"])
def test_killed_again_while_it_settles_the_next_run_converges(world, first):
    old = world.begin(deployments=1)
    assert world.killed((first, 1), force=True)
    deeds = world.deeds()
    assert ("enter confirmed", 1) in deeds, "what is served already is not undone"
    old = world.converges(first, old)
    for point in chosen(deeds, every=SOME):
        assert world.killed((first, 1), force=True)
        world.killed(point)
        old = world.converges(f"{first}, then {point}", old)


@pytest.mark.parametrize("seconds", [0.2, 0.5, 2.0])
@pytest.mark.parametrize("deployments", [0, 1], ids=["the first", "a renewal"])
def test_an_upload_that_is_carried_out_only_when_the_next_run_is_at_work_or_over_does_no_harm(world, deployments, seconds):
    """It was on its way when we died, and waits for its turn there."""
    old = world.begin(deployments)
    world.node.faults.broken.append(Broken(Answer.LATE, method="POST", path="/custom", times=1, seconds=seconds))
    assert world.killed((ANSWER, 1), force=True)
    receipt = world.run()
    assert receipt["outcome"] in ("rotated", "unchanged"), receipt
    wait_until(lambda: all(one.status for one in posts(world.node)), "the late upload")
    world.converges("the late upload", old)


# --- the way back --------------------------------------------------------------------------------


@PARTS
def test_killed_while_it_goes_back_from_a_failed_reload_the_old_certificate_stays_until_the_node_is_mended(world, part):
    old = world.begin(deployments=1)
    world.node.faults.reload_fails = True
    deeds = world.deeds(force=True)
    begins = deeds.index(("enter rolling-back", 1))
    assert UPLOAD in dict(deeds[begins:]), "the old pair is put back"
    for point in chosen(deeds[begins:], part, 2, every=SOME):
        world.node.faults.reload_fails = True
        assert world.killed(point, force=True) or "GET" in point[0], point
        still = world.run()
        assert still["outcome"] in ("rolled-back", "failed"), (point, still)
        assert world.node.served() == world.files() == old, point
        world.node.faults.reload_fails = False
        old = world.converges(point, old)


@pytest.mark.parametrize(("deployments", "way"), [(1, REMOVAL), (2, UPLOAD)], ids=["to the node's own", "to the former pair"])
def test_killed_while_a_person_goes_back_the_next_run_ends_it_and_converges(world, deployments, way):
    world.begin(deployments)
    deeds = world.deeds("rollback")
    assert way in dict(deeds)
    for point in chosen(deeds, every=SOME):
        former = world.begin(deployments - 1)
        world.deeds(force=True)
        last = world.node.served()
        assert world.killed(point, "rollback") or "GET" in point[0], point
        world.converges(point, former, last)
