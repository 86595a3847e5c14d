"""What the demo tells, step by step, with the commands' own means; loaded when it is told."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from certpush.cli.console import Console, safe
from certpush.cli.demo.killed import back_by_itself, deploy_and_kill
from certpush.cli.deploy import wanted_texts
from certpush.cli.history import show_history
from certpush.cli.progress import Progress
from certpush.cli.receipts import in_order, show_plans, show_receipts
from certpush.cli.status.table import show_statuses
from certpush.cli.stopping import stoppable
from certpush.cli.trust import make_contact
from certpush.errors import CertpushError, Interrupted
from certpush.fleet.fleet import Fleet
from certpush.kit.tls import utc_now
from certpush.model import Outcome, Receipt

if TYPE_CHECKING:
    from certpush.testing.lab.homelab import Homelab
    from certpush.testing.lab.pfsense import PfSense

_SHOWN = ("targets", "deployments", "identities", "pinned", "killed")  # what a command would put into its own document


def tell(console: Console) -> int:
    """Start the lab, tell the story in it, and clear it away; 0 when every part of it went as it must."""
    from certpush.testing.lab.homelab import homelab

    with stoppable(console) as stop:
        console.line("Starting a small home lab on loopback ...")
        with homelab(lambda: _go_on(stop)) as lab:
            _introduce(console, lab)
            progress = Progress(console)
            with Fleet.load(lab.configuration, observe=progress.observe) as fleet:
                _tell(_Story(console, fleet, progress, stop), lab)
    console.line("\nThe lab is gone, and left nothing behind. Next: `certpush init` for your own CA.")
    return 0


def _go_on(stop: threading.Event) -> None:
    """End here if a person asked for it: only between two steps, so that everything can be cleared away."""
    if stop.is_set():
        raise Interrupted("the demo was stopped", hint="the lab is gone, and left nothing behind")


def _introduce(console: Console, lab: Homelab) -> None:
    for part in lab.parts:
        console.line(f"  {safe(part)}")
    console.line(f"The wiki at https://{lab.wiki} shows a self-signed certificate, as on the first day;")
    console.line("for the mail there are only files, which nothing serves yet.")
    console.line(f"The Proxmox node at https://{lab.node.host}:{lab.node.port} shows the certificate that it made for itself.")
    if lab.firewall:
        console.line(f"The firewall's web GUI at https://{lab.firewall.host}:{lab.firewall.gui_port} shows a self-signed certificate, too.")
    console.document.update(parts=list(lab.parts), steps=[])


def _tell(story: _Story, lab: Homelab) -> None:
    story.trust("proxmox", lab.node.own_fingerprint)
    story.plan()
    if lab.firewall:
        story.kill(lab, lab.firewall)
    first = ["wiki", "mail", "proxmox"]
    command = f"certpush deploy {' '.join(first)}"
    says = "Meanwhile the others get theirs, and are looked at:" if lab.firewall else "Now it is done, and looked at:"
    story.deploy(command, Outcome.ROTATED, words=first, says=says)
    story.deploy(command, Outcome.UNCHANGED, words=first, says="Again: what is in place is left alone.")
    _break_and_mend(story, lab)
    story.history()


def _break_and_mend(story: _Story, lab: Homelab) -> None:
    lab.break_reloads()
    both = ["wiki", "proxmox"]
    story.deploy(
        "certpush deploy wiki proxmox --force",
        Outcome.ROLLED_BACK,
        words=both,
        force=True,
        says="Now somebody makes a mistake in the configuration of both web servers, and new certificates are wanted:",
    )
    if lab.firewall:
        story.back(lab.firewall)
    story.proof()
    lab.mend_reloads()
    words = [*both, "firewall"] if lab.firewall else both
    also = ", and what was begun on the firewall is settled, then done" if lab.firewall else ""
    story.deploy(
        f"certpush deploy {' '.join(words)}",
        Outcome.ROTATED,
        words=words,
        says=f"The mistakes are mended{also}. The certificates from before will do, no new ones are asked for:",
    )


class _Story:
    """Does what the commands do, shows it as they would, and insists on how it ends."""

    def __init__(self, console: Console, fleet: Fleet, progress: Progress, stop: threading.Event) -> None:
        self._console, self._fleet, self._progress, self._stop = console, fleet, progress, stop
        self._last: dict[str, str | None] = {}

    def trust(self, target: str, fingerprint: str) -> None:
        """First contact; the fingerprint is the one that the device itself knows."""
        says = "Before a token is sent there, somebody compares the certificate with what the node's own console shows, and pins it:"
        with self._step(f"certpush trust {target} --fingerprint {fingerprint}", says):
            make_contact(self._console, self._fleet, target, fingerprint)

    def plan(self) -> None:
        with self._step("certpush deploy --plan", "What would be done, and how it would be undone:"):
            receipts = in_order(self._fleet.plan(), self._fleet)
            show_plans(self._console, receipts, wanted_texts(self._fleet.select()), utc_now())

    def deploy(self, command: str, expected: Outcome, *, words: Sequence[str] = (), force: bool = False, says: str = "") -> None:
        with self._step(command, says):
            with self._progress.shown():
                receipts = in_order(self._fleet.deploy(words, force=force, stop=self._stop), self._fleet)
            _go_on(self._stop)
            show_receipts(self._console, receipts, utc_now())
        for receipt in receipts:
            _insist(receipt, expected)
            self._last[receipt.target] = receipt.now

    def kill(self, lab: Homelab, firewall: PfSense) -> None:
        """A run that dies right after the switch: a firewall must not depend on who switched it."""
        old = firewall.served() or ""
        says = (
            "The firewall gets its certificate, but certpush is killed (SIGKILL) right after the switch."
            f" The firewall waits {lab.hasty_seconds} s here, not 3 minutes, to be told that all is well:"
        )
        with self._step("certpush deploy firewall", says):
            new = deploy_and_kill(lab, firewall, old, lambda: _go_on(self._stop))
            self._console.line(f"certpush is dead. The firewall shows {new[:12]} now, where it showed {old[:12]}; nobody has confirmed it.")
            self._console.document.update(killed={"target": "firewall", "was": old, "now": new})
        self._last["firewall"] = old

    def back(self, firewall: PfSense) -> None:
        """Wait until the box has undone that by itself, and let it say so."""
        old = self._last["firewall"] or ""
        said = back_by_itself(firewall, old, lambda: _go_on(self._stop))
        self._console.line()
        self._console.line(
            self._console.paint("Meanwhile nobody told the firewall anything, and it went back by itself. Its own log says:", "cyan")
        )
        self._console.line(f"  {safe(said)}")
        self._console.line(f"The firewall shows {old[:12]} again.")

    def proof(self) -> None:
        """Everything must serve what it served before the mistake, to anybody who connects now."""
        with self._step("certpush status"):
            statuses = in_order(self._fleet.status(), self._fleet)
            show_statuses(self._console, statuses, utc_now())
        for status in statuses:
            for served in status.served:
                if served.fingerprint != self._last[status.target]:
                    raise CertpushError(f"{status.target} serves {served.fingerprint[:12]}, which is not what it served before")
                self._console.line(self._proven(status.target, served.fingerprint[:12]))

    @staticmethod
    def _proven(target: str, shown: str) -> str:
        if target == "firewall":
            return f"{target} serves {shown} again: it went back by itself, and nobody was locked out."
        return f"{target} still serves {shown}: visitors noticed nothing."

    def history(self) -> None:
        with self._step("certpush history"):
            show_history(self._console, self._fleet.history(), {})

    @contextmanager
    def _step(self, command: str, says: str = "") -> Iterator[None]:
        _go_on(self._stop)
        self._console.line()
        if says:
            self._console.line(self._console.paint(says, "cyan"))
        self._console.line(f"{self._console.paint('$', 'dim')} {self._console.paint(command, 'bold')}")
        yield
        document = self._console.document
        shown: dict[str, Any] = {key: document.pop(key) for key in _SHOWN if key in document}
        document["steps"].append({"command": command, **shown})


def _insist(receipt: Receipt, expected: Outcome) -> None:
    if receipt.outcome is not expected:
        raise CertpushError(
            f"the demo expected {receipt.target} to end {expected}, and it ended {receipt.outcome}",
            hint="please report it, with what -v shows",
        )
