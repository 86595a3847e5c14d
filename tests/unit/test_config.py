"""Configurations: where they are looked for, what they may hold, and errors that name file, table and key."""

from __future__ import annotations

import os
from datetime import timedelta
from fractions import Fraction
from pathlib import Path

import pytest

from certpush import config
from certpush.config import DEFAULT_CA, default_state_directory, load, locate
from certpush.errors import ConfigError
from certpush.model import Endpoint, KeySpec, Secret, parse_name

MINIMAL = """
[ca]
url = "https://ca.lan:9000"
fingerprint = "{fingerprint}"

[target.box]
kind = "file"
names = ["box.lan", "192.0.2.1"]
""".replace("{fingerprint}", "ab" * 32)


@pytest.fixture
def write(tmp_path):
    def write(text, name="certpush.toml"):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
        return path

    return write


@pytest.fixture
def read(write):
    return lambda text: load(write(text), {"HOME": "/home/somebody"})


def refused(read, text):
    with pytest.raises(ConfigError) as caught:
        read(text)
    assert caught.value.hint, caught.value
    assert "certpush.toml: " in caught.value.message
    assert str(caught.value) == caught.value.message
    return caught.value


# --- where it is -------------------------------------------------------------------------------


def test_the_named_file_comes_first_then_the_environment_then_the_user_then_the_system(tmp_path, monkeypatch):
    system = tmp_path / "system.toml"
    monkeypatch.setattr(config.files, "SYSTEM_CONFIGURATION", system)
    user = tmp_path / ".config" / "certpush" / "certpush.toml"
    xdg = tmp_path / "xdg" / "certpush" / "certpush.toml"
    named, variable = tmp_path / "named.toml", tmp_path / "variable.toml"
    environ = {"HOME": str(tmp_path)}
    assert locate(None, environ) is None
    for path in (system, user, xdg, named, variable):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
        if path == system:
            assert locate(None, environ) == system
    assert locate(None, environ) == user
    assert locate(None, environ | {"XDG_CONFIG_HOME": str(tmp_path / "xdg")}) == xdg
    assert locate(None, environ | {"CERTPUSH_CONFIG": str(variable)}) == variable
    assert locate(str(named), environ | {"CERTPUSH_CONFIG": str(variable)}) == named


@pytest.mark.parametrize("path", ["/nonexistent/certpush.toml", "/tmp", "a\0b"])
def test_a_named_file_that_is_not_there_is_an_error(path):
    with pytest.raises(ConfigError, match="no configuration file"):
        locate(path, {})


def test_a_home_of_nobody_is_an_error():
    with pytest.raises(ConfigError, match="home of nobody"):
        locate("~nobody-of-this-name/certpush.toml", {})


def test_a_file_that_may_not_be_looked_at_is_not_passed_over(monkeypatch, tmp_path):
    def denied(_self):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "is_file", denied)
    found = locate(None, {"HOME": str(tmp_path)})
    assert found == tmp_path / ".config" / "certpush" / "certpush.toml"


@pytest.mark.parametrize(
    ("environ", "uid", "directory"),
    [
        ({"STATE_DIRECTORY": "/var/lib/one:/var/lib/two"}, 0, "/var/lib/one"),
        ({}, 0, "/var/lib/certpush"),
        ({"HOME": "/home/a"}, 1000, "/home/a/.local/state/certpush"),
        ({"HOME": "/home/a", "XDG_STATE_HOME": "/x"}, 1000, "/x/certpush"),
    ],
)
def test_state_is_kept_where_the_system_keeps_it(environ, uid, directory, monkeypatch):
    monkeypatch.setattr(os, "geteuid", lambda: uid)
    assert default_state_directory(environ) == Path(directory)


# --- what it holds -----------------------------------------------------------------------------


def test_no_file_is_an_empty_configuration():
    empty = load(None, {"STATE_DIRECTORY": "/state"})
    assert (empty.path, empty.targets, empty.certificates) == (None, {}, {})
    assert empty.state_directory == Path("/state")
    assert empty.ca(DEFAULT_CA, Secret).url is None


def test_the_environment_of_the_process_is_meant_when_none_is_given(monkeypatch):
    monkeypatch.setenv("STATE_DIRECTORY", "/from/environment")
    assert load(None).state_directory == Path("/from/environment")


def test_a_minimal_configuration_has_sensible_defaults(read):
    found = read(MINIMAL)
    box = found.targets["box"]
    assert box.path == "target.box"
    assert box.certificate.request.names == (parse_name("box.lan"), parse_name("192.0.2.1"))
    assert box.certificate.request.key is KeySpec.EC_P256
    assert box.certificate.request.lifetime is None
    assert (box.certificate.renew_at, box.certificate.danger_left) == (Fraction(2, 3), Fraction(1, 6))
    assert box.rescue_after == timedelta(seconds=180)
    assert box.enabled
    assert found.workers == 32
    assert found.ca("default", Secret).url == "https://ca.lan:9000"


FULL = """
[ca.home]
url = "https://ca.lan"
[ca.work]
url = "https://ca.work"
[defaults]
ca = "home"
lifetime = "30d"
key = "rsa-2048"
reuse_key = true
renew_at = "50%"
danger_at = "1/10"
rescue_after = "2m"
workers = 4
[fleet]
canary = 1
[state]
directory = "/state"
[certificate.wildcard]
names = ["*.lan"]
allow_short_chain = true
[target.proxy]
kind = "ssh"
certificate = "wildcard"
tags = ["edge"]
endpoints = ["192.0.2.1:443#proxy.lan", { host = "::1", port = 25, server_name = "mail.lan", starttls = "smtp" }]
host = "proxy.lan"
[target.own]
kind = "file"
names = ["own.lan"]
ca = "work"
key = "ec-p384"
reuse_key = false
lifetime = "1d"
verify = "files"
trust = "sha256:ab"
window = "Sat 02:00-05:00"
pinned_by = ["monitoring"]
adopt = true
enabled = false
rescue_after = "5m"
[observer.chat]
kind = "webhook"
url = "env:HOOK"
"""


def test_a_target_says_it_better_than_the_defaults(read):
    found = read(FULL)
    proxy, own = found.targets["proxy"], found.targets["own"]
    assert proxy.certificate is found.certificates["wildcard"]
    assert proxy.certificate.request.lifetime == timedelta(days=30)
    assert proxy.certificate.request.key is KeySpec.RSA_2048
    assert proxy.certificate.reuse_key
    assert proxy.certificate.allow_short_chain
    assert (proxy.certificate.ca, own.certificate.ca) == ("home", "work")
    assert (proxy.certificate.renew_at, proxy.certificate.danger_left) == (Fraction(1, 2), Fraction(1, 10))
    assert proxy.endpoints == (Endpoint("192.0.2.1", 443, "proxy.lan"), Endpoint("::1", 25, "mail.lan", "smtp"))
    assert proxy.table == {"host": "proxy.lan"}
    assert own.certificate.request.key is KeySpec.EC_P384
    assert not own.certificate.reuse_key
    assert (own.verify, own.trust, own.window.text, own.pinned_by) == ("files", "sha256:ab", "Sat 02:00-05:00", ("monitoring",))
    assert (own.adopt, own.enabled) == (True, False)
    assert (proxy.rescue_after, own.rescue_after) == (timedelta(minutes=2), timedelta(minutes=5))
    assert found.observers["chat"].table == {"url": "env:HOOK"}
    assert (found.workers, found.fleet.canary, found.state_directory) == (4, 1, Path("/state"))


@pytest.mark.parametrize(("common", "own", "seconds"), [("0s", "1m", 60), ("1m", "0s", 0), ("0s", "", 0)])
def test_a_timer_of_no_time_is_not_taken_for_one_that_was_not_given(read, common, own, seconds):
    """The kinds that have one refuse it; see their tests."""
    found = read(f'[defaults]\nrescue_after = "{common}"\n' + MINIMAL + (f'rescue_after = "{own}"\n' if own else ""))
    assert found.targets["box"].rescue_after == timedelta(seconds=seconds)


def test_the_only_ca_is_meant_whatever_its_name(read):
    found = read('[ca.home]\nurl = "https://ca.lan"\n[target.box]\nkind = "file"\nnames = ["box.lan"]')
    assert found.targets["box"].certificate.ca == "home"


def test_a_fleets_workers_come_before_the_defaults(read):
    assert read("[defaults]\nworkers = 4\n[fleet]\nworkers = 2").workers == 2


def test_files_in_conf_d_are_read_as_if_they_stood_in_the_one_file(write):
    main = write(MINIMAL)
    write('[target.second]\nkind = "file"\nnames = ["second.lan"]', "conf.d/10-second.toml")
    write("not toml at all", "conf.d/ignored.txt")
    assert set(load(main, {}).targets) == {"box", "second"}
    write('[target.box]\nkind = "ssh"', "conf.d/20-again.toml")
    with pytest.raises(ConfigError, match=r"20-again\.toml: target\.box is already given"):
        load(main, {})


def test_a_configuration_shows_no_table_when_printed(read):
    assert "env:HOOK" not in repr(read(FULL))


def test_a_state_directory_may_begin_with_a_tilde(read, monkeypatch):
    monkeypatch.setenv("HOME", "/home/somebody")
    assert read('[state]\ndirectory = "~/state"').state_directory == Path("/home/somebody/state")
    assert "home of nobody" in refused(read, '[state]\ndirectory = "~nobody-of-this-name/x"').message


# --- what is wrong -----------------------------------------------------------------------------


BOX = '[target.box]\nkind = "file"\n'
WRONG = [
    ("not toml", "not valid TOML"),
    ("\udcff".encode("utf-8", "surrogateescape"), "not valid TOML"),
    ("a = " + "[" * 100_000, "nested too deeply"),
    ("x" * (8 * 1024 * 1024 + 1), "larger than 8 MiB"),
    ("[targets.box]\n", "there is no table 'targets'"),
    ("target = 3\n", "target is a table"),
    ("[target]\nbox = 3\n", "target.box is not a table"),
    ('[target."../x"]\nkind = "file"\n', "'../x' cannot be the name of a target"),
    ('[target."$(id)"]\nkind = "file"\n', "cannot be the name of a target"),
    ('[target."-o"]\nkind = "file"\n', "cannot be the name of a target"),
    ('[target."' + "a" * 300 + '"]\nkind = "file"\n', "cannot be the name of a target"),
    ('[target."a\\nb"]\nkind = "file"\n', "cannot be the name of a target"),
    ('[target."\\u202Eb"]\nkind = "file"\n', "cannot be the name of a target"),
    ('[certificate."a/b"]\n', "cannot be the name of a certificate"),
    ('[target.box]\nnames = ["box.lan"]\n', "target.box: the key 'kind' is missing"),
    (BOX, "target.box: a certificate needs at least one name"),
    (BOX + 'names = "box.lan"\n', 'target.box.names: expected a list ["..."], got a text'),
    (BOX + 'names = ["box.lan:8006"]\n', "target.box: 'box.lan:8006' is not a name"),
    (BOX + 'names = ["$(id)"]\n', "target.box: '$(id)' is not a host name"),
    (BOX + 'names = ["box.lan", "BOX.lan"]\n', "target.box: a name stands twice"),
    (BOX + 'names = ["box.lan"]\nlifetime = "0s"\n', "target.box: the lifetime"),
    (BOX + 'names = ["box.lan"]\nlifetime = "soon"\n', "target.box.lifetime: 'soon' is not a length of time"),
    (BOX + 'names = ["box.lan"]\nkey = "rsa-1024"\n', "target.box.key: invalid enum value 'rsa-1024'"),
    (BOX + 'names = ["box.lan"]\nendpoints = ["box.lan"]\n', "target.box.endpoints: 'box.lan' is not an endpoint"),
    (BOX + 'names = ["box.lan"]\nendpoints = [{ host = "box.lan", port = 0 }]\n', "target.box.endpoints: 'box.lan:0'"),
    (BOX + 'names = ["box.lan"]\nverify = "no"\n', "target.box.verify"),
    (BOX + 'names = ["box.lan"]\nrenew_at = "1e999999999"\n', "target.box: '1e999999999' is not a part of the lifetime"),
    (BOX + 'names = ["box.lan"]\nca = "other"\n', "target.box: there is no CA 'other'"),
    (BOX + 'certificate = "wild"\n', "target.box: there is no certificate 'wild'"),
    (BOX + 'certificate = "wild"\nnames = ["a.lan"]\n[certificate.wild]\nnames = ["b.lan"]\n', "target.box: names belongs to"),
    (BOX + 'certificate = "wild"\nreuse_key = false\n[certificate.wild]\nnames = ["b.lan"]\n', "target.box: reuse_key belongs to"),
    (BOX + 'names = ["a.lan"]\n[certificate.box]\nnames = ["b.lan"]\n', "target.box: there is a [certificate.box]"),
    ('[certificate.wild]\nnames = ["b.lan"]\nca = "x"\n', "certificate.wild: there is no CA 'x'"),
    ('[certificate.wild]\nnames = ["b.lan"]\nkind = "x"\n', "certificate.wild.kind: unknown key"),
    ("[defaults]\nlifetme = '1h'\n", "defaults.lifetme: unknown key"),
    ("[fleet]\nworkers = 0\n", "fleet.workers"),
    ("[observer.chat]\nurl = 'x'\n", "observer.chat: the key 'kind' is missing"),
    ("[ca.a]\nurl = 'https://a'\n[ca.b]\nurl = 'https://b'\n" + BOX + 'names = ["box.lan"]\n', "there is no CA 'default'"),
]


@pytest.mark.parametrize(("text", "message"), WRONG, ids=[message for _, message in WRONG])
def test_what_is_wrong_is_said_with_file_table_and_key(text, message, write):
    path = write("")
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    error = refused(lambda _: load(path, {}), text)
    assert message in error.message


def test_a_near_name_is_offered(read):
    assert "did you mean 'target'" in refused(read, "[targte.box]\n").hint
    assert "did you mean 'lifetime'" in refused(read, "[defaults]\nlifetme = '1h'\n").hint
    several = '[ca.home]\nurl = "https://a"\n[ca.work]\nurl = "https://b"\n' + BOX + 'names = ["a.lan"]\n'
    assert "did you mean 'work'" in refused(read, several + 'ca = "wrk"\n').hint
    assert "home, work" in refused(read, several).hint


@pytest.mark.parametrize("share", ["0", "1", "1.5", "0%", "100%", "1/0", "-1/2", "half", "", "1/2/3", "1" * 50, "0.5.5"])
def test_a_share_of_the_lifetime_lies_between_nothing_and_all(share, read):
    error = refused(read, f'{BOX}names = ["box.lan"]\nrenew_at = "{share}"\n')
    assert "not a part of the lifetime" in error.message


@pytest.mark.parametrize(("share", "value"), [("2/3", Fraction(2, 3)), ("66%", Fraction(66, 100)), ("0.5", Fraction(1, 2))])
def test_a_share_is_a_fraction_a_percentage_or_a_number(share, value, read):
    assert read(f'{BOX}names = ["box.lan"]\nrenew_at = "{share}"\n').targets["box"].certificate.renew_at == value


def test_a_file_that_cannot_be_read_says_why(tmp_path):
    with pytest.raises(ConfigError, match="cannot be read: Is a directory"):
        load(tmp_path, {})


# --- CAs ---------------------------------------------------------------------------------------


def test_a_ca_that_is_not_there_is_named_with_the_nearest(read):
    found = read('[ca.home]\nurl = "https://ca.lan"\n')
    assert found.ca("home", Secret).url == "https://ca.lan"
    with pytest.raises(ConfigError, match="there is no CA 'hmoe'") as caught:
        found.ca("hmoe", Secret)
    assert "home" in caught.value.hint


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ('[ca]\nurl = "http://ca.lan"', "ca: "),
        ('[ca]\nfingerprint = "zz"', "ca: "),
        ('[ca.home]\nurl = "http://ca.lan"', "ca.home: "),
        ('[ca]\npassword = "canary"', "ca.password: "),
        ("[ca]\nurl = 3", "ca.url: "),
        ('[ca]\nprovisoner = "x"', "ca.provisoner: unknown key"),
    ],
)
def test_a_ca_that_cannot_be_right_is_refused_before_any_network(table, message, read):
    def no_literal(_reference):
        raise ConfigError("a secret stands in the configuration as plain text", hint="move it")

    found = read(table)
    with pytest.raises(ConfigError) as caught:
        found.ca(next(iter(found.ca_tables)), no_literal)
    assert caught.value.message.startswith(message)
    assert "canary" not in caught.value.message
