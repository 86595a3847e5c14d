"""What people see of an edit: all of it, and no secret."""

from __future__ import annotations

from certpush.testing.authority import Authority
from certpush_pfsense.config_xml.consumers import references
from certpush_pfsense.config_xml.diff import lines, words
from certpush_pfsense.config_xml.entries import entries_for
from certpush_pfsense.config_xml.reading import Revision
from certpush_pfsense.config_xml.splice import Edit, apply
from plugins.pfsense.config_xml.trees import NOW, fixture, new_ca, new_cert


def test_words():
    config = fixture("haproxy-and-openvpn")
    moved = tuple(one for one in references(config, "5e8a1b2c3d501") if one.kind in ("webgui", "haproxy"))
    edit = Edit((new_ca(), new_ca()), (new_cert(),), "6a1b2c3d4e5f0", moved)
    path = "installedpackages/haproxy/ha_backends/item"
    told = f"system/webgui/ssl-certref, {path}/ssloffloadcert, {path}/ha_certificates/item/ssl_certificate"
    assert words(edit) == f"+1 <cert>, +2 <ca>, {told}"
    assert words(Edit(remove=frozenset({"1", "2"}))) == "-2 <cert> or <ca>"
    assert words(Edit()) == "nothing"


def test_lines_of_a_switch_with_bodies_as_fingerprints():
    bundle = Authority("Lab").issue("fw.example")
    config = fixture("default")
    made = entries_for(config, bundle, name="fw", now=NOW)
    edit = Edit(made.cas, (made.cert,), made.cert.refid, revision=Revision(5, "certpush: R&D", "(system)"))
    shown = lines(config, apply(config, edit))
    assert shown[:3] == (
        "@@ system/webgui/ssl-certref @@",
        "-<ssl-certref>64b1c2d3e4f5a</ssl-certref>",
        f"+<ssl-certref>{made.cert.refid}</ssl-certref>",
    )
    assert f"+\t\t<crt>(a certificate, SHA-256 {bundle.fingerprint})</crt>" in shown
    assert "+\t\t<prv>(a private key, not shown)</prv>" in shown
    assert "+<description>certpush: R&D</description>" in shown
    assert "-<time>1736932520</time>" in shown
    text = "\n".join(shown)
    assert made.cert.prv[:40] not in text
    assert made.cert.crt[:40] not in text


def test_lines_of_a_removal():
    config = fixture("deployed-before")
    shown = lines(config, apply(config, Edit(remove=frozenset({"678f00000c001"}))))
    assert shown[0] == "@@ <cert> 678f00000c001 @@"
    assert {line[0] for line in shown[1:]} == {"-"}
    assert config.source.split(b"<prv>")[2][:40].decode() not in "\n".join(shown)


def test_nothing_from_around_an_edit_is_shown():
    config = fixture("ha-primary")
    shown = "\n".join(lines(config, apply(config, Edit((new_ca(),), (new_cert(),), "6a1b2c3d4e5f0"))))
    assert "made" not in shown
    assert "bcrypt" not in shown
