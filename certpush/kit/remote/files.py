"""The verbs of a target with files on a machine reached by SSH, which puts the old ones back by itself unless told not to."""

from __future__ import annotations

import logging
import time
from collections.abc import Collection

from certpush.errors import NoWayBack, TargetError
from certpush.kit.escaping import escaped
from certpush.kit.placement import Placement, before_of, prepared_of, to_handle
from certpush.kit.remote import rescue
from certpush.kit.remote.hands import RemoteHands
from certpush.kit.remote.look import ask_to_look, what_was_seen
from certpush.kit.remote.preflight import ask_to_probe, findings
from certpush.kit.remote.settings import RemoteSettings
from certpush.kit.remote.shell import Shell
from certpush.kit.settings import format_duration
from certpush.kit.ssh.session import Told
from certpush.kit.trouble import Trouble
from certpush.model import CertificateBundle, CertificateRequest, Expected, Finding, Installed, Staged
from certpush.records import record

_log = logging.getLogger(__name__)


@record(frozen=True, slots=True)
class _Look:
    """What was told of files and machine, and when, by our own clock."""

    told: Told
    at: float


class RemoteFiles:
    """Files on another machine. Everything that a later process needs stands in the handles, or beside the files."""

    def __init__(self, settings: RemoteSettings) -> None:
        self._settings = settings
        self._placement = Placement(settings)
        self._shell = Shell(settings, sudo=settings.sudo, folder=f".certpush-{self._placement.slot}")
        self._seen: Installed | None = None
        self._look: _Look | None = None
        self._confirmed: str | None = None

    def inspect(self) -> Installed:
        """Have the files looked at; a set that does not belong together counts as nothing installed, and the handle says so."""
        self._look = self._looked()
        self._seen = self._placement.installed(what_was_seen(self._look.told, self._placement))
        return self._seen

    def preflight(self, request: CertificateRequest) -> tuple[Finding, ...]:
        """Look for what would stop the login, the writing, the switch or the commands; change nothing."""
        look = self._look or self._looked()
        return findings(look.told, self._settings, self._placement, request, connection=self._shell.connection, now=look.at)

    def changes(self, request: CertificateRequest) -> tuple[str, ...]:  # noqa: ARG002 - the same for every request
        """Name the files, the commands, and the machine's own way back."""
        orders = (*self._settings.checks(self._placement.places), *self._settings.reloads())
        commands = [f"then {escaped(order.in_full)}" for order in orders]
        alone = (
            f"{self._settings.host} puts the old files back by itself after {format_duration(self._settings.rescue_after)} unless confirmed"
        )
        return (f"{self._settings.host}: {self._placement.in_words}", *commands, alone)

    def stage(self, bundle: CertificateBundle) -> Staged:
        """Hand the new files over and write them beside the old ones, keep the old ones, and have the check command look."""
        before = before_of(self._seen or self.inspect())
        hands = self._hands()
        hands.step("clock", str(int(bundle.not_before.timestamp())))
        prepared = self._placement.stage(hands, bundle, before)
        # A configuration that is broken already stops us here, where nothing was touched.
        if self._settings.check_uses_files or all(was.state for was in before.switched.values()):
            for order in self._settings.checks(self._placement.staged_paths(prepared)):
                hands.command(Trouble.CHECK, order)
        self._perform(hands)
        return Staged(to_handle(prepared))

    def activate(self, staged: Staged, bundle: CertificateBundle) -> None:  # noqa: ARG002 - all is staged already
        """Arm the machine's own way back; then rename the new files into place, check, and have the service take them up."""
        prepared = prepared_of(staged)
        hands = self._hands()
        self._placement.make_ready(hands, prepared)
        rescue.arm(hands, self._settings, self._placement, prepared)
        self._placement.switch(hands, prepared)
        rescue.insist(hands, self._placement)
        for order in () if self._settings.check_uses_files else self._settings.checks(self._placement.places):
            hands.command(Trouble.CHECK, order)
        for order in self._settings.reloads():
            hands.command(Trouble.RELOAD, order)
        self._perform(hands)

    def confirm(self, staged: Staged) -> None:
        """Disarm the way back, over a connection of its own: what cannot be reached anew is not confirmed."""
        self._shell.close()
        hands, prepared = self._hands(), prepared_of(staged)
        rescue.confirm(hands, self._placement, prepared)
        self._perform(hands)
        self._confirmed = prepared.fingerprint

    def rollback(self, to: Installed, staged: Staged | None, previous: CertificateBundle | None) -> Expected:
        """Disarm the timer and put the old files back, byte for byte, from the kept copies; without them, from ``previous``."""
        before, prepared = before_of(to), prepared_of(staged) if staged and staged.handle else None
        self._discard_uploads()
        try:
            hands = self._standing_down()
            self._placement.go_back(hands, before, prepared)
            self._perform(hands)
        except NoWayBack:
            if previous is None or previous.fingerprint != to.fingerprint:
                raise
            hands = self._standing_down()
            self._placement.rebuild(hands, before, prepared, previous)
            self._perform(hands, without_sftp=True)
        return Expected.leaf(to.fingerprint)

    def tidy(self, keep: Collection[str]) -> None:
        """Remove kept copies and generations that nobody asks for any more."""
        current = self._confirmed or self.inspect().fingerprint
        hands = self._hands()
        self._placement.tidy(hands, keep, current)
        self._perform(hands)

    def close(self) -> None:
        """End the connection."""
        self._shell.close()

    def _discard_uploads(self) -> None:
        """Take the new files from a script that may still be staging them. Going back does not hang on it."""
        try:
            self._shell.discard_uploads()
        except TargetError as error:
            _log.warning("%s; files that were handed over may be left there until the next run", error.message)

    def _looked(self) -> _Look:
        """One script for both: a login's shell costs more than the questions, and a rotation has them all."""
        hands = self._hands()
        ask_to_look(hands, self._placement)
        ask_to_probe(hands, self._settings, self._placement)
        started = time.time()
        told = self._shell.perform(hands)
        return _Look(told, (started + time.time()) / 2)

    def _perform(self, hands: RemoteHands, *, without_sftp: bool = False) -> None:
        """Run steps that change something: what was known before does not hold any more."""
        self._look = self._confirmed = None
        self._shell.perform(hands, without_sftp=without_sftp)

    def _hands(self) -> RemoteHands:
        return RemoteHands(self._settings.limits)

    def _standing_down(self) -> RemoteHands:
        hands = self._hands()
        rescue.stand_down(hands, self._settings, self._placement)
        return hands
