"""The plan: what is seen, known and wanted goes in; what to do, why, and the way back come out. Nothing is touched."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from certpush.issuer import Issued
from certpush.model import (
    Action,
    CertificateSpec,
    Endpoint,
    Installed,
    KeySpec,
    PrivateKey,
    Served,
    WayBackKind,
)
from certpush.rotation.inspect import View, address
from certpush.rotation.obtain import check_issued
from certpush.rotation.plan import Situation, describe, due, make_plan
from certpush.target import KeyOrigin, Reversible
from certpush.testing.memory import memory_kind
from unit.rotation.answers import DAY, HOUR, MINUTE, NOW, make_ca, make_leaf, request_for

ROOT = make_ca()
INTERMEDIATE = ROOT.below()
WEB = Endpoint("box.lan", 443)
ADMIN = Endpoint("192.0.2.7", 8443)


def mint(*names: str, key: KeySpec = KeySpec.EC_P256, ends=NOW + DAY - MINUTE):
    request = request_for(*names, key=key, lifetime=None)
    private = PrivateKey.generate(key)
    leaf = make_leaf(INTERMEDIATE, private.reveal_key().public_key(), request.names, ends=ends)
    return check_issued(Issued(leaf, (INTERMEDIATE.certificate,), (ROOT.certificate,)), request, private, NOW)


OURS = mint()  # lives a day, from a minute ago
OTHER = mint()
SPEC = CertificateSpec(name="box", request=request_for(), ca="default")


def served(fingerprint: str, at: Endpoint = WEB, *, own: bool = False, chain_ok: bool = True, subject: str = "CN=theirs") -> Served:
    return Served(at, fingerprint, NOW + DAY, chain_ok, subject=subject, issuer=subject if own else "CN=Some CA")


def view(installed: str | None, *seen: Served, silent: tuple[Endpoint, ...] = (), default: bool = False) -> View:
    return View(Installed(installed, {}, default), {one.endpoint: one for one in seen}, dict.fromkeys(silent, "no answer"))


IN_PLACE = view(OURS.fingerprint, served(OURS.fingerprint))
EMPTY = view(None)


def situation(seen: View = IN_PLACE, **more) -> Situation:
    known = {
        "now": NOW,
        "target": "box",
        "kind": memory_kind(),
        "spec": SPEC,
        "endpoints": (WEB,),
        "view": seen,
        "current": OURS,
        "ours": frozenset({OURS.fingerprint}),
        "held": frozenset({OURS.fingerprint}),
        "changes": ("one more certificate",),
        "rescue_after": timedelta(minutes=3),
    }
    return Situation(**(known | more))


def plan(seen: View = IN_PLACE, **more):
    return make_plan(situation(seen, **more))


def spec(**more) -> CertificateSpec:
    names = more.pop("names", ())
    request = request_for(*names, **{key: more.pop(key) for key in ("key", "lifetime") if key in more})
    return replace(SPEC, request=request, **more)


# --- nothing is due ---------------------------------------------------------------------------------


def test_what_is_served_everywhere_and_not_due_is_left_alone():
    made = plan()
    assert made.action is Action.NOTHING
    assert made.why.startswith("23h59m left, due in ")
    assert made.changes == ()


def test_where_nothing_serves_it_the_targets_own_word_counts():
    assert plan(view(OURS.fingerprint), endpoints=()).action is Action.NOTHING


def test_more_than_two_days_are_told_in_days():
    long = mint(ends=NOW + 395 * DAY + 5 * HOUR)
    made = plan(
        view(long.fingerprint, served(long.fingerprint)), current=long, ours=frozenset({long.fingerprint}), spec=spec(lifetime=None)
    )
    assert made.why.startswith("395d left, due in 2")


@pytest.mark.parametrize(
    ("seen", "action", "why"),
    [
        (view(OURS.fingerprint, silent=(WEB,)), Action.ACTIVATE, "installed, but not what is served"),
        (view(OURS.fingerprint, served(OURS.fingerprint, chain_ok=False)), Action.ACTIVATE, "installed, but not what is served"),
        (view(OURS.fingerprint, served("0" * 64, own=True)), Action.ACTIVATE, "installed, but not what is served"),
        (
            view(OURS.fingerprint, served(OURS.fingerprint), served("0" * 64, ADMIN, own=True)),
            Action.ACTIVATE,
            "installed, but not what is served",
        ),
        (view("0" * 64, served("0" * 64, own=True)), Action.PUSH, "the certificate we hold is good, but not in place"),
        (view("0" * 64, served(OURS.fingerprint), default=True), Action.PUSH, "the certificate we hold is good, but not in place"),
        (view(None, served(OURS.fingerprint)), Action.PUSH, "the certificate we hold is good, but not in place"),
        (EMPTY, Action.PUSH, "the certificate we hold is good, but not in place"),
    ],
)
def test_what_we_hold_is_put_where_it_should_be_without_a_new_certificate(seen, action, why):
    made = plan(seen)
    assert (made.action, made.why) == (action, why)
    assert made.changes == ("one more certificate",)
    assert made.way_back.kind is WayBackKind.EXACT


# --- a new certificate is needed -----------------------------------------------------------------------


OBTAIN = {
    "forced": ({"force": True}, "forced"),
    "none yet": ({"current": None, "seen": EMPTY}, "first certificate"),
    "another name": ({"spec": spec(names=("box.lan", "new.lan"))}, "other names are configured"),
    "a name more": ({"spec": spec(names=("box.lan", "192.0.2.7", "new.lan"))}, "other names are configured"),
    "another key": ({"spec": spec(key=KeySpec.RSA_2048)}, "another key is configured: rsa-2048 instead of ec-p256"),
    "longer": ({"spec": spec(lifetime=30 * DAY)}, "another lifetime is configured: 30d"),
    "shorter": ({"spec": spec(lifetime=HOUR)}, "another lifetime is configured: 1h"),
    "due": ({"now": NOW + 16 * HOUR}, "due: 7h59m left"),
    "nearly over": ({"now": NOW + DAY - MINUTE - timedelta(seconds=45)}, "due: 45s left"),
    "over": ({"now": NOW + DAY - MINUTE}, "expired on 2026-11-25 11:59 UTC"),
    "long over": ({"now": NOW + 30 * DAY}, "expired on 2026-11-25 11:59 UTC"),
}


@pytest.mark.parametrize(("told", "why"), OBTAIN.values(), ids=OBTAIN)
def test_a_new_certificate_is_obtained_and_the_plan_says_why(told, why):
    made = plan(**told)
    assert (made.action, made.why) == (Action.OBTAIN, why)
    assert made.changes == ("one more certificate",)


@pytest.mark.parametrize("lifetime", [None, DAY + 9 * MINUTE, DAY - 9 * MINUTE])
def test_a_lifetime_that_the_ca_rounded_is_no_other_one(lifetime):
    assert plan(spec=spec(lifetime=lifetime)).action is Action.NOTHING


def test_names_in_another_order_are_no_other_names():
    assert plan(spec=spec(names=("192.0.2.7", "box.lan"))).action is Action.NOTHING


def test_names_that_some_target_needs_come_before_its_being_due():
    assert plan(now=NOW + 20 * HOUR, spec=spec(names=("box.lan",))).why == "other names are configured"


# --- when it is due -------------------------------------------------------------------------------------


@settings(max_examples=200)
@given(name=st.text(min_size=1, max_size=64), share=st.fractions(Fraction(1, 10), Fraction(9, 10), max_denominator=100))
def test_jitter_moves_a_renewal_earlier_by_a_twentieth_at_most_and_never_later(name, share):
    lives = OURS.not_after - OURS.not_before
    latest = OURS.not_before + lives * float(share)
    moment = due(spec(name=name, renew_at=share), OURS)
    assert latest - lives / 20 <= moment <= latest


@settings(max_examples=50)
@given(name=st.text(min_size=1, max_size=64), share=st.fractions(Fraction(1, 10), Fraction(9, 10), max_denominator=100))
def test_from_its_moment_on_it_is_due_and_before_it_is_not(name, share):
    wanted = spec(name=name, renew_at=share)
    moment = due(wanted, OURS)
    assert plan(spec=wanted, now=moment).action is Action.OBTAIN
    assert plan(spec=wanted, now=max(moment - timedelta(microseconds=1), OURS.not_before)).action is Action.NOTHING


def test_the_same_name_is_always_due_at_the_same_moment():
    assert due(SPEC, OURS) == due(SPEC, OURS)
    assert due(SPEC, OURS) != due(replace(SPEC, name="other"), OURS)


# --- refused ----------------------------------------------------------------------------------------------


def test_a_kind_of_key_that_the_target_does_not_take_is_refused_with_those_it_takes():
    made = plan(kind=memory_kind(accepted_keys=frozenset({KeySpec.RSA_2048, KeySpec.EC_P384})))
    assert (made.action, made.why) == (Action.REFUSE, "memory does not take ec-p256 keys")
    assert made.hint == "set key to one of: ec-p384, rsa-2048"


def test_keys_made_on_the_device_are_refused_for_now():
    made = plan(kind=replace(memory_kind(), key_origin=KeyOrigin.DEVICE))
    assert made.action is Action.REFUSE
    assert "makes keys on the device" in made.why


@pytest.mark.parametrize(
    "endpoint", [Endpoint("other.lan", 443), Endpoint("box.lan", 443, "other.lan"), Endpoint("other.lan", 25, None, "smtp")]
)
def test_a_certificate_that_would_not_cover_where_it_is_served_is_refused(endpoint):
    made = plan(endpoints=(WEB, endpoint))
    assert made.action is Action.REFUSE
    assert made.why == "the certificate would not cover other.lan, where it is served"
    assert 'add "other.lan" to names' in made.hint


@pytest.mark.parametrize(
    ("names", "endpoint"),
    [
        (("*.lan",), Endpoint("box.lan", 443)),
        (("box.lan",), Endpoint("203.0.113.9", 443, "box.lan")),
        (("2001:db8::7",), Endpoint("2001:db8::7", 443)),
    ],
)
def test_a_name_counts_as_a_client_would_compare_it(names, endpoint):
    assert plan(EMPTY, spec=spec(names=names), endpoints=(endpoint,), current=None).action is Action.OBTAIN


FOREIGN = view("f" * 64, served("f" * 64, subject="CN=fw.lan,O=Theirs"))


def test_a_foreign_certificate_is_not_replaced_and_is_described():
    made = plan(FOREIGN)
    assert made.action is Action.REFUSE
    assert made.why == (
        f"a certificate that certpush did not deploy is there (CN=fw.lan,O=Theirs, issued by CN=Some CA, sha256 {'f' * 16})"
    )
    assert "--adopt" in made.hint


def test_a_foreign_certificate_at_one_endpoint_of_two_is_not_replaced_either():
    assert plan(view(OURS.fingerprint, served(OURS.fingerprint), served("f" * 64, ADMIN))).action is Action.REFUSE


def test_a_foreign_certificate_that_is_only_installed_is_known_by_its_fingerprint():
    assert f"(sha256 {'f' * 16})" in plan(view("f" * 64), endpoints=()).why


def test_a_certificate_without_any_name_can_be_described():
    nameless = Served(WEB, "f" * 64, NOW, chain_ok=False)
    assert describe(view(None, nameless), "f" * 64) == f"no subject, issued by nobody, sha256 {'f' * 16}"
    assert plan(view("f" * 64, nameless)).action is Action.REFUSE


@pytest.mark.parametrize(
    "told",
    [
        {"adopt": True},
        {"ours": frozenset({"f" * 64})},
        {"seen": view("f" * 64, served("f" * 64, own=True))},
        {"seen": view("f" * 64, served("f" * 64), default=True)},
    ],
    ids=["adopted", "ours", "made by the device, as seen", "made by the device, as it says"],
)
def test_what_may_be_replaced_is_replaced(told):
    assert plan(**{"seen": FOREIGN, **told}).action is Action.PUSH


def test_what_cannot_be_done_is_said_even_when_nothing_is_due():
    assert plan(endpoints=(Endpoint("other.lan", 443),)).action is Action.REFUSE


# --- the way back -------------------------------------------------------------------------------------------


NEEDS = {"reversible": Reversible.NEEDS_PREVIOUS}
FALLBACK = {**NEEDS, "fallback": "the device's own certificate"}
OWN = view("d" * 64, served("d" * 64, own=True), default=True)
MIXED = view("d" * 64, served(OURS.fingerprint), default=True)  # its own is selected, ours still served
HALF = view(OURS.fingerprint, served("d" * 64, own=True))  # ours is installed, its own still served
UNTOLD = view(None, served(OURS.fingerprint))
KEPT = "the previous certificate stays on the target"
HELD = "the previous pair is kept by certpush"
GONE = "nothing is installed yet, the new certificate would be removed"
NONE = "there would be no way back: the previous key is not in our hands"
WAYS = {
    "it keeps it": ({}, IN_PLACE, WayBackKind.EXACT, KEPT),
    "it keeps a foreign one": ({}, FOREIGN, WayBackKind.EXACT, KEPT),
    "nothing there": ({}, EMPTY, WayBackKind.EXACT, GONE),
    "nothing there, and it keeps nothing": (NEEDS, EMPTY, WayBackKind.EXACT, GONE),
    "we hold it": (NEEDS, IN_PLACE, WayBackKind.EXACT, HELD),
    "we hold it, and it has its own": (FALLBACK, IN_PLACE, WayBackKind.EXACT, HELD),
    "we hold what is installed, its own is served": (NEEDS, HALF, WayBackKind.EXACT, HELD),
    "we hold what is served, it cannot tell what is installed": (NEEDS, UNTOLD, WayBackKind.EXACT, HELD),
    "a foreign one": (NEEDS, FOREIGN, WayBackKind.NONE, NONE),
    "a foreign one, and it has its own": (FALLBACK, FOREIGN, WayBackKind.FALLBACK, FALLBACK["fallback"]),
    "its own": (FALLBACK, OWN, WayBackKind.FALLBACK, FALLBACK["fallback"]),
    "its own, but it cannot go back to it": (NEEDS, OWN, WayBackKind.NONE, NONE),
    "its own installed, ours served": (FALLBACK, MIXED, WayBackKind.FALLBACK, FALLBACK["fallback"]),
    "its own installed, ours served, and no way to its own": (NEEDS, MIXED, WayBackKind.NONE, NONE),
    "none by nature": ({"reversible": Reversible.NEVER}, IN_PLACE, WayBackKind.NONE, "memory has no way back"),
    "none by nature, even with nothing there": ({"reversible": Reversible.NEVER}, EMPTY, WayBackKind.NONE, "memory has no way back"),
}


@pytest.mark.parametrize(("kind", "seen", "how", "text"), WAYS.values(), ids=WAYS)
@pytest.mark.parametrize("rescue", [False, True], ids=["no-timer", "own-timer"])
def test_the_way_back_is_named_before_anything_changes(kind, seen, how, text, rescue):
    made = plan(seen, kind=memory_kind(self_rescue=rescue, **kind), adopt=True, force=True)
    if how is WayBackKind.NONE:
        assert (made.action, made.why) == (Action.REFUSE, text)
    else:
        alone = "; the device reverts by itself after 3m" if rescue else ""
        assert (made.action, made.way_back.kind, made.way_back.text) == (Action.OBTAIN, how, text + alone)


def test_without_a_way_back_the_present_pair_can_be_handed_over():
    assert "--previous CERT KEY" in plan(FOREIGN, kind=memory_kind(**NEEDS), adopt=True).hint


def test_where_no_pair_would_help_none_is_asked_for():
    assert "--previous" not in plan(kind=memory_kind(reversible=Reversible.NEVER), force=True).hint


# --- what was seen ----------------------------------------------------------------------------------------------


def test_a_port_that_serves_two_names_is_remembered_as_two_places():
    first, second = Endpoint("192.0.2.7", 443, "a.lan"), Endpoint("192.0.2.7", 443, "b.lan")
    seen = view(None, served("a" * 64, first), served("b" * 64, second), served("c" * 64, Endpoint("2001:db8::1", 443)))
    assert seen.by_address == {"192.0.2.7:443#a.lan": "a" * 64, "192.0.2.7:443#b.lan": "b" * 64, "[2001:db8::1]:443": "c" * 64}
    assert address(first) == "192.0.2.7:443#a.lan"
