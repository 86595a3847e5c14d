"""A target's members: who they are, whose certificate they have, and what a plugin may not answer."""

from __future__ import annotations

from dataclasses import replace

import pytest

from certpush import Identity, Settings
from certpush.config import from_tables
from certpush.errors import ConfigError, TargetBug, TargetUnreachable, TrustError
from certpush.fleet.first_contact import identities
from certpush.fleet.members import one_of
from certpush.fleet.wishes import Wishes
from certpush.kit.tls import utc_now
from certpush.model import CertificateRequest
from certpush.target import Member
from unit.fleet.conftest import Box, BoxSettings, kind, spec, with_members


def cluster(**more: object):
    """A target that says nothing of where its members are."""
    return spec(endpoints=None, **more)


def names(members) -> list[str]:
    return [one.name for one in members]


def test_mostly_a_target_is_its_own_only_member(bench):
    (one,) = bench.opener().members(spec(host="a.lan"))
    assert (one.name, one.settings.host) == ("box", "a.lan")
    assert one.certificate is not None


def test_a_kind_that_knows_of_no_members_leaves_the_target_as_its_own_and_its_endpoints_count(bench):
    bench.kinds["box"] = kind(members=lambda settings, request: ())
    one = spec()
    assert names(bench.opener().members(one)) == ["box"]
    assert bench.opener().members(one)[0].certificate is one.certificate


def test_members_stand_behind_the_targets_name_in_the_order_of_the_kind(bench):
    bench.kinds["box"] = kind(members=with_members("two", "one"))
    members = bench.opener().members(cluster())
    assert [(one.name, one.settings.host) for one in members] == [("box/two", "two.lan"), ("box/one", "one.lan")]


def test_the_kind_is_given_settings_with_secrets_and_what_is_asked_for(bench):
    asked: list[object] = []

    def members(settings: BoxSettings, request: CertificateRequest):
        asked.extend((settings.token.reveal(), request.names))
        return ()

    bench.kinds["box"] = kind(members=members)
    one = cluster(token="env:TOKEN", names=["a.lan", "b.lan"])
    bench.opener().members(one)
    assert asked == ["told", one.certificate.request.names]


# --- certificates -----------------------------------------------------------------------------


def test_members_share_the_targets_certificate_unless_they_have_names(bench):
    bench.kinds["box"] = kind(members=with_members("one", two=("two.lan", "192.0.2.2")))
    target = cluster(names=["box.lan", "two.lan", "192.0.2.2"], lifetime="30d", renew_at="1/2")
    one, two = bench.opener().members(target)
    assert one.certificate is target.certificate
    assert two.certificate == replace(
        target.certificate,
        name="box/two",
        request=replace(target.certificate.request, names=CertificateRequest.of("two.lan", "192.0.2.2").names),
    )


def test_a_certificate_that_several_targets_push_is_not_split(bench):
    tables = {
        "certificate": {"wild": {"names": ["*.lan"]}},
        "target": {"box": {"kind": "box", "certificate": "wild"}, "other": {"kind": "box", "certificate": "wild"}},
    }
    target = from_tables(tables, {"HOME": "/nonexistent"}).targets["box"]
    bench.kinds["box"] = kind(members=with_members("one", "two"))
    assert {one.certificate.name for one in bench.opener().members(target)} == {"wild"}
    bench.kinds["box"] = kind(members=with_members("one", two=("two.lan",)))
    with pytest.raises(ConfigError) as refused:
        bench.opener().members(target)
    assert refused.value.message == "target.box: box/two would have a certificate of its own, but [certificate.wild] is one for all"
    assert refused.value.hint == "write names in [target.box] instead of certificate, or let its members share one"


def test_a_certificate_of_the_targets_own_name_is_shared_all_the_same(bench):
    tables = {"certificate": {"box": {"names": ["*.lan"]}}, "target": {"box": {"kind": "box", "certificate": "box"}}}
    bench.kinds["box"] = kind(members=with_members(one=("one.lan",)))
    with pytest.raises(ConfigError, match=r"\[certificate\.box\] is one for all"):
        bench.opener().members(from_tables(tables, {"HOME": "/nonexistent"}).targets["box"])


def test_names_that_no_certificate_can_have_together_are_told_with_their_place(bench):
    bench.kinds["box"] = kind(members=with_members(one=("one.lan", "two.lan")))
    twice = CertificateRequest.of("one.lan").names * 2
    bench.kinds["box"] = kind(members=lambda settings, request: (Member("one", settings, twice),))
    with pytest.raises(ConfigError, match=r"target\.box: one: a name stands twice"):
        bench.opener().members(cluster())


# --- where they are ---------------------------------------------------------------------------


@pytest.mark.parametrize("names", [("one",), ("one", "two")])
def test_one_address_cannot_stand_for_members(bench, names):
    bench.kinds["box"] = kind(members=with_members(*names))
    with pytest.raises(ConfigError) as refused:
        bench.opener().members(spec())
    assert refused.value.message.startswith("target.box: endpoints cannot say where the ")
    assert refused.value.hint == "leave endpoints out: each member is looked at at its own address"


def test_files_may_be_looked_at_on_each_member(bench):
    bench.kinds["box"] = kind(members=with_members("one", "two"))
    target, opener = cluster(verify="files"), bench.opener()
    assert [opener.rotation(target, one, Wishes()).endpoints for one in opener.members(target)] == [(), ()]


def test_a_rotation_of_a_member_has_its_name_its_settings_and_its_certificate(bench):
    made: list[Box] = []

    def make(settings):
        made.append(Box(settings))
        return made[-1]

    bench.kinds["box"] = kind(open=make, members=with_members("one", two=("two.lan",)))
    target, opener = cluster(verify="files"), bench.opener()
    rotations = [opener.rotation(target, one, Wishes()) for one in opener.members(target)]
    assert [(one.name, one.spec.name) for one in rotations] == [("box/one", "box"), ("box/two", "box/two")]
    assert [one.settings.host for one in made] == ["one.lan", "two.lan"]


# --- one of them ------------------------------------------------------------------------------


def test_one_member_is_named_and_never_taken_for_all(bench):
    assert one_of(bench.opener().members(spec()), spec(), "box").name == "box"
    bench.kinds["box"] = kind(members=with_members("one", "two"))
    members = bench.opener().members(cluster())
    assert one_of(members, cluster(), "box/two").name == "box/two"
    for name in ("box", "box/three", "box/"):
        with pytest.raises(ConfigError) as refused:
            one_of(members, cluster(), name)
        assert refused.value.hint == "name one of: box/one, box/two"
    bench.kinds["box"] = kind(members=with_members("only"))
    assert one_of(bench.opener().members(cluster()), cluster(), "box").name == "box/only"


def test_a_target_that_is_no_cluster_has_no_members_to_name(bench):
    with pytest.raises(ConfigError, match="'box/one' is no member of box"):
        one_of(bench.opener().members(spec()), spec(), "box/one")


# --- who they are -----------------------------------------------------------------------------


def test_what_a_person_pinned_for_a_member_counts_for_it_alone_until_the_configuration_says_otherwise(bench):
    bench.kinds["box"] = kind(members=with_members("one", "two"))
    bench.journal.pin("box", "host_key", "SHA256:of the first address", utc_now())
    bench.journal.pin("box/two", "host_key", "SHA256:of two", utc_now())
    opener = bench.opener()
    assert [one.settings.host_key for one in opener.members(cluster())] == ["SHA256:of the first address", "SHA256:of two"]
    written = cluster(host_key="SHA256:written")
    assert {one.settings.host_key for one in opener.members(written)} == {"SHA256:written"}


def test_each_member_shows_who_it_is(bench):
    bench.kinds["box"] = kind(
        members=with_members("one", "two"), identify=lambda settings: (Identity("host_key", f"SHA256:{settings.host}", (), ""),)
    )
    target, opener = cluster(host="entry.lan"), bench.opener()
    assert [one.value for name in ("box", "box/two") for one in identities(target, name, opener)] == ["SHA256:entry.lan", "SHA256:two.lan"]
    with pytest.raises(ConfigError) as refused:
        identities(target, "box/three", opener)
    assert refused.value.hint == "name one of: box/one, box/two"


def test_a_kind_without_identities_says_so_and_one_that_fails_to_show_them_is_named(bench):
    with pytest.raises(ConfigError, match="shows no identity"):
        identities(cluster(), "box", bench.opener())
    bench.kinds["box"] = kind(identify=lambda settings: 1 // 0)
    with pytest.raises(TargetBug) as bug:
        identities(cluster(), "box", bench.opener())
    assert bug.value.phase == "identify"


# --- what a plugin may do wrong ---------------------------------------------------------------


def test_a_plugin_that_fails_to_count_its_members_is_named(bench):
    bench.kinds["box"] = kind(members=lambda settings, request: 1 // 0)
    with pytest.raises(TargetBug) as bug:
        bench.opener().members(cluster())
    assert (bug.value.target, bug.value.phase) == ("box", "members")
    assert "box" in bug.value.message


class OtherSettings(Settings):
    """Of no kind here."""


@pytest.mark.parametrize(
    "answer",
    [
        None,
        [Member("one", BoxSettings())],
        ("one",),
        (Member(1, BoxSettings()),),
        (Member("one", OtherSettings()),),
        (Member("one", BoxSettings(), ("one.lan",)),),
    ],
    ids=["nothing", "a list", "names alone", "a number for a name", "settings of another kind", "texts for names"],
)
def test_what_are_no_members_is_refused(bench, answer):
    bench.kinds["box"] = kind(members=lambda settings, request: answer)
    with pytest.raises(TargetBug, match="answered members with something that is no tuple of its members"):
        bench.opener().members(cluster())


@pytest.mark.parametrize("name", ["", "a/b", "a+b", "..", ".hidden", "a b", "a\n", "x" * 65, "\x1b[2J"])
def test_a_name_that_could_be_no_part_of_a_file_name_is_refused(bench, name):
    bench.kinds["box"] = kind(members=lambda settings, request: (Member(name, settings),))
    with pytest.raises(TargetBug, match="which no member can have") as bug:
        bench.opener().members(cluster())
    assert bug.value.message.isprintable()


def test_no_two_members_have_one_name(bench):
    bench.kinds["box"] = kind(members=with_members("one", "two", "one"))
    with pytest.raises(TargetBug, match="'one', which no member can have, or which two have"):
        bench.opener().members(cluster())


def test_errors_of_ours_pass_and_a_stranger_is_named_with_the_command_to_run(bench):
    mine = TargetUnreachable("no answer")

    def fail(error: Exception):
        def members(settings, request):
            raise error

        return members

    bench.kinds["box"] = kind(members=fail(mine))
    with pytest.raises(TargetUnreachable) as raised:
        bench.opener().members(cluster())
    assert raised.value is mine
    bench.kinds["box"] = kind(members=fail(TrustError("a stranger", hint="run `certpush trust NAME`")))
    with pytest.raises(TrustError) as stranger:
        bench.opener().members(cluster())
    assert stranger.value.hint == "run `certpush trust box`"
