"""What is to be revoked: a serial number, or what nobody uses any more."""

from __future__ import annotations

import pytest

from certpush import Deployment, Installed, Phase, WayBack, WayBackKind
from certpush.errors import ConfigError
from certpush.fleet.revoking import certificates_called, is_a_name, revoke_all, serial_number, the_ca_of_serials
from certpush.stepca.refusal import CaRefusal
from unit.fleet.conftest import configured

CAS = {"ca": {"home": {"url": "https://a.lan"}, "work": {"url": "https://b.lan"}}, "defaults": {"ca": "home"}}


@pytest.mark.parametrize(
    ("text", "number"), [("1", 1), ("0x1f", 31), ("0X1F", 31), ("9" * 49, int("9" * 49)), ("0x" + "f" * 40, 2**160 - 1)]
)
def test_a_serial_number_is_decimal_or_hexadecimal(text, number):
    assert serial_number(text) == number


@pytest.mark.parametrize("text", ["", "0", "0x0", "x1", "1.0", "-1", "1_0", "0x", "1 ", "9" * 50])
def test_anything_else_is_none(text):
    with pytest.raises(ConfigError) as refused:
        serial_number(text)
    assert refused.value.hint.startswith("write a serial number as")


def test_a_name_that_is_near_is_told():
    with pytest.raises(ConfigError) as refused:
        serial_number("wikki", ["mail", "wiki"])
    assert refused.value.hint.startswith("did you mean 'wiki'? Else write a serial number as")


def called(name: str, configuration, bench) -> list[str]:
    opener = bench.opener()
    return [one.name for one in certificates_called(name, configuration, opener.escrow, opener.journal)]


def test_a_target_means_its_certificate_and_a_certificate_itself(bench):
    configuration = configured("box", certificate={"wild": {"names": ["*.lan"]}})
    assert called("box", configuration, bench) == ["box"]
    assert called("wild", configuration, bench) == ["wild"]
    assert [is_a_name(one, configuration) for one in ("box", "wild", "box/one", "wild/one", "0x12")] == [True, True, True, False, False]


def deployed(bench, target: str) -> None:
    bench.journal.begin(
        Deployment(
            id=target,
            target=target,
            certificate="box",
            before=Installed(None),
            wanted="ab" * 32,
            phase=Phase.CONFIRMED,
            way_back=WayBack(WayBackKind.EXACT, ""),
        )
    )


def test_a_target_means_the_certificates_of_its_members_too_and_a_member_its_own(bench):
    for folder in ("box", "box+one", "box+two", "boxes", "boxes+one"):
        (bench.directory / "certificates" / folder).mkdir(parents=True)
    assert called("box", configured("box"), bench) == ["box", "box/one", "box/two"]
    assert called("box/two", configured("box"), bench) == ["box/two"]
    (one,) = certificates_called("box/two", configured("box"), bench.opener().escrow, bench.journal)
    assert one.ca == configured("box").targets["box"].certificate.ca


def test_a_member_without_a_certificate_of_its_own_does_not_mean_the_others(bench):
    deployed(bench, "box/one")
    with pytest.raises(ConfigError) as refused:
        called("box/one", configured("box"), bench)
    assert refused.value.message == "box/one has no certificate of its own"
    assert refused.value.hint == "`certpush revoke box` means the one that the members of box share"


def test_a_member_that_nobody_knows_is_told(bench):
    with pytest.raises(ConfigError) as refused:
        called("box/onne", configured("box"), bench)
    assert refused.value.message == "certpush has deployed nothing to 'box/onne'"


def test_where_there_is_one_ca_a_serial_number_is_its():
    assert the_ca_of_serials(None, configured("box")) is None
    assert the_ca_of_serials("default", configured("box")) == "default"


def test_where_there_are_several_somebody_must_say_whose_it_is():
    configuration = configured(**CAS)
    assert the_ca_of_serials("work", configuration) == "work"
    with pytest.raises(ConfigError) as refused:
        the_ca_of_serials(None, configuration)
    assert refused.value.hint == "say it with --ca: one of home, work"


class Ca:
    """Has revoked some already, and refuses one."""

    def __init__(self, already=(), refused=()) -> None:
        self.already, self.refused, self.asked = already, refused, []

    def revoke(self, serial: int, *, reason: str, reason_code: int) -> None:
        self.asked.append((serial, reason, reason_code))
        if serial in self.already or serial in self.refused:
            text = "already revoked" if serial in self.already else "no"
            raise CaRefusal("refused", status=400, text=f"certificate with serial number '{serial}' is {text}", request_id="r1")


def test_what_was_revoked_before_is_passed_over():
    ca = Ca(already=(2,))
    assert revoke_all([1, 2, 3], ca, reason="superseded", reason_code=4) == (1, 3)
    assert ca.asked == [(one, "superseded", 4) for one in (1, 2, 3)]


def test_another_refusal_ends_it():
    with pytest.raises(CaRefusal):
        revoke_all([1, 2], Ca(refused=(1,)), reason="superseded", reason_code=4)
