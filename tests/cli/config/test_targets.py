"""certpush targets: which kinds there are, and what each takes."""

from __future__ import annotations

import pytest

from certpush.kit.description import describe
from certpush.plugins import PluginLoader


def test_the_kinds_are_listed_with_what_they_are_for(certpush):
    done = certpush("targets")
    assert done.code == 0
    lines = {line.split()[0]: line for line in done.out.splitlines() if line}
    assert "files on this machine" in lines["file"]
    assert "reached by SSH" in lines["ssh"]
    assert "certpush 0." in lines["ssh"]


@pytest.mark.parametrize("kind", ["file", "ssh"])
def test_a_kind_is_shown_with_all_its_keys(certpush, kind):
    done = certpush("targets", kind)
    assert done.code == 0
    shown = {line.split()[0] for line in done.out.splitlines() if line.strip()}
    assert {one.key for one in describe(PluginLoader().load_kind(kind).settings)} <= shown


def test_a_machine_gets_the_same(certpush):
    listed = certpush("targets", "--output", "json").document["kinds"]
    assert {one["kind"] for one in listed} >= {"file", "ssh"}
    shown = certpush("targets", "ssh", "--output", "json").document["kind"]
    (host,) = [one for one in shown["keys"] if one["key"] == "host"]
    assert host["required"] is True
    assert shown["kind"] == "ssh"
    assert "by itself" in shown["way_back"]


def test_an_unknown_kind_ends_in_the_nearest_one(certpush):
    done = certpush("targets", "shh")
    assert done.code == 2
    assert "did you mean 'ssh'?" in done.err


def test_nothing_of_a_third_party_is_imported_unless_it_is_named(certpush, monkeypatch, tmp_path):
    package = tmp_path / "certpush_trap.py"
    package.write_text("raise SystemExit('imported')\n")
    metadata = tmp_path / "certpush_trap-1.0.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: certpush-trap\nVersion: 1.0\n")
    (metadata / "entry_points.txt").write_text("[certpush]\ntrap = certpush_trap\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    listed = certpush("targets")
    assert listed.code == 0
    assert "trap" in listed.out
    named = certpush("targets", "trap")
    assert named.code == 2
    assert "certpush-trap 1.0" in named.err
