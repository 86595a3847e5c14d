"""A private directory that several targets share: made by whoever comes first, left by whoever goes last, never while one is at work in it."""

import threading
from contextlib import ExitStack

import pytest

from certpush.errors import SafetyRefusal
from certpush.kit import files
from certpush.kit.files import Directory


@pytest.fixture
def home(tmp_path):
    with Directory.open(str(tmp_path)) as opened:
        yield opened


def test_it_is_made_for_us_alone_and_left_when_it_is_empty(home, tmp_path):
    home.private("own").close()
    assert (tmp_path / "own").stat().st_mode & 0o777 == 0o700
    assert home.leave("own")
    assert not (tmp_path / "own").exists()
    assert not home.leave("own")


def test_it_stays_while_something_is_in_it(home, tmp_path):
    with home.private("own") as place:
        place.write_new("file", b"x")
    assert not home.leave("own")
    assert (tmp_path / "own" / "file").read_bytes() == b"x"


def test_it_stays_while_somebody_is_at_work_in_it(home):
    with ExitStack() as stack:
        first, second = (stack.enter_context(home.private("own")) for _ in range(2))
        assert not home.leave("own")
        first.close()
        assert not home.leave("own")
        second.write_new("file", b"x")  # would fail in a directory that is gone
        second.remove("file")
        second.close()
        assert home.leave("own")


@pytest.mark.parametrize("step", ["make", "enter", "flock"])
def test_one_that_is_left_just_now_is_made_again(home, tmp_path, monkeypatch, step):
    """Another target leaves it before each step in turn; seen once in thousands of runs."""
    place, original = (files.fcntl, files.fcntl.flock) if step == "flock" else (home, getattr(home, step))
    home.private("own").close()
    lost = []

    def leave_first(*words, **options):
        if step == "make":
            made = original(*words, **options)
        if not lost:
            lost.append((tmp_path / "own").rmdir())
        return made if step == "make" else original(*words, **options)

    monkeypatch.setattr(place, step, leave_first)
    with home.private("own") as entered:
        entered.write_new("file", b"x")
    assert lost
    assert (tmp_path / "own" / "file").exists()


def test_what_is_no_directory_of_ours_is_refused(home, tmp_path):
    (tmp_path / "own").mkdir(mode=0o755)
    (tmp_path / "link").symlink_to(tmp_path / "own")
    for name in ("own", "link"):
        with pytest.raises(SafetyRefusal, match="not a directory of our own"):
            home.private(name)


def test_many_come_and_go_at_once(tmp_path):
    failed = []

    def come_and_go(number):
        try:
            for _ in range(20):
                with Directory.open(str(tmp_path)) as home:
                    with home.private("own") as place:
                        place.write_new(f"{number}", b"")
                        place.remove(f"{number}")
                    home.leave("own")
        except (OSError, SafetyRefusal) as error:
            failed.append(error)

    threads = [threading.Thread(target=come_and_go, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failed == []
    assert not (tmp_path / "own").exists()
