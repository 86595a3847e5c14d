"""Both ends die between any two steps: a fresh instance brings all in order, and the next run converges.

What kills the box's side is SIGKILL from within the script, before a command that changes something; what kills ours is an
exception that nobody handles, before and after each script that is sent.
"""

from __future__ import annotations

import contextlib

import pytest

from certpush.errors import CertpushError, RescueFired, TargetRefused
from certpush.testing.lab.process import LabError, wait_until
from certpush_pfsense import box as box_module
from certpush_pfsense.box import Box
from certpush_pfsense.target import PfSenseTarget
from conftest import STRIDE
from plugins.pfsense.conftest import BOTH, deploy, leftovers, settings_of

pytestmark = [pytest.mark.live("sshd", "nginx", "php"), pytest.mark.timeout(400)]
COMMANDS = ("mv", "rm", "cat", "chmod", "chown", "mkdir", "sync", "daemon", "lockf", "run_php", "grep", "sleep", "date", "sed")
DIE = "kill -9 $$; kill -9 $(exec /bin/sh -c 'echo $PPID')"


class Death:
    """Ends the box's script before its ``at``-th command; ``reached`` is how many there were."""

    def __init__(self, box) -> None:
        self.at = 0
        self._count = box.path("/tmp/count")
        self._real = box_module.script_of

    @property
    def reached(self) -> int:
        return len(self._count.read_text()) if self._count.exists() else 0

    def aim(self, at: int) -> None:
        self.at = at
        self._count.write_text("")
        self._count.chmod(0o666)

    def script_of(self, lines: list[str], tag: str) -> str:
        script = self._real(lines, tag)
        if not self.at:
            return script
        at = f'at() {{ printf x >>/tmp/count; if [ "$(wc -c </tmp/count)" -eq {self.at} ]; then {DIE}; fi; }}'
        php = 'run_php() { at; as_pfsense env CERTPUSH_TAG="$tag" /usr/local/bin/php -r "$loader" 2>/dev/null; }'
        steps = [php if one == "run_php" else f'{one}() {{ at; command {one} "$@"; }}' for one in COMMANDS]
        return script.replace("main() {", "\n".join([at, *steps, "main() {"]), 1)


@pytest.fixture
def death(box, monkeypatch) -> Death:
    made = Death(box)
    monkeypatch.setattr(box_module, "script_of", made.script_of)
    return made


class Died(BaseException):
    """Our process ends here."""


class OurDeath:
    """Ends us before or after the ``at``-th script."""

    def __init__(self, monkeypatch) -> None:
        self.at, self.count = 0, 0
        self._real = Box.perform
        monkeypatch.setattr(Box, "perform", self.bound)

    @property
    def bound(self):
        """As a method: the box comes first."""
        return lambda box, steps, **more: self.perform(box, steps, **more)  # noqa: PLW0108 - a bound method would not get the box

    def perform(self, box, steps, **more):
        self._step()
        told = self._real(box, steps, **more)
        self._step()
        return told

    def _step(self) -> None:
        self.count += 1
        if self.at and self.count >= self.at:
            raise Died

    def aim(self, at: int) -> None:
        self.at, self.count = at, 0


def in_order(box, fingerprint: str) -> None:
    wait_until(lambda: box.served() == fingerprint, "what should be served", 30)
    assert box.config().certs[box.config().certref].sha256 == fingerprint
    with contextlib.suppress(LabError):
        wait_until(lambda: leftovers(box) == [], "the end of all that was left", 10)
    assert leftovers(box) == []


def ours(box) -> int:
    return sum(one.descr.startswith("certpush ") for one in box.config().certs.values())


@BOTH
def test_the_boxs_side_killed_before_any_command_of_a_switch(box, mint, death, how):
    settings, old = settings_of(box, commit=how), mint()
    deploy(settings, old)
    point = 0
    while True:
        point += STRIDE
        new = mint()
        with contextlib.closing(PfSenseTarget(settings)) as target:
            before, staged = target.inspect(), target.stage(new)
            death.aim(point)
            try:
                target.activate(staged, new)
            except CertpushError:
                assert death.reached >= point
            over, death.at = death.reached < point, 0
        with contextlib.closing(PfSenseTarget(settings)) as target:
            target.rollback(before, staged, None)
        in_order(box, old.fingerprint)
        assert ours(box) == 1, point
        if over:
            break
    assert point > 5, "too few points: what changes the box is not counted"
    deploy(settings, new)
    in_order(box, new.fingerprint)


@BOTH
@pytest.mark.parametrize("verb", ["confirm", "rollback", "tidy"])
def test_the_boxs_side_killed_before_any_command_of_another_verb(box, mint, death, how, verb):
    settings, old = settings_of(box, commit=how), mint()
    deploy(settings, old)
    point = 0
    while True:
        point += STRIDE
        new = mint()
        with contextlib.closing(PfSenseTarget(settings)) as target:
            before, staged = target.inspect(), target.stage(new)
            target.activate(staged, new)
            if verb == "tidy":
                target.confirm(staged)
        arguments = {"confirm": (staged,), "rollback": (before, staged, None), "tidy": ({new.fingerprint},)}[verb]
        death.aim(point)
        with contextlib.closing(PfSenseTarget(settings)) as target, contextlib.suppress(TargetRefused):
            getattr(target, verb)(*arguments)
        over, death.at = death.reached < point, 0
        with contextlib.closing(PfSenseTarget(settings)) as target:
            getattr(target, verb)(*arguments)
        in_order(box, before.fingerprint if verb == "rollback" else new.fingerprint)
        if over:
            break


@BOTH
def test_we_die_around_any_script_and_a_fresh_instance_goes_back(box, mint, how, monkeypatch):
    settings, old = settings_of(box, commit=how), mint()
    deploy(settings, old)
    mortal, point = OurDeath(monkeypatch), 0
    while True:
        point += 1
        new, staged, over = mint(), None, False
        mortal.aim(0)
        with contextlib.closing(PfSenseTarget(settings)) as target:
            before = target.inspect()
            mortal.aim(point)
            try:
                staged = target.stage(new)
                target.activate(staged, new)
                over = True
            except Died:
                mortal.aim(0)
        mortal.aim(0)
        with contextlib.closing(PfSenseTarget(settings)) as target:
            target.rollback(before, staged, None)
        in_order(box, old.fingerprint)
        assert ours(box) == 1, point
        if over:
            break
    assert point > 5


def test_a_rescue_that_dies_at_work_is_finished_by_the_next_run(box, mint):
    """The box's power fails while it goes back; then somebody runs certpush, or it starts and goes on by itself."""
    settings, new = settings_of(box, rescue_after=settings_of(box).rescue_after), mint()
    with contextlib.closing(PfSenseTarget(settings)) as target:
        before, staged = target.inspect(), target.stage(new)
        target.activate(staged, new)
    box.run("/bin/sh", "-c", "kill -9 $(cat /root/.certpush.rescue/pid); mv /root/.certpush.rescue/armed /root/.certpush.rescue/fired")
    with contextlib.closing(PfSenseTarget(settings)) as target:
        with pytest.raises(RescueFired):
            target.confirm(staged)
        target.rollback(before, staged, None)
    in_order(box, before.fingerprint)


def test_a_rescue_that_a_power_failure_ended_is_begun_again_at_the_start(box, mint):
    with contextlib.closing(PfSenseTarget(settings_of(box))) as target:
        before, staged = target.inspect(), target.stage(new := mint())
        target.activate(staged, new)
    box.run("/bin/sh", "-c", "kill -9 $(cat /root/.certpush.rescue/pid); mv /root/.certpush.rescue/armed /root/.certpush.rescue/fired")
    box.reboot()
    in_order(box, before.fingerprint)
