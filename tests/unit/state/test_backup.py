"""A backup holds all that is remembered, comes back as it was, and is believed only where it is whole."""

from __future__ import annotations

import io
import json
import os
import shutil
import stat
import tarfile
from pathlib import Path

import pytest

from certpush.errors import LockHeld, StateError
from certpush.model import Secret
from certpush.state.backup import MANIFEST, is_backup, pack, unpack
from certpush.state.directory import RESTORING, open_state_directory, refuse_half_restored
from certpush.state.lock import STATE, Locks
from certpush.state.restore import restore
from certpush.state.roots import LearnedRoots
from certpush.state.snapshot import take_snapshot
from unit.state.conftest import NOW

WORD = Secret("correct horse battery staple")


@pytest.fixture
def packed(state) -> bytes:
    return pack(take_snapshot(state.directory), NOW)


def repacked(packed: bytes, change) -> bytes:
    """The archive with members that were changed, by name: bytes, a TarInfo without content, or None for left out."""
    written = io.BytesIO()
    with tarfile.open(fileobj=io.BytesIO(packed)) as old, tarfile.open(fileobj=written, mode="w") as new:
        members = {one.name: (one, old.extractfile(one).read() if one.isreg() else b"") for one in old}
        changed = change({name: content for name, (_, content) in members.items()})
        for name, content in changed.items():
            info = content if isinstance(content, tarfile.TarInfo) else members.get(name, (tarfile.TarInfo(name), b""))[0]
            text = content if isinstance(content, bytes) else b""
            if not info.issym():
                info.size = len(text)
            new.addfile(info, io.BytesIO(text))
    return written.getvalue()


@pytest.mark.parametrize("word", [None, WORD], ids=["plain", "encrypted"])
def test_what_is_put_back_is_what_was_there(state, tmp_path, word):
    backup = unpack(pack(take_snapshot(state.directory), NOW, word), word)
    assert backup.made == NOW
    elsewhere = tmp_path / "moved" / "state"
    assert restore(backup, elsewhere, NOW) is None
    assert state.everything(elsewhere) == state.everything()
    assert (elsewhere / "notified.json").read_text() == "{}"
    assert LearnedRoots(elsewhere / "roots", "default").recall() == state.bundles[0].roots
    current = ("certificates", "wiki", "current")
    assert elsewhere.joinpath(*current).readlink() == state.directory.joinpath(*current).readlink()
    files = [path for path in elsewhere.rglob("*") if path.is_file() and not path.is_symlink()]
    assert {stat.S_IMODE(path.stat().st_mode) for path in files} == {0o600}
    assert {stat.S_IMODE(path.stat().st_mode) for path in elsewhere.rglob("*") if path.is_dir() and not path.is_symlink()} == {0o700}


def test_locks_leftovers_and_what_is_kept_aside_are_no_part_of_it(state):
    (state.directory / "locks").mkdir(exist_ok=True)
    (state.directory / "locks" / "wiki.lock").touch()
    (state.directory / "before-restore-20260101T000000Z").mkdir()
    (state.directory / "before-restore-20260101T000000Z" / "journal.sqlite3").touch()
    (state.directory / ".notified.json.new").touch()
    (state.directory / "planted").symlink_to("/etc/passwd")
    half = state.directory / "certificates" / "wiki" / "20260101T000000Z-0123456789abcdef"
    half.mkdir()
    (half / "key.pem").write_text("a part")
    names = take_snapshot(state.directory).files
    assert {name.partition("/")[0] for name in names} == {"journal.sqlite3", "certificates", "notified.json", "roots"}
    assert not any(half.name in name for name in names)


def test_a_generation_that_vanishes_meanwhile_is_left_out_as_a_whole(state, monkeypatch):
    read, gone = Path.read_bytes, []

    def vanish(path):
        if path.name == "key.pem" and not gone:
            gone.append(path.parent.name)
            raise FileNotFoundError(path)
        return read(path)

    monkeypatch.setattr(Path, "read_bytes", vanish)
    names = take_snapshot(state.directory).files
    assert gone
    assert not any(gone[0] in name for name in names)


def test_where_nothing_was_deployed_there_is_nothing_to_back_up(tmp_path):
    with pytest.raises(StateError, match="there is no state"):
        take_snapshot(tmp_path)


def test_what_cannot_be_read_is_named(state, monkeypatch):
    def refuse(path):
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(Path, "read_bytes", refuse)
    with pytest.raises(StateError, match=r"cannot be read: .*Permission denied"):
        take_snapshot(state.directory)


# --- what is no backup ---


def _without(name):
    return lambda files: {one: text for one, text in files.items() if name not in one}


def _with(name, content):
    return lambda files: {**files, name: content}


def _member(name, kind, to=""):
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, to
    return {name: info}


@pytest.mark.parametrize(
    "change",
    [
        _without("key.pem"),
        _without(MANIFEST),
        _with("notified.json", b"{ }"),
        _with("planted.json", b"{}"),
        _with(MANIFEST, b"not JSON"),
        _with(MANIFEST, b"[]"),
        _with(MANIFEST, b'{"format": 1}'),
        _with("../outside", b""),
        _with("/etc/passwd", b""),
        _with("locks/wiki.lock", b""),
        _with("notified.json/below", b""),
        _with("certificates/a/b/c/d", b""),
        _with(".restoring", b""),
        lambda files: {**files, **_member("fifo", tarfile.FIFOTYPE)},
        lambda files: {**files, **_member("notified.json", tarfile.SYMTYPE, "/etc/passwd")},
        lambda files: {**files, **_member("certificates/wiki/current", tarfile.SYMTYPE, "../../outside")},
        lambda files: {**files, **_member("certificates/wiki/current", tarfile.SYMTYPE, "another")},
    ],
)
def test_what_was_changed_or_planted_is_refused(packed, change):
    with pytest.raises(StateError):
        unpack(repacked(packed, change))


@pytest.mark.parametrize("text", [b"", b"nothing of the kind" * 100, b"certpush-state-encrypted 1\n"])
def test_what_is_no_archive_is_refused(text):
    with pytest.raises(StateError):
        unpack(text, WORD)


def test_a_cut_or_changed_byte_is_found_wherever_it_is(packed):
    for cut in (600, len(packed) // 2, len(packed) - 12_000):
        with pytest.raises(StateError):
            unpack(packed[:cut])
    content = packed.index(b"BEGIN CERTIFICATE") + 40
    with pytest.raises(StateError, match="is not what was written"):
        unpack(packed[:content] + bytes([packed[content] ^ 1]) + packed[content + 1 :])


def test_a_newer_format_is_not_guessed_at(packed):
    newer = repacked(packed, lambda files: {**files, MANIFEST: json.dumps({**json.loads(files[MANIFEST]), "format": 2}).encode()})
    with pytest.raises(StateError, match="newer certpush"):
        unpack(newer)
    sealed = pack(unpack(packed).snapshot, NOW, WORD).replace(b"encrypted 1", b"encrypted 2", 1)
    with pytest.raises(StateError, match="newer certpush"):
        unpack(sealed, WORD)


def test_an_encrypted_backup_needs_its_passphrase_and_every_bit(packed):
    sealed = pack(unpack(packed).snapshot, NOW, WORD)
    assert b"PRIVATE KEY" in packed
    assert b"PRIVATE KEY" not in sealed
    assert is_backup(sealed)
    assert is_backup(packed[:64])
    assert not is_backup(b"#!/bin/sh")
    with pytest.raises(StateError, match="is encrypted"):
        unpack(sealed)
    with pytest.raises(StateError, match="another one, or the file is damaged"):
        unpack(sealed, Secret("wrong"))
    for other in (
        sealed[:-1] + bytes([sealed[-1] ^ 1]),
        sealed.replace(b"32768", b"16384"),
        sealed.replace(b"32768", b"99999999"),
        sealed.replace(b"salt", b"salz"),
    ):
        with pytest.raises(StateError, match="cannot be decrypted"):
            unpack(other, WORD)


# --- putting it back ---


def test_a_state_that_is_there_is_replaced_on_request_alone_and_kept(state, packed):
    backup = unpack(packed)
    state.deployed("wiki", 2, before=state.bundles[1].fingerprint)
    before = state.everything()
    with pytest.raises(StateError, match="there is a state"):
        restore(backup, state.directory, NOW)
    assert state.everything() == before
    kept = restore(backup, state.directory, NOW, replace=True)
    assert kept == state.directory / "before-restore-20261127T120000Z"
    assert state.everything(kept) == before
    assert state.everything() != before
    assert [path.name for path in sorted(state.directory.iterdir()) if path.name.startswith(".")] == []


def test_a_backup_that_was_made_of_a_damaged_state_touches_nothing(state):
    (generation, *_) = sorted((state.directory / "certificates" / "wiki").glob("2*"))
    (generation / "key.pem").write_bytes(state.bundles[2].key.reveal_pem())
    backup = unpack(pack(take_snapshot(state.directory), NOW))
    before = state.everything()
    with pytest.raises(StateError, match=r"the backup is damaged: .*its key is not the certificate's"):
        restore(backup, state.directory, NOW, replace=True)
    assert state.everything() == before
    assert not (state.directory / ".to-restore").exists()


def test_nothing_is_replaced_under_a_run(state, packed):
    descriptor = Locks(state.directory / "locks").share(STATE)
    with pytest.raises(LockHeld, match="another certpush is at work"):
        restore(unpack(packed), state.directory, NOW, replace=True)
    os.close(descriptor)
    with Locks(state.directory / "locks").hold(STATE), pytest.raises(LockHeld, match="puts another state"):
        Locks(state.directory / "locks").share(STATE)


@pytest.mark.parametrize("after", range(6))
def test_a_restore_that_was_killed_is_done_again(state, packed, monkeypatch, after):
    """Killed before each of the renames: nobody begins a run in between, and the next restore ends well."""
    from certpush.kit.files import Directory

    backup, wanted, rename, left = unpack(packed), state.everything(), Directory.rename, [after]
    state.deployed("wiki", 2, before=state.bundles[1].fingerprint)

    def dying(directory, *more):
        if more[0] != ".to-restore" and not left:
            raise KeyboardInterrupt
        if more[0] != ".to-restore":
            left[0] -= 1
            if left[0] < 0:
                left.clear()
                raise KeyboardInterrupt
        rename(directory, *more)

    monkeypatch.setattr(Directory, "rename", dying)
    with pytest.raises(KeyboardInterrupt):
        restore(backup, state.directory, NOW, replace=True)
    monkeypatch.undo()
    assert (state.directory / RESTORING).exists()
    with pytest.raises(StateError, match="was interrupted"):
        refuse_half_restored(state.directory)
    restore(backup, state.directory, NOW.replace(minute=1))
    refuse_half_restored(state.directory)
    assert state.everything() == wanted


def test_a_full_disk_is_told_and_leaves_the_state(state, packed, monkeypatch):
    from certpush.kit.files import Directory

    def full(*_more, **_options):
        raise OSError(28, "No space left on device")

    before = state.everything()
    monkeypatch.setattr(Directory, "write_new", full)
    with pytest.raises(StateError, match="No space left on device"):
        restore(unpack(packed), state.directory, NOW, replace=True)
    assert state.everything() == before


def test_an_empty_folder_for_certificates_is_no_state(state, packed, tmp_path):
    home = open_state_directory(tmp_path / "fresh")
    (home / "certificates").mkdir(mode=0o700)
    restore(unpack(packed), home, NOW)
    assert state.everything(home) == state.everything()
    shutil.rmtree(home)
