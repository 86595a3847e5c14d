"""certpush plugin new: what a person may call a kind, and that nothing is overwritten."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from certpush.cli.plugin.naming import PluginName
from certpush.cli.plugin.project import write_project
from certpush.errors import ConfigError
from certpush.plugins import RESERVED_NAMES


def test_it_writes_a_project_and_says_how_to_go_on(certpush, home):
    ended = certpush("plugin", "new", "acme-nas")
    assert ended.code == 0
    assert ended.out.startswith("certpush-acme-nas has a plugin for the kind acme-nas: ")
    assert "  python -m certpush_acme_nas.device" in ended.out
    project = tomllib.loads(Path("certpush-acme-nas/pyproject.toml").read_text())["project"]
    assert project["name"] == "certpush-acme-nas"
    assert project["entry-points"]["certpush"] == {"acme-nas": "certpush_acme_nas"}
    assert project["entry-points"]["certpush.conformance"] == {"acme-nas": "certpush_acme_nas.conformance"}
    assert "license" not in project, "that is for its author to choose"


def test_a_machine_is_told_the_same(certpush, home):
    project = certpush("plugin", "new", "acme-nas", "--directory", "deep/down", "--output", "json").document["project"]
    assert (project["kind"], project["distribution"], project["module"]) == ("acme-nas", "certpush-acme-nas", "certpush_acme_nas")
    written = sorted(str(path.relative_to("deep/down")) for path in Path("deep/down").rglob("*") if path.is_file())
    assert sorted(project["files"]) == written
    assert project["directory"] == str(Path("deep/down").absolute())
    assert project["next"][0] == "cd deep/down"


def test_nothing_of_the_templates_name_is_left_and_no_file_of_a_tool(tmp_path):
    files = write_project(PluginName.parse("x"), tmp_path / "x")
    texts = {name: (tmp_path / "x" / name).read_text() for name in files}
    assert [name for name, text in texts.items() if "appliance" in name or "my-appliance" in text or "MyAppliance" in text] == []
    assert [name for name in files if "cache" in name] == []


def test_a_name_that_holds_the_templates_own_is_written_as_it_is(tmp_path):
    write_project(PluginName.parse("my-appliance-two"), tmp_path / "x")
    assert 'my-appliance-two = "certpush_my_appliance_two"' in (tmp_path / "x" / "pyproject.toml").read_text()
    assert (tmp_path / "x" / "src" / "certpush_my_appliance_two" / "target.py").exists()


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("Acme_NAS", "certpush plugin new acme-nas"),
        ("certpush-acme", "certpush plugin new acme"),
        ("2nd", "a letter first"),
        ("acme--nas", "certpush plugin new acme-nas"),
        ("", "small letters"),
        ("a/b", "certpush plugin new a-b"),
        ("ä", "small letters"),
        ("a" * 31, "30 at most"),
    ],
)
def test_what_cannot_be_a_kind_is_refused_with_what_can(text, hint):
    with pytest.raises(ConfigError) as refused:
        PluginName.parse(text)
    assert hint in refused.value.hint


@pytest.mark.parametrize("name", sorted(RESERVED_NAMES))
def test_a_name_of_certpushs_own_is_refused(name):
    with pytest.raises(ConfigError, match="belongs to certpush itself"):
        PluginName.parse(name)


def test_nothing_is_overwritten(certpush, home):
    there = Path("certpush-acme-nas")
    there.mkdir()
    (there / "notes").write_text("mine")
    ended = certpush("plugin", "new", "acme-nas")
    assert (ended.code, "nothing is overwritten" in ended.err, "--directory DIR" in ended.err) == (2, True, True)
    assert [path.name for path in Path().iterdir()] == ["certpush-acme-nas"]
    assert [path.name for path in there.iterdir()] == ["notes"]


def test_an_empty_directory_is_filled_and_a_file_is_not(certpush, home):
    Path("empty").mkdir()
    Path("file").touch()
    assert certpush("plugin", "new", "acme-nas", "--directory", "empty").code == 0
    assert certpush("plugin", "new", "acme-nas", "--directory", "file").code == 2


def test_where_it_cannot_write_nothing_is_left(certpush, home):
    Path("file").touch()
    ended = certpush("plugin", "new", "acme-nas", "--directory", "file/below")
    assert (ended.code, "cannot be written: Not a directory" in ended.err) == (2, True)
    assert [path.name for path in Path().iterdir()] == ["file"]


def test_a_namesake_that_is_installed_is_told(certpush, home, tmp_path, monkeypatch):
    info = tmp_path / "site" / "acme_thing-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: acme-thing\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[certpush]\nacme-nas = acme_thing\n")
    monkeypatch.syspath_prepend(str(info.parent))
    ended = certpush("plugin", "new", "acme-nas")
    assert (ended.code, "acme-thing 1.0 offers the kind acme-nas here already" in ended.err) == (0, True)
