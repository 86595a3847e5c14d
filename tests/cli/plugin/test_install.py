"""certpush plugin install and remove: in a real environment by pip, without an index; and what is said when it goes wrong."""

from __future__ import annotations

import json
import stat
import zipfile
from pathlib import Path

import pytest

from certpush.cli.plugin.keepers import Pipx
from certpush.cli.plugin.surroundings import Surroundings
from cli.plugin.author import Author

pytestmark = pytest.mark.timeout(120)


def wheel(directory: Path, distribution: str, entry_points: str) -> Path:
    """A wheel that holds nothing but what it says about itself."""
    name = distribution.replace("-", "_")
    info = f"{name}-1.0.dist-info"
    path = directory / f"{name}-1.0-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(f"{name}.py", "raise SystemExit('it was imported')\n")
        archive.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: {distribution}\nVersion: 1.0\n")
        archive.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        archive.writestr(f"{info}/entry_points.txt", entry_points)
        archive.writestr(f"{info}/RECORD", f"{name}.py,,\n{info}/METADATA,,\n{info}/WHEEL,,\n{info}/entry_points.txt,,\n{info}/RECORD,,\n")
    return path


@pytest.fixture
def environment(tmp_path) -> Author:
    """An environment of its own, in which certpush and pip are seen."""
    author = Author(tmp_path, "acme-nas")
    author.project.mkdir()
    author.make_environment()
    return author


def test_a_plugin_comes_into_the_environment_and_goes_again(environment, tmp_path):
    plugin = wheel(tmp_path, "certpush-acme-nas", "[certpush]\nacme-nas = certpush_acme_nas\n")
    document = environment.certpush("plugin", "install", plugin, PIP_NO_INDEX="1")
    assert [(one["kind"], one["version"], one["conflict"]) for one in document["plugins"]] == [("acme-nas", "1.0", None)]
    assert (document["environment"], document["ran"], document["run"][1:4]) == ("pip", True, ["-m", "pip", "install"])
    gone = environment.certpush("plugin", "remove", "acme-nas")
    assert gone["ran"] is True
    assert "certpush-acme-nas" not in json.dumps(environment.certpush("plugins"))


def test_what_cannot_be_used_is_said(environment, tmp_path):
    nothing = environment.certpush("plugin", "install", wheel(tmp_path, "acme-thing", "[console_scripts]\n"), code=2, PIP_NO_INDEX="1")
    assert (nothing["ran"], nothing["error"]["message"].endswith("is installed, and offers nothing to certpush")) == (True, True)
    conflict = environment.certpush(
        "plugin", "install", wheel(tmp_path, "certpush-other", "[certpush]\nssh = certpush_other\n"), code=2, PIP_NO_INDEX="1"
    )
    assert (conflict["error"]["type"], conflict["error"]["hint"]) == ("PluginConflict", "certpush plugin remove certpush-other")
    assert "belongs to certpush itself" in conflict["error"]["message"]


@pytest.fixture
def in_pipx(tmp_path, monkeypatch):
    """As if pipx had made this environment; its program is one of ours, which ends with the status that stands in a file."""
    program, status = tmp_path / "bin" / "pipx", tmp_path / "status"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\necho "$@" >> {tmp_path}/called\necho pipx speaks\nexit $(cat {status})\n')
    program.chmod(stat.S_IRWXU)
    status.write_text("0")
    monkeypatch.setenv("PATH", f"{program.parent}:/usr/bin:/bin")
    monkeypatch.setattr(Surroundings, "keeper", lambda _: Pipx("certpush"))
    return tmp_path


def test_print_only_shows(certpush, in_pipx):
    ended = certpush("plugin", "install", "certpush-acme-nas", "--print")
    assert (ended.code, ended.out) == (0, "pipx inject certpush certpush-acme-nas\n")
    assert not (in_pipx / "called").exists()


def test_what_the_keeper_says_is_in_the_document_and_its_failure_is_ours(certpush, in_pipx):
    (in_pipx / "status").write_text("3")
    ended = certpush("plugin", "install", "certpush-acme-nas", "--output", "json")
    assert (ended.code, ended.document["error"]["message"]) == (2, "pipx ended with 3")
    assert "pipx inject certpush certpush-acme-nas" in ended.document["error"]["hint"]
    assert ended.document["said"] == "pipx speaks\n"
    assert (in_pipx / "called").read_text() == "inject certpush certpush-acme-nas\n"


def test_a_keeper_that_is_not_there_is_named(certpush, in_pipx, monkeypatch):
    monkeypatch.setenv("PATH", "/nowhere")
    ended = certpush("plugin", "install", "certpush-acme-nas")
    assert ended.code == 2
    assert "pipx cannot be run: No such file or directory" in ended.err


@pytest.mark.parametrize("named", ["certpush", "requests", "ssh", "nosuch"])
def test_only_a_plugin_of_others_can_be_removed(certpush, in_pipx, named):
    ended = certpush("plugin", "remove", named)
    assert (ended.code, "is no plugin that is installed beside certpush" in ended.err) == (2, True)
    assert not (in_pipx / "called").exists()


@pytest.fixture
def acme_thing(tmp_path, monkeypatch):
    """A plugin that is installed, as far as metadata tells, here and in other processes."""
    info = tmp_path / "site" / "acme_thing-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: acme-thing\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[certpush]\nacme-nas = acme_thing\n")
    monkeypatch.syspath_prepend(str(info.parent))
    monkeypatch.setenv("PYTHONPATH", str(info.parent))


@pytest.mark.usefixtures("acme_thing")
def test_what_is_still_there_is_not_called_removed(certpush, in_pipx):
    ended = certpush("plugin", "remove", "acme-nas")
    assert (ended.code, "acme-thing is still there" in ended.err) == (2, True)
    assert (in_pipx / "called").read_text() == "uninject certpush acme-thing\n"


@pytest.mark.usefixtures("acme_thing")
def test_what_the_configuration_needs_stays(certpush, in_pipx, tmp_path):
    (tmp_path / "certpush.toml").write_text('[target.nas]\nkind = "acme-nas"\n[target.wiki]\nkind = "ssh"\n')
    ended = certpush("plugin", "remove", "acme-thing", "--config", tmp_path / "certpush.toml")
    assert (ended.code, "acme-thing is needed: target.nas in the configuration" in ended.err) == (2, True)
    assert not (in_pipx / "called").exists()
    assert certpush("plugin", "remove", "acme-thing", "--config", tmp_path / "certpush.toml", "--print").code == 0
