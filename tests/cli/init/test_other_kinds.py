"""init and kinds that it does not know: whatever a kind must be told is asked for, in its own words."""

from __future__ import annotations

import argparse
import io
from pathlib import Path
from typing import Annotated

import pytest

from certpush import Secret, Settings, TargetKind
from certpush.cli.asking import Interview
from certpush.cli.console import Console
from certpush.cli.init import configure
from certpush.cli.init.asking import Asking
from certpush.cli.init.target_questions import ask_target
from certpush.errors import ConfigError
from certpush.kit.settings import Doc


class Limits(Settings):
    most: int = 1


class NasSettings(Settings):
    host: Annotated[str, Doc("where it is")]
    token: Annotated[Secret, Doc("an API token")]
    slot: int
    pools: tuple[str, ...]
    user: str = "admin"
    strict: bool = False
    ratio: float = 0.5
    limits: Limits | None = None


class Shelf:
    """Offers one kind, as the loader of plugins does."""

    def load_kind(self, name: str):
        return TargetKind(name, "a NAS", NasSettings, lambda settings: None)


def asking(words: list[str], typed: str, monkeypatch) -> tuple[Asking, io.StringIO]:
    parser = argparse.ArgumentParser()
    configure(parser)
    shown = io.StringIO()
    monkeypatch.setattr("sys.stdin", io.StringIO(typed))
    interview = Interview(Console(err=shown), person=bool(typed))
    return Asking(interview, parser.parse_args(["--kind", "nas", "--names", "nas.example", *words]), Path("/etc/certpush")), shown


def test_a_person_is_asked_for_what_the_kind_must_be_told(monkeypatch):
    typed = "\nhunter2\nfile:/token\nmany\n3\n\nfast slow\n\n"
    asked, shown = asking([], typed, monkeypatch)
    target, settings = ask_target(asked, "nas", Shelf())
    assert settings is NasSettings
    assert target.own == {"host": "nas.example", "token": "file:/token", "slot": 3, "pools": ["fast", "slow"]}
    assert target.core == {"kind": "nas", "names": ["nas.example"]}
    assert "token: an API token: " in shown.getvalue()
    assert "a secret is given by reference" in shown.getvalue()
    assert "'many' is not a number" in shown.getvalue()
    assert "there must be an answer" in shown.getvalue()
    assert "`certpush targets nas` shows what else it can be told" in shown.getvalue()


def test_a_script_says_it_with_set(monkeypatch):
    words = ["--set", "token=env:T", "--set", "slot=1", "--set", "pools='a b' c", "--set", "strict=true", "--set", "ratio=0.25"]
    words += ["--set", "tags=edge dmz", "--set", "lifetime=30d", "--user", "root", "--endpoint", "nas.example:5001"]
    asked, _ = asking(words, "", monkeypatch)
    target, _ = ask_target(asked, "nas", Shelf())
    assert target.own == {
        "host": "nas.example",
        "user": "root",
        "token": "env:T",
        "slot": 1,
        "pools": ["a b", "c"],
        "strict": True,
        "ratio": 0.25,
    }
    assert list(target.table) == [
        "kind",
        "names",
        "tags",
        "lifetime",
        "host",
        "user",
        "token",
        "slot",
        "pools",
        "strict",
        "ratio",
        "endpoints",
    ]
    assert target.table["tags"] == ["edge", "dmz"]


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ([], "add --set token=VALUE"),
        (["--fullchain", "/x"], "a target of kind nas has no such key"),
        (["--set", "limits=a"], "cannot be written on one line"),
        (["--set", "pools='a"], "quotation mark"),
        (["--set", "strict=maybe"], "neither yes nor no"),
    ],
)
def test_what_is_missing_or_will_not_do_is_said(words, says, monkeypatch):
    if words:
        words = [
            *words,
            *("--set", "token=env:T", "--set", "slot=1") * (words[0] != "--set"),
            *("--set", "pools=a") * (words[0] != "--set"),
        ]
    asked, _ = asking(words, "", monkeypatch)
    with pytest.raises(ConfigError) as refused:
        ask_target(asked, "nas", Shelf())
    assert says in f"{refused.value.message}; {refused.value.hint}"
