"""certpush demo: the whole story on this machine, with real servers where they are installed."""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Sequence

from certpush.cli.console import Console
from certpush.cli.progress import Progress
from certpush.cli.receipts import show_plans, show_receipts
from certpush.errors import CertpushError
from certpush.fleet.fleet import Fleet
from certpush.kit.tls import utc_now
from certpush.model import Outcome, Receipt


def configure(parser: argparse.ArgumentParser) -> None:
    """The options of this command."""
    parser.epilog = "Needs nothing: what is not installed here (step-ca, nginx, sshd) is stood in for."


def run(arguments: argparse.Namespace, console: Console) -> int:
    """Tell the story; 0 when every part of it went as it must."""
    del arguments
    from certpush.testing.lab.homelab import homelab

    console.line("Starting a small home lab on loopback ...")
    with homelab() as lab:
        console.line(f"  {', '.join(lab.parts)}")
        console.line(f"  the wiki at https://{lab.wiki} shows a self-signed certificate, as on the first day\n")
        progress = Progress(console)
        with Fleet.load(lab.configuration, observe=progress.observe) as fleet:
            story = _Story(console, fleet, progress)
            story.plan()
            story.deploy("certpush deploy", Outcome.ROTATED)
            story.deploy("certpush deploy        # again: what is in place is left alone", Outcome.UNCHANGED)
            lab.break_next_reload()
            console.line(console.paint("\nNow the wiki's configuration gets a mistake in it, and its certificate comes due:", "bold"))
            story.deploy("certpush deploy wiki --force", Outcome.ROLLED_BACK, words=["wiki"], force=True)
            story.proof()
            story.deploy(
                "certpush deploy wiki   # mistake mended: the same certificate, no new one needed", Outcome.ROTATED, words=["wiki"]
            )
            story.history()
    console.line("\nThe lab is gone, and left nothing behind. Next: `certpush init` for your own CA.")
    return 0


class _Story:
    def __init__(self, console: Console, fleet: Fleet, progress: Progress) -> None:
        self._console, self._fleet, self._progress = console, fleet, progress
        self._last: dict[str, str | None] = {}

    def plan(self) -> None:
        self._prompt("certpush deploy --plan")
        with self._progress.shown():
            receipts = sorted(self._fleet.plan(), key=lambda one: one.target)
        show_plans(self._console, receipts, {one.target: "24h, ec-p256" for one in receipts}, utc_now())

    def deploy(self, command: str, expected: Outcome, *, words: Sequence[str] = (), force: bool = False) -> None:
        self._prompt(command)
        with self._progress.shown():
            receipts = sorted(self._fleet.deploy(words, force=force), key=lambda one: one.target)
        show_receipts(self._console, receipts, utc_now())
        self._insist(receipts, expected)
        self._last.update({one.target: one.now for one in receipts})

    def proof(self) -> None:
        """The wiki must serve what it served before the mistake, to anybody who connects now."""
        self._prompt("certpush status")
        for status in sorted(self._fleet.status(), key=lambda one: one.target):
            for served in status.served:
                if served.fingerprint != self._last[status.target]:
                    raise CertpushError(f"{status.target} serves {served.fingerprint[:12]}, which is not what it served before")
                self._console.line(f"{status.target}  still serves {served.fingerprint[:12]}, {served.issuer}: visitors noticed nothing")

    def history(self) -> None:
        self._prompt("certpush history")
        rows = [
            [f"{one.started:%H:%M:%S}" if one.started else "-", one.target, one.why, one.outcome.value if one.outcome else one.phase.value]
            for one in self._fleet.history()
        ]
        self._console.table(("when", "target", "why", "outcome"), rows)

    def _prompt(self, command: str) -> None:
        self._console.line(f"\n{self._console.paint('$', 'dim')} {self._console.paint(command, 'bold')}")

    def _insist(self, receipts: Iterable[Receipt], expected: Outcome) -> None:
        for receipt in receipts:
            if receipt.outcome is not expected:
                raise CertpushError(f"the demo expected {receipt.target} to end {expected}, and it ended {receipt.outcome}")
