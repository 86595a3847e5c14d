"""The machine dies between any two steps, its shell at every command that changes something; a fresh instance brings all in order.

What kills here is SIGKILL, from within the script: as the machine's memory killer, or a power failure, would.
"""

from __future__ import annotations

import contextlib
import shlex
from pathlib import Path

import pytest

from certpush.errors import NoWayBack, RescueFired, TargetRefused
from certpush.kit.remote import rescue, shell
from certpush.kit.settings import Duration
from certpush.model import Installed, Staged
from certpush.testing.lab.process import wait_until
from certpush_ssh.settings import SshTargetSettings
from certpush_ssh.target import SshTarget
from conftest import STRIDE
from plugins.ssh.conftest import LocalBox
from plugins.ssh.test_rescue import deploy, installed, leftovers, processes
from plugins.trees import tree

pytestmark = pytest.mark.timeout(300)
LAYOUTS = pytest.mark.parametrize("layout", ["files", "managed"])
COMMANDS = ("mv", "rm", "cat", "cp", "chmod", "chown", "mkdir", "rmdir", "ln", "sync", "setsid", "run", "reload_if")


class Death:
    """Ends the script before its ``at``-th command; ``reached`` is how many there were."""

    def __init__(self, folder: Path) -> None:
        self.at = 0
        self._count = folder / "count"
        self._real = (shell.script_of, shell.library)

    @property
    def reached(self) -> int:
        return len(self._count.read_text())

    def aim(self, at: int) -> None:
        self.at = at
        self._count.write_text("")

    @property
    def lines(self) -> str:
        count = shlex.quote(str(self._count))
        # In a subshell, too: first the script itself, which waits for it, then the subshell.
        die = "kill -9 $$; kill -9 $(exec /bin/sh -c 'echo $PPID')"
        at = f'at() {{ printf x >>{count}; if [ "$(wc -c <{count})" -eq {self.at} ]; then {die}; fi; }}'
        steps = [f"{one}() {{ at; {self._real_one(one)}; }}" for one in COMMANDS]
        return "\n".join([at, *steps])

    @staticmethod
    def _real_one(one: str) -> str:
        # The steps that run commands of the configuration are functions of steps.sh themselves: the command is what counts.
        if one == "run":
            return 'trouble=$1; number=$2; shift 2; obey "$@" || fail "$trouble" "$number" "$ended"'
        if one == "reload_if":
            return '[ -e "$1" ] || return 0; shift 3; obey "$@"'
        return f'command {one} "$@"'

    def in_scripts(self, lines: list[str], tag: str) -> str:
        script = self._real[0](lines, tag)
        return script.replace("main() {", f"{self.lines}\nmain() {{", 1) if self.at else script

    def in_timer(self) -> str:
        return f"{self._real[1]()}\n{self.lines}" if self.at else self._real[1]()


@pytest.fixture
def death(open_directory: Path, monkeypatch: pytest.MonkeyPatch) -> Death:
    made = Death(open_directory)
    monkeypatch.setattr(shell, "script_of", made.in_scripts)
    return made


def settings_of(box: LocalBox, layout: str, **more):
    # The service: what the reload command took up is what it serves.
    certificate = box.tls / ("svc.crt" if layout == "files" else "current/fullchain.pem")
    reload = ("/bin/sh", "-c", f"cp {certificate} {box.tls.parent}/served")
    return getattr(box, layout)(check=("true",), reload=reload, **more)


def fresh(box: LocalBox, settings, old) -> dict[str, object]:
    """As the last good deployment left it."""
    for path in sorted(box.tls.rglob("*"), reverse=True):
        path.rmdir() if path.is_dir() and not path.is_symlink() else path.unlink()
    deploy(settings, old)
    return tree(box.tls)


def a_fresh_instance_goes_back(box: LocalBox, settings: SshTargetSettings, before: Installed, staged: Staged) -> None:
    """And leaves nothing behind; what is there then is for the caller to compare."""
    with contextlib.closing(SshTarget(settings)) as target:
        target.rollback(before, staged, None)
    everything_is_tidy(box)


def everything_is_tidy(box: LocalBox) -> None:
    assert leftovers(box.tls) == []
    assert processes(box.tls) == []
    assert list(box.machine.home.iterdir()) == []


@LAYOUTS
@pytest.mark.parametrize("verb", ["stage", "activate", "rollback"])
def test_killed_before_any_command_a_fresh_instance_goes_back_and_the_next_run_converges(local_box, mint, death, layout, verb):
    settings, old, new = settings_of(local_box, layout), mint(), mint()
    served = local_box.tls.parent / "served"
    point = 0
    while True:
        point += STRIDE
        death.at = 0
        before_tree = fresh(local_box, settings, old)
        with contextlib.closing(SshTarget(settings)) as target:
            before = target.inspect()
            staged = target.stage(new) if verb != "stage" else None
            if verb == "rollback":
                target.activate(staged, new)
        death.aim(point)
        with contextlib.closing(SshTarget(settings)) as target:
            try:
                if verb == "stage":
                    target.stage(new)
                elif verb == "activate":
                    target.activate(staged, new)
                else:
                    target.rollback(before, staged, None)
            except TargetRefused:
                assert death.reached >= point
        over = death.reached < point
        death.at = 0
        a_fresh_instance_goes_back(local_box, settings, before, staged)
        assert tree(local_box.tls) == before_tree, point
        assert served.read_bytes() == old.fullchain_pem, point
        deploy(settings, new)
        assert installed(settings) == new.fingerprint, point
        assert served.read_bytes() == new.fullchain_pem, point
        everything_is_tidy(local_box)
        if over:
            break
    assert point > 8, "too few points: what changes the disk is not counted"


@LAYOUTS
def test_killed_before_any_command_of_confirm_and_tidy_both_can_be_done_again(local_box, mint, death, layout):
    settings, old, new = settings_of(local_box, layout), mint(), mint()
    point = 0
    while True:
        point += 1
        death.at = 0
        fresh(local_box, settings, old)
        with contextlib.closing(SshTarget(settings)) as target:
            staged = target.stage(new)
            target.activate(staged, new)
        death.aim(point)
        with contextlib.closing(SshTarget(settings)) as target, contextlib.suppress(TargetRefused):
            target.confirm(staged)
            target.tidy({new.fingerprint})
        over = death.reached < point
        death.at = 0
        with contextlib.closing(SshTarget(settings)) as target:
            target.confirm(staged)
            target.tidy({new.fingerprint})
        assert installed(settings) == new.fingerprint, point
        everything_is_tidy(local_box)
        if over:
            break
    assert point > 3


@LAYOUTS
def test_a_machine_that_dies_while_it_rescues_itself_is_brought_in_order_by_the_next_run(local_box, mint, death, monkeypatch, layout):
    old, new = mint(), mint()
    settings = settings_of(local_box, layout)
    monkeypatch.setattr(rescue, "library", death.in_timer)
    point = 1  # the first two write its process id: a timer that does not get there stops the switch
    while True:
        point += STRIDE
        death.at = 0
        before_tree = fresh(local_box, settings, old)
        with contextlib.closing(SshTarget(settings_of(local_box, layout, rescue_after=Duration(seconds=1)))) as target:
            before, staged = target.inspect(), target.stage(new)
            monkeypatch.setattr(shell, "script_of", death._real[0])
            death.aim(point)
            with contextlib.suppress(RescueFired):  # on a loaded machine it fires before the switch is complete
                target.activate(staged, new)
        wait_until(lambda: processes(local_box.tls) == [], "the timer's end", 20)
        over = death.reached < point
        death.at = 0
        with contextlib.closing(SshTarget(settings)) as target:
            if not over:
                with contextlib.suppress(RescueFired, NoWayBack, TargetRefused):
                    target.confirm(staged)
            target.rollback(before, staged, None)
        assert tree(local_box.tls) == before_tree, point
        assert (local_box.tls.parent / "served").read_bytes() == old.fullchain_pem, point
        everything_is_tidy(local_box)
        if over:
            break
    assert point > 5


def test_what_kills_is_seen_as_such(local_box, mint, death):
    """The tests above would pass if nothing were ever killed."""
    settings = settings_of(local_box, "files")
    death.aim(3)
    with contextlib.closing(SshTarget(settings)) as target, pytest.raises(TargetRefused, match="the shell ended with status -9"):
        target.stage(mint())
    assert death.reached == 3
    assert list((local_box.tls / ".certpush").iterdir()), "killed, it cannot have cleaned up"


def test_a_step_that_failed_is_told_although_the_connection_is_gone_since(local_box, mint, monkeypatch):
    """The reason was said before it broke; nobody is asked anew for the name of the machine."""
    machine, run = local_box.machine, type(local_box.machine).run

    def and_the_end(self, *args, **more):
        answer = run(self, *args, **more)
        monkeypatch.setattr(shell, "connect", lambda _: pytest.fail("connected anew"))
        machine.alive = False
        return answer

    target = SshTarget(local_box.files(check=("false",), fullchain=f"{local_box.tls}/nowhere/svc.crt"))
    before = target.inspect()
    assert before.fingerprint is None
    monkeypatch.setattr(type(machine), "run", and_the_end)
    with pytest.raises(TargetRefused, match=r"this machine: cannot write .*nowhere"):
        target.stage(mint())
