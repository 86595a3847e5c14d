"""Settings of a third party's kind are read, described and refused as if its class had been imported."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import date, timedelta
from typing import Annotated, Any, Literal

import msgspec
import pytest

from certpush.errors import ConfigError, ContractViolation
from certpush.kit.description import describe, schema_of
from certpush.kit.settings import Doc, Duration, Settings, convert
from certpush.kit.trust import Trust, takes_trust
from certpush.model import Endpoint, KeySpec, Secret
from certpush.plugins.isolation import crossing, mirror
from certpush.plugins.isolation.crossing import Unreadable


class Inner(Settings):
    port: Annotated[int, msgspec.Meta(ge=1, le=65535)] = 22
    password: Secret | None = None


class Sample(Settings):
    host: Annotated[str, Doc("where")]
    token: Annotated[Secret | None, Doc("what opens it")] = None
    wait: Annotated[Duration, Doc("how long")] = Duration(minutes=1)
    order: Literal["up", "down"] = "up"
    key: KeySpec = KeySpec.EC_P256
    tries: Annotated[int, msgspec.Meta(ge=1, le=9), Doc("how often")] | None = None
    names: str | tuple[str, ...] = ()
    places: list[Endpoint] = msgspec.field(default_factory=list)
    place: Endpoint | None = None
    ways: tuple[Literal["in", "out"], ...] = ("in",)
    inner: Inner | None = None
    labels: dict[str, str] = msgspec.field(default_factory=dict)
    keys: list[Secret] = msgspec.field(default_factory=list)
    trust: Trust = Trust()
    loud: bool = False
    part: float = 0.5
    since: date | None = None
    renamed: int = msgspec.field(name="other-name", default=3)


class Plain(msgspec.Struct):
    token: Secret


class Hiding(Settings):
    box: Plain


class Both(Settings):
    box: dict[int, Secret]


FULL: dict[str, Any] = {
    "host": "box.lan",
    "token": "file:/etc/token",
    "wait": "90s",
    "order": "down",
    "key": "rsa-2048",
    "tries": 3,
    "names": ["a", "b"],
    "places": ["box.lan:443#www.lan"],
    "place": "[::1]:8443",
    "ways": ["out", "in"],
    "inner": {"port": 23, "password": "env:PASSWORD"},
    "labels": {"rack": "7"},
    "keys": ["cmd:one", "cmd:two"],
    "loud": True,
    "part": 0.25,
    "since": "2026-01-01",
    "other-name": 4,
}
WRONG: dict[str, dict[str, Any]] = {
    "an unknown key": {"hots": "x"},
    "one of the core's": {"enabeld": True},
    "a missing key": {"host": None},
    "a number for a text": {"host": 3},
    "too many": {"tries": 10},
    "another word": {"order": "left"},
    "another word of an enum": {"key": "rsa-1"},
    "no length of time": {"wait": "soon"},
    "no endpoint": {"places": ["box.lan:443", "nowhere"]},
    "a port of a table": {"inner": {"port": 0}},
    "an unknown key of a table": {"inner": {"prot": 1}},
    "a secret in plain text": {"token": "hunter2"},
    "a secret in a table": {"inner": {"password": "hunter2"}},
    "a list of wrong ones": {"ways": ["in", "through"]},
}


class Core(Settings):
    enabled: bool = True


def read(reference: str) -> Secret:
    if ":" not in reference:
        raise ConfigError("a secret stands in the configuration as plain text", hint="move it")
    return Secret(f"what {reference} says")


def again(settings: type[Settings], check: mirror.Check = lambda _: None) -> type[Settings]:
    return mirror.made("Sample", json.loads(json.dumps(mirror.told(settings))), check)


MIRRORED = again(Sample)


def told(settings: type[Settings], wrong: dict[str, Any]) -> tuple[str, str]:
    table = {key: value for key, value in {"host": "box.lan", **wrong}.items() if value is not None}
    with pytest.raises(ConfigError) as refused:
        convert(table, settings, path="target.box", read_secret=read, beside=Core)
    return refused.value.message, refused.value.hint


@pytest.mark.parametrize("what", WRONG)
def test_what_is_wrong_is_said_in_the_same_words_with_its_path(what):
    message, hint = told(Sample, WRONG[what])
    assert told(MIRRORED, WRONG[what]) == (message, hint)
    assert message.startswith("target.box")


def test_it_is_described_in_the_same_words():
    ours, theirs = ({one.key: one for one in describe(settings)} for settings in (MIRRORED, Sample))
    assert ours.pop("since") == replace(theirs.pop("since"), type="Any")  # a type of which only the plugin knows how it is written
    assert list(ours.values()) == list(theirs.values())
    assert schema_of(MIRRORED) == schema_of(Sample)
    assert takes_trust(MIRRORED)


def test_what_was_read_arrives_as_it_was_read():
    ours = convert(FULL, MIRRORED, path="target.box", read_secret=read)
    crossed = json.loads(json.dumps(crossing.table_of(ours)))
    theirs = convert(crossed, Sample, path="settings", read_secret=Secret)
    expected = convert(FULL, Sample, path="settings", read_secret=read)
    revealed = [one.token.reveal() for one in (theirs, expected)]
    assert revealed == ["what file:/etc/token says"] * 2
    assert [one.reveal() for one in theirs.keys] == ["what cmd:one says", "what cmd:two says"]
    assert theirs.inner.password.reveal() == "what env:PASSWORD says"
    without = {"token": None, "keys": [], "inner": None}
    assert msgspec.structs.replace(theirs, **without) == msgspec.structs.replace(expected, **without)
    assert sorted(crossing.secrets_in(ours)) == [f"what {one} says" for one in ("cmd:one", "cmd:two", "env:PASSWORD", "file:/etc/token")]


def test_what_was_left_out_is_filled_in_by_the_plugin():
    ours = convert({"host": "box.lan"}, MIRRORED, path="target.box", read_secret=read)
    assert convert(crossing.table_of(ours), Sample, path="s", read_secret=Secret) == Sample(host="box.lan")


def test_what_the_core_fills_in_crosses_too():
    ours = convert({"host": "box.lan"}, MIRRORED, path="target.box", read_secret=read)
    filled = msgspec.structs.replace(ours, trust=Trust(pins=("ab" * 32,)), wait=timedelta(seconds=200))
    theirs = convert(crossing.table_of(filled), Sample, path="s", read_secret=Secret)
    assert (theirs.trust.pins, theirs.wait) == (("ab" * 32,), Duration(seconds=200))


def test_what_the_plugin_finds_wrong_gets_its_path():
    def refuse(settings: Any) -> None:
        if settings.loud:
            raise ConfigError("loud does not go with host", hint="leave it out")

    with pytest.raises(ConfigError, match=r"^target\.box: loud does not go with host$") as refused:
        convert({"host": "a", "loud": True}, again(Sample, refuse), path="target.box", read_secret=read)
    assert refused.value.hint == "leave it out"


def test_a_secret_where_nobody_would_look_for_it_is_refused():
    for one in (Hiding, Both):
        with pytest.raises(ContractViolation, match="hold a secret in box"):
            mirror.told(one)


def test_a_secret_by_default_stays_with_the_plugin():
    class Guessing(Settings):
        token: Secret = Secret("hunter2")

    assert "hunter2" not in json.dumps(mirror.told(Guessing))
    assert crossing.table_of(again(Guessing)()) == {}


@pytest.mark.parametrize(
    "fields",
    [
        "no list",
        [{"name": "x"}],
        [{"name": "1x", "key": "x", "required": True, "type": {"is": "text"}}],
        [{"name": "__init__", "key": "x", "required": True, "type": {"is": "text"}}],
        [{"name": "class", "key": "x", "required": True, "type": {"is": "text"}}],
        [{"name": "x", "key": "x", "required": True, "type": {"is": "text", "bounds": {"ge": "a"}}}],
        [{"name": "x", "key": "x", "required": True, "type": {"is": "list", "of": ["text"]}}],
    ],
)
def test_a_description_that_is_none_is_refused(fields):
    with pytest.raises(Unreadable):
        mirror.made("x", fields, lambda _: None)


def test_a_description_without_an_end_is_refused():
    deep: dict[str, Any] = {"is": "text"}
    for _ in range(100):
        deep = {"is": "list", "of": [deep]}
    with pytest.raises(Unreadable):
        mirror.made("x", [{"name": "x", "key": "x", "required": True, "type": deep}], lambda _: None)


def test_a_default_that_no_configuration_could_hold_stays_with_the_plugin():
    class Odd(Settings):
        count: int = "many"  # type: ignore[assignment] # what a careless author would write
        thing: Any = object()

    assert crossing.table_of(again(Odd)()) == {}
