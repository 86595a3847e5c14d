"""Commands that read the content of files in place, and those that must say something: here, and as a script of another machine."""

from __future__ import annotations

import contextlib
import subprocess
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from certpush.errors import TargetRefused
from certpush.kit.local.hands import LocalHands
from certpush.kit.order import Content, Order
from certpush.kit.remote import rescue
from certpush.kit.remote.hands import RemoteHands
from certpush.kit.remote.shell import library, script_of
from certpush.kit.trouble import Trouble

LIMITS = {Trouble.CHECK: timedelta(seconds=10), Trouble.RELOAD: timedelta(seconds=10)}


def told(script: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["/bin/sh", "-s"], input=script, capture_output=True, text=True, timeout=30, check=False)


def here(order: Order) -> str:
    """What is wrong with it on this machine; empty where nothing is."""
    with contextlib.closing(LocalHands(limits=LIMITS)) as hands:
        try:
            hands.command(Trouble.RELOAD, order)
        except TargetRefused as error:
            return error.message
    return ""


def there(order: Order) -> str:
    """The same as a script."""
    hands = RemoteHands(LIMITS)
    hands.command(Trouble.RELOAD, order)
    done = told(script_of(hands.lines, "told:"))
    said = [line.removeprefix("told:") for line in done.stdout.splitlines() if line.startswith("told:")]
    assert (done.returncode == 0) == (said == ["done"])
    return next((line.removeprefix("detail ") for line in said if line.startswith("detail ")), "")


@pytest.fixture(params=[here, there])
def obey(request: pytest.FixtureRequest) -> Callable[[Order], str]:
    return request.param


@pytest.fixture
def pem(tmp_path: Path) -> Iterator[Path]:
    path = tmp_path / "a b.pem"
    path.write_text("one\n\n \ntwo\n")
    return path


def test_a_command_reads_texts_and_files_as_they_are_given(obey, pem, tmp_path):
    out = tmp_path / "out"
    order = Order(("tee", str(out)), ("set $HOME '`x` <<\n", Content(str(pem)), "\n"), "two")
    assert obey(order) == ""
    assert out.read_text() == "set $HOME '`x` <<\none\ntwo\n\n"


def test_a_command_that_does_not_say_what_it_must_has_failed(obey, pem):
    assert "it did not say: Success!" in obey(Order(("cat",), (Content(str(pem)),), "Success!"))
    assert "it did not say: Success!" in obey(Order(("true",), (), "Success!"))


def test_an_exit_status_counts_whatever_was_said(obey):
    assert "exit status 1" in obey(Order(("false",), ("x",), ""))
    assert "exit status 1" in obey(Order(("grep", "-v", "x"), ("x\n",), ""))
    assert obey(Order(("true",), (), "")) == ""


def test_a_word_is_never_a_function_or_built_into_the_shell(obey):
    assert obey(Order(("fail", "x"), ("y",), ""))
    assert obey(Order(("exit",), (), "z"))


def test_a_file_that_is_not_there_is_not_read_as_empty_here(tmp_path):
    assert "cannot read" in here(Order(("cat",), (Content(str(tmp_path / "gone")),), ""))


def test_the_machines_own_way_back_hands_the_old_file_over(pem, tmp_path):
    """The timer's process has nothing but its script: what it tells the service comes from the file that is back in place."""
    hands, out, marker = RemoteHands(LIMITS), tmp_path / "out", tmp_path / "marker"
    marker.touch()
    hands.reload_if(str(marker), Order(("tee", str(out)), ("set\n", Content(str(pem))), "two"), must=True)
    done = told("\n".join([library(), rescue._ALONE, "tag=t:", *hands.lines, "say done"]) + "\n")
    assert done.stdout.splitlines()[-1] == "t:done"
    assert out.read_text() == "set\none\ntwo\n"


def test_what_is_run_is_no_secret(pem):
    """The content of a file is in no argument and no line of the script."""
    pem.write_text("the key itself\n")
    hands = RemoteHands(LIMITS)
    hands.command(Trouble.RELOAD, Order(("true",), (Content(str(pem)),), ""))
    assert "the key itself" not in "\n".join(hands.lines)


@pytest.mark.live("busybox")
def test_where_there_is_no_od_files_are_read_by_hexdump():
    """As on OpenWrt, whose busybox has the one and not the other."""
    lines = library().splitlines()
    start = lines.index("if command -v od >/dev/null 2>&1; then")
    without = "\n".join(['command() { [ "$2" != od ]; }', 'hexdump() { busybox hexdump "$@"; }', *lines[start : start + 5], "hex"])
    content = bytes(range(256)) + b"\n" * 40
    done = subprocess.run(["/bin/sh", "-c", without], input=content, capture_output=True, timeout=30, check=True)
    assert bytes.fromhex(done.stdout.decode()) == content
