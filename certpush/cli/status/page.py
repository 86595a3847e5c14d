"""certpush status --html: one page that loads nothing, runs nothing, and can be left open."""

from __future__ import annotations

import base64
import hashlib
import stat
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from urllib.parse import quote
from xml.etree.ElementTree import Element

from certpush._version import __version__
from certpush.cli.exits import code_of_standing
from certpush.cli.receipts import left
from certpush.cli.status.entry import entry
from certpush.cli.status.looking import Sight
from certpush.cli.status.markup import document, moment, node
from certpush.errors import CertpushError
from certpush.kit.files import write_file
from certpush.kit.settings import format_duration
from certpush.model import TargetStatus

_COLUMNS = ("Target", "Standing", "Lifetime", "Left", "Last deployment", "What is wrong")
_ICON = (
    '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 16 16"><circle cx="8" cy="8" r="7" fill="{colour}"/>'
    '<path d="{sign}" fill="none" stroke="#fff" stroke-width="2"/></svg>'
)
_WELL, _UNWELL = ("#1a7f4b", "M4.5 8.5l2.5 2.5 4.5-5.5"), ("#c0262d", "M8 3.5v5.5M8 10.7v2")


def write_page(file: str, sight: Sight, *, again_after: timedelta | None) -> None:
    """Put the whole page in the place of ``file``; nobody ever loads a part of one. ``again_after`` says when it will be written next.

    A new file may be read by everybody (there is nothing secret in it); the rights of one that is there are kept.

    Raises:
        CertpushError: it cannot be written.
        SafetyRefusal: something that others planted is in the way.

    """
    path = Path(file).absolute()
    try:
        mode = stat.S_IMODE(path.lstat().st_mode) & 0o666 if path.exists() else 0o644
        write_file(str(path), page(sight, again_after=again_after), mode=mode)
    except OSError as error:
        raise CertpushError(
            f"the page {path} cannot be written: {error.strerror}",
            hint="name a file in a directory that is there and that you may write to",
        ) from error


def page(sight: Sight, *, again_after: timedelta | None = None) -> bytes:
    """The whole page."""
    bad = [one for one in sight.statuses if code_of_standing(one.standing)]
    return document(node("html", _head(bad, again_after), _body(sight, bad, again_after), lang="en"))


def _head(bad: Sequence[TargetStatus], again_after: timedelta | None) -> Element:
    style = Path(__file__).with_name("page.css").read_text()
    allowed = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    colour, sign = _UNWELL if bad else _WELL
    icon = "data:image/svg+xml," + quote(_ICON.format(colour=colour, sign=sign))
    again = node("meta", http_equiv="refresh", content=int(again_after.total_seconds())) if again_after else None
    return node(
        "head",
        node("meta", charset="utf-8"),
        # Whatever should get into this page nevertheless: it loads nothing and runs nothing.
        node("meta", http_equiv="Content-Security-Policy", content=f"default-src 'none'; style-src 'sha256-{allowed}'; img-src data:"),
        node("meta", name="viewport", content="width=device-width, initial-scale=1"),
        node("meta", name="color-scheme", content="light dark"),
        node("meta", name="referrer", content="no-referrer"),
        node("meta", name="robots", content="noindex"),
        again,
        node("title", f"{_attention(len(bad))} \N{MIDDLE DOT} certpush" if bad else "All well \N{MIDDLE DOT} certpush"),
        node("link", rel="icon", href=icon),
        _raw("style", style),
    )


def _raw(tag: str, text: str) -> Element:
    """An element whose text is our own, with its line breaks."""
    made = node(tag)
    made.text = text
    return made


def _body(sight: Sight, bad: Sequence[TargetStatus], again_after: timedelta | None) -> Element:
    return node(
        "body",
        _patterns(),
        node(
            "header",
            node("h1", "Certificates"),
            node("p", "seen ", moment(sight.at, sight.at), " UTC", _again(again_after), class_="seen"),
        ),
        node("main", _summary(sight, bad), *_table(sight, bad)),
        node(
            "footer",
            node("p", f"certpush {__version__}. All times are UTC. This page is a file: it loads nothing and runs nothing."),
        ),
    )  # fmt: skip


def _again(again_after: timedelta | None) -> str:
    return f", written anew every {format_duration(again_after)}" if again_after else ""


def _patterns() -> Element:
    """What danger is hatched with, so that it is not told by colour alone; used by every timeline."""
    return node(
        "svg",
        node(
            "defs",
            node(
                "pattern",
                node("rect", width=6, height=6, class_="hatch-ground"),
                node("path", d="M-1 1 1 -1M0 6 6 0M5 7 7 5", class_="hatch-line"),
                id="hatch", width=6, height=6, patternUnits="userSpaceOnUse",
            ),
        ),
        class_="patterns", width=0, height=0, aria_hidden="true",
    )  # fmt: skip


def _attention(count: int) -> str:
    return "1 needs attention" if count == 1 else f"{count} need attention"


def _summary(sight: Sight, bad: Sequence[TargetStatus]) -> Element:
    good = len(sight.statuses) - len(bad)
    return node(
        "section",
        _figure(str(len(bad)), "needs attention" if len(bad) == 1 else "need attention", "bad" if bad else "none"),
        _figure(str(good), "ok", "good" if good else "none"),
        _next(sight, "next due", [(one.due, one.target) for one in sight.statuses if one.due and not code_of_standing(one.standing)]),
        _next(sight, "next to end", [(one.not_after, one.target) for one in sight.statuses if one.not_after and one.not_after > sight.at]),
        class_="summary", aria_label="Summary",
    )  # fmt: skip


def _figure(number: str, text: str, kind: str) -> Element:
    return node("p", node("strong", number), " ", node("span", text), class_=f"figure {kind}")


def _next(sight: Sight, what: str, moments: Sequence[tuple[datetime, str]]) -> Element | None:
    if not moments:
        return None
    when, target = min(moments)
    length = f"in {left(when, sight.at)}" if when > sight.at else "now"
    about = node("span", f"{what}: ", node("b", target), ", ", moment(when, sight.at))
    return node("p", node("strong", length), " ", about, class_="figure next")


def _table(sight: Sight, bad: Sequence[TargetStatus]) -> Iterator[Element]:
    """Those that need attention, the worst first; then the others, as they are configured."""
    if not sight.statuses:
        yield node("p", "There is no target yet, or none that is enabled.", class_="empty")
        return
    yield _legend()
    worst_first = sorted(bad, key=lambda one: one.standing.rank)
    others = [one for one in sight.statuses if not code_of_standing(one.standing)]
    head = node(
        "tr", *(node("th", title, scope="col", role="columnheader", class_=title.lower().split()[-1]) for title in _COLUMNS), role="row"
    )
    rows = iter(range(len(sight.statuses)))
    groups = [
        _group(title, [entry(one, sight.past.get(one.target, ()), sight.at, next(rows)) for one in some])
        for title, some in ((_attention(len(bad)), worst_first), (f"{len(others)} ok", others))
        if some
    ]
    yield node("table", node("thead", head, role="rowgroup"), *groups, role="table", aria_label="Targets")


def _group(title: str, rows: Sequence[Element]) -> Element:
    heading = node("tr", node("th", title, scope="rowgroup", colspan=len(_COLUMNS), role="rowheader"), class_="group", role="row")
    return node("tbody", heading, *rows, role="rowgroup")


def _legend() -> Element:
    """What the parts of a timeline mean; the words are in each timeline's description, too."""
    parts = (
        ("former", "earlier certificates"),
        ("spent", "used up"),
        ("fresh", "left until due"),
        ("time", "due"),
        ("danger", "danger"),
        ("theirs", "not ours"),
    )
    keys = (
        node("li", node("svg", node("rect", class_=kind, width=14, height=10), width=14, height=10, aria_hidden="true"), text)
        for kind, text in parts
    )
    cross = node(
        "svg",
        node("path", d="M-3.5 -3.5 3.5 3.5M3.5 -3.5 -3.5 3.5"),
        class_="failed",
        viewBox="-5 -5 10 10",
        width=10,
        height=10,
        aria_hidden="true",
    )
    return node("ul", *keys, node("li", cross, "failed, rolled back"), class_="legend", aria_label="Legend of the timelines")
