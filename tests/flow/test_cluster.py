"""A cluster of three devices: each is rotated after the other, and the first that fails keeps the rest as they were."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from certpush import Outcome, Receipt, Secret
from certpush.cli.exits import NOT_ROTATED, OK, SAFETY, STRANDED, code_of_receipt, worst
from certpush.config import TargetSpec, from_tables
from certpush.errors import (
    BackingOff,
    ConfigError,
    ForeignCertificate,
    HostKeyMismatch,
    Interrupted,
    LockHeld,
    TargetAuthFailed,
    TargetRefused,
    TargetUnreachable,
)
from certpush.fleet.cluster import members_foreseen, members_of
from certpush.fleet.going_back import go_back
from certpush.fleet.opening import Opener
from certpush.fleet.renewing import renewed
from certpush.fleet.revoking import superseded
from certpush.fleet.status import statuses_of
from certpush.fleet.wishes import Wishes
from certpush.model import Action, Event, Phase, Standing
from certpush.rotation.obtain import obtain
from certpush.rotation.run import foresee, rotate
from certpush.state.directory import open_state_directory
from certpush.state.escrow import Escrow
from certpush.state.journal import Journal
from certpush.state.lock import Locks
from certpush.target import Target
from certpush.testing.authority.pki import Pki
from certpush.testing.device import TOKEN, MemoryDevice, Reload
from certpush.testing.faulty import Raise
from certpush.testing.memory_cluster import memory_cluster_kind
from flow.conftest import Clock, Instead, PkiIssuer, at

pytestmark = pytest.mark.timeout(120)

NAMES = ("one", "two", "three")
ALL = tuple(f"row/{name}" for name in NAMES)


@dataclass
class Row:
    """Three devices, and what a plain run does with them, each time in fresh instances."""

    directory: Path
    devices: dict[str, MemoryDevice]
    issuer: PkiIssuer
    clock: Clock
    table: dict[str, Any] = field(default_factory=dict)
    wraps: dict[str, Callable[[Target], Target]] = field(default_factory=dict)
    """What is put around the target of a device."""
    events: list[Event] = field(default_factory=list)

    def __post_init__(self) -> None:
        open_state_directory(self.directory / "state")
        self.journal = Journal(self.directory / "state" / "journal.sqlite3")
        self.escrow = Escrow(self.directory / "state" / "certificates")
        self.before = self.served

    @property
    def spec(self) -> TargetSpec:
        usual = {"kind": "memory-cluster", "names": ["row.lan", "127.0.0.1"], "lifetime": "24h", "token": "env:TOKEN"}
        devices = [str(one.path) for one in self.devices.values()]
        return from_tables({"target": {"row": {**usual, "devices": devices, **self.table}}}, {"HOME": "/nonexistent"}).targets["row"]

    def each_its_own(self) -> None:
        """From now on a certificate for each device."""
        self.table |= {"per_device": True, "names": [f"{name}.lan" for name in NAMES]}

    def opener(self) -> Opener:
        usual = memory_cluster_kind()

        def open_it(settings) -> Target:
            return self.wraps.get(Path(settings.devices[0]).stem, lambda target: target)(usual.open(settings))

        return Opener(
            load_kind=lambda _: replace(usual, open=open_it, deadline=timedelta(seconds=2)),
            read_secret=lambda _: Secret(TOKEN),
            journal=self.journal,
            escrow=self.escrow,
            locks=Locks(self.directory / "state" / "locks"),
            issuer=lambda _: self.issuer,
            clock=self.clock,
            pause=lambda _: None,
            observe=self.events.append,
            turn=lambda ca, stop: None,
        )

    def deploy(self, **wishes: Any) -> list[Receipt]:
        return members_of(self.spec, self.opener(), rotate, Wishes(**wishes))

    def plan(self, **wishes: Any) -> list[Receipt]:
        return members_foreseen(self.spec, self.opener(), foresee, Wishes(**wishes))

    def renew(self, **wishes: Any) -> list[Receipt]:
        return renewed(self.spec, self.opener(), Wishes(unattended=True, **wishes))

    def rollback(self, name: str) -> Receipt:
        return go_back(self.spec, name, self.opener(), [self.spec])

    def due(self) -> None:
        """Let everything be due, by asking for another lifetime."""
        self.table["lifetime"] = "12h"

    def foreign(self, name: str) -> str:
        """Another administrator installs a certificate on a device."""
        bundle = obtain(self.spec.certificate, PkiIssuer(Pki.make("Other"), self.clock), self.clock)
        device = self.devices[name]
        device.put("theirs", bundle.fullchain_pem, bundle.key.reveal_pem(), by="admin")
        device.select("theirs")
        device.reload()
        return bundle.fingerprint

    @property
    def served(self) -> dict[str, str | None]:
        return {name: device.served() for name, device in self.devices.items()}

    @property
    def standings(self) -> dict[str, Standing]:
        return {one.target: one.standing for one in statuses_of(self.spec, self.opener(), failed=())}


@pytest.fixture
def row(tmp_path: Path, pki: Pki) -> Iterator[Row]:
    clock = Clock(datetime.now(UTC))
    devices = {name: MemoryDevice(tmp_path / f"{name}.json", own_certificate=True) for name in NAMES}
    with ExitStack() as running:
        for device in devices.values():
            running.enter_context(device)
        made = Row(tmp_path, devices, PkiIssuer(pki, clock), clock)
        running.callback(made.journal.close)
        yield made


@pytest.fixture
def deployed(row: Row) -> Row:
    """All three have a certificate of ours, and it is due."""
    assert outcomes(row.deploy()) == dict.fromkeys(ALL, Outcome.ROTATED)
    row.due()
    row.before = row.served
    return row


def outcomes(receipts: list[Receipt]) -> dict[str, Outcome]:
    return {one.target: one.outcome for one in receipts}


def code(receipts: list[Receipt]) -> int:
    return worst(code_of_receipt(one) for one in receipts)


# --- a round that is good ---------------------------------------------------------------------


def test_one_certificate_is_obtained_once_and_served_by_all(row):
    receipts = row.deploy()
    assert outcomes(receipts) == dict.fromkeys(ALL, Outcome.ROTATED)
    assert code(receipts) == OK
    assert row.issuer.signed == 1
    assert len(set(row.served.values())) == 1
    assert {one.now for one in receipts} == set(row.served.values())
    assert [one.plan.action for one in receipts] == [Action.OBTAIN, Action.PUSH, Action.PUSH]
    assert {one.plan.action for one in row.deploy()} == {Action.NOTHING}


@pytest.mark.parametrize("force", [False, True], ids=["due", "forced"])
def test_one_certificate_is_obtained_once_also_where_it_is_due_or_forced(deployed, force):
    deployed.deploy(force=force)
    assert deployed.issuer.signed == 2
    assert len(set(deployed.served.values())) == 1
    assert {one.plan.action for one in deployed.deploy()} == {Action.NOTHING}


def test_members_are_switched_one_after_the_other_in_their_order(row):
    row.deploy()
    switched = [event.target for event in row.events if event.phase in ("activate", "done")]
    assert switched == [name for name in ALL for _ in range(2)]


def test_each_may_have_a_certificate_of_its_own(row):
    row.each_its_own()
    assert outcomes(row.deploy()) == dict.fromkeys(ALL, Outcome.ROTATED)
    assert row.issuer.signed == 3
    for name in NAMES:
        held = row.escrow.current(f"row/{name}")
        assert held.fingerprint == row.served[name] == row.journal.last(f"row/{name}").wanted
        assert [str(one) for one in held.names] == [f"{name}.lan"]
    assert row.escrow.of_members("row") == tuple(sorted(ALL))
    assert {one.plan.action for one in row.deploy()} == {Action.NOTHING}


@pytest.mark.parametrize("own", [False, True], ids=["one certificate", "one for each"])
def test_a_device_that_joins_a_cluster_and_leaves_it_again_needs_no_adoption(row, own):
    alone = {"devices": [str(row.devices["one"].path)]}
    row.table |= alone
    assert outcomes(row.deploy()) == {"row": Outcome.ROTATED}
    del row.table["devices"]
    if own:
        row.each_its_own()
    joined = Standing.DRIFTED if own else Standing.OK  # ours, but not for the name that it is asked for from now on
    assert row.standings == {"row/one": joined, "row/two": Standing.NEW, "row/three": Standing.NEW}
    row.due()
    assert outcomes(row.deploy()) == dict.fromkeys(ALL, Outcome.ROTATED)
    row.table |= alone | {"lifetime": "6h", "per_device": False}
    assert row.standings == {"row": joined}
    row.table["names"] = ["row.lan", "127.0.0.1"]
    assert outcomes(row.deploy()) == {"row": Outcome.ROTATED}
    assert row.rollback("row").now == row.journal.last("row/one").wanted


def test_somebody_elses_certificate_on_one_member_is_not_overwritten(deployed):
    other = deployed.foreign("two")
    receipts = deployed.deploy()
    assert outcomes(receipts) == {"row/one": Outcome.ROTATED, "row/two": Outcome.REFUSED, "row/three": Outcome.FAILED}
    assert isinstance(receipts[1].error, ForeignCertificate)
    assert code(receipts) == SAFETY
    assert deployed.served["two"] == other
    assert outcomes(deployed.deploy(adopt=True)) == {"row/one": Outcome.UNCHANGED, "row/two": Outcome.ROTATED, "row/three": Outcome.ROTATED}


# --- the second fails -------------------------------------------------------------------------


def fails_to_stage(row: Row) -> None:
    row.wraps["two"] = at("stage", Raise(TargetRefused("the disk is full")))


def fails_to_switch(row: Row) -> None:
    row.wraps["two"] = at("activate", Raise(TargetRefused("the reload failed"), after=True))


def is_not_seen(row: Row) -> None:
    row.devices["two"].break_reload(Reload.IGNORED)


@pytest.mark.parametrize("spoil", [fails_to_stage, fails_to_switch, is_not_seen])
@pytest.mark.parametrize("own", [False, True], ids=["one certificate", "one for each"])
def test_the_second_fails_and_is_rolled_back_and_the_third_is_not_touched(row, spoil, own):
    if own:
        row.each_its_own()
    row.deploy()
    row.due()
    before = row.served
    spoil(row)
    receipts = row.deploy()
    assert outcomes(receipts) == {"row/one": Outcome.ROTATED, "row/two": Outcome.ROLLED_BACK, "row/three": Outcome.FAILED}
    assert row.served["one"] != before["one"]
    assert {name: row.served[name] for name in ("two", "three")} == {name: before[name] for name in ("two", "three")}
    assert code(receipts) == NOT_ROTATED
    assert isinstance(receipts[2].error, Interrupted)
    assert receipts[2].error.message == "row/three: not begun, because row/two failed; done before it: row/one"
    assert [row.journal.last(one).phase for one in ALL] == [Phase.CONFIRMED, Phase.ROLLED_BACK, Phase.CONFIRMED]
    assert row.journal.last("row/three").wanted == before["three"]  # of the round before


@pytest.mark.parametrize("own", [False, True], ids=["one certificate", "one for each"])
def test_once_it_is_mended_the_next_run_brings_the_rest(row, own):
    if own:
        row.each_its_own()
    fails_to_switch(row)
    row.deploy()
    row.wraps.clear()
    receipts = row.deploy()
    assert outcomes(receipts) == {"row/one": Outcome.UNCHANGED, "row/two": Outcome.ROTATED, "row/three": Outcome.ROTATED}
    assert row.issuer.signed == (3 if own else 1)
    assert {one.now for one in receipts} == set(row.served.values())


def test_the_second_cannot_be_brought_back_and_the_third_is_not_touched(deployed):
    deployed.wraps["two"] = lambda target: at("rollback", Raise(TargetRefused("locked")))(
        at("activate", Raise(TargetRefused("no"), after=True))(target)
    )
    receipts = deployed.deploy()
    assert outcomes(receipts) == {"row/one": Outcome.ROTATED, "row/two": Outcome.STRANDED, "row/three": Outcome.FAILED}
    assert code(receipts) == STRANDED
    assert deployed.served["three"] == deployed.before["three"]
    assert deployed.standings == {"row/one": Standing.OK, "row/two": Standing.STRANDED, "row/three": Standing.OK}
    deployed.wraps.clear()
    assert outcomes(deployed.deploy()) == {"row/one": Outcome.UNCHANGED, "row/two": Outcome.ROTATED, "row/three": Outcome.ROTATED}
    assert set(deployed.standings.values()) == {Standing.OK}


def test_the_canary_fails_and_nothing_else_is_touched(deployed):
    deployed.wraps["one"] = at("stage", Raise(TargetRefused("no")))
    receipts = deployed.deploy()
    assert deployed.served == deployed.before
    assert receipts[1].error.message == "row/two: not begun, because row/one failed; none was done before it"


def test_no_certificate_means_no_switch_anywhere(deployed):
    deployed.issuer.down = True
    receipts = deployed.deploy()
    assert set(outcomes(receipts).values()) == {Outcome.FAILED}
    assert deployed.served == deployed.before


# --- runs that were killed --------------------------------------------------------------------


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("verb", ["inspect", "stage", "activate", "confirm", "tidy"])
@pytest.mark.parametrize("own", [False, True], ids=["one certificate", "one for each"])
def test_a_run_killed_in_the_second_member_is_brought_to_its_end_by_the_next(row, verb, after, own):
    if own:
        row.each_its_own()
    row.deploy()
    row.due()
    row.wraps["two"] = at(verb, Raise(KeyboardInterrupt(), after=after))
    with pytest.raises(KeyboardInterrupt):
        row.deploy()
    row.wraps.clear()
    signed = row.issuer.signed
    receipts = row.deploy()
    assert code(receipts) == OK
    assert outcomes(receipts)["row/one"] is Outcome.UNCHANGED
    assert {one.target: one.now for one in receipts} == {f"row/{name}": served for name, served in row.served.items()}
    assert row.issuer.signed - signed <= (2 if own else 0)
    assert {one.plan.action for one in row.deploy()} == {Action.NOTHING}
    assert not any(row.journal.unfinished(one) for one in ALL)


def killed_in_the_switch_of_two(row: Row) -> None:
    row.wraps["two"] = at("activate", Raise(KeyboardInterrupt(), after=True))
    with pytest.raises(KeyboardInterrupt):
        row.deploy()
    row.wraps.clear()


def test_what_was_left_half_way_is_settled_although_the_canary_fails_this_time(deployed):
    killed_in_the_switch_of_two(deployed)
    deployed.wraps["one"] = at("inspect", Raise(TargetUnreachable("no answer")))
    receipts = deployed.deploy()
    assert outcomes(receipts) == dict.fromkeys(ALL, Outcome.FAILED)
    assert deployed.journal.last("row/two").phase is Phase.CONFIRMED  # forward, for it is served
    assert deployed.served["two"] == deployed.journal.last("row/two").wanted
    assert deployed.served["three"] == deployed.before["three"]


def test_while_nobody_tells_the_members_a_half_way_one_is_not_called_unchanged(deployed):
    killed_in_the_switch_of_two(deployed)
    deployed.devices["three"].power(on=False)
    (receipt,) = deployed.deploy()
    assert (receipt.target, receipt.outcome, code([receipt])) == ("row", Outcome.STRANDED, STRANDED)
    assert "an earlier run stopped on row/two in the phase activating" in receipt.error.message
    deployed.devices["three"].power(on=True)
    assert code(deployed.deploy()) == OK


# --- unattended ---------------------------------------------------------------------------------


def test_a_member_that_failed_waits_and_the_others_have_nothing_to_wait_for(deployed):
    deployed.due()
    deployed.wraps["two"] = at("activate", Raise(TargetRefused("no")))
    assert [one.outcome for one in deployed.renew()] == [Outcome.ROTATED, Outcome.ROLLED_BACK, Outcome.FAILED]
    assert [deployed.journal.setbacks.of(name) is not None for name in ("row", *ALL)] == [False, False, True, False]
    deployed.wraps.clear()
    assert [type(one.error) for one in deployed.renew()] == [type(None), BackingOff, Interrupted]
    assert [one.outcome for one in deployed.renew(at_once=True)] == [Outcome.UNCHANGED, Outcome.ROTATED, Outcome.ROTATED]
    assert deployed.journal.setbacks.of("row/two") is None


def test_a_cluster_that_does_not_tell_its_members_is_asked_less_and_less_often(deployed):
    deployed.devices["three"].power(on=False)
    (receipt,) = deployed.renew()
    assert isinstance(receipt.error, TargetUnreachable)
    deployed.events.clear()
    (receipt,) = deployed.renew()
    assert isinstance(receipt.error, BackingOff)
    assert "`certpush renew row` tries at once" in receipt.error.hint
    assert deployed.events == []
    deployed.devices["three"].power(on=True)
    assert code(deployed.renew(at_once=True)) == OK
    assert deployed.journal.setbacks.of("row") is None


def test_a_member_that_was_left_half_way_does_not_wait_for_the_cluster(deployed):
    deployed.devices["three"].power(on=False)
    deployed.renew()
    deployed.devices["three"].power(on=True)
    killed_in_the_switch_of_two(deployed)
    assert code(deployed.renew()) == OK


# --- looking ----------------------------------------------------------------------------------


def test_a_plan_shows_every_member_and_changes_nothing(deployed):
    deployed.devices["one"].put("theirs", b"", b"", by="admin")
    deployed.wraps["one"] = at("inspect", Raise(TargetRefused("locked")))
    snapshots = [device.snapshot() for device in deployed.devices.values()]
    receipts = deployed.plan()
    assert [one.target for one in receipts] == list(ALL)
    assert [one.plan.action for one in receipts] == [Action.REFUSE, Action.OBTAIN, Action.OBTAIN]
    assert receipts[0].error.message == "locked"
    assert snapshots == [device.snapshot() for device in deployed.devices.values()]
    assert deployed.issuer.signed == 1


def test_each_member_stands_as_it_does(deployed):
    assert deployed.standings == dict.fromkeys(ALL, Standing.OK)
    deployed.devices["two"].select("device-default")
    deployed.devices["two"].reload()
    deployed.devices["one"].power(on=False)
    assert deployed.standings == {"row/one": Standing.UNREACHABLE, "row/two": Standing.DRIFTED, "row/three": Standing.OK}


def test_members_that_cannot_be_listed_are_one_unreachable_target_with_its_last_deployment(deployed):
    deployed.devices["three"].power(on=False)
    (status,) = statuses_of(deployed.spec, deployed.opener(), failed=())
    assert (status.target, status.standing) == ("row", Standing.UNREACHABLE)
    assert status.last.target == "row/three"
    assert "nothing answers" in status.problems[0]


def test_members_that_cannot_be_listed_are_stranded_while_one_of_them_is(deployed):
    deployed.wraps["two"] = lambda target: at("rollback", Raise(TargetRefused("locked")))(
        at("activate", Raise(TargetRefused("no"), after=True))(target)
    )
    deployed.deploy()
    deployed.devices["three"].power(on=False)
    (status,) = statuses_of(deployed.spec, deployed.opener(), failed=())
    assert (status.target, status.standing, status.last.target) == ("row", Standing.STRANDED, "row/two")


@pytest.mark.parametrize(
    ("error", "standing"),
    [
        (HostKeyMismatch("another key", hint="certpush trust NAME"), Standing.UNTRUSTED),
        (TargetAuthFailed("the token was not accepted", hint="make a new one"), Standing.LOGIN_REFUSED),
        (TargetUnreachable("no answer in time", hint="look"), Standing.UNREACHABLE),
        (TargetRefused("locked by another", hint="wait"), Standing.UNKNOWN),
    ],
    ids=lambda one: type(one).__name__,
)
def test_what_a_member_serves_is_shown_where_it_cannot_be_asked(deployed, error, standing):
    deployed.wraps["two"] = at("inspect", Raise(error))
    one, two, three = statuses_of(deployed.spec, deployed.opener(), failed=())
    assert (one.standing, two.standing, three.standing) == (Standing.OK, standing, Standing.OK)
    assert two.problems == (f"{error.message}\n{error.hint.replace('NAME', 'row/two')}",)
    assert two.served[0].fingerprint == deployed.served["two"]
    assert two.due == three.due is not None


def test_an_expired_certificate_is_worse_than_a_login_that_is_refused(deployed):
    deployed.wraps["two"] = at("inspect", Raise(TargetAuthFailed("the token was not accepted")))
    deployed.clock.now += timedelta(days=2)
    assert deployed.standings == dict.fromkeys(ALL, Standing.EXPIRED)


def test_a_target_that_cannot_be_opened_has_the_reason(deployed):
    deployed.wraps["two"] = Raise(ConfigError("no such file", hint="write it")).strike
    assert deployed.standings["row/two"] is Standing.UNKNOWN


def test_without_the_journal_what_is_held_should_be_served(deployed):
    def standings() -> list[Standing]:
        opener = replace(deployed.opener(), journal=Journal(None))
        return [one.standing for one in statuses_of(deployed.spec, opener, failed=(), remembering=False)]

    assert standings() == [Standing.OK] * 3
    deployed.devices["two"].select("device-default")
    deployed.devices["two"].reload()
    deployed.wraps["three"] = at("inspect", Raise(HostKeyMismatch("another key")))  # a person may have pinned it, and nobody remembers
    assert standings() == [Standing.OK, Standing.DRIFTED, Standing.UNKNOWN]
    shutil.rmtree(deployed.directory / "state" / "certificates")  # nor is anything held: how long it lasts can still be told
    assert standings() == [Standing.OK, Standing.OK, Standing.UNKNOWN]
    deployed.clock.now += timedelta(days=2)
    assert standings()[0] is Standing.EXPIRED


def test_what_a_run_is_switching_to_right_now_is_ours(row):
    seen: list[Standing] = []

    def look_meanwhile(target: Target) -> Target:
        return at("confirm", Instead(lambda: seen.extend(row.standings.values())))(target)

    row.wraps["one"] = look_meanwhile
    row.deploy()
    assert seen == [Standing.OK, Standing.NEW, Standing.NEW]
    seen.clear()
    row.deploy(force=True)
    assert seen == [Standing.OK] * 3


def test_a_status_before_anything_was_deployed_has_a_line_for_each(row):
    assert row.standings == dict.fromkeys(ALL, Standing.NEW)


# --- going back -------------------------------------------------------------------------------


def test_one_member_goes_back_and_the_others_stay(deployed):
    deployed.deploy()
    now = deployed.served
    receipt = deployed.rollback("row/two")
    assert (receipt.target, receipt.outcome) == ("row/two", Outcome.ROLLED_BACK)
    assert deployed.served == now | {"two": deployed.before["two"]}


def test_a_shared_certificate_does_not_go_back_with_one_of_its_members(deployed):
    deployed.deploy()
    deployed.rollback("row/two")
    assert outcomes(deployed.deploy()) == {"row/one": Outcome.UNCHANGED, "row/two": Outcome.ROTATED, "row/three": Outcome.UNCHANGED}


def test_a_members_own_certificate_goes_back_with_it(row):
    row.each_its_own()
    row.deploy()
    before = row.served
    row.deploy(force=True)
    row.rollback("row/two")
    assert row.escrow.current("row/two").fingerprint == before["two"]
    assert {one.plan.action for one in row.deploy()} == {Action.NOTHING}
    assert row.served["two"] == before["two"]


def test_all_members_at_once_do_not_go_back(deployed):
    with pytest.raises(ConfigError) as refused:
        deployed.rollback("row")
    assert refused.value.hint == "name one of: row/one, row/two, row/three"
    assert deployed.served == deployed.before


def test_while_a_run_works_on_the_cluster_no_member_goes_back(deployed):
    opener = deployed.opener()
    with opener.locks.hold("row"), pytest.raises(LockHeld):
        deployed.rollback("row/two")
    assert deployed.served == deployed.before


# --- certificates of their own ----------------------------------------------------------------


def test_what_members_have_of_their_own_is_kept_and_pruned_apart_and_found_by_fingerprint(row):
    row.each_its_own()
    generations = []
    for _ in range(4):
        row.deploy(force=True)
        generations.append(row.served["two"])
    held = {one.fingerprint for one in row.escrow.generations("row/two")}
    assert held == set(generations[-2:])
    assert row.escrow.find(generations[-2]).fingerprint == generations[-2]
    assert row.escrow.find(generations[-1], "row/one") is None
    assert sorted(path.name for path in (row.directory / "state" / "certificates").iterdir()) == ["row+one", "row+three", "row+two"]


def test_what_a_member_superseded_can_be_revoked(row):
    row.each_its_own()
    row.deploy()
    old = {name: row.escrow.current(f"row/{name}") for name in NAMES}
    row.deploy(force=True)
    certificates = {one.name: one.certificate for one in row.opener().members(row.spec)}
    assert {name: superseded(certificates[f"row/{name}"], row.escrow, row.journal) for name in NAMES} == {
        name: (bundle.serial,) for name, bundle in old.items()
    }
    row.rollback("row/two")
    assert old["two"].serial not in superseded(certificates["row/two"], row.escrow, row.journal)
