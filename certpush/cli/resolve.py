"""certpush resolve: what no run could end, a person does. Shows what is there beside what the journal holds, and takes a decision."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

from certpush.cli.console import Console, indented, safe

if TYPE_CHECKING:
    from collections.abc import Sequence

    from certpush.cli.progress import Progress
    from certpush.fleet.fleet import Fleet
    from certpush.model import Unresolved, Way

_WORDS = {  # by the words of model.Known
    "wanted": "the new one, which was being deployed",
    "before": "the one before",
    "own": "the device's own",
    "ours": "an older one of certpush's",
    "foreign": "not deployed by certpush",
}


def configure(parser: argparse.ArgumentParser) -> None:
    """The options of this command."""
    parser.add_argument("target", metavar="TARGET", help="the target's name; of a cluster one member, TARGET/MEMBER")
    way = parser.add_mutually_exclusive_group()
    way.add_argument("--accept", action="store_true", help="what is served now is what is meant: seen, written down, and left as it is")
    way.add_argument("--finish", action="store_true", help="go back to what was there before, and see that it is served")
    parser.add_argument("--adopt", action="store_true", help="with --accept: also a certificate that certpush did not deploy")
    parser.add_argument("--reason", metavar="TEXT", default="", help="why; kept in the journal with who and when")
    parser.epilog = (
        "Without --accept or --finish it shows what is there, and changes nothing; on a terminal it asks.\n"
        "Exit code 0 when nothing is left half-way, 2 while nobody has decided, 3 when going back failed again,\n"
        "6 while a run is at work there, which brings it to its end itself."
    )


def run(arguments: argparse.Namespace, console: Console) -> int:
    """Show, let a person choose, do it."""
    from certpush.cli.exits import OK
    from certpush.cli.progress import Progress
    from certpush.errors import ConfigError
    from certpush.fleet.fleet import Fleet

    if arguments.adopt and not arguments.accept:
        raise ConfigError("--adopt goes with --accept", hint=f"certpush resolve {arguments.target} --accept --adopt")
    progress = Progress(console, asked_to_go_back=True)
    with Fleet.load(arguments.config, observe=progress.observe) as fleet:
        with progress.shown():
            unresolved = fleet.unresolved(arguments.target)
        show_unresolved(console, unresolved)
        if not unresolved:
            console.line(f"nothing to resolve: no deployment to {safe(arguments.target)} was left half-way")
            return OK
        return _resolve(arguments, console, fleet, progress, unresolved)


def _resolve(arguments: argparse.Namespace, console: Console, fleet: Fleet, progress: Progress, unresolved: Sequence[Unresolved]) -> int:
    from certpush.cli.exits import code_of_receipt
    from certpush.cli.receipts import show_receipts
    from certpush.cli.stopping import stoppable
    from certpush.cli.whoami import whoami
    from certpush.kit.tls import utc_now
    from certpush.model import Decision

    way = _chosen(arguments, console, unresolved)
    decision = Decision(way, whoami(), arguments.reason, adopt=arguments.adopt)
    with stoppable(console):
        with progress.shown():
            receipt = fleet.resolve(arguments.target, decision)
        show_receipts(console, [receipt], utc_now())
    return code_of_receipt(receipt)


def _chosen(arguments: argparse.Namespace, console: Console, unresolved: Sequence[Unresolved]) -> Way:
    from certpush.cli.asking import can_ask, chosen
    from certpush.errors import ConfigError, Interrupted
    from certpush.model import Way

    if arguments.accept or arguments.finish:
        return Way.ACCEPT if arguments.accept else Way.FINISH
    commands = "\n".join(command for one in unresolved for command in _commands(one))
    if len(unresolved) > 1 or console.json or not can_ask():
        raise ConfigError(f"{arguments.target}: nobody has decided yet; nothing was changed", hint=f"one of\n{commands}")
    word = chosen(console, "What is it to be?", (*(way.value for way in Way), "nothing"))
    if word == "nothing":
        raise Interrupted("nothing was changed", hint=f"later, one of\n{commands}")
    return Way(word)


def _commands(one: Unresolved) -> tuple[str, str]:
    foreign = any(known == "foreign" for _, known in one.known)
    return f"certpush resolve {one.target} --accept{' --adopt' if foreign else ''}", f"certpush resolve {one.target} --finish"


def show_unresolved(console: Console, unresolved: Sequence[Unresolved]) -> None:
    """Each open record, and what is there; the same as a part of the document."""
    console.document["unresolved"] = [_document(one) for one in unresolved]
    for one in unresolved:
        console.line(f"{console.paint(safe(one.target), 'bold')}  {_state(one, console)}")
        for label, text in _lines(one):
            console.line(f"  {label:<10}{indented(text, 12)}")
        console.line()


def _state(one: Unresolved, console: Console) -> str:
    phase, since = one.deployment.phase.value, one.deployment.finished or one.deployment.started
    state = console.paint("STRANDED", "red") if phase == "stranded" else console.paint(f"left half-way ({phase})", "yellow")
    return f"{state} since {since:%Y-%m-%d %H:%M} UTC" if since else state


def _lines(one: Unresolved) -> Sequence[tuple[str, str]]:
    record = one.deployment
    lines = [("why", record.why), ("error", record.error), ("new", _short(record.wanted)), ("before", _short(record.before.fingerprint))]
    lines += [("way back", f"{record.way_back.kind}: {record.way_back.text}")]
    if one.installed is not None:
        lines += [("installed", _named(one, one.installed.fingerprint))]
    lines += [("served", f"{seen.endpoint}  {_named(one, seen.fingerprint)}{_problem(seen.problem)}") for seen in one.served]
    lines += [("problem", problem) for problem in one.problems]
    return [(label, text) for label, text in lines if text]


def _short(fingerprint: str | None) -> str:
    return f"sha256 {fingerprint[:16]}" if fingerprint else "nothing"


def _named(one: Unresolved, fingerprint: str | None) -> str:
    known = next((known for seen, known in one.known if seen == fingerprint), None)
    return f"{_short(fingerprint)}  {_WORDS[known.value] if known else ''}".rstrip()


def _problem(problem: str) -> str:
    return f" ({problem})" if problem else ""


def _document(one: Unresolved) -> dict[str, Any]:
    from certpush.cli.receipts import deployment_document, served_document

    return {
        "target": one.target,
        "record": deployment_document(one.deployment),
        "way_back": {"kind": one.deployment.way_back.kind.value, "text": one.deployment.way_back.text},
        "installed": one.installed.fingerprint if one.installed else None,
        "served": [served_document(seen) for seen in one.served],
        "there": [{"fingerprint": fingerprint, "known": known.value} for fingerprint, known in one.known],
        "problems": list(one.problems),
        "key_held": one.key_held,
        "commands": list(_commands(one)),
    }
