"""An edit changes what it names, byte for byte, or is refused."""

from __future__ import annotations

import pytest

from certpush.errors import SafetyRefusal
from certpush.testing.lab.pfsense.configs import VERSIONS, conditions, filled
from certpush_pfsense.config_xml import splice
from certpush_pfsense.config_xml.consumers import references
from certpush_pfsense.config_xml.reading import Revision, read
from certpush_pfsense.config_xml.splice import Edit, apply
from plugins.pfsense.config_xml.trees import (
    BODY,
    NEW_CA,
    NEW_CERT,
    child,
    entry_trees,
    fixture,
    new_ca,
    new_cert,
    small,
    tree,
)

GUI = "64b1c2d3e4f5a"
US = Revision(1_795_780_800, 'certpush: R&D <fw> "1"', "(system)")


def edited(source: bytes, edit: Edit) -> bytes:
    return apply(read(source), edit).to_bytes()


@pytest.mark.parametrize("version", VERSIONS)
def test_in_every_fixture_a_switch_is_three_insertions_and_nothing_else(version):
    for condition in conditions(version):
        config = read(filled(version, condition).text)
        made = apply(config, Edit((new_ca(),), (new_cert(caref=NEW_CA),), NEW_CERT))
        after = made.to_bytes()
        assert read(after) == made.config
        assert made.config.webgui.certref == NEW_CERT
        assert made.config.cert(NEW_CERT).caref == NEW_CA
        for one in (new_ca(), new_cert(caref=NEW_CA)):
            after = after.replace(b"\n" + one.element(), b"", 1)
        old = f"<ssl-certref>{config.webgui.certref}<".encode()
        assert after.replace(f"<ssl-certref>{NEW_CERT}<".encode(), old, 1) == config.source


def test_the_entry_is_as_pfsense_writes_it():
    after = edited(small(), Edit((new_ca(),), (new_cert(descr="R&D", caref=NEW_CA),), NEW_CERT))
    assert (
        f"\n\t<cert>\n\t\t<refid>{NEW_CERT}</refid>\n\t\t<descr><![CDATA[R&amp;D]]></descr>\n\t\t<crt>{BODY}</crt>\n"
        f"\t\t<prv>{BODY}</prv>\n\t\t<caref>{NEW_CA}</caref>\n\t</cert>\n"
    ).encode() in after
    assert (
        f"\t<ca>\n\t\t<refid>{NEW_CA}</refid>\n\t\t<descr><![CDATA[certpush CA Lab 2026-11-27]]></descr>\n\t\t<trust>disabled</trust>\n"
        f"\t\t<randomserial>disabled</randomserial>\n\t\t<crt>{BODY}</crt>\n\t\t<serial>0</serial>\n\t</ca>\n"
    ).encode() in after


def test_entries_stand_behind_the_last_of_their_kind_wherever_that_is():
    source = small(b"\t<filter></filter>", b"\t<ca><refid>1</refid></ca>", b"\t<cert/>", b"\t<nat></nat>")
    after = edited(source, Edit((new_ca(),), (new_cert(),)))
    assert [one.name for one in read(after).outline.sections] == ["version", "system", "cert", "filter", "ca", "ca", "cert", "cert", "nat"]
    assert [one.refid for one in read(after).certs] == [GUI, "", NEW_CERT]


def test_adding_and_removing_gives_the_very_same_file():
    for condition in conditions("2.8.0"):
        config = fixture(condition, "2.8.0")
        more = apply(config, Edit((new_ca(),), (new_cert(),))).config
        assert apply(more, Edit(remove=frozenset({NEW_CA, NEW_CERT}))).to_bytes() == config.source


def test_pointing_there_and_back_gives_the_very_same_file():
    config = fixture("haproxy-and-openvpn")
    moved = references(config, "5e8a1b2c3d501")
    there = apply(config, Edit(point_to=GUI, repoint=tuple(one for one in moved if one.movable))).config
    assert references(there, "5e8a1b2c3d501") == ()
    # That certificate had no other user before, so all of its users now are those that were moved.
    back = tuple(one for one in references(there, GUI) if one.movable)
    assert apply(there, Edit(point_to="5e8a1b2c3d501", repoint=back)).to_bytes() == config.source


@pytest.mark.parametrize("newline", [b"\n", b"\r\n", b"\r"])
def test_lines_end_as_they_do_in_the_file(newline):
    source = small(newline=newline, webgui=b"")
    after = edited(source, Edit((new_ca(),), (new_cert(),), NEW_CERT, revision=US))
    assert read(after).webgui.certref == NEW_CERT
    assert after.replace(newline, b"").count(b"\r") == 0
    assert after.replace(newline, b"").count(b"\n") == 0
    lines = iter(after.split(newline))
    assert all(line in lines for line in source.split(newline)), "each line is there, in the same order"


@pytest.mark.parametrize("last", [b"", b"\n", b"\n\n", b" <!-- end -->\n", b"\n<?end?>"])
def test_the_end_of_the_file_stays_as_it_is(last):
    after = edited(small(last=last), Edit(certs=(new_cert(),)))
    assert after.endswith(b"\t</cert>\n</pfsense>" + last)


@pytest.mark.parametrize(
    ("written", "becomes"),
    [
        (b"<ssl-certref>64b1c2d3e4f5a</ssl-certref>", b"<ssl-certref>%s</ssl-certref>"),
        (b"<ssl-certref></ssl-certref>", b"<ssl-certref>%s</ssl-certref>"),
        (b"<ssl-certref/>", b"<ssl-certref>%s</ssl-certref>"),
        (b"<ssl-certref />", b"<ssl-certref>%s</ssl-certref>"),
        (b"<SSL-certref  \n>\n64b1c2d3e4f5a\n</SSL-certref\t>", b"<SSL-certref  \n>%s</SSL-certref\t>"),
        (b"<ssl-certref><!-- old --><![CDATA[64b1c2d3e4f5a]]></ssl-certref>", b"<ssl-certref>%s</ssl-certref>"),
        (b'<ssl-certref a="/>">x</ssl-certref>', b'<ssl-certref a="/>">%s</ssl-certref>'),
        (b'<ssl-certref a="/>"/>', b'<ssl-certref a="/>">%s</ssl-certref>'),
        (b"<port>443</port>", b"<port>443</port>\n\t\t\t<ssl-certref>%s</ssl-certref>"),
        (b"<port>443</port><!-- <ssl-certref/> -->", b"<port>443</port><!-- <ssl-certref/> -->\n\t\t\t<ssl-certref>%s</ssl-certref>"),
        (b"", b"<ssl-certref>%s</ssl-certref>"),
    ],
)
def test_each_way_in_which_the_pointer_may_stand_there(written, becomes):
    source = small(webgui=written)
    after = edited(source, Edit(certs=(new_cert(),), point_to=NEW_CERT))
    wanted = small(b"".join([new_cert().element()]), webgui=becomes % NEW_CERT.encode())
    assert after == wanted
    assert read(after).webgui.certref == NEW_CERT


def test_a_pointer_in_a_comment_or_elsewhere_is_no_pointer():
    decoys = b"<!-- <system><webgui><ssl-certref>1</ssl-certref></webgui></system> -->"
    other = b"<other><system><webgui><ssl-certref>64b1c2d3e4f5a</ssl-certref></webgui></system></other>"
    source = small(decoys, other)
    after = edited(source, Edit(certs=(new_cert(),), point_to=NEW_CERT))
    assert decoys in after
    assert other in after
    assert child(tree(after), "system", "webgui", "ssl-certref")[2] == NEW_CERT


def test_a_comment_beside_a_removed_entry_stays():
    source = small(b"\t<!-- ours: -->", b"\t" + new_cert().element().strip(), b"\t<!-- theirs: --><nat></nat>")
    assert edited(source, Edit(remove=frozenset({NEW_CERT}))) == small(b"\t<!-- ours: -->", b"\t<!-- theirs: --><nat></nat>")


def test_the_revision_is_told_in_place():
    config = fixture("default")
    after = apply(config, Edit(revision=US)).config
    assert after.revision == US
    assert tree(after.source)[3][:-2] == tree(config.source)[3][:-2]
    assert b"<description><![CDATA[certpush: R&amp;D &lt;fw&gt; &quot;1&quot;]]></description>" in after.source


@pytest.mark.parametrize(
    "written", [(), (b"\t<revision></revision>",), (b"\t<revision/>",), (b"\t<revision>", b"\t\t<time>1.5</time>", b"\t</revision>")]
)
def test_a_revision_that_is_not_there_or_not_whole_is_written(written):
    after = read(edited(small(*written), Edit(revision=US)))
    assert after.revision == US
    assert [one.name for one in after.outline.sections].count("revision") == 1


def test_other_users_of_the_certificate_move_when_they_are_named():
    config = fixture("haproxy-and-openvpn")
    chosen = tuple(one for one in references(config, "5e8a1b2c3d501") if one.kind in ("haproxy", "otherpackage"))
    after = apply(config, Edit(certs=(new_cert(),), point_to=NEW_CERT, repoint=chosen)).config
    assert {one.kind for one in references(after, NEW_CERT)} == {"webgui", "haproxy", "otherpackage"}
    assert {one.kind for one in references(after, "5e8a1b2c3d501")} == {"openvpn", "ipsec"}
    assert b"<certlist>5e8a1b2c3d502,6a1b2c3d4e5f0</certlist>" in after.source


def test_no_second_copy_of_the_file_is_made():
    config = fixture("default")
    made = apply(config, Edit(certs=(new_cert(),), point_to=NEW_CERT))
    own = [one for one in made.pieces if one.obj is config.source]
    assert sum(len(one) for one in own) > len(config.source) - 20
    assert made.size == len(made.to_bytes())
    assert made.sha256 == made.config.sha256


def test_an_edit_shows_no_key_in_its_repr():
    edit = Edit(certs=(new_cert(),), point_to=NEW_CERT)
    made = apply(fixture("default"), edit)
    assert BODY not in f"{edit} {made} {made.changes} {edit.certs}"


REFUSED = {
    "to a certificate that is not there": (small(), Edit(point_to=NEW_CERT), "no certificate of the reference"),
    "to an authority": (small(), Edit(cas=(new_ca(),), point_to=NEW_CA), "no certificate of the reference"),
    "to one that goes": (small(), Edit(point_to=GUI, remove=frozenset({GUI})), "no certificate of the reference"),
    "removing what is used": (small(), Edit(remove=frozenset({GUI})), "no certificate of the reference"),
    "to one that is there twice": (
        small(b"<cert><refid>64b1c2d3e4f5a</refid></cert>"),
        Edit(point_to=GUI),
        "more than one certificate of the reference",
    ),
    "a reference that is taken": (small(), Edit(certs=(new_cert(GUI),)), "knows the reference"),
    "a reference that stands in a comment": (small(b"<!-- 6a1b2c3d4e5f0 -->"), Edit(certs=(new_cert(),)), "knows the reference"),
    "one reference for two": (small(), Edit(cas=(new_ca(NEW_CERT),), certs=(new_cert(),)), "knows the reference"),
    "a reference of another form": (small(), Edit(certs=(new_cert("6a1b2c3d"),)), "13 hexadecimal digits"),
    "a body that is no base64": (small(), Edit(certs=(new_cert()._replace(crt="</crt>"),)), "base64 only"),
    "an odd kind": (small(), Edit(certs=(new_cert()._replace(kind="user"),)), "<user>"),
    "a description with a line break": (small(), Edit(certs=(new_cert(descr="a\nb"),)), "control character"),
    "two of one reference to remove": (
        small(b"<cert><refid>1</refid></cert>", b"<cert><refid>1</refid></cert>"),
        Edit(remove=frozenset({"1"})),
        "twice",
    ),
    "no webgui": (
        small().replace(b"webgui>", b"webgui2>"),
        Edit(point_to=GUI),
        "nothing in <system/webgui>",
    ),
    "elements in the pointer": (small(webgui=b"<ssl-certref><a/></ssl-certref>"), Edit(point_to=GUI), "elements where a text should be"),
    "two times in the revision": (small(b"<revision><time>1</time><time>2</time></revision>"), Edit(revision=US), "revision/time> twice"),
    "a control character in the revision": (small(), Edit(revision=US._replace(description="\x1b[31m")), "control character"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refused(name):
    source, edit, reason = REFUSED[name]
    with pytest.raises(SafetyRefusal) as caught:
        apply(read(source), edit)
    assert reason in caught.value.message
    assert caught.value.hint


def test_references_of_another_file_are_refused():
    found = tuple(one for one in references(fixture("haproxy-and-openvpn"), "5e8a1b2c3d501") if one.movable)
    with pytest.raises(SafetyRefusal, match="has changed at"):
        apply(fixture("captiveportal"), Edit(point_to=GUI, repoint=found))


def test_a_list_that_names_it_twice_is_left_to_people():
    config = read(small(b"<installedpackages><a><b>64b1c2d3e4f5a,64b1c2d3e4f5a</b></a></installedpackages>"))
    one, _ = (use for use in references(config, GUI) if use.kind == "a")
    with pytest.raises(SafetyRefusal, match="more than once"):
        apply(config, Edit(certs=(new_cert(),), repoint=(one,), repoint_to=NEW_CERT))


@pytest.mark.parametrize(
    "wrong",
    [
        lambda one: one._replace(start=one.start + 3),
        lambda one: one._replace(start=one.start - 40),
        lambda one: one._replace(end=one.end + 60),
        lambda one: one._replace(end=one.end + 1),
        lambda one: one._replace(new=one.new + b" "),
        lambda one: one._replace(new=one.new[:-1]),
        lambda one: one._replace(new=one.new + b"\n\t<nat></nat>"),
        lambda one: one._replace(new=one.new + b"<!-- a comment"),
        lambda one: one._replace(new=one.new + b"</pfsense>"),
        lambda one: one._replace(new=b""),
    ],
)
@pytest.mark.parametrize("number", [0, 1, 2])
def test_a_fault_in_the_plan_is_found_by_reading_again(monkeypatch, wrong, number):
    """Whatever goes wrong in finding the places: the proof sees that something else would change."""
    real = splice.planned

    def planned(*arguments):
        changes = list(real(*arguments))
        changes[number] = wrong(changes[number])
        return iter(changes)

    config = fixture("default")
    edit = Edit((new_ca(),), (new_cert(),), NEW_CERT)
    monkeypatch.setattr(splice, "planned", planned)
    try:
        after = apply(config, edit).to_bytes()
    except SafetyRefusal:
        return
    # What passes may differ in space, in comments, and in which of two new entries comes first.
    monkeypatch.undo()
    assert sorted(tree(after)[3], key=str) == sorted(tree(apply(config, edit).to_bytes())[3], key=str)


def test_the_tree_has_the_new_entries_and_no_other_difference():
    config = fixture("entities")
    before, after = tree(config.source), tree(apply(config, Edit((new_ca(),), (new_cert(),))).to_bytes())
    added = entry_trees(new_ca(), new_cert())
    assert [one for one in after[3] if one not in before[3]] == added
    assert [one for one in after[3] if one not in added] == before[3]


def test_a_change_over_another_is_refused(monkeypatch):
    real = splice.planned
    monkeypatch.setattr(splice, "planned", lambda *arguments: [one for one in real(*arguments) for _ in range(2)])
    with pytest.raises(SafetyRefusal, match="are one place"):
        apply(fixture("default"), Edit(point_to=GUI))


def test_a_file_that_would_become_too_large_is_left_alone(monkeypatch):
    config = fixture("default")
    monkeypatch.setattr(splice, "MAX_BYTES", len(config.source) + 100)
    with pytest.raises(SafetyRefusal, match="too large"):
        apply(config, Edit(certs=(new_cert(),)))


def test_other_services_can_only_move_to_a_certificate_that_is_named():
    config = fixture("haproxy-and-openvpn")
    with pytest.raises(SafetyRefusal, match="needs a certificate"):
        apply(config, Edit(repoint=references(config, "5e8a1b2c3d501")))
