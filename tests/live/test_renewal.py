"""Renewal at a real step-ca: by the present certificate, after its end, and after it was revoked."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from certpush import Fleet, Outcome, Secret
from certpush.state.escrow import Escrow
from certpush.stepca.issuer import open_issuer
from certpush.stepca.settings import CaSettings
from certpush.testing.authority.provisioners import JwkProvisioner
from conftest import FAST_P2C

pytestmark = [pytest.mark.live, pytest.mark.timeout(120)]
SECONDS = {"minTLSCertDuration": "1s", "allowRenewalAfterExpiry": True}


@pytest.fixture
def made(start_real_ca, tmp_path: Path):
    """A CA that signs for seconds and renews after the end; and how to make a fleet of it, whose password may be taken away."""
    ca = start_real_ca(admin=JwkProvisioner.make(p2c=FAST_P2C, claims=SECONDS))
    password = tmp_path / "password"
    password.touch(mode=0o600)
    password.write_text(ca.password)
    (tmp_path / "site").mkdir()

    def renew(**keys: object):
        target = {"kind": "file", "names": ["a.lan"], "verify": "files", "directory": str(tmp_path / "site"), **keys}
        tables = {
            "ca": {"url": ca.url, "fingerprint": ca.fingerprint, "provisioner": ca.provisioner, "password": f"file:{password}"},
            "state": {"directory": str(tmp_path / "state")},
            "target": {"a": target},
        }
        with Fleet.from_tables(tables, environ={"HOME": str(tmp_path)}) as fleet:
            (receipt,) = fleet.renew()
        return receipt

    return ca, renew, password


def test_the_order_holds_at_a_real_ca(made):
    _, renew, password = made
    at_once = {"lifetime": "24h", "renew_at": "1/1000000"}
    assert renew(**at_once).plan.why == "first certificate"
    password.rename(password.with_name("away"))

    shown = renew(**at_once)  # nothing but the certificate itself
    assert (shown.outcome, "anew" in shown.plan.why) == (Outcome.ROTATED, False)

    renewed = renew(**at_once, reuse_key=True)
    assert (renewed.outcome, "anew" in renewed.plan.why) == (Outcome.ROTATED, False)

    password.with_name("away").rename(password)
    short = renew(lifetime="2s")
    assert short.plan.why.startswith("another lifetime is configured")
    password.rename(password.with_name("away"))
    time.sleep(max(0.0, short.not_after.timestamp() - time.time()) + 1.1)
    after = renew(lifetime="2s", renew_at="99/100")  # by a token, and rekeyed at once
    assert after.outcome is Outcome.ROTATED
    assert after.plan.why.startswith("expired on ")
    assert "anew" not in after.plan.why


def test_a_revoked_certificate_is_signed_anew_and_the_record_says_why(made, tmp_path):
    ca, renew, _ = made
    at_once = {"lifetime": "24h", "renew_at": "1/1000000"}
    renew(**at_once)
    first = Escrow(tmp_path / "state" / "certificates").current("a")
    settings = CaSettings(url=ca.url, fingerprint=ca.fingerprint, provisioner=ca.provisioner, password=Secret(ca.password))
    with open_issuer(settings) as issuer:
        issuer.revoke(first.serial, reason="superseded", reason_code=4)
    receipt = renew(**at_once)
    assert receipt.outcome is Outcome.ROTATED
    assert "signed anew, because showing the present certificate to the CA did not do" in receipt.plan.why
    assert "or it was revoked" in receipt.plan.why


def test_what_would_end_is_replaced_by_as_long_a_life_as_a_real_ca_allows(made):
    ca, renew, _ = made
    short = renew(lifetime="2s")
    ca.update(admin_claims={"disableRenewal": True, "maxTLSCertDuration": "1h", "defaultTLSCertDuration": "1h"})
    time.sleep(max(0.0, short.not_after.timestamp() - time.time()))
    receipt = renew(lifetime="24h")
    assert receipt.outcome is Outcome.ROTATED, receipt.error
    assert "; for 1h only, because the one in place would end else: " in receipt.plan.why
    assert 3500 < receipt.not_after.timestamp() - time.time() <= 3600
    assert renew(lifetime="24h").outcome is Outcome.FAILED
