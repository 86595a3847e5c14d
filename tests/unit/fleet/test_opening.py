"""From a table to a rotation: settings, pins, endpoints, and what a plugin may do wrong."""

from __future__ import annotations

import threading
from datetime import timedelta

import pytest

from certpush import Duration, Endpoint, Settings
from certpush.errors import ConfigError, TargetBug, TargetUnreachable
from certpush.fleet.wishes import Wishes
from certpush.kit.tls import utc_now
from unit.fleet.conftest import Box, kind, spec


class PlainSettings(Settings):
    host: str = "box.lan"


def opened(bench, one=None, **wishes):
    one = one or spec()
    opener = bench.opener()
    (member,) = opener.members(one)
    return opener.rotation(one, member, Wishes(**wishes))


# --- settings ---------------------------------------------------------------------------------


def test_settings_are_the_targets_table_with_its_secrets_resolved(bench):
    one = spec(host="other.lan", token="env:TOKEN")
    settings = bench.opener().settings(one, bench.kinds["box"])
    assert settings.host == "other.lan"
    assert settings.token.reveal() == "told"
    assert bench.secrets == ["env:TOKEN"]


def test_core_keys_that_the_kind_also_wants_reach_it(bench):
    settings = bench.opener().settings(spec(rescue_after="90s", trust="sha256:00"), bench.kinds["box"])
    assert settings.rescue_after == timedelta(seconds=90)
    assert settings.trust == "sha256:00"
    assert bench.opener().settings(spec(), bench.kinds["box"]).trust == "ca"


def test_core_keys_that_it_does_not_want_do_not(bench):
    assert bench.opener().settings(spec(rescue_after="90s"), kind(settings=PlainSettings)) == PlainSettings(host="box.lan")


def test_a_core_key_that_the_kind_refuses_is_told_with_its_place(bench):
    class Picky(Settings):
        rescue_after: Duration | None = None

        def __post_init__(self) -> None:
            if self.rescue_after and self.rescue_after > timedelta(hours=1):
                raise ConfigError("rescue_after is too long", hint="an hour at most")

    with pytest.raises(ConfigError) as refused:
        bench.opener().settings(spec(rescue_after="2h"), kind(settings=Picky))
    assert (refused.value.message, refused.value.hint) == ("target.box: rescue_after is too long", "an hour at most")


def test_a_wrong_key_is_told_with_its_place(bench):
    with pytest.raises(ConfigError, match=r"target\.box\.hots: unknown key"):
        bench.opener().settings(spec(hots="x"), bench.kinds["box"])


def test_what_a_person_pinned_counts_until_the_configuration_says_otherwise(bench):
    bench.journal.pin("box", "host_key", "SHA256:pinned", utc_now())
    bench.journal.pin("box", "gone_from_the_kind", "x", utc_now())
    assert bench.opener().settings(spec(), bench.kinds["box"]).host_key == "SHA256:pinned"
    assert bench.opener().settings(spec(host_key="SHA256:written"), bench.kinds["box"]).host_key == "SHA256:written"


# --- opening ----------------------------------------------------------------------------------


def test_a_rotation_knows_the_configuration_and_the_wishes(bench):
    stop = threading.Event()
    one = spec(rescue_after="90s", pinned_by=["printer"], adopt=True)
    rotation = opened(bench, one, force=True, stop=stop)
    assert rotation.name == "box"
    assert rotation.spec is one.certificate
    assert rotation.endpoints == (Endpoint("box.lan", 443),)
    assert rotation.rescue_after == timedelta(seconds=90)
    assert rotation.pinned_by == ("printer",)
    assert (rotation.force, rotation.adopt, rotation.adopt_first) == (True, False, True)
    assert rotation.stop is stop


def test_what_is_no_target_is_refused(bench):
    bench.kinds["box"] = kind(open=lambda _: object())
    with pytest.raises(TargetBug, match="opened something that is no Target"):
        opened(bench)


@pytest.mark.parametrize("error", [ZeroDivisionError(), SystemExit(3)])
def test_whatever_a_plugin_raises_while_it_opens_is_its_bug(bench, error):
    def fail(_):
        raise error

    bench.kinds["box"] = kind(open=fail)
    with pytest.raises(TargetBug) as bug:
        opened(bench)
    assert bug.value.phase == "open"


def test_errors_of_ours_pass_as_they_are(bench):
    mine = TargetUnreachable("no answer")

    def fail(_):
        raise mine

    bench.kinds["box"] = kind(open=fail)
    with pytest.raises(TargetUnreachable) as raised:
        opened(bench)
    assert raised.value is mine


# --- where to look ----------------------------------------------------------------------------


class Knowing(Box):
    answers = (Endpoint("own.lan", 8006),)


def test_the_configurations_endpoints_come_before_the_targets_own(bench):
    bench.kinds["box"] = kind(open=Knowing)
    assert opened(bench).endpoints == (Endpoint("box.lan", 443),)
    assert opened(bench, spec(endpoints=None)).endpoints == (Endpoint("own.lan", 8006),)


def test_files_that_nothing_serves_have_no_endpoints_even_where_the_target_knows_some(bench):
    bench.kinds["box"] = kind(open=Knowing)
    assert opened(bench, spec(verify="files")).endpoints == ()


def test_nowhere_to_look_is_refused_and_the_target_closed(bench):
    made: list[Box] = []

    def make(settings):
        made.append(Box(settings))
        return made[0]

    bench.kinds["box"] = kind(open=make)
    with pytest.raises(ConfigError) as refused:
        opened(bench, spec(endpoints=None))
    assert refused.value.message == "target.box: nothing says where the certificate is served"
    assert 'verify = "files"' in refused.value.hint
    assert made[0].closed == 1


def test_a_plugin_that_cannot_say_where_to_look_is_named_though_closing_fails_too(bench):
    class Broken(Box):
        answers = ZeroDivisionError()

        def close(self) -> None:
            raise OSError("gone")

    bench.kinds["box"] = kind(open=Broken)
    with pytest.raises(TargetBug) as bug:
        opened(bench, spec(endpoints=None))
    assert bug.value.phase == "endpoints"


# --- the CA -----------------------------------------------------------------------------------


class Signer:
    def __init__(self) -> None:
        self.signed: list[tuple[object, bytes]] = []

    def sign(self, request, csr):
        self.signed.append((request, csr))
        return "issued"

    def revoke(self, serial):
        return serial


def test_the_ca_is_looked_up_when_it_is_needed_and_waited_for_in_turn(bench):
    signer, stop = Signer(), threading.Event()
    bench.issuer = lambda _: signer
    rotation = opened(bench, stop=stop)
    assert bench.asked == bench.turns == []
    assert rotation.issuer.sign("request", b"csr") == "issued"
    assert signer.signed == [("request", b"csr")]
    assert bench.asked == ["default"]
    assert bench.turns == [("default", stop)]


def test_what_asks_for_no_certificate_waits_for_no_turn(bench):
    bench.issuer = lambda _: Signer()
    assert opened(bench).issuer.revoke(7) == 7
    assert bench.turns == []
