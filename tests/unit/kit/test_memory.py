"""What an observer remembers: private, whole, and no harm where it is damaged."""

from __future__ import annotations

import pytest

from certpush.errors import SafetyRefusal
from certpush.kit.memory import Memory


@pytest.fixture
def memory(tmp_path):
    (tmp_path / "state").mkdir(mode=0o700)
    return Memory(tmp_path / "state" / "observers" / "chat.json")


def test_what_was_written_is_read(memory, tmp_path):
    assert memory.read() == {}
    memory.write({"a": [1, "zwölf"]})
    memory.write({"b": {"c": None}})
    assert memory.read() == {"b": {"c": None}}
    file = tmp_path / "state" / "observers" / "chat.json"
    assert file.stat().st_mode & 0o777 == 0o600
    assert file.parent.stat().st_mode & 0o777 == 0o700
    assert [one.name for one in file.parent.iterdir()] == ["chat.json"]


@pytest.mark.parametrize("text", ["", "{", "[1]", '{"a": 1}\x00', "\xff"])
def test_a_damaged_one_is_begun_anew_and_that_is_said(memory, tmp_path, caplog, text):
    memory.write({})
    (tmp_path / "state" / "observers" / "chat.json").write_bytes(text.encode("latin-1"))
    assert memory.read() == {}
    assert "chat.json is damaged" in caplog.text


def test_a_planted_link_is_neither_read_nor_overwritten(memory, tmp_path):
    memory.write({})
    victim = tmp_path / "victim"
    victim.write_text("{}")
    file = tmp_path / "state" / "observers" / "chat.json"
    file.unlink()
    file.symlink_to(victim)
    for deed in (memory.read, lambda: memory.write({"a": 1})):
        with pytest.raises(SafetyRefusal):
            deed()
    assert victim.read_text() == "{}"
