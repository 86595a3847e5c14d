"""Which open records of a target and its members are meant, and what is said where nobody can look."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from certpush.errors import ConfigError, TargetUnreachable
from certpush.fleet.resolving import resolve_one, unresolved_of
from certpush.model import Decision, Outcome, Phase, Way
from certpush.state.setbacks import Setback
from unit.fleet.conftest import kind, spec, with_members
from unit.fleet.test_cluster import unfinished

ACCEPT = Decision(Way.ACCEPT, "anna@desk")
BOX = spec(endpoints=None, verify="files")


@pytest.fixture
def two(bench):
    """A cluster of two."""
    bench.kinds["box"] = kind(members=with_members("one", "two"))
    return bench.opener()


def resolve(opener, name="box"):
    return resolve_one(BOX, name, ACCEPT, opener, [BOX])


def test_where_nothing_is_open_nobody_is_asked(bench):
    bench.kinds.clear()
    assert list(unresolved_of(BOX, "box", bench.opener())) == []
    assert resolve(bench.opener()).plan.why == "nothing to resolve"


def test_one_member_is_shown_and_ended_by_the_name_of_its_target(bench, two):
    unfinished(bench, "box/two", Phase.STRANDED)
    bench.journal.setbacks.record(Setback("box/two", 3, datetime.now(UTC) + timedelta(hours=1), datetime.now(UTC), "failed"))
    (seen,) = unresolved_of(BOX, "box", two)
    assert (seen.target, seen.installed.fingerprint, seen.key_held) == ("box/two", None, False)
    receipt = resolve(two)
    assert (receipt.target, receipt.outcome, receipt.error) == ("box/two", Outcome.ROLLED_BACK, None)
    assert bench.journal.setbacks.of("box/two") is None
    assert list(unresolved_of(BOX, "box/two", two)) == []


def test_of_several_one_is_named(bench, two):
    unfinished(bench, "box/one", Phase.STRANDED)
    unfinished(bench, "box/two", Phase.ACTIVATING)
    assert [one.target for one in unresolved_of(BOX, "box", two)] == ["box/one", "box/two"]
    with pytest.raises(ConfigError) as caught:
        resolve(two)
    assert "box/one, box/two" in caught.value.hint
    assert resolve(two, "box/one").error is None
    assert resolve(two).target == "box/two"


def test_a_member_that_is_gone_is_told_with_the_way_out(bench, two):
    unfinished(bench, "box/three", Phase.STRANDED)
    (seen,) = unresolved_of(BOX, "box", two)
    assert seen.problems == ("box/three is not among the members of box any more",)
    with pytest.raises(ConfigError) as caught:
        resolve(two)
    assert "certpush forget box/three --abandon" in caught.value.hint


def test_what_the_target_did_alone_is_told_of_the_cluster_that_it_became(bench, two):
    unfinished(bench, "box", Phase.STRANDED)
    (seen,) = unresolved_of(BOX, "box", two)
    assert seen.problems == ("box has members now, and is none itself",)


def test_where_members_cannot_be_listed_or_opened_the_journal_is_shown(bench):
    def unreachable(*_):
        raise TargetUnreachable("gone")

    unfinished(bench, "box/one", Phase.STRANDED)
    bench.kinds["box"] = kind(members=unreachable)
    assert [one.problems for one in unresolved_of(BOX, "box", bench.opener())] == [("gone",)]
    bench.kinds["box"] = kind(members=with_members("one"), open=unreachable)
    assert [one.problems for one in unresolved_of(BOX, "box", bench.opener())] == [("gone",)]
