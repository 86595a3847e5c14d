"""Nothing of a third party is imported in certpush's process; what cannot be used is refused by name, whatever it does when it is loaded."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from datetime import timedelta
from pathlib import Path
from types import MappingProxyType

import pytest

from certpush import Outcome
from certpush._version import __version__
from certpush.errors import PluginBroken
from certpush.plugins import PluginLoader, available
from certpush.plugins.isolation import limits
from certpush.testing.lab.process import descendants
from isolation.conftest import ACME, lay_down

pytestmark = pytest.mark.usefixtures("nothing_left")

LOADED = {
    "hangs": ("import time; time.sleep(600)", "hung: no answer within 4s while it was loaded"),
    "leaves": ("import os; os._exit(0)", "ended itself with exit status 0 while it was loaded"),
    "crashes": ("import signal; signal.raise_signal(signal.SIGABRT)", "was ended by SIGABRT while it was loaded"),
    "interrupts": ("raise KeyboardInterrupt", "cannot be used: the plugin for bad (bad-dist 4.2) raised KeyboardInterrupt"),
    "floods": ("import os\nwhile True: os.write(2, b'x' * 65536)", "wrote more than 16 MiB in one call while it was loaded"),
    "has no import": ("import nothing_of_this_name", "cannot be imported: ModuleNotFoundError"),
    "waits for a year": (ACME.replace('disruption="none"', "settle=__import__('datetime').timedelta(days=365)"), "are an hour at most"),
    "varies by table": (ACME.replace('disruption="none"', "variant=lambda table: None"), "variant is for kinds that come with certpush"),
}


@pytest.mark.parametrize("what", LOADED)
def test_one_that_cannot_be_loaded_is_named_and_tried_once(site, tmp_path, monkeypatch, what):
    source, why = LOADED[what]
    if what == "hangs":
        monkeypatch.setattr(limits, "DEADLINES", MappingProxyType({**limits.DEADLINES, "load": timedelta(seconds=4)}))
    tries = tmp_path / "tries"
    counted = f"open({str(tries)!r}, 'a').write('x')\n" + source.replace('"acme"', '"bad"')
    lay_down(site, "bad-dist", {"bad": "fake_bad"}, {"fake_bad": counted})
    with PluginLoader() as loader:
        with pytest.raises(PluginBroken) as refused:
            loader.load_kind("bad")
        assert str(refused.value).startswith("the plugin 'bad' (bad-dist 4.2) ")
        assert why in str(refused.value)
        with pytest.raises(PluginBroken, match="bad-dist"):
            loader.load_kind("bad")
    assert tries.read_text() == "x"
    assert "fake_bad" not in sys.modules


def test_one_that_cannot_be_loaded_keeps_no_other_target_from_its_turn(yard, site):
    lay_down(site, "bad-dist", {"bad": "fake_bad"}, {"fake_bad": "import os; os._exit(0)"})
    yard.add("nas")
    yard.add("lost", kind="bad")
    receipts = yard.deploy()
    assert receipts["nas"].outcome is Outcome.ROTATED
    assert isinstance(receipts["lost"].error, PluginBroken)


def test_what_a_kind_has_to_choose_from_is_told(acme):
    with PluginLoader() as loader:
        kind = loader.load_kind("acme")
        assert kind.catalogue is not None
        assert kind.catalogue() == (("small", "a shelf"), ("large", "a rack"))


def test_where_no_process_can_be_started_it_says_so(acme, monkeypatch):
    for executable, why in (("", "this Python does not know its own program"), ("/nonexistent/python", "No such file or directory")):
        monkeypatch.setattr(sys, "executable", executable)
        with PluginLoader() as loader, pytest.raises(PluginBroken, match=f"cannot be started: {why} while it was loaded"):
            loader.load_kind("acme")


# --- which certpush it is for ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("requirement", "fits"),
    [
        (f"certpush>={__version__}", True),
        ("certpush", True),
        ("certpush[testing]>=99; extra == 'test'", True),
        ("certpush>=99; python_version < '3'", True),
        ("certpush_acme>=99", True),
        ("certpush >>> 3", True),
        ("requests>=99", True),
        ("certpush>=99", False),
        ("Certpush<0.0.1", False),
    ],
)
def test_the_certpush_that_it_requires_is_heeded_before_it_is_run(site, requirement, fits):
    touched = site / "touched"
    source = f"open({str(touched)!r}, 'w').close()\nraise RuntimeError"
    lay_down(site, "new-dist", {"new": "fake_new"}, {"fake_new": source}, more=f"Requires-Dist: {requirement}\n")
    with PluginLoader() as loader, pytest.raises(PluginBroken) as refused:
        loader.load_kind("new")
    (offer,) = (one for one in available() if one.name == "new")
    if fits:
        assert "cannot be imported: RuntimeError" in str(refused.value)
        assert offer.conflict == ""
    else:
        wanted = requirement.lower()
        assert (
            str(refused.value) == offer.conflict == f"the plugin 'new' (new-dist 4.2) requires {wanted}, and this is certpush {__version__}"
        )
        assert refused.value.hint == "install a version of new-dist for this certpush, or the certpush that it needs"
    assert touched.exists() is fits


# --- nothing is left -------------------------------------------------------------------------------

ALONE = """
import os, sys, time
from certpush.plugins import PluginLoader
loader = PluginLoader()
kind = loader.load_kind("acme")
print(kind.name, flush=True)
time.sleep(600)
"""


def test_it_ends_with_certpush_also_where_that_is_killed(acme, site):
    environ = {**os.environ, "PYTHONPATH": str(site)}
    with subprocess.Popen([sys.executable, "-c", ALONE], stdout=subprocess.PIPE, env=environ, text=True) as ours:
        assert ours.stdout is not None
        assert ours.stdout.readline() == "acme\n"
        plugins = descendants(ours.pid)
        ours.send_signal(signal.SIGKILL)
    assert len(plugins) == 2  # the plugin, and its guard
    deadline = time.monotonic() + 10
    while any(Path(f"/proc/{one}").exists() for one in plugins) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not any(Path(f"/proc/{one}").exists() for one in plugins)


def test_a_copy_of_certpush_asks_a_process_of_its_own(acme):
    with PluginLoader() as loader:
        plugin = loader._set_apart(loader._find("acme", lambda _: True), "target")
        plugin.load()
        process = plugin.living()
        assert process.alive
        process._owner += 1  # as a process sees it that was forked from ours
        assert not process.alive
        process.end("nothing happens to what belongs to another process")
        process._owner -= 1
        assert process.alive
