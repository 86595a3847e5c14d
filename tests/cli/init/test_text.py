"""The text of the file: every value comes back as it was, and what is switched off would work when switched on."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from certpush.cli.init.reference import SCHEMES, full_reference, unread
from certpush.cli.init.text import NewTarget, configuration_text, key, quoted, written
from certpush.config import load
from certpush.errors import ConfigError
from certpush.kit.settings import convert
from certpush.plugins import PluginLoader
from certpush.references import References

TEXT = st.text(st.characters(exclude_categories=("Cs",)), max_size=60)
VALUES = st.one_of(TEXT, st.booleans(), st.integers(-(2**63), 2**63 - 1), st.floats(allow_nan=False, allow_infinity=False), st.lists(TEXT))
CA = {"url": "https://ca.example.com", "fingerprint": "0" * 64, "provisioner": "admin", "password": "file:/pw"}


@given(VALUES)
def test_every_value_comes_back_as_it_was(value):
    assert tomllib.loads(f"x = {written(value)}") == {"x": value}


@given(TEXT)
def test_every_name_of_a_key_comes_back_as_it_was(name):
    assert tomllib.loads(f"[target.{key(name)}]\nx = 1") == {"target": {name: {"x": 1}}}


@given(TEXT)
def test_a_value_is_one_line_of_letters_that_can_be_seen(text):
    assert quoted(text).isprintable()


@given(TEXT, TEXT)
def test_a_whole_file_says_what_it_was_given(provisioner, command):
    text = configuration_text({**CA, "provisioner": provisioner}, "24h", [NewTarget("a.b", {"kind": "file"}, {"reload": [command]})])
    read = tomllib.loads(text)
    assert read["ca"]["provisioner"] == provisioner
    assert read["target"] == {"a.b": {"kind": "file", "reload": [command]}}


@pytest.mark.parametrize("value", ["\udcff", ["a", "\ud800"], float("nan"), float("inf")])
def test_what_no_toml_can_hold_is_refused(value):
    with pytest.raises(ConfigError):
        written(value)


def switched_on(text: str) -> str:
    return re.sub(r"(?m)^#(?=[^ \n])", "", text)


def loaded(path: Path, text: str):
    path.write_text(text)
    return load(path, {})


def test_without_a_target_the_examples_are_whole_when_switched_on(tmp_path):
    text = configuration_text(CA, "24h", [])
    assert loaded(tmp_path / "a.toml", text).targets == {}
    configuration = loaded(tmp_path / "b.toml", switched_on(text))
    assert {one.kind for one in configuration.targets.values()} == {"ssh", "file", "proxmox", "pfsense"}
    for target in configuration.targets.values():
        assert target.endpoints or target.verify == "files" or target.kind in ("proxmox", "pfsense")
        convert(target.table, PluginLoader().load_kind(target.kind).settings, path=target.path, read_secret=unread)


def test_with_a_target_too_what_is_switched_off_is_whole_when_switched_on(tmp_path):
    core = {"kind": "file", "names": ["a.example"], "verify": "files"}
    target = NewTarget("a", core, {"directory": "/etc/ssl/a", "reload": ["systemctl", "reload", "a"]})
    text = configuration_text(CA, "30d", [target])
    plain, more = loaded(tmp_path / "a.toml", text).targets["a"], loaded(tmp_path / "b.toml", switched_on(text)).targets["a"]
    assert dict(more.table) == {**plain.table, "check": ["nginx", "-t"]}
    assert plain.certificate.request.lifetime.days == 30


PROXMOX = {"host": "a.example", "token_id": "certpush@pve!deploy", "token": "file:/token"}
FIREWALL = {"host": "a.example", "user": "admin", "identity": "file:/key"}
MAIL = {"host": "a.example", "user": "certpush@pmg", "password": "file:/password"}


@pytest.mark.parametrize(
    ("kind", "own", "more"),
    [
        ("proxmox", PROXMOX, {"nodes": "all", "per_node": True}),
        ("proxmox-backup", PROXMOX, {}),
        ("proxmox-datacenter", PROXMOX, {}),
        ("proxmox-mail", MAIL, {"services": ["api", "smtp"]}),
        ("pfsense", FIREWALL, {"also": ["captiveportal", "haproxy"]}),
    ],
)
def test_what_a_kind_adds_is_whole_when_switched_on(kind, own, more, tmp_path):
    text = configuration_text(CA, "24h", [NewTarget("a", {"kind": kind, "names": ["a.example"]}, own)])
    assert dict(loaded(tmp_path / "a.toml", text).targets["a"].table) == own
    target = loaded(tmp_path / "b.toml", switched_on(text)).targets["a"]
    assert dict(target.table) == {**own, **more}
    assert bool(target.pinned_by) == (kind == "proxmox-backup")
    convert(target.table, PluginLoader().load_kind(kind).settings, path=target.path, read_secret=unread)


def test_what_a_table_says_is_not_suggested_again():
    for kind, own in (("proxmox", {"nodes": "all"}), ("proxmox-mail", {"services": ["smtp"]}), ("pfsense", {"also": ["haproxy"]})):
        text = configuration_text(CA, "24h", [NewTarget("a", {"kind": kind, "names": ["a.example"]}, own)])
        assert "#per_node" not in text
        assert "#services" not in text
        assert "#also" not in text


def test_every_line_explains_or_is_a_setting():
    kinds = [NewTarget(kind, {"kind": kind}, {**PROXMOX, **MAIL}) for kind in ("proxmox", "proxmox-backup", "proxmox-mail")]
    for targets in ([], [NewTarget("a", {"kind": "file"}, {"reload": ["x"]})], kinds):
        for line in configuration_text(CA, "24h", targets).splitlines():
            assert not line or line.startswith(("# ", "#[", "[")) or line == "#" or " = " in line


# --- references -------------------------------------------------------------------------------


def test_the_schemes_are_those_that_can_be_read():
    assert set(SCHEMES) == set(References({})._ways)


def test_a_secret_that_is_no_reference_is_refused_and_not_repeated():
    for text in ("hunter2", "hunter2:hunter2", "file:", ":hunter2", ""):
        with pytest.raises(ConfigError) as refused:
            full_reference(text)
        assert "hunter2" not in refused.value.message + refused.value.hint


def test_a_path_is_written_in_full(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert full_reference("file:pw") == f"file:{tmp_path}/pw"
    assert full_reference("file:~/pw") == "file:~/pw"
    assert full_reference("cmd:pass show ca") == "cmd:pass show ca"
