"""What `certpush plugin new` writes is whole: it installs, keeps the contract, rotates, and satisfies its own tools."""

from __future__ import annotations

import json
import os
import re
import site
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from certpush.cli.plugin.naming import PluginName
from certpush.cli.plugin.project import write_project
from conftest import once_for_all

pytestmark = pytest.mark.timeout(120)

BIN = Path(sys.executable).parent


def called(*words: str | Path, cwd: Path, **more: str) -> subprocess.CompletedProcess[str]:
    environment = {**{name: value for name, value in os.environ.items() if name.startswith("COVERAGE_")}, "PATH": "/usr/bin:/bin", **more}
    return subprocess.run(words, cwd=cwd, env=environment, capture_output=True, text=True, timeout=100, check=False)


@pytest.mark.parametrize("name", ["x", "a-name-as-long-as-a-name-may-be"[:30]])
def test_its_own_linter_has_nothing_to_say_whatever_the_name_is(name, tmp_path):
    write_project(PluginName.parse(name), tmp_path / "x")
    for words in (["check"], ["format", "--diff"]):
        ended = called(BIN / "ruff", *words, "--no-cache", cwd=tmp_path / "x")
        assert ended.returncode == 0, ended.stdout + ended.stderr


@pytest.fixture(scope="module")
def installed(tmp_path_factory) -> Path:
    """The project, installed by pip into an environment where certpush is; gives the project's directory."""
    return once_for_all(tmp_path_factory, "author", install) / "certpush-acme-nas"


def install(place: Path) -> None:
    write_project(PluginName.parse("acme-nas"), place / "certpush-acme-nas")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", place / "venv"], check=True)
    (packages,) = (place / "venv").glob("lib/python*/site-packages")
    # What this environment has is seen there, as after `pip install certpush[testing]`, and without a package index.
    (packages / "ours.pth").write_text("".join(f"import site; site.addsitedir({path!r})\n" for path in site.getsitepackages()))
    options = ["--quiet", "--no-index", "--no-build-isolation", "--no-deps", "--disable-pip-version-check"]
    ended = called(BIN / "python", "-m", "pip", "--python", place / "venv", "install", *options, place / "certpush-acme-nas", cwd=place)
    assert ended.returncode == 0, ended.stdout + ended.stderr


def in_it(project: Path, module: str, *words: str, **more: str) -> subprocess.CompletedProcess[str]:
    return called(project.parent / "venv" / "bin" / "python", "-m", module, *words, cwd=project, **more)


def test_it_is_listed(installed):
    plugins = json.loads(in_it(installed, "certpush", "plugins", "--output", "json").stdout)["plugins"]
    (ours,) = [one for one in plugins if one["kind"] == "acme-nas"]
    assert (ours["distribution"], ours["module"], ours["conflict"]) == ("certpush-acme-nas", "certpush_acme_nas", None)
    assert ours["conformance"] == "certpush_acme_nas.conformance"


def test_every_key_says_what_it_is_for(installed):
    shown = json.loads(in_it(installed, "certpush", "targets", "acme-nas", "--output", "json").stdout)["kind"]
    assert {one["key"] for one in shown["keys"]} == {"host", "port", "token", "trust"}
    assert all(one["for"] for one in shown["keys"])


def test_it_keeps_the_contract(installed):
    document = json.loads(in_it(installed, "certpush", "conformance", "acme-nas", "--output", "json").stdout)
    verdicts = Counter(one["verdict"] for one in document["obligations"])
    assert set(verdicts) == {"passed", "not claimed"}, document["obligations"]
    assert verdicts["passed"] > 30


def test_pytest_finds_the_same_test(installed):
    ended = in_it(installed, "pytest", "--collect-only", "-q", "-p", "no:cacheprovider")
    assert (ended.returncode, "test_contract.py::TestAcmeNas::test_stage_is_repeatable" in ended.stdout) == (0, True)


@pytest.fixture
def running(installed) -> Iterator[str]:
    """The stand-in, run as its README says; gives what it told."""
    device = subprocess.Popen(
        [installed.parent / "venv" / "bin" / "python", "-u", "-m", "certpush_acme_nas.device"],
        cwd=installed, stdout=subprocess.PIPE, text=True, env={"PATH": "/usr/bin:/bin"},
    )  # fmt: skip
    assert device.stdout is not None
    told = ""
    while "Ctrl-C" not in told:
        line = device.stdout.readline()
        assert line, f"it ended: {told}"
        told += line
    yield told
    device.terminate()
    device.communicate(timeout=20)


def test_it_rotates_before_a_line_is_changed(installed, running):
    configuration = re.search(r"export (CERTPUSH_CONFIG)=(\S+)", running)
    assert configuration is not None
    assert "  certpush deploy\n" in running
    ended = in_it(installed, "certpush", "deploy", "--output", "json", HOME=str(installed), **{configuration[1]: configuration[2]})
    (receipt,) = json.loads(ended.stdout)["targets"]
    assert (ended.returncode, receipt["outcome"], receipt["way_back"]["kind"]) == (0, "rotated", "exact"), ended.stdout
    assert all(seen["fingerprint"] == receipt["now"] and seen["chain_ok"] for seen in receipt["served"])
