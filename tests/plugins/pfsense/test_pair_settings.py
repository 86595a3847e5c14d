"""How a pair is written down, and which settings its two boxes get."""

from __future__ import annotations

import pytest

from certpush import CertificateRequest
from certpush.errors import ConfigError
from certpush.kit.settings import Duration
from certpush.model import Secret, parse_name
from certpush_pfsense.pair import identify, members
from certpush_pfsense.settings import PfSenseSettings, Role

REQUEST = CertificateRequest((parse_name("fw.example"),))
FIRST, SECOND = ("SHA256:" + letter * 43 for letter in "AB")


def settings(**more: object) -> PfSenseSettings:
    usual = {"host": "fw1.example", "identity": Secret("x"), "peers": ("fw2.example",), "host_key": FIRST, "peer_host_key": SECOND}
    return PfSenseSettings(**usual | more)


def test_a_box_alone_is_its_own_only_member():
    assert members(settings(peers=(), peer_host_key=()), REQUEST) == ()


def test_the_secondary_comes_first_and_each_knows_the_other():
    secondary, primary = members(settings(also=("haproxy",), port=2222), REQUEST)
    assert [one.name for one in (secondary, primary)] == ["fw2.example", "fw1.example"]
    told = [(one.settings.host, one.settings.port, one.settings.host_key, one.settings.role) for one in (secondary, primary)]
    assert told == [("fw2.example", 2222, SECOND, Role.SECONDARY), ("fw1.example", 2222, FIRST, Role.PRIMARY)]
    assert secondary.settings.other == primary.settings
    assert primary.settings.other == secondary.settings
    assert secondary.settings.also == ("haproxy",)
    assert secondary.names == primary.names == ()


@pytest.mark.parametrize(
    ("host", "peer", "names"),
    [
        ("10.0.0.2", "10.0.0.3", ["10.0.0.3", "10.0.0.2"]),
        ("10.0.0.2", "10.0.0.2:2222", ["10.0.0.2-2222", "10.0.0.2-22"]),
        ("fd00::2", "[fd00::3]:22", ["fd00-3", "fd00-2"]),
        ("fw1." + "long" * 15 + ".example", "fw2." + "long" * 15 + ".example", None),
    ],
)
def test_members_are_called_as_members_may_be(host, peer, names):
    found = [one.name for one in members(settings(host=host, peers=(peer,)), REQUEST)]
    assert names is None or found == names
    assert len({*found}) == 2
    assert all(len(one) <= 64 for one in found)


@pytest.mark.parametrize(
    ("more", "match"),
    [
        ({"peers": ("a.example", "b.example")}, "one secondary"),
        ({"peers": ("fw1.example",)}, "the host itself"),
        ({"peers": ("fw2.example:0",)}, "peers: "),
        ({"peers": ("*.example",)}, "peers: "),
        ({"peers": ()}, "peer_host_key stands without peers"),
        ({"peer_host_key": "nonsense"}, "peer_host_key"),
        ({"certificates_not_synced": True}, "do not go together"),
        ({"sync_within": Duration(seconds=0)}, "sync_within"),
    ],
)
def test_what_cannot_be_meant_is_refused(more, match):
    with pytest.raises(ConfigError, match=match):
        settings(**more)


def test_one_box_of_a_pair_is_not_trusted_alone():
    for one in members(settings(), REQUEST):
        with pytest.raises(ConfigError, match="trusted together"):
            identify(one.settings)
