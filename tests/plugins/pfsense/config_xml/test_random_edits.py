"""Random files and random edits: the bytes outside stay, and another parser sees the wanted difference alone."""

from __future__ import annotations

import random
import re

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from certpush.errors import SafetyRefusal
from certpush.testing.lab.pfsense.configs import template
from certpush_pfsense.config_xml.consumers import references
from certpush_pfsense.config_xml.markup import MAX_DEPTH, fault_in
from certpush_pfsense.config_xml.reading import Revision, read
from certpush_pfsense.config_xml.splice import Edit, apply
from plugins.pfsense.config_xml.trees import NEW_CA, NEW_CERT, Tree, entry_trees, new_ca, new_cert, tree

pytestmark = pytest.mark.timeout(120)  # hundreds of files in each test, perhaps on a busy machine

GUI, SPARE = "64b1c2d3e4f5a", "64b1c2d3e4f5b"
NAMES = st.sampled_from(["a", "filter", "rule", "cert", "ca", "item", "webgui", "ssl-certref", "nat", "x.y", "system", "certs", "pfsense"])
SPACE = st.sampled_from(["", " ", "\n", "\n\t", "\r\n\t", "\r", "\n\n", "\t "])
# Text may not hold "]]>", also where one piece of it follows another.
TEXTS = st.sampled_from(["", "x", "R&amp;D", "]] ", "]&gt;", ">", "/>", "ü", "&#252;", GUI, f"{GUI},{SPARE}", "a / b", "-->", "]>"])
CDATA = st.sampled_from(["", "x", "R&amp;D", "</cert>", "</pfsense>", "<cert>", "<!--", "]]", "]] >", "&", "<![CDATA[", "<?", "-->", "ü"])
COMMENTS = st.sampled_from(["", " x ", "<cert>", "</pfsense>", "<cert><refid>0</refid></cert>", "]]>", "<![CDATA[", "<?x", "&uuml;"])
MISC = st.one_of(
    COMMENTS.map(lambda text: f"<!--{text}-->"),
    st.sampled_from(["<?x?>", "<?x </pfsense>?>", "<?php <cert> ?>"]),
)
ATTRIBUTES = st.sampled_from(["", "", "", ' a="1"', " b='>'", ' c="/>"', ' d="\'"', ' e = "x&gt;y" '])


def _element(name: str, attributes: str, content: str, end: str, *, empty: bool) -> str:
    return f"<{name}{attributes}/>" if empty and not content else f"<{name}{attributes}>{content}</{name}{end}>"


def elements(content):
    pieces = st.one_of(content, TEXTS, CDATA.map(lambda text: f"<![CDATA[{text}]]>"), MISC)
    joined = st.lists(st.tuples(SPACE, pieces), max_size=4).map(lambda some: "".join(space + piece for space, piece in some))
    return st.builds(_element, NAMES, ATTRIBUTES, joined, st.sampled_from(["", " ", "\n"]), empty=st.booleans())


SECTION = st.recursive(st.builds(_element, NAMES, ATTRIBUTES, TEXTS, st.just(""), empty=st.booleans()), elements, max_leaves=6)
OTHER_SECTION = SECTION.filter(lambda one: not one.startswith(("<system", "<cert", "<ca")))
CERT = st.builds(
    lambda refid, descr, more: f"<cert>{more}<refid>{refid}</refid><descr><![CDATA[{descr}]]></descr></cert>",
    st.sampled_from(["1", "2", "5e8a1b2c3d4e0"]),
    st.sampled_from(["R&amp;D", "</cert>", "x"]),
    st.sampled_from(["", "\n\t\t", "<!-- </cert> -->", "<prv></prv>"]),
)
EMPTY = st.sampled_from(["<cert/>", "<cert></cert>", "<cert />", "<ca/>", "<ca></ca>"])
POINTER = st.sampled_from(
    [
        f"<ssl-certref>{GUI}</ssl-certref>",
        f"<ssl-certref>\n{GUI}</ssl-certref >",
        f"<ssl-certref><![CDATA[{GUI}]]></ssl-certref>",
        "<ssl-certref></ssl-certref>",
        "<ssl-certref/>",
        "",
        "<!-- <ssl-certref>1</ssl-certref> -->",
    ]
)
REVISION = st.sampled_from(
    [
        "",
        "<revision/>",
        "<revision></revision>",
        "<revision><time>1</time><username>x</username></revision>",
        "<revision><other/></revision>",
    ]
)
HEADS = st.sampled_from(['<?xml version="1.0"?>', "<?xml version='1.0' encoding='UTF-8'?>", '<?xml version="1.0" standalone="yes" ?>'])


@st.composite
def files(draw) -> bytes:
    pointer, space = draw(POINTER), draw(SPACE)
    system = f"<system>{draw(SECTION.filter(lambda one: not one.startswith('<webgui')))}{space}<webgui><protocol>https</protocol>{space}{pointer}{space}</webgui></system>"
    own = [f"<cert><refid>{one}</refid></cert>" for one in (GUI, SPARE)]
    rest = draw(st.lists(st.one_of(OTHER_SECTION, CERT, EMPTY, MISC), max_size=6))
    parts = draw(st.permutations([system, *own, draw(REVISION), *rest]))
    inner = "".join(draw(SPACE) + part for part in parts)
    end = draw(st.sampled_from(["", "\n", "\n<!-- </pfsense> -->\n", "\r\n"]))
    return f"{draw(HEADS)}\n<pfsense>{inner}{draw(SPACE)}</pfsense>{end}".encode()


EDITS = st.builds(
    Edit,
    cas=st.sampled_from([(), (new_ca(),)]),
    certs=st.just((new_cert(caref=NEW_CA),)),
    point_to=st.sampled_from([None, NEW_CERT, GUI, SPARE]),
    revision=st.sampled_from([None, Revision(5, "certpush: R&D", "(system)")]),
    remove=st.sampled_from([frozenset(), frozenset({"5e8a1b2c3d4e0"}), frozenset({SPARE})]),
)


def _with_text(of: Tree, path: tuple[str, ...], text: str) -> Tree:
    """The same tree with this text at the end of the path; what is missing is added."""
    name, attributes, own, children = of
    if not path:
        return name, attributes, text, children
    if not any(one[0] == path[0] for one in children):
        return name, attributes, own, [*children, _with_text((path[0], {}, "", []), path[1:], text)]
    return name, attributes, own, [_with_text(one, path[1:], text) if one[0] == path[0] else one for one in children]


def _refid(of: Tree) -> str:
    return next((one[2] for one in of[3] if one[0] == "refid"), "")


def _sorted(of: Tree) -> list:
    """Sections apart from their order among kinds: new ones stand behind the last of theirs."""
    return sorted(of[3], key=lambda one: (one[0] in ("cert", "ca", "revision"), one[0]))


def expected(before: Tree, edit: Edit) -> Tree:
    name, attributes, text, children = before
    after = (name, attributes, text, [one for one in children if one[0] not in ("cert", "ca") or _refid(one) not in edit.remove])
    after[3].extend(entry_trees(*edit.cas, *edit.certs))
    if edit.point_to:
        after = _with_text(after, ("system", "webgui", "ssl-certref"), edit.point_to)
    if edit.revision:
        for word, value in (("time", "5"), ("description", "certpush: R&amp;D"), ("username", "(system)")):
            after = _with_text(after, ("revision", word), value)
    return after


@settings(max_examples=400, deadline=None, suppress_health_check=list(HealthCheck))
@given(source=files(), edit=EDITS)
def test_the_difference_is_the_edit(source, edit):
    config = read(source)
    children = tree(source)[3]
    pointed = "".join(config.webgui.certref.split()) if edit.point_to is None else edit.point_to
    doubled = "5e8a1b2c3d4e0" in edit.remove and [_refid(one) for one in children].count("5e8a1b2c3d4e0") > 1
    if doubled or pointed in edit.remove:
        with pytest.raises(SafetyRefusal):
            apply(config, edit)
        return
    after = apply(config, edit).to_bytes()
    assert _sorted(tree(after)) == _sorted(expected(tree(source), edit))
    assert read(after).webgui.certref == edit.point_to or edit.point_to is None


@settings(max_examples=200, deadline=None, suppress_health_check=list(HealthCheck))
@given(source=files(), edit=EDITS)
def test_bytes_are_put_in_and_taken_out_and_never_moved(source, edit):
    assume(not edit.remove)
    made = apply(read(source), edit)
    after, at = made.to_bytes(), 0
    for one in made.pieces:
        if one.obj is source:
            at = source.index(one, at) + len(one)
    kept = b"".join(one for one in made.pieces if one.obj is source)
    assert len(source) - len(kept) <= 13 + 60  # a refid, or a revision of one line
    for entry in (*edit.cas, *edit.certs):
        newline = re.search(rb"\r?\n|\r", b"\n" if b"\t<" not in after else after.partition(b"<pfsense>")[2][:2])
        text = entry.element(newline[0] if newline and newline.start() == 0 else b"\n")
        assert after.count(text) == 1


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(source=files())
def test_what_was_added_can_be_removed_without_a_trace(source):
    more = apply(read(source), Edit((new_ca(),), (new_cert(),))).config
    assert apply(more, Edit(remove=frozenset({NEW_CA, NEW_CERT}))).to_bytes() == source


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(source=files())
def test_each_use_moves_alone(source):
    config = read(source)
    moved = [one for one in references(config, GUI) if one.element >= 0 and one.text.count(GUI) == 1]
    for one in moved:
        after = apply(config, Edit(repoint=(one,), repoint_to=SPARE)).to_bytes()
        assert after == source[: one.start] + SPARE.encode() + source[one.end :]


WRITTEN = [template("2.7.2", one).replace(b"{{PORT}}", b"443") for one in ("empty-entries", "entities", "haproxy-and-openvpn")]
TOKENS = st.sampled_from(
    [
        b"<", b">", b"/", b"</cert>", b"<cert>", b"</pfsense>", b"<pfsense>", b"<!--", b"-->", b"<![CDATA[", b"]]>", b"&", b"&amp;", b"\0",
        b"\xff", b"<?x", b"?>", b'"', b"'", b"<system>", b"</system>", b"\xc3\xbc", b"<a/>", b"<!DOCTYPE x>", b"\r", b"<refid>", b"=",
    ]
)  # fmt: skip


@settings(max_examples=500, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_whatever_happened_to_the_bytes_they_are_refused_or_read_as_another_parser_reads_them(data):
    source = data.draw(st.one_of(files(), st.sampled_from(WRITTEN)))
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(source)))
        token, cut = data.draw(TOKENS), data.draw(st.integers(0, 12))
        source = source[:at] + token + source[at + cut :]
    try:
        config = read(source)
    except SafetyRefusal:
        return
    assert [one.name for one in config.outline.sections] == [one[0] for one in tree(source)[3]]
    try:
        after = apply(config, Edit((new_ca(),), (new_cert(),), NEW_CERT)).to_bytes()
    except SafetyRefusal:
        return
    assert _sorted(tree(after)) == _sorted(expected(tree(source), Edit((new_ca(),), (new_cert(),), NEW_CERT)))


@settings(max_examples=60)
@given(depth=st.integers(MAX_DEPTH - 5, MAX_DEPTH + 5))
def test_depth_is_bounded_where_we_look_and_exactly(depth):
    nested = b"<a>" * depth + b"</a>" * depth
    source = b'<?xml version="1.0"?><pfsense><system>' + nested + b"<webgui></webgui></system></pfsense>"
    try:
        read(source)
        assert depth < MAX_DEPTH
    except SafetyRefusal:
        assert depth >= MAX_DEPTH


LINES = [
    "\t\t<rule>\n\t\t\t<descr><![CDATA[a]]></descr>\n\t\t</rule>",
    "\t\t<rule><nat>\n\t\t</nat></rule>",
    "\t\t<rule></rule>",
    "\t\t<list>" + "x" * 3000 + "</list>",
    "\t\t<text><![CDATA[\n\t\t<rule>\n\t\t</rule>\n]]></text>",
    "\t\t<!-- \n\t\t<rule> -->",
    "\t\t<blob>" + "y" * 100_000 + "</blob>",
    "\t\t<deep>" + "<a>" * 200 + "</a>" * 200 + "</deep>",
    "\t\t<empty/>",
    '\t\t<attribute a="\n\t\t&lt;>"/>',
]
SLIPS = [*LINES, "\t\t<rule>", "\t\t</rule>", "\t\t<!--", "\t\t<![CDATA[", "\t\t]]>", "\t\t</section>", "\t\t<section>", "&uuml;", "<"]


@pytest.mark.parametrize("seed", range(60))
def test_a_large_section_is_well_formed_in_pieces_when_it_is_as_a_whole(seed):
    chance = random.Random(seed)
    lines = chance.choices(LINES[: 4 + seed % 7], k=400)
    for _ in range(seed % 4):
        lines.insert(chance.randrange(400), chance.choice(SLIPS))
    section = "\n".join(["\t<section>", *lines, "\t</section>"]).strip().encode()
    assert len(section) > 2 * 64 * 1024 or seed % 7 == 0
    try:
        tree(section)
        well_formed = True
    except SyntaxError:
        well_formed = False
    assert (fault_in(section, 0, len(section)) is None) == well_formed
