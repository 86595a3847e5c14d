"""A pair as one target: the primary's store first, then the secondary, then the primary; and what happens when either will not."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from certpush import Fleet, Outcome, Receipt
from certpush.errors import HostKeyMismatch, TargetDrifted, TargetRefused, TargetUnreachable
from certpush.model import Action
from certpush.plugins import PluginLoader
from certpush.testing.lab import NotPossibleHere
from certpush.testing.lab.pfsense import PfSensePair
from certpush.testing.lab.process import wait_until
from certpush_pfsense.gui import Gui
from certpush_pfsense.paired import PrimaryTarget, SecondaryTarget
from conftest import need, not_run
from plugins.pfsense.conftest import BOTH, leftovers

pytestmark = [pytest.mark.live("sshd", "nginx", "php"), pytest.mark.timeout(240)]

# A certificate as an administrator imports it on one box; the web GUI of that box uses it from then on.
OWN = (
    '$config["cert"][] = ["refid" => "64b00000000ab", "descr" => "GUI default (own)"] + $config["cert"][0];'
    '$config["system"]["webgui"]["ssl-certref"] = "64b00000000ab";'
)


@pytest.fixture
def pair() -> Iterator[PfSensePair]:
    need("sshd", "nginx", "php")
    try:
        with PfSensePair() as pair:
            yield pair
    except NotPossibleHere as error:
        not_run(error.message)


@pytest.fixture
def site(pair: PfSensePair, tmp_path: Path, embedded_ca, monkeypatch) -> Site:
    real = PluginLoader.load_kind
    monkeypatch.setattr(
        PluginLoader,
        "load_kind",
        lambda self, name: replace(real(self, name), settle=timedelta(seconds=0.2), deadline=timedelta(seconds=15)),
    )
    return Site(pair, tmp_path, embedded_ca)


class Site:
    """The machine where certpush runs, with the pair as its one target."""

    def __init__(self, pair: PfSensePair, directory: Path, ca: Any) -> None:
        self._directory = directory
        self._pair = pair
        primary, secondary = pair.primary, pair.secondary
        self.firewall: dict[str, Any] = {
            "kind": "pfsense",
            "names": ["127.0.0.1", "fw.example"],
            "host": primary.host,
            "port": primary.port,
            "user": primary.user,
            "identity": self._secret("key", primary.client_key_path.read_text()),
            "host_key": primary.host_key_fingerprint,
            "peers": [f"{secondary.host}:{secondary.port}"],
            "peer_host_key": secondary.host_key_fingerprint,
            "rescue_after": "60s",
            "sync_within": "20s",
        }
        self._ca = {"url": ca.url, "fingerprint": ca.fingerprint, "provisioner": ca.provisioner, "password": self._secret("p", ca.password)}
        self.first, self.second = f"firewall/127.0.0.1-{secondary.port}", f"firewall/127.0.0.1-{primary.port}"

    def _secret(self, name: str, text: str) -> str:
        with os.fdopen(os.open(self._directory / name, os.O_WRONLY | os.O_CREAT, 0o600), "w") as file:
            file.write(text)
        return f"file:{self._directory}/{name}"

    def fleet(self, **more: Any) -> Fleet:
        tables = {"ca": self._ca, "state": {"directory": str(self._directory / "state")}, "target": {"firewall": self.firewall}}
        return Fleet.from_tables(tables, **more)

    def deploy(self, **wishes: Any) -> list[Receipt]:
        with self.fleet() as fleet:
            return list(fleet.deploy(["firewall"], **wishes))

    def rotated(self, **wishes: Any) -> str:
        """Deploy, see both served, and give the fingerprint."""
        receipts = self.deploy(**wishes)
        assert [(one.target, one.outcome) for one in receipts] == [(self.first, Outcome.ROTATED), (self.second, Outcome.ROTATED)], receipts
        (new,) = {one.now for one in receipts}
        assert self._pair.secondary.served() == self._pair.primary.served() == new
        return str(new)

    def dies(self, monkeypatch: pytest.MonkeyPatch, where: type, verb: str) -> None:
        """A run that is killed when it comes to this verb."""
        child = os.fork()
        if child == 0:
            try:
                monkeypatch.setattr(where, verb, lambda *_: os.kill(os.getpid(), signal.SIGKILL))
                self.deploy()
            finally:
                os._exit(1)
        assert os.WTERMSIG(os.waitpid(child, 0)[1]) == signal.SIGKILL


def in_both(pair: PfSensePair, refid: str) -> bool:
    return refid in pair.primary.config().certs and refid in pair.secondary.config().certs


def made(box) -> list[str]:
    return sorted(refid for refid, one in box.config().certs.items() if one.descr.startswith("certpush "))


@BOTH
def test_the_order_is_import_sync_secondary_primary(pair, site, how):
    site.firewall["commit"] = how
    old = (pair.primary.served(), pair.secondary.served())
    restarts: list[tuple[str | None, str | None]] = []
    pair.secondary.at("restart", lambda: restarts.append((pair.primary.served(), pair.primary.config().certref)))
    before = pair.primary.config().certref
    new = site.rotated()
    assert restarts == [(old[0], before)]  # the primary was as before when the secondary changed over
    assert pair.primary.config().certref == pair.secondary.config().certref
    assert in_both(pair, pair.secondary.config().certref)
    assert new not in old
    assert [one.plan.action for one in site.deploy()] == [Action.NOTHING, Action.NOTHING]
    assert leftovers(pair.primary) == leftovers(pair.secondary) == []


def test_one_revision_for_each_write_and_no_more(pair, site):
    writes = [len(pair.primary.happened("write_config")), len(pair.secondary.happened("write_config"))]
    site.rotated()
    assert len(pair.primary.happened("write_config")) - writes[0] == 2  # the import, and its own switch
    synced = len(pair.secondary.happened("synced"))
    assert len(pair.secondary.happened("write_config")) - writes[1] == synced + 1


def test_superseded_certificates_go_from_both_but_not_the_previous_one(pair, site):
    first = site.rotated()
    second = site.rotated(force=True)
    third = site.rotated(force=True)
    wait_until(lambda: len(made(pair.secondary)) == 2, "the removal arrives")
    assert {one.sha256 for one in pair.primary.config().certs.values() if one.descr.startswith("certpush ")} == {second, third}
    assert first not in {one.sha256 for one in pair.secondary.config().certs.values()}


def test_pruning_spares_what_the_peer_uses(pair, site):
    site.rotated()
    used = pair.primary.config().certref
    pair.secondary.as_administrator(f'$config["captiveportal"]["guests"]["certref"] = "{used}";')
    site.rotated(force=True)
    site.rotated(force=True)
    assert in_both(pair, used)


def test_where_the_peer_cannot_be_read_nothing_is_pruned(pair, site, monkeypatch):
    site.rotated()
    site.rotated(force=True)
    real = PrimaryTarget.tidy

    def without_the_peer(self, keep):
        pair.secondary.stop()
        real(self, keep)

    monkeypatch.setattr(PrimaryTarget, "tidy", without_the_peer)
    said: list[str] = []
    with site.fleet(observe=lambda event: said.append(event.message)) as fleet:
        receipts = list(fleet.deploy(["firewall"], force=True))
    assert [one.outcome for one in receipts] == [Outcome.ROTATED, Outcome.ROTATED]
    assert len(made(pair.primary)) == 3
    assert any("leftovers could not be removed" in one for one in said)


def test_a_slow_sync_is_waited_for(pair, site):
    pair.delay = 4
    site.rotated()


@BOTH
def test_a_sync_that_never_comes_leaves_everything_as_it_was(pair, site, how):
    site.firewall |= {"sync_within": "3s", "commit": how}
    pair.held = True
    old = pair.primary.served(), pair.secondary.served(), pair.primary.config().certref, pair.secondary.config().certref
    first, second = site.deploy()
    assert first.outcome is Outcome.ROLLED_BACK
    assert isinstance(first.error, TargetRefused)
    assert "has not arrived within 3 s" in first.error.message
    assert "High Avail. Sync" in first.error.hint
    assert "not begun" in str(second.error)
    assert old == (pair.primary.served(), pair.secondary.served(), pair.primary.config().certref, pair.secondary.config().certref)
    assert made(pair.primary) == []
    assert leftovers(pair.primary) == leftovers(pair.secondary) == []
    pair.held = False
    site.firewall["sync_within"] = "20s"
    site.rotated()


def test_a_secondary_whose_gui_does_not_come_back_goes_back_and_the_primary_is_left_alone(pair, site):
    old = pair.secondary.config().certref, pair.secondary.served(), pair.primary.served()
    site.firewall["rescue_after"] = "12s"
    pair.secondary.faults.gui_accepts_only = old[0]
    first, second = site.deploy()
    assert first.outcome is Outcome.ROLLED_BACK, first
    assert "not begun" in str(second.error)
    assert (pair.secondary.config().certref, pair.secondary.served(), pair.primary.served()) == old
    wait_until(lambda: made(pair.secondary) == [], "the removal arrives")
    assert made(pair.primary) == []
    assert leftovers(pair.secondary) == []


def test_a_primary_whose_gui_does_not_come_back_keeps_what_the_secondary_uses(pair, site):
    old = pair.primary.config().certref, pair.primary.served()
    site.firewall["rescue_after"] = "12s"
    pair.primary.faults.gui_accepts_only = old[0]
    first, second = site.deploy()
    assert (first.outcome, second.outcome) == (Outcome.ROTATED, Outcome.ROLLED_BACK)
    assert (pair.primary.config().certref, pair.primary.served()) == old
    assert pair.secondary.served() == first.now
    assert in_both(pair, pair.secondary.config().certref)
    pair.primary.faults.gui_accepts_only = None
    site.firewall["rescue_after"] = "60s"
    assert [one.outcome for one in site.deploy()] == [Outcome.UNCHANGED, Outcome.ROTATED]


def test_a_secondary_that_is_off_leaves_the_primary_untouched(pair, site):
    pair.secondary.stop()
    before = pair.primary.config_bytes
    first, second = site.deploy()
    assert isinstance(first.error, TargetUnreachable)
    assert "not begun" in str(second.error)
    assert pair.primary.config_bytes == before


def test_a_primary_that_is_off_leaves_the_secondary_untouched(pair, site):
    pair.primary.stop()
    before = pair.secondary.config_bytes
    first, _ = site.deploy()
    assert isinstance(first.error, TargetUnreachable)
    assert pair.secondary.config_bytes == before


def test_each_goes_back_on_request(pair, site):
    first = site.rotated()
    second = site.rotated(force=True)
    with site.fleet() as fleet:
        receipt = fleet.rollback(site.first)
    assert receipt.outcome is Outcome.ROLLED_BACK, receipt.error
    assert pair.secondary.served() == first
    assert pair.primary.served() == second
    assert in_both(pair, pair.primary.config().certref)


def test_the_old_certificate_of_the_secondary_is_kept_where_the_primary_has_it_not(pair, site):
    pair.secondary.as_administrator(OWN)
    pair.secondary.restart_gui()
    old = pair.secondary.served()
    site.rotated()
    assert in_both(pair, "64b00000000ab")
    with site.fleet() as fleet:
        receipt = fleet.rollback(site.first)
    assert receipt.outcome is Outcome.ROLLED_BACK, receipt.error
    assert pair.secondary.config().certref == "64b00000000ab"
    assert pair.secondary.served() == old


def test_what_cannot_be_copied_to_the_primary_is_refused(pair, site):
    pair.secondary.as_administrator(OWN.replace('"GUI default (own)"]', '"GUI default (own)", "caref" => "64b00000000ac"]'))
    before = pair.primary.config_bytes
    first, _ = site.deploy()
    assert first.outcome is Outcome.REFUSED
    assert "cannot be copied" in str(first.error)
    assert pair.primary.config_bytes == before


@pytest.mark.parametrize(
    ("where", "verb"),
    [(SecondaryTarget, "_arrives"), (Gui, "bring"), (SecondaryTarget, "confirm"), (PrimaryTarget, "activate"), (PrimaryTarget, "confirm")],
)
def test_killed_in_the_middle_the_next_run_converges(pair, site, monkeypatch, where, verb):
    site.dies(monkeypatch, where, verb)
    first, second = site.deploy()
    assert {first.outcome, second.outcome} <= {Outcome.ROTATED, Outcome.UNCHANGED}, (first, second)
    assert pair.secondary.served() == pair.primary.served() == second.now
    wait_until(lambda: len(made(pair.secondary)) == len(made(pair.primary)) == 1, "one certificate of ours on both")
    assert leftovers(pair.primary) == leftovers(pair.secondary) == []


def test_nobody_comes_back_and_the_secondary_goes_back_alone(pair, site, monkeypatch):
    site.firewall["rescue_after"] = "6s"
    old = pair.secondary.served()
    site.dies(monkeypatch, Gui, "bring")
    pair.secondary.pass_time(timedelta(seconds=6))
    wait_until(lambda: pair.secondary.served() == old and leftovers(pair.secondary) == [], "the rescue", 60)
    assert len(made(pair.primary)) == 1  # it lies there, used by nobody, until the next run
    site.firewall["rescue_after"] = "60s"
    site.rotated()


def test_a_save_on_the_primary_in_between_survives(pair, site):
    kept = pair.primary.at("config-saved", lambda: pair.primary.as_administrator('$config["system"]["timezone"] = "Etc/UTC";'))
    site.rotated()
    assert kept.kept
    assert pair.primary.understood()["system"]["timezone"] == "Etc/UTC"


def test_a_stale_page_that_takes_the_import_away_makes_it_come_again(pair, site, monkeypatch):
    pair.delay = 2
    page = pair.primary.open_page()
    real = SecondaryTarget._arrives
    saved: list[bool] = []

    def arrives(self, refid):
        if not saved:
            page.save('$config["system"]["timezone"] = "Etc/UTC";')
            saved.append(True)
        return real(self, refid)

    monkeypatch.setattr(SecondaryTarget, "_arrives", arrives)
    site.rotated()
    assert in_both(pair, pair.secondary.config().certref)
    assert pair.primary.understood()["system"]["timezone"] == "Etc/UTC"


def test_a_stale_page_after_the_switch_is_noticed_before_it_is_confirmed(pair, site, monkeypatch):
    pages = [pair.primary.open_page()]
    real = SecondaryTarget.confirm

    def confirm(self, staged):
        pages.pop().save('$config["system"]["timezone"] = "Etc/UTC";')
        real(self, staged)

    monkeypatch.setattr(SecondaryTarget, "confirm", confirm)
    old = pair.secondary.served()
    first, _ = site.deploy()
    assert first.outcome is Outcome.ROLLED_BACK
    assert isinstance(first.error, TargetDrifted)
    assert pair.secondary.served() == old
    monkeypatch.setattr(SecondaryTarget, "confirm", real)
    site.rotated()


def test_roles_that_are_the_wrong_way_round_are_refused(pair, site):
    primary, secondary = pair.primary, pair.secondary
    site.firewall |= {
        "port": secondary.port,
        "host_key": secondary.host_key_fingerprint,
        "peers": [f"127.0.0.1:{primary.port}"],
        "peer_host_key": primary.host_key_fingerprint,
    }
    first, second = site.deploy()
    assert first.outcome is Outcome.REFUSED
    assert "is to be the secondary of a pair, and synchronises to" in str(first.error)
    assert "write the primary as host" in first.error.hint
    assert "not begun" in str(second.error)


def test_a_primary_that_sends_no_certificates_is_refused(pair, site):
    pair.primary.as_administrator('$config["hasync"]["synchronizecerts"] = "";')
    first, _ = site.deploy()
    assert first.outcome is Outcome.REFUSED
    assert "sends no certificates" in str(first.error)


def test_different_releases_are_refused(pair, site):
    pair.secondary.by_hand(lambda xml: xml.replace(b"<version>", b"<version>9"))
    first, _ = site.deploy()
    assert "nothing is synchronised" in str(first.error)


def test_the_secondary_alone_is_refused_unless_certificates_are_not_synced(pair, site):
    secondary = pair.secondary
    site.firewall |= {"port": secondary.port, "host_key": secondary.host_key_fingerprint}
    del site.firewall["peers"], site.firewall["peer_host_key"]
    (receipt,) = site.deploy()
    assert receipt.outcome is Outcome.REFUSED
    assert "secondary of a pair" in str(receipt.error)
    assert "peers" in receipt.error.hint
    site.firewall["certificates_not_synced"] = True
    (receipt,) = site.deploy()
    assert receipt.outcome is Outcome.ROTATED, receipt.error


def test_the_primary_alone_warns_and_prunes_nothing(pair, site):
    del site.firewall["peers"], site.firewall["peer_host_key"]
    for _ in range(3):
        (receipt,) = site.deploy(force=True)
        assert receipt.outcome is Outcome.ROTATED, receipt.error
    (warning,) = [one for one in receipt.findings if one.code == "primary"]
    assert warning.severity.value == "warning"
    assert "peers" in warning.hint
    assert len(made(pair.primary)) == 3


def test_the_plan_says_what_happens_where(pair, site):
    with site.fleet() as fleet:
        first, second = fleet.plan()
    assert first.plan.changes[0].startswith(f"on 127.0.0.1:{pair.primary.port}: +1 <cert>")
    assert first.plan.changes[1].startswith("then system/webgui/ssl-certref")
    assert second.plan.changes[0].startswith("+1 <cert>, system/webgui/ssl-certref")
    assert {one.code for one in first.findings} >= {"role"}


def test_both_boxes_are_trusted_by_the_targets_name_one_after_the_other(pair, site):
    del site.firewall["host_key"], site.firewall["peer_host_key"]
    first, _ = site.deploy()
    assert isinstance(first.error, HostKeyMismatch)
    assert "write peer_host_key =" in first.error.hint
    assert "name of the whole target" in first.error.hint
    for box, setting in ((pair.primary, "host_key"), (pair.secondary, "peer_host_key")):
        with site.fleet() as fleet:
            (shown,) = fleet.identities("firewall")
            assert (shown.setting, shown.value) == (setting, box.host_key_fingerprint)
            fleet.pin("firewall", shown)
    site.rotated()
