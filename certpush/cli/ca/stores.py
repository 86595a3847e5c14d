"""Roots into trust stores and out of them: what was done at each place, and what is left to do."""

from __future__ import annotations

import os
import shlex
import shutil
import sys
from collections.abc import Callable, Iterator, Sequence

from cryptography import x509

from certpush.cli.certificate_view import subject
from certpush.cli.console import Console, safe
from certpush.cli.exits import NOT_ROTATED, OK
from certpush.cli.trust_store import Deed, Machine, Report, install, remove
from certpush.model import fingerprint
from certpush.records import record
from certpush.stepca.address import CaAddress

_Work = Callable[[x509.Certificate, Machine], Iterator[Report]]
_COLOUR = {Deed.INSTALLED: "green", Deed.REMOVED: "green", Deed.NEEDS_ROOT: "yellow", Deed.LEFT: "yellow", Deed.FAILED: "red"}


@record(frozen=True, slots=True)
class Stores:
    """The trust stores of this machine, and of the user behind sudo; ``address`` is the CA's, for the command to run again."""

    console: Console
    address: CaAddress
    machine: Machine

    @classmethod
    def here(cls, console: Console, address: CaAddress) -> Stores:
        """Of this machine."""
        return cls(console, address, Machine.here(os.environ))

    def install(self, roots: Sequence[x509.Certificate]) -> int:
        """Have every store trust the roots; gives the exit code."""
        return self._everywhere(install, "--install", roots)

    def remove(self, roots: Sequence[x509.Certificate]) -> int:
        """Take the roots out of every store; gives the exit code."""
        return self._everywhere(remove, "--remove", roots)

    def _everywhere(self, work: _Work, option: str, roots: Sequence[x509.Certificate]) -> int:
        done = [(root, tuple(work(root, self.machine))) for root in roots]
        for root, reports in done:
            self.console.line(f"{safe(subject(root))}, {fingerprint(root)}")
            self._show(reports)
        if all(len(reports) == 1 for _, reports in done):
            self.console.line(f"no database of Firefox or Chromium in {safe(str(self.machine.home))}; they make one when they first start")
        every = [(root, one) for root, reports in done for one in reports]
        if any(one.deed is Deed.NEEDS_ROOT for _, one in every):
            self._say(f"the system's trust store takes root: {self._with_sudo(option, roots[0])}")
        self.console.document["stores"] = [_document(root, one) for root, one in every]
        return OK if all(one.fine for _, one in every) else NOT_ROTATED

    def _show(self, reports: Sequence[Report]) -> None:
        paint = self.console.paint
        rows = [[safe(one.place), paint(str(one.deed), _COLOUR.get(one.deed, "dim")), safe(one.detail)] for one in reports]
        self.console.table(("place", "done", ""), rows)
        for one in reports:
            if one.hint and one.deed is not Deed.NEEDS_ROOT:
                self._say(f"{one.place}: {one.hint}")

    def _say(self, hint: str) -> None:
        self.console.result(f"  {self.console.paint('->', 'cyan')} {safe(hint)}")

    def _with_sudo(self, option: str, root: x509.Certificate) -> str:
        """The command to run as root, with all that it needs: neither this user's files nor search path are root's."""
        which = ["--ca-url", str(self.address), "--fingerprint", fingerprint(root)]
        return shlex.join(["sudo", *_program(sys.argv[0]), "ca", "root", option, *which])


def _program(called: str) -> list[str]:
    if called.endswith(".py"):
        return [sys.executable, "-m", "certpush"]
    found = shutil.which(called)
    return [os.path.abspath(found) if found else "certpush"]  # noqa: PTH100 - Path.resolve would follow the link into a tool's own folder


def _document(root: x509.Certificate, report: Report) -> dict[str, object]:
    return {
        "root": fingerprint(root),
        "place": report.place,
        "done": str(report.deed),
        "fine": report.fine,
        "detail": report.detail,
        "hint": report.hint,
    }
