"""Reading every table as a run would, and asking nobody."""

from __future__ import annotations

import pytest

from certpush import Secret, Settings, Severity, Target
from certpush.config import from_tables, load
from certpush.errors import ConfigError, PluginNotFound
from certpush.fleet.config_check import check_configuration
from unit.fleet.conftest import Box, kind

CA = {"url": "https://ca.lan", "fingerprint": "ab" * 32, "provisioner": "admin", "password": "file:/p"}
BOX = {"kind": "box", "names": ["box.lan"], "endpoints": ["box.lan:443"]}
OPEN = {key: value for key, value in BOX.items() if key != "endpoints"}


class Loader:
    """Loads boxes; nothing else is installed."""

    def __init__(self, box=None) -> None:
        self._box = box or kind()

    def load_kind(self, name: str):
        if name != "box":
            raise PluginNotFound(f"no plugin offers {name}", hint="install one")
        return self._box

    def load_observer(self, name: str):
        self.load_kind(name)


def checked(tables, *, box=None, environ=None, read=Secret) -> list[tuple[str, str, str]]:
    configuration = from_tables(tables, {"HOME": "/nonexistent"})
    return [
        (where, found.severity.value, found.code)
        for where, found in check_configuration(configuration, Loader(box), read, environ or {"HOME": "/nonexistent"})
    ]


def bad(tables, **more) -> list[tuple[str, str, str]]:
    return [one for one in checked(tables, **more) if one[1] in ("warning", "error")]


def test_all_is_well():
    assert checked({"ca": CA, "target": {"box": BOX}}) == [
        ("ca", "ok", "table"),
        ("target.box", "ok", "table"),
        ("target.box", "ok", "key"),
        ("target.box", "ok", "names"),
    ]


@pytest.mark.parametrize(
    ("tables", "where", "severity", "code"),
    [
        ({"ca": {"url": "http://ca.lan"}}, "ca", "error", "table"),
        ({"ca": {"url": "https://ca.lan"}}, "ca", "error", "ca-root"),
        ({"ca": {"url": "https://ca.lan", "root": "/nonexistent/root.crt"}}, "ca", "error", "table"),
        ({"ca": {"work": {"url": "https://ca.lan"}}}, "ca.work", "error", "ca-root"),
        ({"target": {"box": {**BOX, "kind": "bax"}}}, "target.box", "error", "table"),
        ({"target": {"box": {**BOX, "hots": "x"}}}, "target.box", "error", "table"),
        ({"target": {"box": {**BOX, "endpoints": ["other.lan:1"]}}}, "target.box", "error", "names"),
        ({"target": {"box": {**BOX, "window": "Sat 02:00-05:00", "lifetime": "8d"}}}, "target.box", "warning", "window"),
        ({"observer": {"chat": {"kind": "bax"}}}, "observer.chat", "error", "table"),
        ({"certificate": {"wild": {"names": ["*.lan"]}}}, "certificate.wild", "warning", "unused"),
    ],
)
def test_each_mistake_is_told_with_its_place(tables, where, severity, code):
    assert (where, severity, code) in bad({"ca": CA, **tables})


def test_a_table_that_is_wrong_keeps_no_other_from_being_read():
    found = bad({"ca": {"url": "http://ca.lan"}, "target": {"one": {**BOX, "kind": "bax"}, "two": {**BOX, "hots": "x"}}})
    assert [where for where, _, _ in found] == ["ca", "target.one", "target.two"]


def test_a_secret_that_cannot_be_read_is_a_mistake_of_its_table():
    def read(reference: str) -> Secret:
        raise ConfigError(f"{reference} is not there")

    assert bad({"ca": CA, "target": {"box": {**BOX, "token": "env:T"}}}, read=read) == [
        ("ca", "error", "table"),
        ("target.box", "error", "table"),
    ]


def make(settings):
    return Box(settings)


@pytest.mark.parametrize("opens", [Box, make])
def test_a_kind_that_may_know_where_to_look_needs_no_endpoints(opens):
    assert bad({"ca": CA, "target": {"box": OPEN}}, box=kind(open=opens)) == []


def test_a_kind_that_cannot_know_needs_them_unless_nothing_serves_the_files():
    class Blind(Box):
        endpoints = Target.endpoints

    assert [code for _, _, code in bad({"ca": CA, "target": {"box": OPEN}}, box=kind(open=Blind))] == ["endpoints"]
    assert bad({"ca": CA, "target": {"box": {**OPEN, "verify": "files"}}}, box=kind(open=Blind)) == []


def test_trust_is_for_kinds_that_have_it():
    class Deaf(Settings):
        host: str = ""

    target = {"box": {**BOX, "trust": "sha256:00"}}
    assert bad({"ca": CA, "target": target}) == []
    assert bad({"ca": CA, "target": target}, box=kind(settings=Deaf)) == [("target.box", "warning", "trust")]


def test_no_target_at_all_is_worth_a_word():
    assert checked({"ca": CA})[-1] == ("targets", "info", "targets")


def test_an_existing_bootstrap_is_said_to_be_borrowed(tmp_path):
    (tmp_path / ".step" / "config").mkdir(parents=True)
    (tmp_path / ".step" / "config" / "defaults.json").write_text('{"ca-url": "https://borrowed.lan", "fingerprint": "%s"}' % ("ab" * 32))
    configuration = from_tables({}, {"HOME": str(tmp_path)})
    ((where, found), _) = check_configuration(configuration, Loader(), Secret, {"HOME": str(tmp_path)})
    assert (where, found.severity) == ("ca", Severity.OK)
    assert found.message == "https://borrowed.lan (from an existing `step ca bootstrap`)"


@pytest.mark.parametrize(("mode", "severity"), [(0o600, "ok"), (0o644, "ok"), (0o660, "warning"), (0o606, "warning")])
def test_who_else_may_write_to_the_files_is_told(tmp_path, mode, severity):
    path = tmp_path / "certpush.toml"
    (tmp_path / "conf.d").mkdir()
    more = tmp_path / "conf.d" / "more.toml"
    for one in (path, more):
        one.touch()
        one.chmod(0o600)
    more.chmod(mode)
    found = list(check_configuration(load(path, {"HOME": "/x"}), Loader(), Secret, {"HOME": "/x"}))
    assert [(where, one.severity.value) for where, one in found[:2]] == [("certpush.toml", "ok"), ("more.toml", severity)]
