"""One run at a time, whatever becomes of the file that the lock is on."""

import errno
import fcntl
import os

import pytest

from certpush.errors import LockHeld, StateError
from certpush.state.lock import Locks


def test_a_lock_whose_file_is_removed_and_made_anew_is_held_on_the_new_one(tmp_path, monkeypatch):
    """Else two runs would each hold a lock of that name, on two files."""
    locks, path, flock = Locks(tmp_path / "locks"), tmp_path / "locks" / "wiki.lock", fcntl.flock

    def replaced_once(descriptor, how):
        monkeypatch.setattr(fcntl, "flock", flock)
        path.unlink()
        path.touch(mode=0o600)
        flock(descriptor, how)

    monkeypatch.setattr(fcntl, "flock", replaced_once)
    with locks.hold("wiki"), pytest.raises(LockHeld), locks.hold("wiki"):
        pass


def test_a_disk_that_knows_no_locks_is_refused(tmp_path, monkeypatch):
    def refuse(*_):
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    monkeypatch.setattr(fcntl, "flock", refuse)
    with (
        pytest.raises(StateError, match=r"the lock .* cannot be taken: No locks available") as refused,
        Locks(tmp_path / "locks").hold("wiki"),
    ):
        pass
    assert refused.value.hint == "put [state] directory on a local disk"


@pytest.mark.parametrize("odd", ["link", "pipe"])
def test_what_somebody_planted_in_its_place_is_no_lock(tmp_path, odd):
    path = tmp_path / "locks" / "wiki.lock"
    path.parent.mkdir()
    path.symlink_to(tmp_path / "elsewhere") if odd == "link" else os.mkfifo(path)
    with pytest.raises(StateError), Locks(tmp_path / "locks").hold("wiki"):
        pass
    assert not (tmp_path / "elsewhere").exists()
