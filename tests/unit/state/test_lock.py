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


def test_of_twenty_processes_one_gets_it_and_the_others_know_at_once(tmp_path):
    """A timer, a person, and eighteen more."""
    locks = Locks(tmp_path / "locks")
    (begin, begun), (told, tell), (end, ended) = os.pipe(), os.pipe(), os.pipe()
    children = []
    for _ in range(20):
        if child := os.fork():
            children.append(child)
            continue
        try:
            os.close(ended)
            os.read(begin, 1)
            with locks.hold("wiki"):
                os.write(tell, b"held")
                os.read(end, 1)
        except LockHeld:
            os.write(tell, b"busy")
        finally:
            os._exit(0)  # whatever it was: no child comes back into the test
    os.write(begun, bytes(20))
    answers = [os.read(told, 4) for _ in children]  # none of them has ended before all have tried
    os.close(ended)
    for child in children:
        os.waitpid(child, 0)
    assert sorted(answers) == [b"busy"] * 19 + [b"held"]
    with locks.hold("wiki"):
        pass
    for descriptor in (begin, begun, told, tell, end):
        os.close(descriptor)
