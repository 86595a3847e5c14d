"""Give the web GUI of a pfSense box a new certificate; the box goes back to the old one by itself unless told not to."""

from __future__ import annotations

import logging
import time
from collections.abc import Collection
from datetime import UTC, datetime

from certpush import CertificateBundle, CertificateRequest, Endpoint, Expected, Finding, Installed, Staged, Target
from certpush.errors import RescueFired, TargetDrifted, TargetError
from certpush.kit.ssh.session import Steps
from certpush_pfsense import rescue
from certpush_pfsense.acceptable import check_bundle, check_config
from certpush_pfsense.box import Box, Sight, ask_to_look, seen_in
from certpush_pfsense.commit import commit
from certpush_pfsense.config_xml.entries import refids
from certpush_pfsense.gui import Gui, ask_to_restart, made_by_the_box, replaced
from certpush_pfsense.plan import lines
from certpush_pfsense.preflight import findings
from certpush_pfsense.roles import sends
from certpush_pfsense.settings import PfSenseSettings
from certpush_pfsense.switching import Place, Switch, backward, current, forward, stored, tidied, undone
from certpush_pfsense.transaction import Make, Transaction
from certpush_pfsense.troubles import PhpFailed

_log = logging.getLogger(__name__)
_RESTARTED_WITH = {"haproxy": "haproxy", "unbound": "unbound"}
"""Services that take a certificate up at a restart of their own; the captive portal restarts with the web GUI."""


class PfSenseTarget(Target):
    """One box. Everything that a later process needs stands in the handles, or in the box's own configuration."""

    def __init__(self, settings: PfSenseSettings) -> None:
        self._settings = settings
        self._box = Box(settings)
        self._gui = Gui(self._box, settings.host, settings.rescue_after)

    def inspect(self) -> Installed:
        """Tell which certificate the configuration has for the web GUI."""
        config = self._box.look().config
        now, entry = current(config), config.cert(config.webgui.certref)
        own = made_by_the_box(entry)
        return Installed(now.sha256 or None, now._asdict(), device_default=own, own=now.sha256 or None if own else None)

    def preflight(self, request: CertificateRequest) -> tuple[Finding, ...]:
        """Look for what would stop the login, the change or the restart, and for who shares the old certificate; change nothing."""
        return findings(self._box, self._settings, request)

    def changes(self, request: CertificateRequest) -> tuple[str, ...]:  # noqa: ARG002 - the same for every request
        """Name the change of the configuration, who notices, the box's own way back; and how to recover, before a first switch."""
        return lines(self._box.look().config, self._settings)

    def endpoints(self) -> tuple[Endpoint, ...]:
        """The web GUI, at the port that its configuration says."""
        return (Endpoint(self._settings.host, self._box.look().config.webgui.port),)

    def stage(self, bundle: CertificateBundle) -> Staged:
        """Check all that can be checked; nothing is written, because one write of the configuration does all of the switch."""
        check_bundle(bundle)
        steps = Steps()
        steps.step("clock", str(int(bundle.not_before.timestamp())))
        self._box.perform(steps)
        sight = self._box.look()
        check_config(sight, self._settings, self._box.connection.where)
        there = stored(sight.config, bundle.fingerprint)
        refid = there.refid if there else next(refids(sight.config, datetime.fromtimestamp(sight.now + time.time() % 1, UTC)))
        return Staged(Switch(current(sight.config), Place(refid, bundle.fingerprint), there is None).handle)

    def activate(self, staged: Staged, bundle: CertificateBundle) -> None:
        """Arm the box's own way back; then write the configuration once, restart the web GUI, and see it serve the new certificate."""
        switch = Switch.of(staged.handle)

        def make(sight: Sight) -> Transaction:
            return forward(sight, switch, bundle, self._settings)

        def before(steps: Steps, transaction: Transaction) -> None:
            if not switch.needless:
                rescue.arm(steps, self._settings, undone(switch, transaction), switch.ours.refid)

        def after(steps: Steps, _transaction: Transaction) -> None:
            if not switch.needless:
                rescue.insist(steps)
            self._restart(steps)

        told = commit(self._box, self._settings.commit, make, before=before, after=after)
        if told is None:
            self._restart_now()
        for one in told.of("not-restarted") if told else ():
            _log.warning("%s: %s could not be restarted; until it is, it has the old certificate", self._box.connection.where, one)
        self._gui.bring(bundle.fingerprint, self._box.look().config)

    def confirm(self, staged: Staged) -> None:
        """Disarm the way back, over a connection of its own: what cannot be reached anew is not confirmed."""
        self._box.close()
        steps = Steps()
        rescue.confirm(steps)
        ask_to_look(steps)
        sight = seen_in(self._box.perform(steps)) or self._box.look()
        self._refuse_lost(Switch.of(staged.handle), sight)

    def rollback(self, to: Installed, staged: Staged | None, previous: CertificateBundle | None) -> Expected:
        """Disarm the timer, point the web GUI back at the old certificate where it is ours still, and see it served."""
        switch = Switch.of(staged.handle) if staged and staged.handle else None
        self._stand_down()

        def make(sight: Sight) -> Transaction:
            return backward(sight, to, switch, previous, self._settings)

        self._go_back(make)
        if to.fingerprint is not None:
            self._see_it_served(to.fingerprint)
        elif switch is not None:
            self._gui.await_gone(switch.ours.sha256, self._box.look().config)
        return Expected.leaf(to.fingerprint)

    def tidy(self, keep: Collection[str]) -> None:
        """Remove certificates and authorities that certpush made, that nothing names, and that nobody wants kept.

        What a primary removes is gone from its secondary as well; whether that uses it, only a target for both looks.
        """

        def make(sight: Sight) -> Transaction:
            return Transaction("") if sends(sight.config) else tidied(sight, keep, self._settings)

        commit(self._box, self._settings.commit, make)

    def close(self) -> None:
        """End the connection."""
        self._box.close()

    # --- parts ------------------------------------------------------------------------------

    def _restart(self, steps: Steps) -> None:
        ask_to_restart(steps)
        for one in self._settings.also:
            if one in _RESTARTED_WITH:
                steps.step("restart_service", _RESTARTED_WITH[one])

    def _restart_now(self) -> None:
        steps = Steps()
        self._restart(steps)
        self._box.perform(steps)

    def _go_back(self, make: Make) -> None:
        """Where PHP, which made the switch, cannot do it any more, the file is edited."""

        def after(steps: Steps, transaction: Transaction) -> None:
            if transaction.edit.point_to is not None:
                self._restart(steps)

        try:
            commit(self._box, self._settings.commit, make, after=after)
        except PhpFailed as error:
            _log.warning("%s; config.xml is edited instead", error.message)
            commit(self._box, "xml", make, after=after)

    def _see_it_served(self, wanted: str) -> None:
        """A run that died between writing and restarting leaves the other one served."""
        config = self._box.look().config
        if not self._gui.comes_by_itself(wanted, config):
            self._restart_now()
            self._gui.bring(wanted, config)

    def _refuse_lost(self, switch: Switch, sight: Sight) -> None:
        now = sight.config.webgui.certref
        if now == switch.ours.refid:
            return
        where = self._box.connection.where
        if now == switch.was.refid:
            raise RescueFired(
                f"{where}: it went back to the old certificate by itself before the new one was confirmed",
                hint="see why the run took so long, or give it longer with rescue_after",
            )
        if replaced(sight.config, switch.ours.sha256):
            raise self._gui.explained(switch.ours.sha256)
        raise TargetDrifted(
            f"{where}: the web GUI was given another certificate meanwhile",
            hint="look under System > Advanced > Admin Access who chose it",
        )

    def _stand_down(self) -> None:
        steps = Steps()
        rescue.stand_down(steps)
        steps.step("sweep")
        self._box.perform(steps)
        if self._settings.commit == "xml":
            self._discard_uploads()

    def _discard_uploads(self) -> None:
        try:
            self._box.discard_uploads()
        except TargetError as error:
            _log.warning("%s; a file that was handed over may be left there until the next run", error.message)
