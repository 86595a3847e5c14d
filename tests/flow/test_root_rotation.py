"""A CA that changes its root: the new one is learned while the old one still vouches for the CA, and delivered before it is needed."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from certpush import Fleet, Outcome
from certpush.cli.exits import IDENTITY, OK, code_of_receipt
from certpush.errors import RootMismatch, StateError
from certpush.kit.tls import utc_now
from certpush.model import fingerprint, read_certificates
from certpush.state.roots import LearnedRoots
from certpush.testing.authority.pki import Pki

ALWAYS = "1/1000000"
"""``renew_at`` of what is due at each run."""


class Site:
    """A CA, a target that keeps certificate and roots in files, and runs that find everything due, unless ``renew_at`` is another."""

    def __init__(self, directory: Path, ca) -> None:
        self.directory, self.ca, self.old, self.new = directory, ca, ca.pki, Pki.make("New")
        self.configured, self.renew_at, self.ahead = ca.fingerprint, ALWAYS, timedelta()
        (directory / "password").touch(mode=0o600)
        (directory / "password").write_text(ca.password)
        (directory / "site").mkdir()

    def renew(self):
        target = {
            "kind": "file",
            "names": ["a.lan"],
            "verify": "files",
            "renew_at": self.renew_at,
            "fullchain": f"{self.directory}/site/full.pem",
            "key_file": f"{self.directory}/site/key.pem",
            "root": f"{self.directory}/site/roots.pem",
        }
        tables = {
            "ca": {"url": self.ca.url, "fingerprint": self.configured, "provisioner": self.ca.provisioner}
            | {"password": f"file:{self.directory}/password"},
            "state": {"directory": f"{self.directory}/state"},
            "target": {"a": target},
        }
        with Fleet.from_tables(tables, environ={"HOME": str(self.directory)}, clock=lambda: utc_now() + self.ahead) as fleet:
            (receipt,) = fleet.renew(["a"])
        return receipt

    def rests(self, *, after: timedelta) -> int:
        """A timer's run so much later, with nothing due; gives how often it asked the CA for its roots."""
        self.renew_at, self.ahead, asked = "2/3", self.ahead + after, len(self.ca.exchanges)
        receipt = self.renew()
        assert (receipt.outcome, code_of_receipt(receipt)) == (Outcome.UNCHANGED, OK)
        return [one.request.target for one in self.ca.exchanges[asked:]].count("/roots")

    def set_its_clock(self, clock) -> None:
        """The CA's."""
        self.ca.authority.clock = self.ca.state.clock = clock

    @property
    def trusted(self) -> set:
        return set(LearnedRoots(self.directory / "state" / "roots", "default").recall())

    def announce(self) -> None:
        """The CA names the new root, and goes on signing below the old one."""
        self.ca.state.further_roots = (self.new.root,)
        self.ca.restart()

    @property
    def delivered(self) -> set:
        return set(read_certificates((self.directory / "site" / "roots.pem").read_bytes()))

    @property
    def signed_by(self):
        return read_certificates((self.directory / "site" / "full.pem").read_bytes())[-1]


@pytest.fixture
def site(tmp_path, start_embedded_ca) -> Site:
    made = Site(tmp_path, start_embedded_ca())
    assert code_of_receipt(made.renew()) == OK
    return made


def test_the_new_root_is_learned_through_the_old_delivered_and_followed(site, caplog):
    assert site.delivered == {site.old.root}
    site.announce()
    assert site.renew().outcome is Outcome.ROTATED
    assert site.delivered == {site.old.root, site.new.root}  # before any certificate needs it
    assert site.signed_by == site.old.intermediate
    assert f"the CA names another root, {fingerprint(site.new.root)}; it is trusted beside the one configured" in caplog.text
    caplog.clear()

    site.ca.replace_pki(site.new, keep_root=True)
    assert site.renew().outcome is Outcome.ROTATED
    assert (site.delivered, site.signed_by) == ({site.old.root, site.new.root}, site.new.intermediate)
    assert "another root" not in caplog.text

    site.ca.replace_pki(site.new)  # the old one is withdrawn, and still configured
    assert site.renew().outcome is Outcome.ROTATED
    site.configured = fingerprint(site.new.root)
    receipt = site.renew()
    assert receipt.plan.why.startswith("due: ")  # it is the same CA
    assert site.renew().outcome is Outcome.ROTATED
    assert site.delivered == {site.new.root}


def test_a_root_that_nobody_announced_is_refused_and_nothing_is_deployed(site):
    before = site.signed_by
    site.ca.replace_pki(site.new, keep_root=True)
    receipt = site.renew()
    assert isinstance(receipt.error, RootMismatch)
    assert (code_of_receipt(receipt), site.signed_by) == (IDENTITY, before)


def test_a_certificate_below_a_root_that_the_ca_does_not_name_is_refused_as_a_stranger(site):
    """Somebody put another intermediate into the CA, and not its root."""
    site.ca.state.pki = Pki(site.old.root, site.old.root_key, site.new.intermediate, site.new.intermediate_key)
    before = site.signed_by
    receipt = site.renew()
    assert isinstance(receipt.error, RootMismatch)
    assert (code_of_receipt(receipt), site.signed_by) == (IDENTITY, before)


def test_what_was_learned_from_another_ca_is_not_trusted(site):
    stranger = Pki.make("Stranger")
    LearnedRoots(site.directory / "state" / "roots", "default").remember((stranger.root,))
    site.renew()
    assert LearnedRoots(site.directory / "state" / "roots", "default").recall() == (site.old.root,)


def test_a_damaged_file_of_roots_is_as_good_as_none(site):
    (site.directory / "state" / "roots" / "default.pem").write_text("rubbish")
    assert site.renew().outcome is Outcome.ROTATED


def test_what_is_no_root_is_not_trusted_whoever_names_it(site):
    site.ca.state.further_roots = (site.new.intermediate,)
    site.ca.restart()
    site.renew()
    assert site.delivered == {site.old.root}


# --- where nothing is due for long -------------------------------------------------------------


@pytest.fixture
def resting(tmp_path, start_embedded_ca) -> Site:
    """A CA whose clock goes with that of certpush's machine, and a certificate for a year."""
    site = Site(tmp_path, start_embedded_ca(claims={"maxTLSCertDuration": "10000h", "defaultTLSCertDuration": "9480h"}))
    site.set_its_clock(lambda: utc_now() + site.ahead)
    assert code_of_receipt(site.renew()) == OK
    return site


def test_a_new_root_is_learned_where_nothing_is_due_and_a_year_old_certificate_follows_it(resting, caplog):
    assert resting.rests(after=timedelta(hours=2)) == 0
    resting.announce()
    assert resting.rests(after=timedelta(hours=23)) == 1
    assert resting.trusted == {resting.old.root, resting.new.root}
    assert "the CA names another root" in caplog.text
    resting.ca.replace_pki(resting.new)  # long before the certificate is due, the old one is gone
    assert resting.rests(after=timedelta(days=40)) == 1
    resting.renew_at = ALWAYS
    assert resting.renew().outcome is Outcome.ROTATED
    assert resting.signed_by == resting.new.intermediate


def test_who_has_nothing_to_do_asks_for_the_roots_once_a_day(resting):
    assert [resting.rests(after=timedelta(hours=hours)) for hours in (25, 0, 1, 22, 1, 23)] == [1, 0, 0, 0, 1, 0]


def test_a_ca_that_is_away_when_nothing_is_due_is_nobodys_trouble(resting, caplog):
    resting.ca.stop()
    assert resting.rests(after=timedelta(days=2)) == 0
    assert [one.levelname for one in caplog.records if "CA" in one.message] == []
    resting.ca.start()
    assert resting.rests(after=timedelta(hours=1)) == 0
    assert resting.rests(after=timedelta(days=1)) == 1


def test_a_root_that_nobody_announced_is_told_before_a_renewal_needs_it(resting, caplog):
    resting.ca.replace_pki(resting.new)
    resting.rests(after=timedelta(days=2))
    assert resting.trusted == {resting.old.root}
    (warning,) = (one.message for one in caplog.records if one.levelname == "WARNING")
    assert "the next renewal would be refused" in warning


def test_by_a_wrong_clock_no_root_is_learned_and_none_is_forgotten(resting):
    resting.announce()
    resting.rests(after=timedelta(days=2))
    right = resting.ahead
    resting.set_its_clock(lambda: utc_now() + right)
    resting.rests(after=timedelta(days=3))
    assert resting.trusted == {resting.old.root, resting.new.root}
    resting.ahead = right
    assert resting.rests(after=timedelta(hours=1)) == 1, "what a wrong clock wrote down counts for nothing"


def test_a_state_that_cannot_be_written_to_keeps_no_root_and_alters_nothing_else(resting, monkeypatch, caplog):
    def refuse(*_):
        raise StateError("the CA's roots cannot be kept")

    monkeypatch.setattr(LearnedRoots, "_write", refuse)
    resting.announce()
    assert resting.renew().outcome is Outcome.ROTATED
    assert "its roots are not kept" in caplog.text
