"""What unattended runs need: every secret, every file, every place on this machine; and nobody is asked."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from certpush.config import from_tables
from certpush.errors import ConfigError
from certpush.fleet.needs import SecretNeed, is_here, needs_of, only
from certpush.fleet.observing import run_for
from certpush.kit.tls import utc_now
from certpush.plugins import PluginLoader

CA = {"url": "https://ca.lan", "fingerprint": "0" * 64, "provisioner": "admin", "password": "cred:ca"}
SSH = {
    "kind": "ssh",
    "names": ["a.lan"],
    "host": "a.lan",
    "identity": "file:/etc/id",
    "endpoints": ["a.lan:443"],
    "fullchain": "/etc/a.crt",
    "key_file": "/etc/a.key",
}
FILE = {"kind": "file", "names": ["b.lan"], "verify": "files", "fullchain": "/etc/b/b.crt", "key_file": "/etc/b/b.key"}
MANAGED = {"kind": "file", "names": ["c.lan"], "verify": "files", "directory": "/srv/c", "reload": ["true"]}


def needs(ca=CA, home: Path = Path("/nonexistent"), **targets):
    return needs_of(from_tables({"ca": ca, "target": targets}, {"HOME": str(home)}), PluginLoader(), {"HOME": str(home)})


def test_every_secret_is_known_by_its_place_and_none_is_read():
    assert needs(a=SSH).secrets == (SecretNeed("target.a", "file:/etc/id"), SecretNeed("ca", "cred:ca"))
    named = needs(ca={"home": CA}, a=SSH | {"ca": "home"})
    assert [(one.where, one.scheme, one.name) for one in named.secrets][1:] == [("ca.home", "cred", "ca")]


def test_targets_of_this_machine_are_told_from_the_others_with_their_directories_and_commands():
    both = needs(a=SSH, b=FILE, c=MANAGED)
    assert (list(both.here), both.elsewhere) == (["b", "c"], ("a",))
    assert (both.directories, both.commands) == (("/etc/b", "/srv/c"), True)
    assert not needs(b=FILE).commands


def test_the_shortest_way_from_due_to_danger_says_how_often_and_the_longest_rescue_how_long():
    assert needs(a=SSH).every == timedelta(hours=1)  # nothing said: 24 hours, as step-ca has it
    assert needs(a=SSH | {"lifetime": "395d"}).every == timedelta(days=1)
    assert needs(a=SSH | {"lifetime": "395d"}, b=FILE | {"lifetime": "12h"}).every == timedelta(minutes=30)
    assert needs(a=SSH | {"lifetime": "395d", "window": "Sat 02:00-05:00"}).every == timedelta(minutes=30)
    assert needs(a=SSH | {"rescue_after": "10m"}, b=FILE).switch == timedelta(minutes=24)


def test_files_that_tables_name_are_known_where_they_are_there(tmp_path):
    pin, more = tmp_path / "known_hosts", tmp_path / "conf.d"
    pin.touch()
    more.mkdir()
    path = tmp_path / "certpush.toml"
    configuration = from_tables({"ca": CA, "target": {"a": SSH | {"known_hosts": str(pin)}}}, {"HOME": "/nonexistent"})
    object.__setattr__(configuration, "path", path)
    assert needs_of(configuration, PluginLoader(), {"HOME": "/nonexistent"}).files == (path, more, pin)


def test_where_step_knows_the_rest_of_the_ca_its_folder_is_needed(tmp_path):
    (tmp_path / ".step").mkdir()
    assert needs(home=tmp_path, a=SSH).files == ()
    assert needs(ca={"url": "https://ca.lan"}, home=tmp_path, a=SSH).files == (tmp_path / ".step",)


def test_without_a_target_there_is_nothing_to_do():
    with pytest.raises(ConfigError, match="no target that an unattended run could rotate"):
        needs(a=SSH | {"enabled": False})


def test_a_kind_that_cannot_be_loaded_is_none_of_this_machine():
    targets = from_tables({"ca": CA, "target": {"a": SSH, "b": FILE, "c": FILE | {"kind": "no-such-kind"}}}, {}).targets
    assert [name for name, spec in targets.items() if is_here(spec, PluginLoader())] == ["b"]


# --- observers --------------------------------------------------------------------------------

OBSERVERS = {
    "page": {"kind": "metrics", "file": "/var/lib/node-exporter/certpush.prom"},
    "chat": {"kind": "notify", "url_from": "cred:chat", "headers": {"X-Token": "file:/etc/token"}},
    "off": {"kind": "notify", "url_from": "cred:other", "enabled": False},
}


def test_observers_have_secrets_and_places_too():
    configuration = from_tables({"ca": CA, "target": {"a": SSH}, "observer": OBSERVERS}, {"HOME": "/nonexistent"})
    found = needs_of(configuration, PluginLoader(), {"HOME": "/nonexistent"})
    assert found.observers == ("/var/lib/node-exporter",)
    own = [(one.where, one.reference) for one in found.secrets if one.where.startswith("observer")]
    assert sorted(own) == [("observer.chat", "cred:chat"), ("observer.chat", "file:/etc/token")]


def test_what_another_service_has_is_still_there_for_observers():
    configuration = from_tables({"ca": CA, "target": {"a": SSH, "b": FILE, "c": MANAGED | {"enabled": False}}}, {"HOME": "/nonexistent"})
    here = only(configuration, PluginLoader(), here=True)
    assert [name for name, one in here.targets.items() if one.enabled] == ["b"]
    assert [name for name, one in here.targets.items() if one.set_aside] == ["a"]
    (spec,) = from_tables({"observer": {"page": OBSERVERS["page"]}}, {"HOME": "/"}).observers.values()
    assert dict(run_for(spec, "renew", here, utc_now).targets) == {"a": "ssh", "b": "file"}
