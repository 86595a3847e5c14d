"""What `certpush plugin new` writes is whole: it installs, keeps the contract, rotates, and satisfies its own tools."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from certpush.cli.plugin.naming import PluginName
from certpush.cli.plugin.project import write_project
from cli.plugin.author import Author
from conftest import once_for_all

pytestmark = pytest.mark.timeout(120)


@pytest.mark.parametrize("name", ["x", "a-name-as-long-as-a-name-may-be"[:30]])
def test_its_own_linter_has_nothing_to_say_whatever_the_name_is(name, tmp_path):
    write_project(PluginName.parse(name), tmp_path / "x")
    for words in (["check"], ["format", "--diff"]):
        ruff = [Path(sys.executable).with_name("ruff"), *words, "--no-cache"]
        ended = subprocess.run(ruff, cwd=tmp_path / "x", capture_output=True, text=True, timeout=60, check=False)
        assert ended.returncode == 0, ended.stdout + ended.stderr


def ready(directory: Path) -> None:
    author = Author(directory, "acme-nas")
    author.write()
    author.make_environment()
    author.install()


@pytest.fixture(scope="module")
def author(tmp_path_factory) -> Author:
    """Somebody who wrote a project and installed it, and did nothing else."""
    return Author(once_for_all(tmp_path_factory, "author", ready), "acme-nas")


def test_it_is_listed(author):
    (ours,) = [one for one in author.certpush("plugins")["plugins"] if one["kind"] == "acme-nas"]
    assert (ours["distribution"], ours["module"], ours["conflict"]) == ("certpush-acme-nas", "certpush_acme_nas", None)
    assert ours["conformance"] == "certpush_acme_nas.conformance"


def test_every_key_says_what_it_is_for(author):
    shown = author.certpush("targets", "acme-nas")["kind"]
    assert {one["key"] for one in shown["keys"]} == {"host", "port", "token", "trust"}
    assert all(one["for"] for one in shown["keys"])


def test_it_keeps_the_contract(author):
    verdicts = author.verdicts()
    assert set(verdicts) == {"passed", "not claimed"}
    assert verdicts["passed"] > 30


def test_pytest_finds_the_same_test(author):
    ended = author.call(author.python, "-m", "pytest", "--collect-only", "-q", "-p", "no:cacheprovider")
    assert (ended.returncode, "test_contract.py::TestAcmeNas::test_stage_is_repeatable" in ended.stdout) == (0, True)


def test_it_rotates_before_a_line_is_changed(author):
    with author.stand_in() as variable:
        (receipt,) = author.certpush("deploy", **variable)["targets"]
    assert (receipt["outcome"], receipt["way_back"]["kind"]) == ("rotated", "exact")
    assert all(seen["fingerprint"] == receipt["now"] and seen["chain_ok"] for seen in receipt["served"])
