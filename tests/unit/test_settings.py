"""Settings of a kind: what a table may hold, and errors that say where and what to do."""

from __future__ import annotations

from datetime import timedelta
from pathlib import PurePosixPath
from typing import Annotated, Literal

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from certpush.errors import ConfigError, ContractViolation
from certpush.kit.description import describe
from certpush.kit.settings import Doc, Duration, Settings, convert, fields_of, format_duration, parse_endpoint, parse_host
from certpush.model import Endpoint, KeySpec, Secret


class Inner(Settings):
    port: int


class Sample(Settings):
    host: str
    token: Secret | None = None
    wait: Annotated[Duration, Doc("how long")] = Duration(seconds=30)
    at: Endpoint | None = None
    places: tuple[Endpoint, ...] = ()
    inner: list[Inner] = msgspec.field(default_factory=list)

    def __post_init__(self) -> None:
        if self.host == "forbidden":
            raise ConfigError("host: this one is not allowed", hint="take another")


def read(table, into=Sample, *, read_secret=Secret):
    return convert(table, into, path="target.box", read_secret=read_secret)


class Choosing(Settings):
    order: Literal["up", "down"] = "up"
    key: Annotated[KeySpec | None, Doc("of two kinds")] = None


@pytest.mark.parametrize(("table", "hint"), [({"order": "left"}, "one of: up, down"), ({"key": "dsa"}, "one of: ec-p256, ec-p384")])
def test_a_word_that_is_not_allowed_is_answered_with_those_that_are(table, hint):
    with pytest.raises(ConfigError) as refused:
        read(table, Choosing)
    assert "invalid enum value" in refused.value.message
    assert refused.value.hint.startswith(hint)


# --- several bases ---------------------------------------------------------------------------


class Named(Settings):
    name: Annotated[str, Doc("what it is called")]
    inner: list[Inner] = msgspec.field(default_factory=list)
    host: str = "elsewhere"


class Both(Choosing, Named):
    host: str
    last: bool = False

    def __post_init__(self) -> None:
        if self.name == "forbidden":
            raise ConfigError("name: not this one")


def test_a_class_has_the_keys_of_all_its_bases_in_their_order():
    assert [one.name for one in fields_of(Both)] == ["order", "key", "name", "inner", "host", "last"]
    assert next(one for one in describe(Both) if one.key == "name").text == "what it is called"
    found = read({"name": "n", "host": "h", "inner": [{"port": 7}], "order": "down"}, Both)
    assert (found.name, found.host, found.inner[0].port, found.order, found.last) == ("n", "h", 7, "down", False)
    assert read({"name": "n", "host": "h"}, Both).inner is not read({"name": "n", "host": "h"}, Both).inner


@pytest.mark.parametrize(
    ("table", "match"),
    [
        ({"host": "h"}, "'name' is missing"),
        ({"name": "n"}, "'host' is missing"),
        ({"name": "forbidden", "host": "h"}, "target.box: name: not"),
    ],
)
def test_what_a_class_with_several_bases_refuses(table, match):
    with pytest.raises(ConfigError, match=match):
        read(table, Both)


# --- lengths of time -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "length"),
    [
        ("90s", timedelta(seconds=90)),
        ("10m", timedelta(minutes=10)),
        ("24h", timedelta(hours=24)),
        ("395d", timedelta(days=395)),
        ("1h30m", timedelta(minutes=90)),
        ("0s", timedelta(0)),
        ("36525d", timedelta(days=36525)),
    ],
)
def test_a_length_of_time_is_read(text, length):
    assert Duration.parse(text) == length


@pytest.mark.parametrize(
    "text", ["", "90", "d", "1w", "1.5h", "-1h", " 1h", "1h ", "1h\n", "1h x", "٣h", "1 h", "1H", "x" * 500, "\u202e1h", "1e3s"]
)
def test_what_is_no_length_of_time_is_refused(text):
    with pytest.raises(ConfigError, match="not a length of time") as caught:
        Duration.parse(text)
    assert caught.value.message.isprintable()
    assert len(caught.value.message) < 300


@pytest.mark.parametrize("text", ["36526d", "9999999999s", "999999999d999999999d", "9" * 5000 + "h"])
def test_a_length_beyond_a_hundred_years_is_refused(text):
    with pytest.raises(ConfigError, match="too long a time"):
        Duration.parse(text)


@given(st.text(max_size=40) | st.from_regex(r"([0-9]{1,12}[dhms]){1,4}", fullmatch=True))
def test_any_text_is_a_length_of_time_or_refused(text):
    try:
        length = Duration.parse(text)
    except ConfigError:
        return
    assert timedelta(0) <= length <= timedelta(days=36525)


@given(st.timedeltas(min_value=timedelta(0), max_value=timedelta(days=36525)))
def test_a_written_length_reads_as_itself_to_the_second(length):
    whole = timedelta(seconds=int(length.total_seconds()))
    assert Duration.parse(format_duration(length)) == whole


@pytest.mark.parametrize(
    ("length", "text"),
    [
        (timedelta(days=395), "395d"),
        (timedelta(hours=24), "24h"),
        (timedelta(hours=36), "36h"),
        (timedelta(minutes=90), "1h30m"),
        (timedelta(0), "0s"),
        (timedelta(seconds=-5), "-5s"),
        (-timedelta(days=2), "-2d"),
    ],
)
def test_a_length_is_written_largest_units_first(length, text):
    assert format_duration(length) == text
    assert str(Duration(seconds=length.total_seconds())) == text


# --- endpoints -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "endpoint"),
    [
        ("pve.lan:8006", Endpoint("pve.lan", 8006)),
        ("192.0.2.1:443", Endpoint("192.0.2.1", 443)),
        ("[2001:db8::1]:443", Endpoint("2001:db8::1", 443)),
        ("192.0.2.1:443#pve.lan", Endpoint("192.0.2.1", 443, "pve.lan")),
        ("BÜCHER.example:443", Endpoint("xn--bcher-kva.example", 443)),
    ],
)
def test_an_endpoint_is_read(text, endpoint):
    assert parse_endpoint(text) == endpoint


def test_a_default_port_fills_in_only_where_none_is_written():
    assert parse_endpoint("pve.lan", 443) == Endpoint("pve.lan", 443)
    assert parse_endpoint("[::1]", 443) == Endpoint("::1", 443)
    assert parse_endpoint("pve.lan:8006", 443).port == 8006


@pytest.mark.parametrize(
    "text",
    [
        "",
        "pve.lan",
        "pve.lan:",
        ":443",
        "pve.lan:0",
        "pve.lan:65536",
        "pve.lan:٤٤٣",
        "pve.lan:443 ",
        "pve.lan:443\n",
        "2001:db8::1:443",
        "[192.0.2.1]:443",
        "[cafe]:443",
        "[]:443",
        "[::1]",
        "https://pve.lan:443",
        "pve.lan:443/x",
        "pve.lan:443#",
        "pve.lan:443#a b",
        "pve.lan:443#*.lan",
        "*.lan:443",
        "$(id):443",
        "-oProxyCommand=id:22",
        "a" * 300 + ":443",
    ],
)
def test_what_is_no_endpoint_is_refused(text):
    with pytest.raises(ConfigError) as caught:
        parse_endpoint(text)
    assert caught.value.hint
    assert caught.value.message.isprintable()


@given(st.text(max_size=80) | st.from_regex(r"[^:\n]{1,20}:[0-9]{1,6}(#.{0,10})?", fullmatch=True))
def test_any_text_is_an_endpoint_or_refused(text):
    try:
        endpoint = parse_endpoint(text, 443)
    except ConfigError:
        return
    assert 0 < endpoint.port < 65536
    assert parse_endpoint(str(endpoint)).host == endpoint.host


def test_a_wildcard_is_no_host():
    assert parse_host("pve.lan") == "pve.lan"
    with pytest.raises(ConfigError, match="wildcard"):
        parse_host("*.lan")


# --- tables ----------------------------------------------------------------------------------


def test_a_table_becomes_settings_with_secrets_resolved():
    asked = []
    made = read(
        {
            "host": "box",
            "token": "file:/x",
            "wait": "2m",
            "at": "box:1",
            "places": ["a.lan:1", {"host": "b.lan", "port": 2}],
            "inner": [{"port": 1}],
        },
        read_secret=lambda reference: asked.append(reference) or Secret("resolved"),
    )
    assert asked == ["file:/x"]
    assert made.token.reveal() == "resolved"
    assert made.wait == timedelta(minutes=2)
    assert made.at == Endpoint("box", 1)
    assert made.places == (Endpoint("a.lan", 1), Endpoint("b.lan", 2))
    assert "resolved" not in repr(made)


def test_settings_cannot_be_changed():
    with pytest.raises(AttributeError):
        read({"host": "box"}).host = "other"


@pytest.mark.parametrize(
    ("table", "message", "hint"),
    [
        ({}, "target.box: the key 'host' is missing", "add host"),
        ({"host": 3}, 'target.box.host: expected a text "...", got a whole number', "certpush targets"),
        ({"host": "box", "hots": 1}, "target.box.hots: unknown key", "did you mean 'host'"),
        ({"host": "box", "zzz": 1}, "target.box.zzz: unknown key", "known keys: at, host"),
        ({"host": "box", "wait": "soon"}, "target.box.wait: 'soon' is not a length of time", "90s"),
        ({"host": "box", "wait": 30}, "target.box.wait: expected a text, found int", "double quotes"),
        ({"host": "box", "token": 30}, "target.box.token: expected a text, found int", "double quotes"),
        ({"host": "box", "at": "box"}, "target.box.at: 'box' is not an endpoint", "host:port"),
        ({"host": "box", "at": 3}, "target.box.at: expected", "certpush targets"),
        ({"host": "box", "places": ["a.lan:1", "b:0"]}, "target.box.places[1]: 'b:0' is not an endpoint", "host:port"),
        ({"host": "box", "inner": [{"port": 1}, {}]}, "target.box.inner[1]: the key 'port' is missing", "add port"),
        ({"host": "box", "inner": [{"port": 1, "prt": 2}]}, "target.box.inner[0].prt: unknown key", "did you mean 'port'?"),
        ({"host": "forbidden"}, "target.box: host: this one is not allowed", "take another"),
    ],
)
def test_what_is_wrong_in_a_table_is_said_with_its_path_and_a_hint(table, message, hint):
    with pytest.raises(ConfigError) as caught:
        read(table)
    assert caught.value.message.startswith(message)
    assert hint in caught.value.hint


def test_a_refused_secret_is_named_by_its_path():
    def refuse(_reference):
        raise ConfigError("a secret stands in the configuration as plain text", hint="move it")

    with pytest.raises(ConfigError) as caught:
        read({"host": "box", "token": "canary"}, read_secret=refuse)
    assert caught.value.message == "target.box.token: a secret stands in the configuration as plain text"
    assert "canary" not in str(caught.value)
    assert caught.value.__cause__ is None


def test_a_message_that_has_its_path_already_is_left_as_it_is():
    class Picky(Settings):
        def __post_init__(self) -> None:
            raise ConfigError("target.box.x: no", hint="h")

    with pytest.raises(ConfigError) as caught:
        read({}, Picky)
    assert caught.value.message == "target.box.x: no"


def test_a_field_that_no_configuration_can_hold_is_the_plugins_fault():
    class Odd(Settings):
        path: PurePosixPath

    with pytest.raises(ContractViolation, match="PurePosixPath"):
        read({"path": "/x"}, Odd)


def test_the_fields_and_their_texts_can_be_listed():
    names = [one.encode_name for one in fields_of(Sample)]
    assert names == ["host", "token", "wait", "at", "places", "inner"]
    assert Doc("text") == "text"
