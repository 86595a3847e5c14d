"""What is understood of a config.xml, and which ones are left alone."""

from __future__ import annotations

import base64
import hashlib
import json
import subprocess
import sys

import pytest

from certpush.errors import SafetyRefusal
from certpush.testing.lab.pfsense.configs import FIXTURES, VERSIONS, conditions, filled, template
from certpush_pfsense.config_xml.outline import MAX_BYTES, MAX_SECTIONS
from certpush_pfsense.config_xml.reading import HaSync, Revision, WebGui, read
from plugins.pfsense.config_xml.trees import fixture, here, small

LAUGHS = b'<!DOCTYPE pfsense [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">]>'
EXTERNAL = b'<!DOCTYPE pfsense [<!ENTITY x SYSTEM "file:///etc/master.passwd">]>'


@pytest.mark.parametrize("version", VERSIONS)
def test_every_fixture_is_understood(version):
    assert len(conditions(version)) >= 11
    for condition in conditions(version):
        made = filled(version, condition, port=4443)
        config = read(made.text)
        assert (config.product, config.webgui.port) == ("pfsense", 4443)
        found = {one.refid: one.sha256 for one in (*config.certs, *config.cas) if one.refid}
        assert {made.refids[name] for name in made.refids} <= set(found)
        assert {found[made.refids[name]] for name in made.pairs} == {one.fingerprint for one in made.pairs.values()}
        assert b"{{" not in made.text


def test_a_fresh_device():
    config = fixture("default")
    assert config.version == "23.3"
    assert config.webgui == WebGui("https", 443, "64b1c2d3e4f5a")
    (only,) = config.certs
    assert (only.kind, only.refid, only.descr, only.has_key, only.caref) == (
        "cert",
        "64b1c2d3e4f5a",
        "GUI default (64b1c2d3e4f5a)",
        True,
        "",
    )
    assert only.certificate().subject.rfc4514_string() == "CN=pfSense-webgui"
    assert config.cas == ()
    assert config.hasync == HaSync()
    assert config.advskew == ()
    assert config.revision == Revision(
        1736932520,
        "admin@192.168.1.10 (Local Database): Firewall: Rules - saved/edited a firewall rule.",
        "admin@192.168.1.10 (Local Database)",
    )


def test_the_demo_has_the_same_default_as_the_fixtures():
    shipped = (FIXTURES / "2.7.2" / "config.default.xml").read_bytes()
    assert shipped == template("no such version")


def test_two_that_share_addresses():
    primary, secondary = fixture("ha-primary"), fixture("ha-secondary")
    assert primary.hasync == HaSync("127.0.0.1", pfsync=True, certificates=True)
    assert secondary.hasync == HaSync("", pfsync=True, certificates=False)
    assert (primary.advskew, secondary.advskew) == ((0,), (100,))


def test_old_sections_for_openvpn_take_certificates_with_them():
    section = b"<hasync><synchronizetoip>192.0.2.2</synchronizetoip><synchronizeopenvpn>on</synchronizeopenvpn></hasync>"
    assert read(small(section)).hasync == HaSync("192.0.2.2", pfsync=False, certificates=True)


def test_texts_are_what_pfsense_means_by_them():
    config = fixture("entities")
    assert config.certs[1].descr == "R&D für </pfsense> <cert>"
    assert config.cas[0].descr == "R&D root"


@pytest.mark.parametrize(
    ("raw", "meant"),
    [
        (b"<![CDATA[R&amp;D]]>", "R&D"),
        (b"R&amp;D", "R&D"),
        (b"<![CDATA[R&D]]>", "R&D"),
        (b"<![CDATA[&uuml;&#252;&#xfc;]]>", "üüü"),
        (b"<![CDATA[&nosuch; &#0; &#xd800; &]]>", "&nosuch; &#0; &#xd800; &"),
        (b"\n\t  two words \t\n", "  two words "),
    ],
)
def test_each_way_to_write_a_description(raw, meant):
    config = read(small(b"<cert><refid>1</refid><descr>" + raw + b"</descr></cert>"))
    assert config.certs[1].descr == meant


def test_without_a_port_it_is_the_protocols():
    https = small()
    assert read(https).webgui.port == 443
    assert read(https.replace(b">https<", b">http<")).webgui == WebGui("http", 80, "64b1c2d3e4f5a")


def test_empty_entries_are_entries_without_a_reference():
    config = fixture("empty-entries")
    assert [one.refid for one in config.certs] == ["", "64b1c2d3e4f5a", ""]
    assert config.cert("") is None
    assert config.ca("") is None
    assert config.certs[0].sha256 is None


def test_sections_with_attributes_and_another_root():
    source = small(b'<ca uuid="1-2"><refid>5e8a1b2c3d4e0</refid></ca>').replace(b"pfsense>", b"opnsense>")
    config = read(source)
    assert config.product == "opnsense"
    assert config.ca("5e8a1b2c3d4e0").kind == "ca"


def test_a_body_that_does_not_decode_has_no_fingerprint():
    for crt in (b"####", b"bWFkZSB1cA==", b"LS0tLS1CRUdJTiBDRVJUSUZJQ0FURS0tLS0tCi0tLS0tRU5EIENFUlRJRklDQVRFLS0tLS0K"):
        config = read(small(b"<cert><refid>1</refid><crt>" + crt + b"</crt></cert>"))
        assert config.certs[1].sha256 is None
        assert config.certs[1].certificate() is None


def test_a_body_that_is_no_certificate_has_a_fingerprint_and_no_certificate():
    pem = b"-----BEGIN CERTIFICATE-----\nbWFkZSB1cA==\n-----END CERTIFICATE-----\n"
    config = read(small(b"<cert><refid>1</refid><x><crt>no</crt></x><crt>" + base64.b64encode(pem) + b"</crt></cert>"))
    assert config.certs[1].sha256 == hashlib.sha256(b"made up").hexdigest()
    assert config.certs[1].certificate() is None


def test_a_body_with_line_breaks_decodes():
    whole = fixture("default")
    crt = whole.source.split(b"<crt>")[1].split(b"</crt>")[0]
    wrapped = read(whole.source.replace(crt, b"\r\n".join(crt[at : at + 64] for at in range(0, len(crt), 64))))
    assert wrapped.certs[0].sha256 == whole.certs[0].sha256


def test_nothing_of_the_file_stands_in_its_repr():
    config = fixture("default")
    key = config.source.split(b"<prv>")[1].split(b"</prv>")[0].decode()
    assert key[40:80] not in repr(config) + repr(config.certs) + str(config)


def test_a_closing_tag_in_cdata_and_in_a_comment_closes_nothing():
    config = read(
        small(
            b"<filter><descr><![CDATA[</filter></pfsense><cert>]]></descr></filter>",
            b"<!-- <cert><refid>0000000000001</refid></cert> </pfsense> -->",
            b"<nat><!-- </nat> --><rule/><nat>within</nat></nat >",
            b"<?note </pfsense> ?>",
        )
    )
    assert [one.name for one in config.outline.sections] == ["version", "system", "cert", "filter", "nat"]
    assert len(config.certs) == 1


def test_names_count_in_lower_case_as_for_pfsense():
    source = small().replace(b"system>", b"System>").replace(b"webgui>", b"WebGUI>")
    assert read(source).webgui.certref == "64b1c2d3e4f5a"


REFUSED = {
    "nothing": (b"", "is empty"),
    "only-space": (b" \n\t\n", "is empty"),
    "no-xml": (b"hello", "does not start with <?xml"),
    "no-declaration": (small()[22:], "does not start with <?xml"),
    "space-first": (b"\n" + small(), "does not start with <?xml"),
    "encrypted": (b"---- BEGIN config.xml ----\nU2FsdGVkX18\n---- END config.xml ----\n", "is encrypted"),
    "bom": (b"\xef\xbb\xbf" + small(), "byte order mark"),
    "utf-16": (small().decode().encode("utf-16"), "byte order mark"),
    "utf-16-without-mark": (small().decode().encode("utf-16-le"), "zero bytes"),
    "zero": (small(b"<a>\0</a>"), "zero bytes"),
    "latin-1": (small("<a>für</a>".encode("latin-1")), "not well-formed"),
    "latin-1-declared": (small().replace(b'"1.0"', b'"1.0" encoding="ISO-8859-1"'), "ISO-8859-1"),
    "laughs": (small(b"<a>&b;</a>").replace(b"<pfsense>", LAUGHS + b"<pfsense>"), "DOCTYPE"),
    "external": (small(b"<a>&x;</a>").replace(b"<pfsense>", EXTERNAL + b"<pfsense>"), "DOCTYPE"),
    "doctype-within": (small(b"<!DOCTYPE pfsense>"), "no section"),
    "doctype-in-a-section": (small(b"<a><!DOCTYPE a></a>"), "not well-formed"),
    "html-entity": (small(b"<a>&uuml;</a>"), "undefined entity"),
    "wrong-root": (small().replace(b"pfsense>", b"config>"), "<config>, not <pfsense>"),
    "empty-root": (b'<?xml version="1.0"?><pfsense/>', "is empty"),
    "two-roots": (small() + small()[22:], "around its root"),
    "more-behind-it": (small() + b"more", "around its root"),
    "text-between": (small(b"text"), "no section"),
    "cdata-between": (small(b"<![CDATA[text]]>"), "no section"),
    "truncated-in-a-section": (small()[:150], "cut off"),
    "truncated-behind-one": (small().partition(b"</pfsense>")[0], "cut off"),
    "truncated-comment": (small(b"<!-- never ends"), "no section"),
    "crossed": (small(b"<a><b></a></b>"), "not well-formed"),
    "wrong-comment": (small(b"<!-- a -- b -->"), "not well-formed"),
    "two-attributes": (small(b'<a x="1" x="2"></a>'), "not well-formed"),
    "control": (small(b"<a>\x01</a>"), "not well-formed"),
    "two-systems": (small(b"<system></system>"), "<system> twice"),
    "two-systems-in-other-case": (small(b"<SYSTEM></SYSTEM>"), "<system> twice"),
    "two-webguis": (small().replace(b"</webgui>", b"</webgui><webgui></webgui>"), "<system/webgui> twice"),
    "two-pointers": (small(webgui=b"<ssl-certref>1</ssl-certref><ssl-certref>2</ssl-certref>"), "ssl-certref> twice"),
    "two-refids": (small(b"<cert><refid>1</refid><refid>2</refid></cert>"), "<cert/refid> twice"),
    "two-revisions": (small(b"<revision/>", b"<revision/>"), "<revision> twice"),
    "no-system": (b'<?xml version="1.0"?><pfsense><a/></pfsense>', "no <system>"),
    "odd-port": (small(webgui=b"<port>https</port>"), "as the port"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_it_is_refused_with_the_reason_and_a_next_step(name):
    source, reason = REFUSED[name]
    with pytest.raises(SafetyRefusal) as caught:
        read(source)
    assert reason in caught.value.message
    assert caught.value.hint


def test_the_line_of_a_fault_is_the_files():
    source = small(b"<a>", b"<b>", b"</a>")
    with pytest.raises(SafetyRefusal, match=f"in line {source[: source.index(b'</a>')].count(10) + 1}$"):
        read(source)


def test_no_secret_of_the_file_stands_in_a_refusal():
    source = small(b"<a><password>hunter2-made-up</password><b></a>")
    with pytest.raises(SafetyRefusal) as caught:
        read(source)
    assert "hunter2" not in f"{caught.value!r} {caught.value.__cause__!r} {caught.value.__context__!r}"


LARGE = {
    "too-large": (f"b'x' * {MAX_BYTES + 1}", "larger than 64 MiB"),
    "deep": ("small(b'<a>' * 1_000_000 + b'</a>' * 1_000_000)", "within each other"),
    "deep-and-open": ("small(b'<a><b>' + b'<c>' * 4_000_000 + b'</a>')", "within each other"),
    "deep-behind-decoys": ("small(b'<a>' + b'<b><![CDATA[</b>]]>' * 500_000 + b'</b>' * 500_000 + b'</a>')", "within each other"),
    "deep-behind-comments": ("small(b'<a>' + b'<b><!--</b>-->' * 500_000 + b'</b>' * 500_000 + b'</a>')", "within each other"),
    "deep-system": ("small().replace(b'<webgui>', b'<a>' * 300 + b'</a>' * 300 + b'<webgui>')", "within each other"),
    "many-sections": ("small(b'<a/>' * 1_000_000)", f"more than {MAX_SECTIONS} sections"),
    "comments-without-end": ("small(b'<a>' + b'<!--' * 1_000_000 + b'</a>')", "cut off"),
    "cdata-without-end": ("small(b'<a>' + b'<![CDATA[' * 1_000_000 + b'</a>')", "cut off"),
    "open-tags-without-end": ("small(b'<a ' * 1_000_000)", "no section"),
    "many-nodes": ("small(b'<a>' + b'<b></b>' * 1_000_000 + b'</a>')", "fine"),
    "many-empty-nodes": ("small(b'<a>' + b'<b/>' * 1_000_000 + b'</a>')", "fine"),
    "end-tags-of-longer-names": ("small(b'<a>' + b'<ab></ab>' * 500_000 + b'</a>')", "fine"),
}


@pytest.mark.parametrize("name", LARGE)
def test_a_file_made_to_exhaust_takes_little_time_and_memory(name):
    expression, reason = LARGE[name]
    asked = [sys.executable, str(here("exhausting.py")), expression]
    told = json.loads(subprocess.run(asked, check=True, capture_output=True, timeout=50, text=True).stdout)
    assert reason in told["said"]
    assert told["seconds"] < 5
    assert told["grown"] < 24, "MiB beyond the file itself"
