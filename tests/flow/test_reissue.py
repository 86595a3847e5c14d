"""How the next certificate comes: by showing the present one, and by the provisioner's secret only where that does not do."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from certpush import Outcome
from certpush.errors import ConfigError, IssuerRefused, IssuerUnreachable, RootMismatch, SafetyRefusal
from certpush.issuer import Issued
from certpush.model import PrivateKey, fingerprint, parse_name
from certpush.testing.authority.pki import Pki
from flow.conftest import PkiIssuer


@pytest.fixture
def old(bench):
    """A target with its first certificate, which is due, at a CA that has forgotten the way it was asked."""
    bench.rotate()
    bench.due()
    bench.issuer.asked.clear()
    return bench.escrow.current("box")


def spki(bundle) -> bytes:
    return bundle.key.public_spki


def test_what_is_due_is_rekeyed_by_showing_it_with_a_new_key(bench, old):
    receipt = bench.rotate()
    assert (receipt.outcome, bench.issuer.asked) == (Outcome.ROTATED, ["rekey"])
    assert receipt.plan.why.startswith("due: ")
    assert "anew" not in receipt.plan.why
    new = bench.escrow.current("box")
    assert (new.fingerprint, spki(new) != spki(old)) == (bench.served, True)


@pytest.mark.parametrize("refusal", ["", "renewal is disabled"], ids=["shown", "signed anew"])
def test_what_the_issuer_tells_of_how_it_came_stands_in_the_record(bench, old, refusal):
    bench.issuer.refusal = refusal
    bench.issuer.tweak = lambda issued: replace(issued, note="an answer was lost")
    assert bench.rotate().outcome is Outcome.ROTATED
    assert bench.journal.last("box").why.endswith("; an answer was lost")
    assert bench.served != old.fingerprint


def test_a_key_that_is_to_be_reused_is_renewed(bench, old):
    bench.spec = replace(bench.spec, reuse_key=True)
    assert bench.rotate().outcome is Outcome.ROTATED
    assert bench.issuer.asked == ["renew"]
    assert spki(bench.escrow.current("box")) == spki(old)


@pytest.mark.parametrize("why", ["other names", "another lifetime", "another CA", "forced"])
def test_what_is_to_be_otherwise_is_signed_anew(bench, old, why):
    request = bench.spec.request
    if why == "other names":
        bench.spec = replace(bench.spec, request=replace(request, names=(*request.names, parse_name("more.lan"))))
    if why == "another lifetime":
        bench.spec = replace(bench.spec, request=replace(request, lifetime=timedelta(hours=12)))
    more = {"another CA": {"anchors": frozenset({"ab" * 32})}, "forced": {"force": True}}.get(why, {})
    receipt = bench.rotate(**more)
    assert bench.issuer.asked == ["sign"]
    assert receipt.plan.why.startswith(why)


def test_the_ca_that_signed_it_is_no_other_one(bench, old):
    bench.rotate(anchors=frozenset({fingerprint(bench.issuer.pki.root), "ab" * 32}))
    assert bench.issuer.asked == ["rekey"]


def test_what_the_ca_refuses_to_who_shows_it_is_signed_anew_and_the_record_says_why(bench, old):
    bench.issuer.refusal = "renewal is disabled"
    receipt = bench.rotate()
    assert (receipt.outcome, bench.issuer.asked) == (Outcome.ROTATED, ["rekey", "sign"])
    assert receipt.plan.why.endswith("signed anew, because showing the present certificate to the CA did not do: renewal is disabled")
    assert bench.journal.last("box").why == receipt.plan.why


@pytest.mark.parametrize(
    ("reuse", "says"), [(False, "it certifies another key than ours"), (True, "it is the present certificate once more")]
)
def test_an_answer_that_is_not_what_was_asked_for_is_refused_and_signed_anew(bench, old, reuse, says):
    bench.spec = replace(bench.spec, reuse_key=reuse)
    bench.issuer.tweak = lambda issued: issued if bench.issuer.asked[-1] == "sign" else replace(issued, leaf=old.leaf)
    receipt = bench.rotate()
    assert receipt.outcome is Outcome.ROTATED
    assert bench.issuer.asked[-1] == "sign"
    assert says in receipt.plan.why


def test_a_rekeyed_certificate_is_checked_like_a_signed_one(bench, old):
    strangers = PkiIssuer(Pki.make("Other"), bench.clock)
    bench.issuer.tweak = lambda issued: issued if bench.issuer.asked[-1] == "sign" else replace(issued, chain=(strangers.pki.intermediate,))
    assert "signed anew, because" in bench.rotate().plan.why


# --- a CA that allows less than before ------------------------------------------------------------


@pytest.fixture
def stricter(bench, old):
    """A CA that renews nothing any more, and signs for six hours at most."""
    sign = bench.issuer.sign

    def for_six_hours(request, csr):
        if request.lifetime > timedelta(hours=6):
            refusal = IssuerRefused("24h was asked for, and the CA allows 6h at most", hint="ask for 6h or less")
            refusal.allowed = timedelta(hours=6)
            raise refusal
        return sign(request, csr)

    bench.issuer.sign, bench.issuer.refusal = for_six_hours, "renewal is disabled"
    return old


def test_a_shorter_maximum_is_told_while_the_certificate_in_place_is_good(bench, stricter):
    receipt = bench.rotate()
    assert (receipt.outcome, bench.served) == (Outcome.FAILED, stricter.fingerprint)
    assert receipt.error.message.startswith("24h was asked for, and the CA allows 6h at most")


def test_a_shorter_maximum_lets_no_certificate_end_and_is_told_again_afterwards(bench, stricter):
    bench.clock.now = stricter.not_after - timedelta(hours=3)
    receipt = bench.rotate()
    assert receipt.outcome is Outcome.ROTATED
    assert receipt.not_after <= bench.clock.now + timedelta(hours=6)
    assert "; for 6h only, because the one in place would end else: 24h was asked for" in receipt.plan.why
    assert bench.journal.last("box").why == receipt.plan.why
    again = bench.rotate()
    assert (again.outcome, bench.served) == (Outcome.FAILED, receipt.now)
    assert again.plan.why == "another lifetime is configured: 24h"


# --- after its end ------------------------------------------------------------------------------


@pytest.fixture
def expired(bench, old):
    bench.clock.now = old.not_after + timedelta(hours=1)
    return old


def test_an_expired_one_that_the_ca_does_not_renew_is_signed_anew(bench, expired):
    receipt = bench.rotate()
    assert bench.issuer.asked == ["renew after expiry", "sign"]
    assert receipt.plan.why.startswith("expired on ")
    assert "signed anew, because renewing it after its end did not do: the certificate expired" in receipt.plan.why


@pytest.mark.parametrize(("reuse", "asked"), [(False, ["renew after expiry", "rekey"]), (True, ["renew after expiry"])])
def test_where_the_ca_renews_expired_ones_a_new_key_follows_at_once(bench, expired, reuse, asked):
    bench.issuer.renews_expired = True
    bench.spec = replace(bench.spec, reuse_key=reuse)
    receipt = bench.rotate()
    assert bench.issuer.asked == asked
    assert "anew" not in receipt.plan.why
    assert (spki(bench.escrow.current("box")) == spki(expired)) is reuse


# --- where nothing does -------------------------------------------------------------------------


def test_a_ca_that_does_not_answer_is_asked_by_one_way_only(bench, old):
    bench.issuer.down = True
    receipt = bench.rotate()
    assert isinstance(receipt.error, IssuerUnreachable)
    assert bench.issuer.asked == ["rekey"]


def test_a_ca_that_is_not_ours_is_asked_by_one_way_only(bench, old):
    def other(_issued: Issued) -> Issued:
        raise RootMismatch("not ours")

    bench.issuer.tweak = other
    assert isinstance(bench.rotate().error, RootMismatch)
    assert bench.issuer.asked == ["rekey"]


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (IssuerRefused("the lifetime is too long"), "the lifetime is too long; before that, {}"),
        (ConfigError("there is no password"), "{}; and a fresh one cannot be asked for: there is no password"),
    ],
)
def test_when_both_ways_fail_both_are_told(bench, old, error, told):
    def no(_issued: Issued) -> Issued:
        raise error

    bench.issuer.tweak, bench.issuer.refusal = no, "it was revoked"
    failed = bench.rotate().error
    assert isinstance(failed, IssuerRefused)
    assert failed.message == told.format("showing the present certificate to the CA did not do: it was revoked")


def test_a_key_that_comes_out_like_the_present_one_is_not_used(bench, old, monkeypatch):
    monkeypatch.setattr(PrivateKey, "generate", classmethod(lambda _cls, _spec: old.key))
    receipt = bench.rotate()
    assert isinstance(receipt.error, SafetyRefusal)
    assert "no randomness" in receipt.error.message
    assert bench.issuer.asked == []
