"""Whom an appliance may be recognised by: pins follow our own certificates, and a person's pin and the CA count beside them."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest

from certpush import Installed, Settings
from certpush.config import from_tables
from certpush.errors import ConfigError, IssuerUnreachable
from certpush.fleet.config_check import check_configuration
from certpush.fleet.opening import read_settings
from certpush.fleet.trusted import configured_trust, pins_known
from certpush.kit.tls import utc_now
from certpush.kit.trust import Trust
from certpush.model import Deployment, Outcome, Phase, WayBack, WayBackKind
from certpush.plugins.checks import kind_from
from certpush.target import Member
from certpush.testing.authority import Authority
from unit.fleet.conftest import Box, kind, spec

OLD, NEW, OWN, PINNED, OTHER = ("1" * 64, "2" * 64, "3" * 64, "4" * 64, "5" * 64)
AUTHORITY, ELSEWHERE = Authority("Ours"), Authority("Elsewhere")
ROOT = AUTHORITY.root_pem.decode()


class TlsSettings(Settings):
    host: str = "box.lan"
    devices: tuple[str, ...] = ()
    trust: Trust = Trust()


TLS = kind(settings=TlsSettings)
CLUSTER = kind(
    settings=TlsSettings,
    members=lambda settings, _: tuple(
        Member(name, TlsSettings(host=f"{name}.lan", trust=settings.trust.also(OTHER))) for name in settings.devices
    ),
)


def deployment(phase=Phase.CONFIRMED, *, target="box", wanted=NEW, before=OLD, own=None, certificate="box", id_="1"):
    outcome = {Phase.CONFIRMED: Outcome.ROTATED, Phase.ROLLED_BACK: Outcome.ROLLED_BACK}.get(phase)
    return Deployment(
        id=id_,
        target=target,
        certificate=certificate,
        before=Installed(before, own=own),
        wanted=wanted,
        phase=phase,
        way_back=WayBack(WayBackKind.EXACT, ""),
        outcome=outcome,
        started=utc_now(),
    )


@dataclass
class Ca:
    """What stands in for the CA: gives its root, or fails."""

    error: Exception | None = None
    asked: list[str] = field(default_factory=list)

    def roots(self):
        self.asked.append("roots")
        if self.error:
            raise self.error
        return (ELSEWHERE.root,)


@pytest.fixture
def bench(bench):
    bench.kinds["box"] = TLS
    bench.ca = Ca()
    bench.issuer = lambda _: bench.ca
    return bench


def trust_of(bench, **keys):
    return bench.opener().settings(spec(**keys), bench.kinds["box"]).trust


# --- pins follow our own certificates ---------------------------------------------------------


@pytest.mark.parametrize(
    ("phase", "known"),
    [
        (Phase.CONFIRMED, (NEW,)),
        *((phase, (NEW, OLD)) for phase in Phase if phase is not Phase.CONFIRMED),
    ],
)
def test_what_the_last_deployment_may_have_left_there_is_known(bench, phase, known):
    bench.journal.begin(deployment(phase))
    assert pins_known(bench.journal, "box") == known


@pytest.mark.parametrize("phase", [Phase.CONFIRMED, Phase.ROLLED_BACK, Phase.ACTIVATED])
def test_the_devices_own_certificate_stays_known(bench, phase):
    bench.journal.begin(deployment(phase, own=OWN))
    assert OWN in pins_known(bench.journal, "box")


def test_where_nothing_was_before_nothing_is_known_of_it(bench):
    bench.journal.begin(deployment(Phase.ROLLED_BACK, before=None))
    assert pins_known(bench.journal, "box") == (NEW,)


def test_only_the_last_deployment_counts(bench):
    bench.journal.begin(deployment(wanted=OLD, before=OTHER))
    bench.journal.begin(deployment(wanted=NEW, before=OLD, id_="2"))
    assert pins_known(bench.journal, "box") == (NEW,)


def test_other_targets_do_not_count(bench):
    for number, target in enumerate(("boxes", "box2", "bo", "other/box")):
        bench.journal.begin(deployment(target=target, id_=str(number)))
    assert pins_known(bench.journal, "box") == ()


def test_what_was_deployed_to_members_is_known_of_the_target_and_of_that_member(bench):
    bench.journal.begin(deployment(target="box/one", wanted=OLD, id_="1"))
    bench.journal.begin(deployment(target="box/two", wanted=NEW, id_="2"))
    assert set(pins_known(bench.journal, "box")) == {OLD, NEW}
    assert pins_known(bench.journal, "box/one") == (OLD,)


def test_what_a_person_pinned_counts_beside(bench):
    bench.journal.pin("box", "trust", f"sha256:{PINNED}", utc_now())
    bench.journal.pin("box", "host_key", "SHA256:x", utc_now())
    bench.journal.begin(deployment())
    assert trust_of(bench).pins == (PINNED, NEW)


# --- what the configuration says --------------------------------------------------------------


def test_a_fingerprint_in_the_configuration_counts_together_with_what_is_recorded(bench):
    bench.journal.pin("box", "trust", f"sha256:{PINNED}", utc_now())
    bench.journal.begin(deployment())
    assert trust_of(bench, trust=f"sha256:{OTHER.upper()}") == Trust(pins=(OTHER, PINNED, NEW))
    assert bench.ca.asked == []


def test_a_file_counts_together_with_what_is_recorded(bench, tmp_path):
    path = tmp_path / "root.pem"
    path.write_text(ROOT)
    bench.journal.pin("box", "trust", f"sha256:{PINNED}", utc_now())
    assert trust_of(bench, trust=str(path)) == Trust(pins=(PINNED,), roots=ROOT)
    assert bench.ca.asked == []


@pytest.mark.parametrize("wrong", ["sha256:00", "/nowhere/root.pem", ""])
def test_what_cannot_be_read_is_told_with_its_place(bench, wrong):
    for read in (lambda: trust_of(bench, trust=wrong), lambda: configured_trust(spec(trust=wrong))):
        with pytest.raises(ConfigError, match=r"^target\.box\.trust: ") as refused:
            read()
        assert refused.value.hint
        assert "NAME" not in refused.value.hint


def test_a_table_is_no_trust():
    with pytest.raises(ConfigError, match=r"target\.box\.trust: expected a text"):
        spec(trust={"pins": [PINNED]})


def test_config_check_reads_it_and_asks_nobody(bench, tmp_path):
    def findings(trust):
        tables = {"ca": {"url": "https://ca.lan", "fingerprint": "0" * 64}}
        target = {"kind": "box", "names": ["box.lan"], "endpoints": ["box.lan:443"], "trust": trust}
        configuration = from_tables({**tables, "target": {"box": target}}, {"HOME": "/nonexistent"})
        loader = type("Loader", (), {"load_kind": lambda _, name: bench.kinds[name]})()
        found = check_configuration(configuration, loader, pytest.fail, {"HOME": str(tmp_path)})
        return [one.message for where, one in found if where == "target.box" and str(one.severity) in ("error", "warning")]

    assert findings("ca") == []
    assert findings(f"sha256:{PINNED}") == []
    (told,) = findings("/nowhere/root.pem")
    assert told.startswith("target.box.trust: /nowhere/root.pem cannot be read")
    bench.kinds["box"] = kind(settings=type("Plain", (Settings,), {"__annotations__": {}}))
    assert "trust has no effect" in findings(f"sha256:{PINNED}")[0]


# --- the CA -----------------------------------------------------------------------------------


def test_the_root_of_the_certificate_in_escrow_is_trusted_and_the_ca_not_asked(bench):
    bench.opener().escrow.store("box", AUTHORITY.issue("box.lan"))
    assert trust_of(bench).roots == ROOT
    assert bench.ca.asked == []


def test_without_one_the_ca_is_asked_for_its_root(bench):
    assert trust_of(bench).roots == ELSEWHERE.root_pem.decode()
    assert bench.asked == ["default"]


def test_a_members_own_certificate_in_escrow_tells_as_well(bench):
    bench.opener().escrow.store("box/one", AUTHORITY.issue("one.lan"))
    bench.journal.begin(deployment(target="box/one", certificate="box/one"))
    assert trust_of(bench).roots == ROOT
    assert bench.ca.asked == []


def test_a_ca_that_cannot_be_asked_leaves_the_pins(bench):
    bench.ca.error = IssuerUnreachable("no answer")
    bench.journal.begin(deployment())
    assert trust_of(bench) == Trust(pins=(NEW,))


def test_who_reads_the_settings_alone_asks_nobody(bench):
    assert read_settings(spec(), TLS, pytest.fail).trust == Trust()
    assert bench.ca.asked == []


# --- members ----------------------------------------------------------------------------------


def test_a_member_is_also_known_by_what_was_deployed_and_pinned_for_it_alone(bench):
    bench.kinds["box"] = CLUSTER
    bench.journal.begin(deployment(target="box/two", wanted=NEW))
    bench.journal.pin("box/one", "trust", f"sha256:{PINNED}", utc_now())
    one, two = bench.opener().members(spec(devices=["one", "two"], endpoints=None))
    assert (one.name, two.name) == ("box/one", "box/two")
    assert one.settings.host == "one.lan"
    assert one.settings.trust.pins == (NEW, OTHER, PINNED)
    assert two.settings.trust.pins == (NEW, OTHER)


def test_members_of_a_kind_without_trust_are_left_as_they_are(bench):
    bench.kinds["box"] = kind(members=lambda settings, _: (Member("one", settings),))
    (one,) = bench.opener().members(spec(endpoints=None))
    assert one.settings.trust == "ca"


# --- authors ----------------------------------------------------------------------------------


def test_a_kind_that_leaves_trust_without_a_default_is_refused():
    from certpush.errors import PluginBroken
    from certpush.plugins.offers import Offer

    class Required(Settings):
        trust: Trust

    offer = Offer(name="box", distribution="box", version="1", module="box")
    with pytest.raises(PluginBroken, match="no default for trust"):
        kind_from([kind(settings=Required, open=Box)], offer)
    assert kind_from([TLS], offer) is TLS
