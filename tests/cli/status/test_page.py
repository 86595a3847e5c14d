"""The page of `certpush status --html`: what is on it, and that nobody's name becomes a part of it."""

from __future__ import annotations

import base64
import hashlib
import re
import stat
from dataclasses import replace
from datetime import timedelta
from html.parser import HTMLParser
from pathlib import Path

import pytest

from certpush.cli.status import page as module
from certpush.cli.status.looking import Sight
from certpush.cli.status.page import page, write_page
from certpush.cli.status.timeline import timeline
from certpush.errors import CertpushError, SafetyRefusal
from certpush.model import Phase, Standing, Waiting
from cli.status.sights import HOSTILE, NOW, deployment, every_standing, hostile, hours, many, renewed, status

VOID = {"meta", "link", "br"}
TAGS = {
    *VOID, "html", "head", "title", "style", "body", "header", "main", "footer", "section", "h1", "p", "strong", "span", "b", "i", "time", "ul", "li",
    "code", "table", "thead", "tbody", "tr", "th", "td", "svg", "desc", "defs", "pattern", "g", "rect", "line", "path",
}  # fmt: skip


class Read(HTMLParser):
    """The page as a browser reads it: balanced, and its rows as lists of texts."""

    def __init__(self, html: bytes) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: set[str] = set()
        self.attributes: list[tuple[str, str | None]] = []
        self.rows: list[list[str]] = []
        self.title = self.text = ""
        self.feed(html.decode())
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes += attrs
        if tag == "tr":
            self.rows.append([])
        if tag in ("td", "th"):
            self.rows[-1].append("")
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open[-2:] == ["head", "title"]:
            self.title += data
        if "style" in self.open:
            return
        self.text += data
        if {"td", "th"} & set(self.open) and "svg" not in self.open:
            self.rows[-1][-1] += data

    def of(self, target: str) -> list[str]:
        (found,) = [row for row in self.rows if row[0].startswith(target)]
        return found


@pytest.fixture(scope="module")
def whole() -> Read:
    return Read(page(every_standing(), again_after=timedelta(seconds=30)))


def test_the_worst_comes_first_and_each_standing_is_told_in_words(whole):
    names = [re.split(r"(?:ssh|proxmox|file|opnsense|pfsense)", row[0])[0] for row in whole.rows[1:]]
    assert names == [
        "10 need attention", "nas", "backup", "switch", "mail", "git", "printer", "media", "camera", "pbx", "lab",
        "7 ok", "wiki", "cluster/pve1", "cluster/pve2", "cluster/pve3", "firewall", "proxy", "shop",
    ]  # fmt: skip
    words = [row[1][1:] for row in whole.rows[1:] if len(row) > 1]
    assert words[:10] == [
        "Stranded", "Expired", "Untrusted", "In danger", "Drifted", "Foreign", "Unreachable", "Login refused", "Unknown", "New",
    ]  # fmt: skip
    assert set(words[10:]) == {"OK", "Due"}
    assert {one.standing for one in every_standing().statuses} == set(Standing)


def test_the_summary_stands_on_top(whole):
    assert whole.title == "10 need attention \N{MIDDLE DOT} certpush"
    assert "seen 27 Nov 06:31 UTC, written anew every 30s" in whole.text
    assert "10 need attention7 oknow next due: proxy, 27 Nov 06:01in 2h next to end: mail, 27 Nov 09:01" in whole.text


def test_a_row_has_the_life_the_last_outcome_with_its_reason_and_what_is_wrong(whole):
    target, standing, lifetime, left, last, wrong = whole.of("nas")
    assert target == f"nasssh {every_standing().statuses[7].served[0].fingerprint[:12]}"
    assert standing == "!Stranded"
    assert lifetime == "26 Nov 09:31 \N{RIGHTWARDS ARROW} 27 Nov 09:31"
    assert left == "3hdue now"
    assert last == (
        "Stranded 27 Nov 03:31the reload command failed: systemctl reload nginx (exit status 1); going back failed too: no answer in time"
    )
    assert wrong == "A switch went wrong and could not be taken back: a person is needed."
    assert whole.of("switch")[5].endswith("compare it on the console, then certpush trust switch")
    assert whole.of("media")[2] == "not seen now; drawn as the journal knows it"
    assert whole.of("pbx")[2:5] == ["nothing known yet", "\N{EN DASH}", "never"]
    assert whole.of("firewall")[2] == "21 Nov 06:31 \N{RIGHTWARDS ARROW} 21 Dec 06:31"
    assert "18 Sep 2027" in whole.of("switch")[2]
    assert "Unfinished (staged)" in Read(page(Sight(NOW, [status("a", "ssh", Standing.NEW, last=unfinished())], {}))).of("a")[4]


def unfinished():
    return deployment("a", hours(1), outcome=None, phase=Phase.STAGED)


def test_who_waits_after_failures_is_told_with_the_moment_and_the_reason():
    waiting = Waiting(3, NOW + hours(0.5), "the reload failed <b>\nmore")
    shown = Read(page(Sight(NOW, [status("box", "ssh", Standing.OK, hours(3), waiting=waiting)], {}))).of("box")
    assert shown[5] == "Waiting until 27 Nov 07:01, because it failed 3 times in a row; the last time: the reload failed <b>"


def test_nothing_that_strangers_wrote_becomes_markup(whole):
    read = Read(page(hostile()))
    assert read.tags <= TAGS
    assert whole.tags <= TAGS
    assert {name for name, _ in read.attributes} <= {name for name, _ in whole.attributes}
    assert not [name for name, _ in read.attributes if name.startswith("on") or name in ("src", "style", "xlink:href")]
    assert next(value for name, value in read.attributes if name == "href").startswith("data:image/svg+xml,")
    assert read.text.count("<script>alert(1)</script>") >= 5
    assert "\x1b" not in read.text
    assert "\u202e" not in read.text
    assert HOSTILE not in page(hostile()).decode()
    assert "x" * 301 not in read.text  # what fills a screen is cut


def test_the_page_may_load_nothing_and_run_nothing(whole):
    policy = next(v for k, v in whole.attributes if k == "content" and v.startswith("default-src"))
    style = (Path(module.__file__).parent / "page.css").read_bytes()
    assert policy == f"default-src 'none'; style-src 'sha256-{base64.b64encode(hashlib.sha256(style).digest()).decode()}'; img-src data:"
    text = page(every_standing()).decode()
    assert style.decode() in text
    assert not re.search(r"https?://(?!www\.w3\.org/2000/svg)", text.replace("http%3A//www.w3.org/2000/svg", ""))
    assert "url(" not in style.decode().replace("url(#hatch)", "")


def test_only_a_page_that_is_written_again_asks_to_be_loaded_again(whole):
    assert ("http-equiv", "refresh") in whole.attributes
    assert ("content", "30") in whole.attributes
    assert b"refresh" not in page(every_standing())


def test_a_timeline_says_in_words_what_it_draws_and_now_stands_in_the_same_place_in_each():
    sight = every_standing()
    drawn = timeline(sight.statuses[0], sight.past["wiki"], NOW, 1)
    assert drawn.get("aria-labelledby") == "t1 d1"
    assert drawn.find("title").text == "Lifetime of wiki"
    words = drawn.find("desc").text
    assert words.startswith("issued 2026-11-27 00:31 UTC; now 2026-11-27 06:31 UTC; due 2026-11-27 ")
    assert words.endswith("; in danger from 2026-11-27 20:31 UTC; ends 2026-11-28 00:31 UTC; earlier certificates shown: 2")
    assert [one.get("class") for one in drawn.iter("rect")] == ["former", "former", "spent", "fresh", "time", "danger"]
    for life in (timedelta(minutes=5), timedelta(days=395)):
        one = timeline(status("a", "ssh", Standing.OK, life / 4, life=life), (), NOW, 1)
        spent, fresh, *_ = one.iter("rect")
        assert (spent.get("x"), spent.get("width"), fresh.get("x")) == ("51%", "9%", "60%")
        assert [line.get("x1") for line in one.iter("line") if line.get("class") == "end"] == ["87%"]


def test_a_timeline_shows_what_failed_what_is_only_remembered_and_what_is_not_ours():
    sight = every_standing()
    assert len(list(timeline(sight.statuses[8], sight.past["mail"], NOW, 1).iter("path"))) == 1
    remembered = timeline(status("media", "ssh", Standing.UNREACHABLE), renewed("media", 9, 25), NOW, 1)
    assert [one.get("class") for one in remembered.iter("rect")] == ["former", "remembered"]
    assert "not seen now" in remembered.find("desc").text
    theirs = timeline(status("lab", "ssh", Standing.FOREIGN, hours(5)), (), NOW, 1)
    assert [one.get("class") for one in theirs.iter("rect")] == ["former", "theirs"]
    assert timeline(status("pbx", "ssh", Standing.UNKNOWN), [unfinished()], NOW, 1) is None


def test_what_lies_beyond_the_edge_is_not_drawn_and_no_life_is_too_short():
    long_gone = timeline(status("a", "ssh", Standing.EXPIRED, timedelta(days=900)), renewed("a", 24 * 900), NOW, 1)
    assert [one.get("class") for one in long_gone.iter("rect")] == []
    odd = replace(status("a", "ssh", Standing.OK, hours(1)), not_before=NOW, not_after=NOW)
    assert timeline(odd, (), NOW, 1) is None


def test_where_all_is_well_that_is_the_title_and_where_there_is_nothing_that_is_said():
    assert Read(page(Sight(NOW, [status("a", "ssh", Standing.OK, hours(1))], {}))).title == "All well \N{MIDDLE DOT} certpush"
    assert "There is no target yet" in Read(page(Sight(NOW, [], {}))).text


def test_a_thousand_targets_are_a_page_that_a_phone_can_load():
    html = page(many(1000))
    assert len(html) < 2_000_000
    assert len(Read(html).rows) == 1003


def luminance(colour: str) -> float:
    parts = (int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5))
    linear = [one / 12.92 if one <= 0.04045 else ((one + 0.055) / 1.055) ** 2.4 for one in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    """WCAG 2.2, 1.4.3."""
    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("theme", [0, 1], ids=["light", "dark"])
def test_every_text_stands_out_from_what_it_stands_on(theme):
    style = (Path(module.__file__).parent / "page.css").read_text()
    colours = dict(re.findall(r"--([\w-]+): (#\w{6})", re.findall(r":root \{(.*?)\}", style, re.DOTALL)[theme]))
    pairs = [(text, ground) for text in ("text", "dim", "good", "bad") for ground in ("ground", "surface")]
    pairs += [(kind, f"{kind}-soft") for kind in ("good", "warn", "bad")] + [("surface", kind) for kind in ("good", "warn", "bad")]
    assert {pair: contrast(*(colours[name] for name in pair)) for pair in pairs if contrast(*(colours[name] for name in pair)) < 4.5} == {}
    bars = [contrast(colours[name], colours["surface"]) for name in ("fresh", "theirs", "bad", "text")]
    assert min(bars) >= 2.7  # what the picture tells is told in words, too


# --- the file ---------------------------------------------------------------------------------


def test_a_new_page_may_be_read_by_all_and_the_rights_of_one_that_is_there_are_kept(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_page("page.html", every_standing(), again_after=None)
    file = tmp_path / "page.html"
    assert stat.S_IMODE(file.stat().st_mode) == 0o644
    file.chmod(0o640)
    write_page("page.html", many(3), again_after=None)
    assert stat.S_IMODE(file.stat().st_mode) == 0o640
    assert b"host-0001" in file.read_bytes()
    assert [one.name for one in tmp_path.iterdir()] == ["page.html"]


def test_nothing_that_others_planted_is_written_through(tmp_path):
    (tmp_path / "victim").write_text("mine")
    (tmp_path / "page.html").symlink_to(tmp_path / "victim")
    with pytest.raises(SafetyRefusal, match="is a symbolic link"):
        write_page(str(tmp_path / "page.html"), every_standing(), again_after=None)
    assert (tmp_path / "victim").read_text() == "mine"


@pytest.mark.parametrize("where", ["nowhere/page.html", "file/page.html"])
def test_a_page_that_cannot_be_written_says_so(tmp_path, where):
    (tmp_path / "file").touch()
    with pytest.raises(CertpushError, match=r"the page .* cannot be written: ") as failed:
        write_page(str(tmp_path / where), every_standing(), again_after=None)
    assert failed.value.hint
