"""A CA that changes its root: the new one is learned while the old one still vouches for the CA, and delivered before it is needed."""

from __future__ import annotations

from pathlib import Path

import pytest

from certpush import Fleet, Outcome
from certpush.cli.exits import IDENTITY, OK, code_of_receipt
from certpush.errors import RootMismatch
from certpush.model import fingerprint, read_certificates
from certpush.state.roots import LearnedRoots
from certpush.testing.authority.pki import Pki


class Site:
    """A CA, a target that keeps certificate and roots in files, and runs that find everything due."""

    def __init__(self, directory: Path, ca) -> None:
        self.directory, self.ca, self.old, self.new = directory, ca, ca.pki, Pki.make("New")
        self.configured = ca.fingerprint
        (directory / "password").touch(mode=0o600)
        (directory / "password").write_text(ca.password)
        (directory / "site").mkdir()

    def renew(self):
        target = {
            "kind": "file",
            "names": ["a.lan"],
            "verify": "files",
            "renew_at": "1/1000000",
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
        with Fleet.from_tables(tables, environ={"HOME": str(self.directory)}) as fleet:
            (receipt,) = fleet.renew(["a"])
        return receipt

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
