"""certpush history: the journal, readable."""

from __future__ import annotations

import argparse
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from certpush.cli.console import Console, safe
from certpush.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from certpush.fleet.fleet import Fleet
    from certpush.model import Deployment

_COLOUR = {"rotated": "green", "rolled-back": "yellow", "stranded": "red"}  # by the words of model.Outcome
_UNFINISHED = "unfinished"


def configure(parser: argparse.ArgumentParser) -> None:
    """The options of this command."""
    parser.add_argument(
        "targets",
        nargs="*",
        metavar="TARGET",
        help="only these: a target with its members, TARGET/MEMBER, a kind, or @tag; also one that is gone",
    )
    parser.add_argument("--since", metavar="WHEN", help="only what began then or later: 7d, 12h, 2026-11-01, 2026-11-01T06:30 (UTC)")
    parser.add_argument("--until", metavar="WHEN", help="only what began before, written likewise")
    parser.add_argument(
        "--outcome", action="append", choices=(*_COLOUR, _UNFINISHED), default=[], help="only what ended so; may be given several times"
    )
    parser.add_argument("--limit", type=_positive, default=20, metavar="N", help="how many records, newest first (default 20)")


def run(arguments: argparse.Namespace, console: Console) -> int:
    """Show what the journal holds."""
    now = datetime.now(UTC)
    since, until = _when("--since", arguments.since, now), _when("--until", arguments.until, now)
    from certpush.fleet.fleet import Fleet
    from certpush.model import Outcome

    outcomes = [None if word == _UNFINISHED else Outcome(word) for word in arguments.outcome]
    with Fleet.load(arguments.config) as fleet:
        records = fleet.history(arguments.targets, limit=arguments.limit, since=since, until=until, outcomes=outcomes)
        if not records:
            _refuse_unknown(fleet, arguments.targets)
        notes = {one.id: fleet.notes(one.id) for one in records}
    filtered = bool(since or until or outcomes)
    show_history(console, records, notes, none="nothing of that sort was deployed" if filtered else "nothing was deployed yet")
    return 0


def show_history(
    console: Console, records: Sequence[Deployment], notes: Mapping[str, Sequence[str]], *, none: str = "nothing was deployed yet"
) -> None:
    """The records as a table, and as a part of the document; ``notes`` are by their ids."""
    from certpush.cli.receipts import deployment_document

    if not records:
        console.line(none)
    else:
        console.table(("when", "target", "was", "wanted", "why", "outcome"), [_row(one, notes.get(one.id, ()), console) for one in records])
    console.document["deployments"] = [{**deployment_document(one), "notes": list(notes.get(one.id, ()))} for one in records]


def _refuse_unknown(fleet: Fleet, words: Sequence[str]) -> None:
    """A target that is gone may have a history; a mistyped one has none, and silence would look like an answer."""
    targets = fleet.configuration.targets
    for word in words:
        if word[:1] != "@" and word.split("/", 1)[0] not in targets and all(one.kind != word for one in targets.values()):
            gone = fleet.history(word, limit=1)
            if not gone:
                raise ConfigError(f"there is no target {word[:80]!a}, and there never was one", hint="certpush history shows all targets")


def _row(record: Deployment, notes: Sequence[str], console: Console) -> list[str]:
    from certpush.cli.receipts import short

    outcome = record.outcome.value if record.outcome else f"{_UNFINISHED} ({record.phase})"
    return [
        f"{record.started:%Y-%m-%d %H:%M:%S}" if record.started else "-",
        console.paint(safe(record.target), "bold"),
        short(record.before.fingerprint),
        short(record.wanted),
        safe(record.why),
        console.paint(outcome, _COLOUR.get(record.outcome, "yellow") if record.outcome else "yellow")
        + (f": {_one_line(record.error)}" if record.error else "")
        + "".join(f" ({_one_line(note)})" for note in dict.fromkeys(notes) if note not in record.error),
    ]


def _one_line(text: str) -> str:
    return safe("; ".join(text.split("\n")))[:100]


def _positive(text: str) -> int:
    number = int(text) if text.isdecimal() and len(text) <= 6 else 0  # isdigit() takes a superscript two, and int() does not
    if not 0 < number <= 100_000:
        raise ConfigError(f"--limit: {text[:40]!a} is not a number from 1 to 100000", hint="certpush history --limit 50")
    return number


def _when(option: str, text: str | None, now: datetime) -> datetime | None:
    """A moment, or how long ago; without a zone it is UTC, as all that certpush prints."""
    if text is None:
        return None
    if text[:1].isdigit() and text[-1:] in ("d", "h", "m", "s"):
        from certpush.kit.settings import Duration

        return now - Duration.parse(text)
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise ConfigError(
            f"{option}: {text[:40]!a} is no moment", hint=f"certpush history {option} 7d, or {option} 2026-11-01T06:30"
        ) from None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
