"""`certpush state`: what certpush remembers, as one file and back."""

from __future__ import annotations

import io
import shutil
import sqlite3
import stat
import sys

import pytest

from unit.state.conftest import Remembered, bundles

__all__ = ["bundles"]


@pytest.fixture
def known(home, tmp_path, bundles) -> Remembered:
    """Something was deployed once, and a configuration says where it is remembered."""
    config = home / ".config" / "certpush" / "certpush.toml"
    config.parent.mkdir(parents=True)
    config.write_text(f'[state]\ndirectory = "{tmp_path}/state"\n')
    (tmp_path / "state").mkdir(mode=0o700)
    state = Remembered(tmp_path / "state", bundles)
    state.deployed("wiki", 0)
    return state


def test_a_moved_host_has_its_state_again(certpush, known, tmp_path):
    (tmp_path / "word").touch(mode=0o600)
    (tmp_path / "word").write_text("correct horse")
    word = f"--passphrase=file:{tmp_path}/word"
    ended = certpush("state", "backup", "all.bin", word)
    assert ended.code == 0
    assert ", encrypted: " in ended.out
    assert stat.S_IMODE((tmp_path / "work" / "all.bin").stat().st_mode) == 0o600
    before = known.everything()
    shutil.rmtree(known.directory)
    assert certpush("state", "check").out.endswith("yet: nothing was deployed\n")
    assert certpush("state", "restore", "all.bin").code == 5
    ended = certpush("state", "restore", "all.bin", word)
    assert (ended.code, known.everything()) == (0, before)
    assert "not known to this state" in ended.out


def test_a_backup_says_that_it_holds_keys_and_replaces_none_but_its_like(certpush, known, tmp_path):
    (tmp_path / "work" / "notes").write_text("mine")
    refused = certpush("state", "backup", "notes")
    assert refused.code == 2
    assert "is no backup of certpush's" in refused.err
    assert (tmp_path / "work" / "notes").read_text() == "mine"
    for _ in range(2):
        ended = certpush("state", "backup", "all.tar")
        assert ended.code == 0
        assert "NOT encrypted" in ended.out
        assert "it holds private keys" in ended.err
    assert certpush("state", "backup", "nowhere/all.tar").code == 5


def test_stdout_gets_the_backup_alone_and_no_screen_does(certpush, known, monkeypatch):
    assert certpush("state", "backup", "-", "--output=json").code == 2
    with monkeypatch.context() as patch:
        patch.setattr("sys.stdout", io.TextIOWrapper(io.BytesIO()))
        assert certpush("state", "backup", "-").code == 0
        assert sys.stdout.buffer.getvalue().startswith(b"certpush-state.json\0")
    monkeypatch.setattr("sys.stdout.isatty", lambda: True, raising=False)
    ended = certpush("state", "backup", "-")
    assert ended.code == 2
    assert "belong on no screen" in ended.err


def test_a_damaged_record_is_named_and_the_exit_code_says_it(certpush, known):
    connection = sqlite3.connect(known.directory / "journal.sqlite3")
    with connection:
        connection.execute("UPDATE deployments SET record = replace(record, 'kept', 'kepd')")
    connection.close()
    ended = certpush("state", "check")
    assert ended.code == 5
    assert "record wiki-0 does not match its checksum" in ended.out
    assert "certpush state restore FILE --replace" in ended.out


def test_a_backup_is_looked_through_where_it_is(certpush, home, known, monkeypatch, tmp_path):
    (tmp_path / "word").touch(mode=0o600)
    (tmp_path / "word").write_text("correct horse")
    word = f"--passphrase=file:{tmp_path}/word"
    assert certpush("state", "backup", "all.bin", word).code == 0
    before = known.everything()
    ended = certpush("state", "check", "all.bin", word)
    assert ended.code == 0
    assert "1 records, each as it was written" in ended.out
    assert "it stands in no configuration any more" in ended.out
    (home / ".config" / "certpush" / "certpush.toml").unlink()  # on a machine that has the file alone
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "work"))
    ended = certpush("state", "check", "all.bin", word, "--output=json")
    assert (ended.code, ended.document["file"], ended.document["files"]) == (0, str(tmp_path / "work" / "all.bin"), 4)
    assert [one["code"] for one in ended.document["findings"]] == ["bundles", "records"]
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO((tmp_path / "work" / "all.bin").read_bytes())))
    assert certpush("state", "check", "-", word, "--output=json").document["file"] == "-"
    assert known.everything() == before
    assert [one.name for one in (tmp_path / "work").iterdir()] == ["all.bin"]


def test_a_backup_of_a_damaged_state_is_found_out_before_it_is_needed(certpush, known):
    (key,) = known.directory.glob("certificates/*/2*/key.pem")
    key.write_text("cut")
    assert certpush("state", "backup", "all.tar").code == 0
    ended = certpush("state", "check", "all.tar")
    assert ended.code == 5
    assert "cannot be read, or its key is not the certificate's" in ended.out
    assert "take another backup; a restore refuses this one" in ended.out
    assert "rm -r" not in ended.out


@pytest.mark.parametrize(
    ("words", "code", "says"),
    [
        (["none.tar"], 2, "none.tar cannot be read"),
        (["notes"], 5, "this is no backup of certpush's state"),
        (["--passphrase=env:WORD"], 2, "--passphrase is for a backup, and none is named"),
    ],
)
def test_what_is_no_backup_is_said(certpush, known, tmp_path, words, code, says):
    (tmp_path / "work" / "notes").write_text("mine")
    ended = certpush("state", "check", *words)
    assert ended.code == code
    assert says in ended.err
    assert "hint: " in ended.err


def test_where_it_cannot_be_unpacked_that_is_said(certpush, known, monkeypatch):
    assert certpush("state", "backup", "all.tar").code == 0
    monkeypatch.setattr("certpush.state.checking.write_snapshot", raises(OSError(28, "No space left on device")))
    ended = certpush("state", "check", "all.tar")
    assert ended.code == 5
    assert "No space left on device" in ended.err
    assert not [*known.directory.glob(".to-check-*")]


def raises(error):
    def call(*_):
        raise error

    return call


def test_what_is_wrong_ends_with_the_next_step(certpush, home, known):
    ended = certpush("state", "restore", "none.tar")
    assert ended.code == 2
    assert "none.tar cannot be read: No such file" in ended.err
    shutil.rmtree(known.directory)
    ended = certpush("state", "backup", "all.tar")
    assert ended.code == 5
    assert "there is no state in" in ended.err
    ended = certpush("state", "backup", "all.tar", "--passphrase", "hunter2")
    assert ended.code == 2
    assert "a secret stands on the command line, where others see it, as plain text" in ended.err
    assert "hunter2" not in ended.out + ended.err
    (home / ".config" / "certpush" / "certpush.toml").unlink()
    ended = certpush("state", "check")
    assert ended.code == 2
    assert "put certpush.toml back first" in ended.err
