"""The verbs of a target whose certificate is in files of this machine; the old files stay until the new ones are confirmed."""

from __future__ import annotations

import os
from collections.abc import Collection

from certpush.errors import NoWayBack
from certpush.kit.escaping import escaped
from certpush.kit.layout import LayoutSettings
from certpush.kit.local.hands import LocalHands
from certpush.kit.local.look import look_at
from certpush.kit.local.preflight import findings
from certpush.kit.placement import Placement, before_of, prepared_of, to_handle
from certpush.kit.trouble import Trouble
from certpush.model import CertificateBundle, CertificateRequest, Expected, Finding, Installed, Staged


class LocalFiles:
    """Files of this machine. Everything that a later process needs stands in the handles, or beside the files."""

    def __init__(self, settings: LayoutSettings) -> None:
        self._settings = settings
        self._placement = Placement(settings)
        self._hands = LocalHands(limits=settings.limits)
        self._seen: Installed | None = None

    def inspect(self) -> Installed:
        """Read the files; a pair that does not belong together counts as nothing installed, and the handle says so."""
        self._seen = self._placement.installed(look_at(self._placement))
        return self._seen

    def preflight(self, request: CertificateRequest) -> tuple[Finding, ...]:
        """Look for what would stop the writing, the switch or the commands; change nothing."""
        return findings(self._settings, self._placement, request, uid=os.geteuid())

    def changes(self, request: CertificateRequest) -> tuple[str, ...]:  # noqa: ARG002 - the same for every request
        """Name the files and the commands."""
        orders = (*self._settings.checks(self._placement.places), *self._settings.reloads())
        commands = [f"then {escaped(order.in_full)}" for order in orders]
        return (self._placement.in_words, *commands)

    def stage(self, bundle: CertificateBundle) -> Staged:
        """Keep the old files, write the new ones beside them, and have the check command look at them."""
        before = before_of(self._seen or self.inspect())
        try:
            prepared = self._placement.stage(self._hands, bundle, before)
        finally:
            self._hands.staged()
        # A configuration that is broken already stops us here, where nothing was touched.
        if self._settings.check_uses_files or all(was.state for was in before.switched.values()):
            for order in self._settings.checks(self._placement.staged_paths(prepared)):
                self._hands.command(Trouble.CHECK, order)
        return Staged(to_handle(prepared))

    def activate(self, staged: Staged, bundle: CertificateBundle) -> None:  # noqa: ARG002 - all is staged already
        """Rename the new files into place, check, and have the service take them up."""
        prepared = prepared_of(staged)
        self._placement.make_ready(self._hands, prepared)
        self._placement.switch(self._hands, prepared)
        for order in () if self._settings.check_uses_files else self._settings.checks(self._placement.places):
            self._hands.command(Trouble.CHECK, order)
        for order in self._settings.reloads():
            self._hands.command(Trouble.RELOAD, order)

    def confirm(self, staged: Staged) -> None:
        """See that the new files are still there; the old ones stay until ``tidy``."""
        self._placement.confirmed(self._hands, prepared_of(staged))

    def rollback(self, to: Installed, staged: Staged | None, previous: CertificateBundle | None) -> Expected:
        """Put the old files back, byte for byte, from the kept copies; without them, from ``previous``."""
        before, prepared = before_of(to), prepared_of(staged) if staged and staged.handle else None
        try:
            self._placement.go_back(self._hands, before, prepared)
        except NoWayBack:
            if previous is None or previous.fingerprint != to.fingerprint:
                raise
            self._placement.rebuild(self._hands, before, prepared, previous)
        return Expected.leaf(to.fingerprint)

    def tidy(self, keep: Collection[str]) -> None:
        """Remove kept copies and generations that nobody asks for any more."""
        self._placement.tidy(self._hands, keep, self.inspect().fingerprint)

    def close(self) -> None:
        """Let go of the directories."""
        self._hands.close()
