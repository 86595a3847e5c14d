"""Where a configuration goes, and putting it there: whole or not at all."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from certpush.cli.init.place import Place
from certpush.config import SYSTEM_CONFIGURATION
from certpush.errors import ConfigError, SafetyRefusal
from certpush.kit.files import Directory
from certpush.model import Secret

TEXT = '[ca]\nurl = "https://ca.example.com"\n'


@contextmanager
def nobody() -> Iterator[None]:
    os.setegid(65534)
    os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(0)
        os.setegid(0)


def place(path: Path, *, force: bool = False) -> Place:
    return Place(path, usual=False, force=force)


def modes(folder: Path) -> dict[str, int]:
    return {str(path.relative_to(folder)): stat.S_IMODE(path.stat().st_mode) for path in sorted(folder.rglob("*"))}


# --- which place ------------------------------------------------------------------------------


def test_a_user_has_it_at_home(tmp_path):
    chosen = Place.choose(None, {"HOME": str(tmp_path)}, force=False, superuser=False)
    assert chosen.configuration == tmp_path / ".config/certpush/certpush.toml"
    assert chosen.usual
    chosen = Place.choose(None, {"HOME": "/h", "XDG_CONFIG_HOME": "/x"}, force=False, superuser=False)
    assert chosen.configuration == Path("/x/certpush/certpush.toml")


def test_root_has_it_in_the_systems_place(tmp_path):
    assert Place.choose(None, {"HOME": str(tmp_path)}, force=False, superuser=True).configuration == SYSTEM_CONFIGURATION


def test_root_is_told_of_a_configuration_that_would_be_found_first(tmp_path):
    own = tmp_path / ".config/certpush/certpush.toml"
    own.parent.mkdir(parents=True)
    own.touch()
    with pytest.raises(ConfigError, match="comes before"):
        Place.choose(None, {"HOME": str(tmp_path)}, force=True, superuser=True)


def test_an_option_outdoes_the_environment(tmp_path):
    environ = {"HOME": str(tmp_path), "CERTPUSH_CONFIG": "/from/environment.toml"}
    assert Place.choose(None, environ, force=False, superuser=True).configuration == Path("/from/environment.toml")
    chosen = Place.choose("~/mine.toml", environ, force=False, superuser=True)
    assert chosen.configuration == Path("~/mine.toml").expanduser()
    assert not chosen.usual


# --- writing ----------------------------------------------------------------------------------


@pytest.mark.parametrize("mask", [0o000, 0o077, 0o377])
def test_files_and_new_directories_are_ours_alone_whatever_the_umask(tmp_path, mask):
    before = os.umask(mask)
    try:
        place(tmp_path / "a/b/c.toml").write(TEXT, Secret("password"))
    finally:
        os.umask(before)
    assert modes(tmp_path) == {"a": 0o700, "a/b": 0o700, "a/b/c.toml": 0o600, "a/b/provisioner-password": 0o600}
    assert (tmp_path / "a/b/provisioner-password").read_text() == "password\n"
    assert (tmp_path / "a/b/c.toml").read_text() == TEXT


def test_the_mode_of_a_directory_that_is_there_is_left(tmp_path):
    (tmp_path / "a").mkdir(mode=0o755)
    place(tmp_path / "a/c.toml").write(TEXT, None)
    assert modes(tmp_path) == {"a": 0o755, "a/c.toml": 0o600}


def test_a_trial_leaves_nothing(tmp_path):
    place(tmp_path / "a/b/c.toml").check()
    place(tmp_path / "c.toml").check()
    assert modes(tmp_path) == {}


def test_what_cannot_be_read_as_a_configuration_is_not_put_in_place(tmp_path):
    with pytest.raises(ConfigError) as refused:
        place(tmp_path / "a/c.toml").write("[target.x]\n", Secret("password"))
    assert refused.value.message.startswith(f"{tmp_path}/a/c.toml: ")
    assert modes(tmp_path) == {}


@pytest.mark.parametrize("step", ["write_new", "rename", "sync"])
@pytest.mark.parametrize("failure", [KeyboardInterrupt(), OSError(28, "No space left on device")])
@pytest.mark.parametrize("after", [0, 1])
def test_a_failure_on_the_way_leaves_nothing(tmp_path, monkeypatch, step, failure, after):
    real, calls = getattr(Directory, step), []

    def fails_once(self, *arguments, **options):
        if self.path.endswith("/a"):
            calls.append(step)
            if len(calls) == after + 1:
                raise failure
        return real(self, *arguments, **options)

    monkeypatch.setattr(Directory, step, fails_once)
    with pytest.raises((KeyboardInterrupt, ConfigError)):
        place(tmp_path / "a/c.toml").write(TEXT, Secret("password"))
    assert len(calls) > after
    assert modes(tmp_path) == {}


def test_what_was_replaced_is_kept_beside_it(tmp_path):
    (tmp_path / "c.toml").write_text("# old\n")
    (tmp_path / "provisioner-password").write_text("old")
    written = place(tmp_path / "c.toml", force=True).write(TEXT, Secret("new"))
    assert [path.name for path in written.kept] == ["provisioner-password.bak", "c.toml.bak"]
    assert [path.read_text() for path in written.kept] == ["old", "# old\n"]
    assert (tmp_path / "provisioner-password").read_text() == "new\n"


def test_two_at_once_do_not_mix(tmp_path):
    (tmp_path / ".c.toml.new").write_text("of another")
    with pytest.raises(ConfigError, match="another `certpush init`"):
        place(tmp_path / "c.toml").write(TEXT, Secret("password"))
    assert {path.name for path in tmp_path.iterdir()} == {".c.toml.new"}
    assert (tmp_path / ".c.toml.new").read_text() == "of another"


def test_one_that_appeared_meanwhile_is_left_alone(tmp_path, monkeypatch):
    real = Place._try

    def slow(self, directory):
        real(self, directory)
        (tmp_path / "c.toml").write_text("# of another\n")

    monkeypatch.setattr(Place, "_try", slow)
    with pytest.raises(ConfigError, match="is there already"):
        place(tmp_path / "c.toml").write(TEXT, Secret("password"))
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == {"c.toml": "# of another\n"}


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
def test_a_directory_of_others_is_noticed_before_anything_is_asked(tmp_path):
    for parent in tmp_path.parents:
        if parent.name.startswith("pytest"):
            parent.chmod(0o755)
    tmp_path.chmod(0o755)
    with nobody(), pytest.raises(ConfigError, match="cannot be written: Permission denied"):
        place(tmp_path / "a/c.toml").check()


def test_a_directory_that_everybody_may_write_to_is_refused(tmp_path):
    (tmp_path / "open").mkdir()
    (tmp_path / "open").chmod(0o777)
    with pytest.raises(SafetyRefusal, match="everybody may write"):
        place(tmp_path / "open/c.toml").check()


def test_a_file_on_the_way_is_said(tmp_path):
    (tmp_path / "a").touch()
    with pytest.raises(ConfigError, match="cannot be written: Not a directory"):
        place(tmp_path / "a/c.toml").check()
