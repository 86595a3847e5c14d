"""Devices that belong together: how they are listed, and that each is switched alone."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from certpush.errors import TargetUnreachable
from certpush.kit.settings import Settings
from certpush.model import CertificateRequest, parse_name
from certpush.target import Member, Reversible
from certpush.testing.authority import Authority
from certpush.testing.contract.bench import AnyBench, Bench
from certpush.testing.contract.case import Cluster
from certpush.testing.contract.demands import must_raise, not_claimed, not_tried
from certpush.testing.contract.watched import WatchedThread


class Clusters:
    """Obligations of a kind with ``members``."""

    @pytest.fixture
    def cluster(self, bench: AnyBench) -> Iterator[Cluster[Any]]:
        """Stand up the devices, where the kind and the case have some."""
        if bench.kind.members is None:
            not_claimed("this kind has no members")
        if bench.case.cluster is None:
            not_tried("give TargetCase.cluster: devices that belong together, two of them at least")
        with bench.case.cluster() as cluster:
            yield cluster

    def test_members_are_listed_alike_each_time(self, bench: AnyBench, cluster: Cluster[Any]) -> None:
        """Their order is that of rotation, and the way back of each is kept under its name."""
        request = _request_of(cluster)
        members = _members(bench, cluster.settings, cluster)
        assert len(members) >= 2, f"the cluster of the case has {len(members)} members; the suite needs two of them at least"
        for one in members:
            _check(one, bench, request)
        names = [one.name for one in members]
        assert len(set(names)) == len(names), f"two members have one name: {', '.join(names)}"
        again = [one.name for one in _members(bench, cluster.settings, cluster)]
        assert again == names, f"members() gave {', '.join(names)}, and when asked again {', '.join(again)}"

    def test_listing_members_changes_nothing(self, bench: AnyBench, cluster: Cluster[Any]) -> None:
        """It runs at every `status` and every plan."""
        benches = _benches(bench, cluster)
        before = [one.inspect() for one in benches]
        _members(bench, cluster.settings, cluster)
        assert [one.inspect() for one in benches] == before, "members() changed what a member has installed"
        _end(benches)

    def test_a_member_is_switched_and_brought_back_alone(self, bench: AnyBench, cluster: Cluster[Any]) -> None:
        """The first is the canary: whatever happens to it, the others serve what they served."""
        first, *others = benches = _benches(bench, cluster)
        before = [one.served() for one in others]
        new = first.switch(first.mint())
        first.expect_served(new.bundle.fingerprint, "the first member does not serve the new certificate")
        assert [one.served() for one in others] == before, "the switch of one member changed what another one serves"
        if bench.kind.reversible is not Reversible.NEVER:
            expected = first.open().rollback(new.before, new.staged, None)
            first.expect(expected, new.bundle, "the first member was rolled back, and does not serve what it must")
            assert [one.served() for one in others] == before, "the way back of one member changed what another one serves"
        _end(benches)

    def test_members_of_an_unreachable_device_are_told_in_time(self, bench: AnyBench, cluster: Cluster[Any]) -> None:
        """A cluster of which nobody can tell the members is not one without any."""
        if cluster.unreachable is None:
            not_claimed("members() asks no device")
        with must_raise(TargetUnreachable, "members() of a device that nobody reaches must raise TargetUnreachable"):
            _members(bench, cluster.unreachable, cluster)


def _check(one: Member[Any], bench: AnyBench, request: CertificateRequest) -> None:
    usual = "letters, digits, dot, hyphen and underscore"
    assert re.fullmatch(r"[A-Za-z0-9._-]+", one.name), f"a member is called {one.name!r}: {usual} make a name"
    assert isinstance(one.settings, bench.kind.settings), f"the settings of member {one.name} are no {bench.kind.settings.__name__}"
    more = sorted(str(name) for name in set(one.names) - set(request.names))
    assert not more, f"member {one.name} wants names that are not configured: {', '.join(more)}"


def _request_of(cluster: Cluster[Any]) -> CertificateRequest:
    return CertificateRequest(tuple(parse_name(one) for one in cluster.names))


def _members(bench: AnyBench, settings: Settings, cluster: Cluster[Any]) -> tuple[Member[Any], ...]:
    expand = bench.kind.members
    assert expand is not None
    thread = WatchedThread(bench.case.patience)
    try:
        return thread.do("members()", lambda: expand(settings, _request_of(cluster)))
    finally:
        thread.end()


def _benches(bench: AnyBench, cluster: Cluster[Any]) -> list[AnyBench]:
    """A bench for each member, which looks where the member says."""
    authority = Authority("Cluster")
    return [Bench(_alone(bench, cluster, one), authority) for one in _members(bench, cluster.settings, cluster)]


def _alone(bench: AnyBench, cluster: Cluster[Any], member: Member[Any]) -> Any:
    names = tuple(str(one) for one in member.names) or cluster.names
    return replace(bench.case, settings=member.settings, names=names, endpoints=(), served=None, snapshot=None)


def _end(benches: list[AnyBench]) -> None:
    for one in benches:
        one.end()
