"""The checks of doctor: each goes on where the one before failed, and a plugin's bug is a finding of its target alone."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from certpush import Deployment, Finding, Installed, KeySpec, Phase, Severity, WayBack, WayBackKind
from certpush.config import from_tables
from certpush.errors import ConfigError, PluginNotFound, StateError, TargetUnreachable
from certpush.fleet.doctor import examine, examine_cas, examine_state, examine_targets, longest_requests
from certpush.fleet.workers import Slots
from unit.fleet.conftest import Box, configured, kind, spec, with_members

OK, WARNING, ERROR = Severity.OK, Severity.WARNING, Severity.ERROR


def codes(found, *severities) -> list[str]:
    return [one.code for one in found if not severities or one.severity in severities]


def found_in(spec, opener) -> list[Finding]:
    """What is found, wherever it belongs."""
    return [finding for _, finding in examine(spec, opener)]


@pytest.fixture(autouse=True)
def known(monkeypatch):
    """Every name is known."""
    monkeypatch.setattr("certpush.fleet.doctor.unknown_names", lambda names, seconds: {})


# --- CAs --------------------------------------------------------------------------------------


class Ca:
    def check(self, request):
        self.request = request
        return (Finding(OK, "ca-health", "well"),)


def test_a_ca_that_cannot_be_opened_keeps_no_other_from_being_checked():
    def issuer(name: str) -> Ca:
        if name == "work":
            raise ConfigError("no such CA", hint="add it")
        return Ca()

    found = list(examine_cas({"work": None, "default": None, "home": None}, issuer))
    assert [(where, one.code) for where, one in found] == [("ca.work", "ca-settings"), ("ca", "ca-health"), ("ca.home", "ca-health")]
    assert found[0][1].hint == "add it"


def test_a_ca_is_asked_about_the_longest_life_that_a_target_wants():
    tables = {
        "ca": {"home": {"url": "https://a.lan"}, "work": {"url": "https://b.lan"}},
        "defaults": {"ca": "home"},
        "target": {
            "usual": {"kind": "box", "names": ["a.lan"]},
            "short": {"kind": "box", "names": ["b.lan"], "lifetime": "1h"},
            "long": {"kind": "box", "names": ["c.lan"], "lifetime": "395d"},
            "other": {"kind": "box", "names": ["d.lan"], "lifetime": "2h", "ca": "work"},
        },
    }
    asked = longest_requests(tuple(from_tables(tables, {"HOME": "/x"}).targets.values()))
    assert {name: one.lifetime for name, one in asked.items()} == {"home": timedelta(days=395), "work": timedelta(hours=2)}


# --- the state --------------------------------------------------------------------------------


def test_a_state_that_cannot_be_opened_is_told(tmp_path):
    def fail() -> None:
        raise StateError("damaged", hint="mend it")

    tmp_path.chmod(0o700)
    ((where, found),) = examine_state(tmp_path, fail)
    assert (where, found.severity, found.message, found.hint) == ("state", ERROR, "damaged", "mend it")


def test_a_state_that_is_not_there_is_not_opened(tmp_path):
    ((_, found),) = examine_state(tmp_path / "a" / "b", lambda: pytest.fail("was opened"))
    assert (found.severity, found.message) == (OK, f"{tmp_path}/a/b can be made")


def test_where_nobody_may_write_no_state_can_be_made(tmp_path, monkeypatch):
    monkeypatch.setattr("os.access", lambda path, mode: False)
    ((_, found),) = examine_state(tmp_path / "a" / "b", lambda: None)
    assert found.message == f"the state directory {tmp_path}/a/b cannot be made: no right to write to {tmp_path}"


# --- targets ----------------------------------------------------------------------------------


def test_a_target_without_fault(bench):
    found = list(found_in(spec(), bench.opener()))
    assert codes(found, ERROR) == []
    assert codes(found) == ["settings", "key", "dns", "names", "target", "endpoint", "way-back"]


def test_a_kind_that_is_not_there_is_all_that_can_be_said(bench):
    def load(name: str):
        raise PluginNotFound(f"nobody offers {name}", hint="install it")

    bench.kinds = type("None_", (), {"__getitem__": lambda _, name: load(name)})()
    (found,) = found_in(spec(), bench.opener())
    assert (found.severity, found.code, found.hint) == (ERROR, "settings", "install it")


def test_a_key_that_the_kind_does_not_take_is_told_once(bench):
    bench.kinds["box"] = kind(accepted_keys=frozenset({KeySpec.RSA_2048}))
    found = list(found_in(spec(), bench.opener()))
    assert codes(found, ERROR) == ["key"]
    assert next(one for one in found if one.code == "key").hint == "set key to one of: rsa-2048"


def test_a_timer_that_is_too_short_is_a_warning(bench):
    bench.kinds["box"] = kind(self_rescue=True)
    assert "rescue" in codes(found_in(spec(rescue_after="2s"), bench.opener()), WARNING)


def test_an_endpoint_that_no_resolver_knows_is_an_error_and_not_also_a_silent_one(bench, monkeypatch):
    monkeypatch.setattr(
        "certpush.fleet.doctor.unknown_names", lambda names, seconds: {one: "no such name" for one in names if one == "nowhere.lan"}
    )
    one = spec(names=["nowhere.lan", "box.lan"], endpoints=["nowhere.lan:443", "box.lan:443"])
    found = list(found_in(one, bench.opener()))
    assert codes(found, ERROR) == ["dns"]
    assert [one.message for one in found if one.code == "endpoint"] == ["box.lan:443: Connection refused"]


class Failing(Box):
    def preflight(self, request):
        raise ZeroDivisionError


class Warned(Box):
    def preflight(self, request):
        return (Finding(WARNING, "disk", "nearly full", "make room"),)


def test_a_plugins_bug_is_a_finding(bench):
    bench.kinds["box"] = kind(open=Failing)
    found = list(found_in(spec(), bench.opener()))
    assert codes(found, ERROR) == ["target"]
    assert "box" in found[-1].message


def test_what_the_target_finds_itself_is_told(bench):
    bench.kinds["box"] = kind(open=Warned)
    assert "disk" in codes(found_in(spec(), bench.opener()), WARNING)


def test_each_member_is_checked_and_closed_and_one_that_cannot_be_opened_stops_no_other(bench):
    made: list[Box] = []

    def make(settings):
        if settings.host == "two.lan":
            raise TargetUnreachable("two is off")
        made.append(Box(settings))
        return made[-1]

    bench.kinds["box"] = kind(open=make, members=with_members("one", "two", "three"))
    found = list(examine(spec(endpoints=None, verify="files"), bench.opener()))
    assert [(where, one.message) for where, one in found if one.severity is ERROR] == [("target.box/two", "two is off")]
    assert list(dict.fromkeys(where for where, _ in found)) == ["target.box", "target.box/one", "target.box/two", "target.box/three"]
    assert [one.closed for one in made] == [1, 1]


def test_members_that_cannot_be_listed_are_an_error_of_the_target_whose_settings_are_good(bench):
    def members(settings, request):
        raise TargetUnreachable("entry.lan: no answer", hint="switch it on")

    bench.kinds["box"] = kind(members=members)
    found = list(examine(spec(endpoints=None), bench.opener()))
    assert ("target.box", OK, "settings") in [(where, one.severity, one.code) for where, one in found]
    assert [(where, one.code, one.message, one.hint) for where, one in found if one.severity is ERROR] == [
        ("target.box", "target", "entry.lan: no answer", "switch it on")
    ]


def test_endpoints_that_cannot_stand_for_members_are_an_error_of_the_settings(bench):
    bench.kinds["box"] = kind(members=with_members("one", "two"))
    assert codes(found_in(spec(), bench.opener())) == ["settings"]


def test_a_name_that_no_members_certificate_has_is_told(bench):
    bench.kinds["box"] = kind(members=with_members(one=("one.lan",), two=("two.lan",)))
    target = spec(names=["one.lan", "two.lan", "twoo.lan"], endpoints=None, verify="files")
    (found,) = [one for one in found_in(target, bench.opener()) if one.severity is WARNING]
    assert (found.code, found.message) == ("names", "no member's certificate has the name twoo.lan")
    bench.kinds["box"] = kind(members=with_members("one", "two"))
    assert codes(found_in(target, bench.opener()), WARNING) == []


def test_targets_are_told_of_in_their_order_however_they_end(bench):
    specs = tuple(configured("c", "a", "b").targets.values())
    wheres = [where for where, _ in examine_targets(specs, bench.opener(), Slots(3))]
    assert list(dict.fromkeys(wheres)) == ["target.c", "target.a", "target.b"]


def test_no_target_is_said():
    ((where, found),) = examine_targets((), None, Slots(1))
    assert (where, found.severity) == ("targets", Severity.INFO)


def test_an_earlier_run_that_stopped_is_told_with_the_command(bench):

    bench.journal.begin(
        Deployment(
            id="d1",
            target="box",
            certificate="box",
            before=Installed(None),
            wanted="ab" * 32,
            phase=Phase.INTENT,
            way_back=WayBack(WayBackKind.EXACT, "kept"),
            started=datetime.now(UTC),
        )
    )
    found = [one for one in found_in(spec(), bench.opener()) if one.code == "unfinished"]
    assert [one.hint.partition(" brings")[0] for one in found] == ["`certpush deploy box`"]
    assert found[0].severity is WARNING


def test_an_endpoint_with_a_name_of_its_own_is_asked_for_by_its_address(bench, monkeypatch):
    asked: list[str] = []
    monkeypatch.setattr("certpush.fleet.doctor.unknown_names", lambda names, seconds: asked.extend(names) or {})
    list(found_in(spec(endpoints=["192.0.2.7:443#box.lan"]), bench.opener()))
    assert asked == ["box.lan", "192.0.2.7"]
