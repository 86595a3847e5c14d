"""L3 on the other machine: nothing of a switch is missing on its disk, and from whatever a power cut leaves a fresh instance goes back."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from certpush.testing.lab import hurry
from certpush.testing.lab.process import wait_until
from certpush_ssh.target import SshTarget
from cli.frame.disk import CALLS, OPTIONS, Disk, Tree, put
from conftest import STRIDE, not_run
from plugins.ssh.conftest import LocalBox
from plugins.ssh.test_kill import a_fresh_instance_goes_back
from plugins.ssh.test_rescue import deploy, installed
from plugins.trees import tree

pytestmark = pytest.mark.timeout(240)

MOST = 8
"""So many of the states that a power cut may leave are tried, evenly spread; `make soak` tries each."""


@pytest.fixture
def open_directory() -> Iterator[Path]:
    """In memory, where that has files: what reaches a disk is not asked of this one, and it would take its time."""
    with tempfile.TemporaryDirectory(prefix="certpush-test-", dir="/dev/shm" if os.access("/dev/shm", os.W_OK) else None) as path:
        Path(path).chmod(0o755)
        yield Path(path)


class Recorder:
    """Has strace tell what each script does; the machine's own timer goes on beside it, and is ended before the next is looked at."""

    def __init__(self, box: LocalBox, folder: Path, disk: Disk) -> None:
        self._box, self._folder, self._disk = box, folder, disk
        self._strace = shutil.which("strace") or not_run("there is no strace here")
        self.states: dict[frozenset, tuple[str, Tree]] = {}
        self.too_early: list[str] = []
        """What was not on the disk when a file (or the link) that is served was renamed into its place."""

    @contextlib.contextmanager
    def recording(self, verb: str) -> Iterator[None]:
        trace = self._folder / verb
        self._box.machine.shell = (self._strace, "-D", "-qq", *OPTIONS, "-e", f"trace={CALLS}", "-o", str(trace), "/bin/sh", "-s")
        yield
        self._box.machine.shell = ("/bin/sh", "-s")
        for timer in hurry.timers(self._box.tls):
            os.kill(timer, signal.SIGKILL)
        wait_until(lambda: not hurry.timers(self._box.tls), "the timer's end")
        for number, call in enumerate(self._disk.see(trace.read_text().splitlines())):
            if call == "rename" and (switched := self._disk.deeds[-1].rpartition("/tls/")[2]) in ("svc.crt", "svc.key", "current"):
                self.too_early += [one for one in self._disk.unkept if one != switched and ".rescue/" not in one]
            for how, left in self._disk.cuts():
                self.states.setdefault(frozenset(left.items()), (f"{verb} {number} {call}, {how}", left))


@pytest.mark.parametrize("layout", ["files", "managed"])
def test_from_whatever_a_power_cut_leaves_there_a_fresh_instance_goes_back(local_box, mint, layout, tmp_path):
    reload = local_box.tls.parent / "reload"
    certificate = local_box.tls / ("svc.crt" if layout == "files" else "current/fullchain.pem")
    served = local_box.tls.parent / "served"  # what the reload command took up, or the start of the machine
    reload.write_text(f"#!/bin/sh\ncp {certificate} {served}\n")
    reload.chmod(0o755)
    settings, old, new = getattr(local_box, layout)(reload=(str(reload),)), mint(), mint()
    deploy(settings, old)
    before_tree = tree(local_box.tls)

    disk = Disk(local_box.tls, umask=0o077, command=str(reload))
    recorder = Recorder(local_box, tmp_path, disk)
    with contextlib.closing(SshTarget(settings)) as target:
        before = target.inspect()
        with recorder.recording("stage"):
            staged = target.stage(new)
        with recorder.recording("activate"):
            target.activate(staged, new)
    assert [one for one in disk.wrong if ".rescue/" not in one] == []  # of a timer nothing is needed after a power cut
    assert recorder.too_early == []
    assert f"run {reload}" in disk.deeds

    states = dict(recorder.states.values())
    assert len(states) > 50
    for point in [*states][:: 1 if STRIDE == 1 else len(states) // MOST]:
        put(states[point], local_box.tls)
        shutil.copy(certificate, served)
        a_fresh_instance_goes_back(local_box, settings, before, staged)
        assert tree(local_box.tls) == before_tree, point
        assert served.read_bytes() == old.fullchain_pem, point
    deploy(settings, new)
    assert installed(settings) == new.fingerprint
