"""Whether others offer plugins is seen at a glance; where that cannot be, Python's own library for metadata says what they offer."""

from __future__ import annotations

import zipfile
from importlib import metadata
from importlib.machinery import PathFinder

import pytest

from certpush.plugins import RESERVED_NAMES, PluginLoader, available
from certpush.plugins.strangers import strangers_may_offer

OURS = "[certpush]\nfile = certpush_file\n"
THEIRS = "[certpush]\nacme = acme\n"


@pytest.fixture
def site(tmp_path):
    """A place for packages, in which certpush and some package of another kind are installed."""
    install(tmp_path, "certpush-1.0.dist-info", OURS)
    install(tmp_path, "pytest-8.0.dist-info", "[console_scripts]\npytest = pytest:main\n[certpush.conformance]\nfile = x\n")
    install(tmp_path, "idna-3.0.dist-info", None)
    (tmp_path / "old-1.0.egg-info").write_text("Name: old\n")
    return tmp_path


def install(site, folder, entry_points):
    (site / folder).mkdir(parents=True)
    if entry_points is not None:
        (site / folder / "entry_points.txt").write_text(entry_points)


def seen(*path, finders=(PathFinder,)):
    return strangers_may_offer("certpush", own="certpush", path=[str(one) for one in path], finders=finders)


def test_certpush_alone_is_no_stranger(site, tmp_path):
    assert not seen(site, site, tmp_path / "gone.zip", finders=[object(), PathFinder])


def test_where_nothing_is_installed_nobody_offers_anything(tmp_path):
    assert not seen(tmp_path)


def test_the_directory_of_the_program_is_looked_at_by_its_empty_name(site, monkeypatch):
    install(site, "acme-1.0.dist-info", THEIRS)
    monkeypatch.chdir(site)
    assert seen("")


@pytest.mark.parametrize("folder", ["acme-1.0.dist-info", "Acme.EGG-INFO", "certpush_acme-1.0.dist-info", "certpush-2.0.dist-info"])
def test_whoever_else_has_an_entry_point_is_one_and_so_is_a_second_certpush(site, folder):
    install(site, folder, THEIRS)
    assert seen(site)


def test_what_cannot_be_seen_at_a_glance_may_be_one(site, tmp_path):
    with zipfile.ZipFile(tmp_path / "packages.zip", "w") as archive:
        archive.writestr("acme-1.0.dist-info/entry_points.txt", THEIRS)
    assert seen(site, tmp_path / "packages.zip")
    (tmp_path / "acme.egg").mkdir()
    assert seen(site, tmp_path / "acme.egg")


def test_a_finder_that_knows_of_more_is_asked(site):
    class Finder:
        def find_distributions(self, _context): ...

    assert seen(site, finders=[PathFinder, Finder()])


def test_what_certpush_says_of_its_own_kinds_is_what_its_entry_points_say():
    said = {one.name: one.value for one in metadata.distribution("certpush").entry_points.select(group="certpush")}
    assert {one.name: one.module for one in available() if one.built_in} == said
    assert set(said) == RESERVED_NAMES


def test_with_and_without_the_glance_the_same_is_offered(monkeypatch):
    offered = available()
    monkeypatch.setattr("certpush.plugins.offers.strangers_may_offer", lambda *_, **__: True)
    assert available() == offered


def test_an_archive_with_a_plugin_is_read(monkeypatch, tmp_path):
    with zipfile.ZipFile(tmp_path / "packages.zip", "w") as archive:
        archive.writestr("acme-1.0.dist-info/entry_points.txt", THEIRS)
        archive.writestr("acme-1.0.dist-info/METADATA", "Metadata-Version: 2.1\nName: acme\nVersion: 1.0\n")
    monkeypatch.syspath_prepend(str(tmp_path / "packages.zip"))
    assert [one.author for one in available() if one.name == "acme"] == ["acme 1.0"]


def test_each_kind_of_certpush_can_be_loaded_without_anybodys_metadata(monkeypatch):
    monkeypatch.setattr(metadata, "distributions", None)
    loader = PluginLoader()
    for name in RESERVED_NAMES - {"metrics", "notify"}:
        assert loader.load_kind(name).name == name
    for name in ("metrics", "notify"):
        assert loader.load_observer(name).name == name
