"""L15: the host was restored from an old copy, so its state is older than reality. Reality is adopted, and never stepped back from."""

from __future__ import annotations

import shutil
from dataclasses import replace
from datetime import timedelta

import pytest

from certpush.errors import ForeignCertificate, NoWayBack
from certpush.model import Action, CertificateRequest, KeySpec, Outcome, parse_name
from certpush.rotation.obtain import obtain
from certpush.rotation.renew import renew
from certpush.rotation.retrace import retrace
from certpush.state.escrow import Escrow
from certpush.state.journal import Journal
from certpush.testing.memory import memory_kind


@pytest.fixture
def older(bench):
    """A bench whose state was restored from before the second certificate."""
    bench.rotate()
    bench.old = bench.served
    saved = bench.directory.with_name("saved")
    shutil.copytree(bench.directory, saved, symlinks=True)
    bench.clock.now += timedelta(hours=17)
    assert bench.rotate().outcome is Outcome.ROTATED
    bench.new = bench.served
    bench.journal.close()
    shutil.rmtree(bench.directory)
    saved.rename(bench.directory)
    bench.journal, bench.escrow = Journal(bench.directory / "journal.sqlite3"), Escrow(bench.directory / "certificates")
    return bench


@pytest.mark.parametrize("verb", ["rotate", "renew"])
def test_the_newer_certificate_stays_and_is_written_down_once(older, verb):
    plan = older.plan().plan
    assert (plan.action, plan.found.fingerprint) == (Action.NOTHING, older.new)
    assert older.journal.last("box").wanted == older.old  # a plan writes nothing
    signed = older.issuer.signed
    for _ in range(2):
        receipt = older.rotate() if verb == "rotate" else renew(older.rotation())
        assert (receipt.outcome, receipt.error, receipt.now) == (Outcome.UNCHANGED, None, older.new)
        assert receipt.due > older.clock()
    assert (older.served, older.issuer.signed) == (older.new, signed)
    (found, _) = older.journal.history("box")
    assert (found.wanted, found.outcome) == (older.new, Outcome.ROTATED)
    assert found.why.startswith("found in place: newer")
    assert "warning" in older.phases
    refused = retrace(older.rotation())
    assert isinstance(refused.error, NoWayBack)


def test_once_it_is_due_it_is_replaced_as_any_other(older):
    older.clock.now += timedelta(hours=17)
    receipt = older.rotate()
    assert (receipt.outcome, receipt.was, receipt.plan.action) == (Outcome.ROTATED, older.new, Action.OBTAIN)
    assert older.served not in (older.old, older.new)
    assert older.rotate().outcome is Outcome.UNCHANGED


@pytest.mark.parametrize("after", [timedelta(hours=25), timedelta(0)], ids=["expired", "forced"])
def test_expired_or_forced_it_is_replaced_without_a_word(older, after):
    older.clock.now += after
    assert older.rotate(force=not after).outcome is Outcome.ROTATED


def test_where_its_key_would_be_the_way_back_there_is_the_fallback_or_none(older):
    older.clock.now += timedelta(hours=17)
    older.kind = replace(memory_kind(), reversible="needs-previous")
    assert isinstance(older.rotate().error, NoWayBack)
    assert older.served == older.new


@pytest.mark.parametrize("what", ["another subject", "older", "another CA", "nothing was deployed", "nobody looks"])
def test_what_may_be_somebody_elses_is_not_taken_for_ours(older, what):
    if what == "another CA":
        older.foreign()
    elif what == "another subject":
        request = CertificateRequest((parse_name("other.lan"), *older.spec.request.names), KeySpec.EC_P256, timedelta(hours=24))
        install(older, obtain(replace(older.spec, request=request), older.issuer, older.clock))
    elif what == "older":
        older.clock.now -= timedelta(hours=17, seconds=20)
        install(older, obtain(older.spec, older.issuer, older.clock))
    elif what == "nothing was deployed":
        older.journal.close()
        (older.directory / "journal.sqlite3").unlink()
        older.journal = Journal(older.directory / "journal.sqlite3")
    else:
        older.files_only = True
    served = older.served
    receipt = older.rotate()
    assert isinstance(receipt.error, ForeignCertificate)
    assert older.served == served


def install(bench, bundle):
    bench.device.put("theirs", bundle.fullchain_pem, bundle.key.reveal_pem(), by="admin")
    bench.device.select("theirs")
    bench.device.reload()
