"""A pair: what the primary saves overwrites whole sections of the secondary."""

import pytest

from certpush.testing.lab import NotPossibleHere
from certpush.testing.lab.pfsense import PfSensePair
from certpush.testing.lab.process import wait_until
from conftest import need, not_run

pytestmark = pytest.mark.live("sshd", "nginx", "php")

_ADD = '$config["cert"][] = ["refid" => "6500000000001", "descr" => "new", "crt" => "", "prv" => ""];'


@pytest.fixture
def pair():
    need("sshd", "nginx", "php")
    try:
        with PfSensePair() as pair:
            yield pair
    except NotPossibleHere as error:
        not_run(error.message)


def test_a_certificate_of_the_primary_arrives_and_the_secondarys_own_goes(pair):
    own = pair.secondary.config().certref
    pair.secondary.as_administrator('$config["cert"][] = ["refid" => "6500000000009", "descr" => "mine", "crt" => "", "prv" => ""];')
    pair.primary.as_administrator(_ADD)
    wait_until(lambda: bool(pair.secondary.happened("synced")), "the sync")
    assert set(pair.secondary.config().certs) == set(pair.primary.config().certs)
    assert "6500000000009" not in pair.secondary.config().certs
    assert pair.secondary.config().certref == own
    assert "Merged in config (cert,ca,crl sections)" in pair.secondary.config().revision


def test_nothing_arrives_while_it_is_held(pair):
    pair.held = True
    pair.primary.as_administrator(_ADD)
    wait_until(lambda: bool(list(pair.primary.path("/lab/outbox").glob("[0-9]*"))), "the sending")
    assert "6500000000001" not in pair.secondary.config().certs
    pair.held = False
    wait_until(lambda: "6500000000001" in pair.secondary.config().certs, "the sync")


def test_another_version_of_the_configuration_is_not_merged(pair):
    pair.secondary.by_hand(lambda xml: xml.replace(b"<version>", b"<version>9"))
    pair.primary.as_administrator(_ADD)
    wait_until(lambda: bool(pair.secondary.happened("sync-refused")), "the refusal")
    assert "6500000000001" not in pair.secondary.config().certs


def test_the_secondary_sends_nothing(pair):
    pair.secondary.as_administrator(_ADD)
    wait_until(lambda: any(event.facts["event"] == "filter sync" for event in pair.secondary.happened("event")), "the event")
    pair.primary.as_administrator('$config["system"]["timezone"] = "Etc/UTC";')
    wait_until(lambda: bool(pair.secondary.happened("synced")), "the sync")
    assert "6500000000001" not in pair.primary.config().certs
    assert not list(pair.secondary.path("/lab/outbox").glob("[0-9]*"))


def test_a_pair_can_be_switched_off_and_on(pair):
    pair.restart()
    pair.primary.as_administrator(_ADD)
    wait_until(lambda: "6500000000001" in pair.secondary.config().certs, "the sync")
