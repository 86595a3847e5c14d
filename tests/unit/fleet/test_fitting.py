"""What can be told from the configuration alone."""

from __future__ import annotations

from datetime import timedelta

import pytest

from certpush import Endpoint, KeySpec, Settings, Severity
from certpush.fleet.fitting import key_fits, names_fit, reload_fits, timer_fits
from certpush.model import parse_name
from unit.fleet.conftest import BoxSettings, kind, spec

NAMES = tuple(parse_name(one) for one in ("wiki.lan", "*.apps.lan", "192.0.2.7"))


def test_a_key_that_the_kind_takes():
    found = key_fits(spec(key="ec-p384"), kind())
    assert (found.severity, found.code) == (Severity.OK, "key")


def test_a_key_that_the_kind_does_not_take_comes_with_those_it_does():
    found = key_fits(spec(key="ed25519"), kind(accepted_keys=frozenset({KeySpec.RSA_2048, KeySpec.EC_P256})))
    assert found.severity is Severity.ERROR
    assert found.message == "box does not take ed25519 keys"
    assert found.hint == "set key to one of: ec-p256, rsa-2048"


@pytest.mark.parametrize(
    ("host", "server_name", "fits"),
    [
        ("wiki.lan", None, True),
        ("192.0.2.7", None, True),
        ("192.0.2.8", None, False),
        ("192.0.2.8", "wiki.lan", True),
        ("wiki.lan", "other.lan", False),
        ("x.apps.lan", None, True),
        ("y.x.apps.lan", None, False),
        ("apps.lan", None, False),
    ],
)
def test_names_cover_an_endpoint_or_the_fix_is_said(host, server_name, fits):
    (found,) = names_fit(NAMES, [Endpoint(host, 443, server_name)])
    assert (found.severity is Severity.OK) == fits
    if not fits:
        assert f'add "{server_name or host}" to names' in found.hint


def test_each_endpoint_is_told_of():
    assert len(list(names_fit(NAMES, [Endpoint("wiki.lan", 443), Endpoint("mail.lan", 993)]))) == 2
    assert list(names_fit(NAMES, [])) == []


@pytest.mark.parametrize(
    ("rescue_after", "settle", "least"),
    [("2s", 0, "20s"), ("19s", 0, "20s"), ("20s", 0, None), ("3m", 0, None), ("30s", 10, "40s"), ("40s", 10, None)],
)
def test_the_devices_own_timer_leaves_time_to_look(rescue_after, settle, least):
    found = list(timer_fits(spec(rescue_after=rescue_after), kind(self_rescue=True, settle=timedelta(seconds=settle))))
    assert [one.hint for one in found] == ([f'write rescue_after = "{least}" or more'] if least else [])


def test_where_the_device_has_no_timer_none_is_too_short():
    assert list(timer_fits(spec(rescue_after="1s"), kind())) == []


class Reloading(Settings):
    reload: tuple[str, ...] = ()


@pytest.mark.parametrize(
    ("settings", "more", "missing"),
    [
        (Reloading, {}, True),
        (Reloading, {"reload": []}, True),
        (Reloading, {"reload": ["true"]}, False),
        (Reloading, {"verify": "files", "endpoints": None}, False),
        (BoxSettings, {}, False),
    ],
)
def test_something_tells_the_service_of_new_files(settings, more, missing):
    found = list(reload_fits(spec(**more), kind(settings=settings)))
    assert [(one.severity, one.code) for one in found] == ([(Severity.WARNING, "reload")] if missing else [])
