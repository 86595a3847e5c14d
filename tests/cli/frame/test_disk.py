"""The model of a disk knows what a power cut may take, and what it may not."""

from __future__ import annotations

from pathlib import Path

import pytest

from cli.frame.disk import Disk, put

_OPENED = 'openat(3<{w}>, "a.new", O_WRONLY|O_CREAT|O_EXCL, 0600) = 4<{w}/a.new>'
_WRITTEN = 'write(4<{w}/a.new>, "\\x6e\\x65\\x77", 3) = 3'
_FLUSHED = "fsync(4<{w}/a.new>) = 0"
_RENAMED = 'renameat(3<{w}>, "a.new", 3<{w}>, "a") = 0'
_SETTLED = "fsync(3<{w}>) = 0"


def seen(directory: Path, *calls: str) -> tuple[Disk, list[dict[str, bytes]]]:
    """After these calls: the disk, and the contents that a power cut may leave."""
    (directory / "a").write_bytes(b"old")
    disk = Disk(directory)
    list(disk.see(f"17 {call.format(w=directory)}" for call in calls))
    trees = [{name: content for name, (_, _, content) in tree.items()} for _, tree in disk.cuts()]
    return disk, [one for number, one in enumerate(trees) if one not in trees[:number]]


def test_a_rename_before_its_content_is_flushed_may_leave_anything(tmp_path):
    disk, left = seen(tmp_path, _OPENED, _WRITTEN, _RENAMED)
    for content in (b"old", b"new", b"", bytes(3)):
        assert {"a": content} in left
    assert disk.wrong == ["a may be empty: a.new is renamed before its content is on the disk"]
    assert disk.unkept


def test_what_is_flushed_before_its_rename_is_old_or_new(tmp_path):
    disk, left = seen(tmp_path, _OPENED, _WRITTEN, _FLUSHED, _RENAMED)
    assert {one["a"] for one in left} == {b"old", b"new"}
    assert disk.wrong == []
    assert disk.unkept


def test_when_the_directory_is_flushed_nothing_is_left_to_chance(tmp_path):
    disk, left = seen(tmp_path, _OPENED, _WRITTEN, _FLUSHED, _RENAMED, _SETTLED)
    assert left == [{"a": b"new"}]
    assert disk.unkept == []


def test_what_was_renamed_away_does_not_come_back_when_its_former_directory_is_flushed_later(tmp_path):
    (tmp_path / "to").mkdir()
    away = 'renameat(3<{w}>, "a.new", 5<{w}/to>, "a") = 0'
    _, left = seen(tmp_path, _OPENED, _WRITTEN, _FLUSHED, away, "fsync(5<{w}/to>) = 0")
    assert left == [{"a": b"old", "to": b"", "to/a": b"new"}]
    assert seen(tmp_path, _OPENED, _WRITTEN, _FLUSHED, away, "fsync(5<{w}/to>) = 0", _SETTLED)[1] == left


def test_a_command_that_runs_too_early_is_named(tmp_path):
    disk, _ = seen(tmp_path, _OPENED, _WRITTEN, _FLUSHED, _RENAMED, 'execve("\\x2f\\x78", ["\\x78"], 0x1 /* 2 vars */) = 0')
    assert "/x is run before a is on the disk" in disk.wrong


def test_a_call_that_another_thread_interrupts_is_one_call_and_one_that_failed_is_none(tmp_path):
    begun = _RENAMED.removesuffix(") = 0")
    disk, _ = seen(tmp_path, _OPENED, _WRITTEN, f"{begun} <unfinished ...>", _SETTLED, "<... renameat resumed>) = 0")
    assert disk.deeds == [f"rename {tmp_path}/a"]
    assert disk.unkept == ["a", "a"], "its entry and its content: it was renamed after the directory was flushed"
    disk, _ = seen(tmp_path, 'unlinkat(3<{w}>, "a", 0) = -1 EACCES (Permission denied)')
    assert disk.unkept == []


def test_a_key_in_a_file_that_others_may_read_is_named(tmp_path):
    key = "".join(f"\\x{one:02x}" for one in b"-----BEGIN PRIVATE KEY-----")
    written = f'write(4<{{w}}/a.new>, "{key}", 27) = 27'
    assert seen(tmp_path, _OPENED, written)[0].wrong == []
    disk, _ = seen(tmp_path, _OPENED.replace("0600", "0640"), written)
    assert disk.wrong == [f"{tmp_path}/a.new holds a key, and its mode is 640"]
    assert len(seen(tmp_path, _OPENED, written, "fchmod(4<{w}/a.new>, 0644) = 0")[0].wrong) == 1


@pytest.mark.parametrize("left", [{}, {"b": ("folder", 0o700, b""), "b/c": ("file", 0o640, b"text"), "link": ("link", 0, b"b/c")}])
def test_a_tree_is_put_in_the_place_of_what_is_there(tmp_path, left):
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "b").write_text("old")
    put(left, tmp_path)
    assert sorted(str(one.relative_to(tmp_path)) for one in tmp_path.rglob("*")) == sorted(left)
    assert dict(next(iter([tree for _, tree in Disk(tmp_path).cuts()]))) == left
