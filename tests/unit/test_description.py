"""What a settings class tells about itself: words for people, a schema for editors."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
import pytest
from jsonschema import Draft7Validator

from certpush.kit.description import Field, describe, schema_of
from certpush.kit.settings import Doc, Duration, Settings, convert
from certpush.model import Endpoint, KeySpec, Secret


class Inner(Settings):
    port: int


class Sample(Settings):
    wait: Annotated[Duration, Doc("how long")] = Duration(minutes=1)
    host: Annotated[str, Doc("where")]
    token: Annotated[Secret | None, Doc("what opens it")] = None
    order: Literal["up", "down"] = "up"
    key: KeySpec | None = None
    tries: Annotated[int, msgspec.Meta(ge=1, le=9), Doc("how often")] | None = None
    names: str | tuple[str, ...] = ()
    places: list[Endpoint] = msgspec.field(default_factory=list)
    ways: tuple[Literal["in", "out"], ...] = ("in",)
    inner: Inner | None = None
    loud: bool = False
    part: float = 0.5


FULL = {
    "host": "box.lan",
    "wait": "90s",
    "token": "file:/etc/token",
    "order": "down",
    "key": "rsa-2048",
    "tries": 3,
    "names": ["a", "b"],
    "places": ["box.lan:443#www.lan"],
    "ways": ["out", "in"],
    "inner": {"port": 22},
    "loud": True,
    "part": 0.25,
}


def test_each_key_is_described_the_required_ones_first():
    by_key = {one.key: one for one in describe(Sample)}
    assert next(iter(by_key)) == "host"
    assert by_key["host"] == Field("host", "text", "", "where", required=True)
    assert by_key["wait"] == Field("wait", "length of time", '"1m"', "how long", required=False)
    assert by_key["token"] == Field("token", "secret reference", "", "what opens it", required=False)
    assert by_key["order"].type == '"up" | "down"'
    assert by_key["order"].default == '"up"'
    assert by_key["key"].type.startswith('"ec-p256" | ')
    assert by_key["tries"] == Field("tries", "whole number", "", "how often", required=False)
    assert by_key["names"].type == "text or list of text"
    assert by_key["places"] == Field("places", "list of endpoint", "", "", required=False)
    assert by_key["ways"] == Field("ways", 'list of "in" | "out"', '["in"]', "", required=False)
    assert by_key["inner"].type == "table"
    assert by_key["loud"].default == "false"
    assert by_key["part"] == Field("part", "number", "0.5", "", required=False)


def test_what_the_schema_takes_the_class_takes():
    validator = Draft7Validator(schema_of(Sample))
    Draft7Validator.check_schema(validator.schema)
    validator.validate(FULL)
    read = convert(FULL, Sample, path="box", read_secret=Secret)
    assert read.tries == 3
    for key, value in FULL.items():
        validator.validate({"host": "box.lan", key: value})


@pytest.mark.parametrize(
    "change",
    [
        {"hots": "x"},
        {"wait": "soon"},
        {"wait": 90},
        {"token": "hunter2"},
        {"order": "sideways"},
        {"key": "dsa"},
        {"tries": 0},
        {"tries": 10},
        {"names": [1]},
        {"places": ["box.lan"]},
        {"inner": {"port": "22"}},
        {"inner": {"port": 22, "more": 1}},
        {"loud": "yes"},
    ],
)
def test_what_the_class_refuses_the_schema_refuses_too(change):
    table = {**FULL, **change}
    assert not Draft7Validator(schema_of(Sample)).is_valid(table)
    if change != {"token": "hunter2"}:  # to the class it is whatever reads secrets that refuses it
        with pytest.raises(Exception, match=r"box"):
            convert(table, Sample, path="box", read_secret=Secret)


def test_a_key_that_must_be_there_is_asked_for():
    assert not Draft7Validator(schema_of(Sample)).is_valid({})
    assert schema_of(Sample)["required"] == ["host"]
    assert "required" not in schema_of(type("Empty", (Settings,), {}))
