"""A disk that takes nothing any more is found out before a CA is asked, and said in words that tell what to do."""

import os

import pytest

from certpush.errors import StateError
from certpush.kit.files import Directory
from certpush.state import disk
from certpush.state.escrow import Escrow


def test_that_a_generation_can_be_kept_is_seen_once_and_leaves_nothing(state, monkeypatch):
    (state.directory / ".proof-1-1").write_bytes(b"left by a run that was killed")
    escrow, written = Escrow(state.directory / "certificates"), []
    write_new = Directory.write_new
    monkeypatch.setattr(Directory, "write_new", lambda self, name, text, **how: (written.append(name), write_new(self, name, text, **how)))
    escrow.prove()
    escrow.prove()
    assert len(written) == 1
    assert list(state.directory.glob(".proof-*")) == []
    with pytest.raises(StateError, match="the certificate cannot be kept in"):
        Escrow(state.directory / "gone" / "certificates").prove()


@pytest.mark.parametrize(
    ("found", "says"),
    [
        ((0, 0, 10, 10), ("0 KiB are free on its disk", "free space for ")),
        ((1000, 0, 10, 0), ("its disk takes no further file", "remove files on the disk of ")),
        ((1000, 0, 0, 0), ("", "")),  # btrfs counts no files
        ((0, os.ST_RDONLY, 10, 10), ("its disk is mounted read-only", "mount -o remount,rw the disk of ")),
    ],
)
def test_what_ails_a_disk_is_said_with_what_helps(tmp_path, monkeypatch, found, says):
    room, flags, files, free = found
    about = os.statvfs_result((4096, 4096, 1000, room, room, files, free, free, flags, 255))
    monkeypatch.setattr(os, "statvfs", lambda _: about)
    what, helps = disk.ailment(tmp_path)
    assert (what, helps[: len(says[1])]) == says


def test_of_a_disk_that_cannot_be_asked_nothing_is_said(tmp_path):
    assert disk.ailment(tmp_path / "gone") == ("", "")
