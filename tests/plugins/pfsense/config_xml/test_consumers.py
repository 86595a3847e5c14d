"""Who uses a certificate, and which entries nobody misses."""

from __future__ import annotations

import pytest

from certpush.testing.lab.pfsense.configs import VERSIONS, filled
from certpush_pfsense.config_xml.consumers import prunable, references
from certpush_pfsense.config_xml.reading import Config, read
from plugins.pfsense.config_xml.trees import fixture, small

SERVICES = "5e8a1b2c3d501"


def told(config: Config, refid: str) -> list[tuple[str, str]]:
    return [(one.kind, one.name) for one in references(config, refid)]


@pytest.mark.parametrize("version", VERSIONS)
def test_every_user_has_a_kind_and_a_name_for_people(version):
    assert told(fixture("haproxy-and-openvpn", version), SERVICES) == [
        ("webgui", "web GUI"),
        ("openvpn", "OpenVPN server 'Road warriors'"),
        ("ipsec", "IPsec phase 1 'Mobile clients'"),
        ("haproxy", "HAProxy 'Shop & wiki'"),
        ("haproxy", "HAProxy 'Shop & wiki'"),
        ("otherpackage", "otherpackage"),
    ]


def test_portals_and_resolver():
    assert told(fixture("captiveportal"), SERVICES) == [
        ("unbound", "DNS resolver"),
        ("captiveportal", "captive portal 'Guests'"),
        ("captiveportal", "captive portal 'fair' (HTTPS login is off)"),
    ]
    assert ("kea", "Kea DHCP high availability") in told(fixture("captiveportal", "2.8.0"), SERVICES)


def test_users_clients_and_lists():
    config = fixture("haproxy-and-openvpn")
    assert told(config, "5e8a1b2c3d502") == [("user", "user 'alice'"), ("otherpackage", "otherpackage")]
    assert told(config, "5e8a1b2c3d503") == [("openvpn", "OpenVPN client 'Branch'"), ("haproxy", "HAProxy 'Shop & wiki'")]


def test_authorities():
    config = fixture("haproxy-and-openvpn")
    assert told(config, "5e8a1b2c3d4e0") == [("chain", "authority 'Office CA'")]
    kinds = [kind for kind, _ in told(config, "5e8a1b2c3d4e1")]
    assert kinds == ["openvpn", "openvpn", "ipsec", "haproxy", "chain", "chain", "chain"]
    assert told(fixture("entities"), "5e8a1b2c3d4e0") == [
        ("ldap", "LDAP server 'R&D directory'"),
        ("chain", "certificate 'R&D für </pfsense> <cert>'"),
    ]
    assert not any(one.movable for one in references(config, "5e8a1b2c3d4e0"))


def test_the_bytes_of_a_use_are_the_reference():
    config = fixture("haproxy-and-openvpn")
    for one in references(config, SERVICES):
        assert config.source[one.start : one.end] == SERVICES.encode()
        assert one.movable


def test_a_use_that_nobody_knows_is_shown_with_its_path():
    config = read(small(b"<x><y><z>64b1c2d3e4f5a</z></y></x>", b"<!-- 64b1c2d3e4f5a -->", b'<q a="64b1c2d3e4f5a"></q>'))
    assert told(config, "64b1c2d3e4f5a") == [("webgui", "web GUI"), ("other", "x/y/z"), ("other", "a comment in <q>")]
    assert [one.movable for one in references(config, "64b1c2d3e4f5a")] == [True, False, False]


def test_a_longer_word_is_another_one():
    config = read(small(b"<x>64b1c2d3e4f5a0</x>", b"<x>a64b1c2d3e4f5a</x>"))
    assert told(config, "64b1c2d3e4f5a") == [("webgui", "web GUI")]


OLD, PREVIOUS, CURRENT, AUTHORITY = "678f00000c001", "678f00000c002", "678f00000c003", "678f00000a001"
OURS = {OLD, PREVIOUS, CURRENT, AUTHORITY}


def deployed(*more: tuple[bytes, bytes]) -> Config:
    text = filled("2.7.2", "deployed-before").text
    for old, new in more:
        assert old in text
        text = text.replace(old, new)
    return read(text)


def test_what_is_neither_current_nor_kept_may_go():
    assert prunable(deployed(), OURS, {PREVIOUS, CURRENT}) == (OLD,)
    assert prunable(deployed(), OURS, {PREVIOUS}) == (OLD,), "the current one is in use by the web GUI"


def test_what_is_kept_may_be_named_by_its_fingerprint():
    made = filled("2.7.2", "deployed-before")
    assert prunable(read(made.text), OURS, {made.pairs["lab-1"].fingerprint}) == (PREVIOUS,)


def test_an_authority_goes_with_the_last_certificate_below_it():
    config = deployed((b"<ssl-certref>678f00000c003", b"<ssl-certref>64b1c2d3e4f5a"))
    assert prunable(config, OURS, ()) == (OLD, PREVIOUS, CURRENT, AUTHORITY)
    assert prunable(config, OURS, {OLD}) == (PREVIOUS, CURRENT)
    assert prunable(config, OURS - {OLD}, ()) == (PREVIOUS, CURRENT)


def test_what_was_not_recorded_stays():
    assert prunable(deployed(), {PREVIOUS, CURRENT}, {PREVIOUS, CURRENT}) == ()
    assert prunable(deployed(), (), ()) == ()


def test_what_somebody_renamed_is_theirs_now():
    config = deployed((b"certpush firewall 2025-01-21", b"my backup of the firewall"))
    assert prunable(config, OURS, {PREVIOUS}) == ()


USES = {
    "a package": b"\t<installedpackages><x><list>1,678f00000c001,2</list></x></installedpackages>\n",
    "a comment": b"\t<!-- 678f00000c001 -->\n",
    "an attribute": b'\t<x y="678f00000c001"></x>\n',
    "in the middle of a word": b"\t<x>cert678f00000c001.pem</x>\n",
    "an openvpn server": b"\t<openvpn><openvpn-server><certref>678f00000c001</certref></openvpn-server></openvpn>\n",
    "written as numbers": b"\t<x>&#54;78f00000c001</x>\n",
    "written as hexadecimal numbers": b"\t<x>&#x36;78f00000c001</x>\n",
    "written as numbers twice": b"\t<x><![CDATA[&#54;78f00000c001]]></x>\n",
    "written as numbers in an entity": b"\t<x>&amp;#x036;78f00000c001</x>\n",
}


@pytest.mark.parametrize("name", USES)
def test_what_is_used_anywhere_stays(name):
    assert prunable(deployed((b"</pfsense>", USES[name] + b"</pfsense>")), OURS, {PREVIOUS}) == ()


def test_an_entry_that_is_there_twice_stays():
    copy = b"\t<cert>\n\t\t<refid>678f00000c001</refid>\n\t\t<descr><![CDATA[certpush x]]></descr>\n\t</cert>\n"
    assert prunable(deployed((b"</pfsense>", copy + b"</pfsense>")), OURS, {PREVIOUS}) == ()


def test_an_authority_that_a_revocation_list_names_stays():
    config = deployed(
        (b"<ssl-certref>678f00000c003", b"<ssl-certref>64b1c2d3e4f5a"),
        (b"</pfsense>", b"\t<crl><refid>5e8a1b2c3d4ff</refid><caref>678f00000a001</caref></crl>\n</pfsense>"),
    )
    assert prunable(config, OURS, ()) == (OLD, PREVIOUS, CURRENT)
    assert told(config, AUTHORITY)[-1] == ("chain", "revocation list")
