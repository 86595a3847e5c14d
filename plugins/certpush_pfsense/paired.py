"""The two boxes of a pair as targets: both are switched as a box alone is, with the primary's store between them.

The secondary comes first. It has the certificate imported on the primary, waits until the
synchronisation brought it, and only then arms its timer and switches. Its way back is the same
as ever: both certificates lie in the primary's store, so no synchronisation takes one away. The
primary then finds the certificate in its store, and only switches; what is superseded, it alone
removes, once it has seen that the secondary does not use it.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Collection, Iterator
from dataclasses import replace
from datetime import UTC, datetime

from certpush import CertificateBundle, CertificateRequest, Expected, Finding, Installed, Severity, Staged
from certpush.errors import CertpushError, TargetDrifted, TargetRefused
from certpush.kit.ssh.session import Steps
from certpush_pfsense import store
from certpush_pfsense.acceptable import check_bundle, check_config
from certpush_pfsense.box import Box, Sight
from certpush_pfsense.commit import commit
from certpush_pfsense.config_xml.entries import OURS, refids
from certpush_pfsense.plan import lines
from certpush_pfsense.preflight import findings
from certpush_pfsense.roles import used
from certpush_pfsense.settings import PairSettings
from certpush_pfsense.switching import Place, Switch, current, stored, tidied
from certpush_pfsense.target import PfSenseTarget
from certpush_pfsense.transaction import Make, Transaction

_log = logging.getLogger(__name__)
_ATTEMPTS = 3
_PAUSE_SECONDS = 0.5
_REMINDERS = 3
"""How often a synchronisation that does not come is asked for."""


class PrimaryTarget(PfSenseTarget):
    """The box whose store is everybody's."""

    def __init__(self, settings: PairSettings) -> None:
        super().__init__(settings)
        self._secondary = Box(settings.other)

    def tidy(self, keep: Collection[str]) -> None:
        """Remove what certpush made and neither box uses; nothing while the secondary cannot be asked."""

        def make(sight: Sight) -> Transaction:
            theirs = self._secondary.look().config
            ours = (one.refid for one in (*sight.config.certs, *sight.config.cas) if one.descr.startswith(OURS))
            return tidied(sight, {*keep, *(one for one in ours if used(theirs, one))}, self._settings)

        commit(self._box, self._settings.commit, make, after=self._with_sync)

    def close(self) -> None:
        """End the connections."""
        self._secondary.close()
        super().close()

    def _with_sync(self, steps: Steps, transaction: Transaction) -> None:
        if self._settings.commit == "xml" and not transaction.nothing:
            steps.step("synchronise")


class SecondaryTarget(PfSenseTarget):
    """The box whose store is overwritten by the primary's."""

    def __init__(self, settings: PairSettings) -> None:
        super().__init__(settings)
        self._pair = settings
        self._primary = Box(settings.other)

    def preflight(self, request: CertificateRequest) -> tuple[Finding, ...]:
        """Look at both boxes: the first write is made on the primary; change nothing."""
        return tuple(self._findings(request))

    def changes(self, request: CertificateRequest) -> tuple[str, ...]:  # noqa: ARG002 - the same for every request
        """Name what is changed on the primary for it, and what on itself."""
        _, *others = lines(self._box.look().config, self._settings)
        primary = self._pair.peers[0]
        return (
            f"on {primary}: +1 <cert>, and a <ca> for each issuer that is not there yet; its synchronisation brings them here",
            "then system/webgui/ssl-certref; web GUI restarts, captive portal too",
            *others,
        )

    def stage(self, bundle: CertificateBundle) -> Staged:
        """Check both boxes, and choose a reference that is free on both; nothing is written yet."""
        check_bundle(bundle)
        steps = Steps()
        steps.step("clock", str(int(bundle.not_before.timestamp())))
        self._box.perform(steps)
        here, there = self._box.look(), self._primary.look()
        check_config(here, self._settings, self._box.connection.where)
        check_config(there, self._pair.other, self._primary.connection.where)
        store.check_alike(here.config, there.config, self._box.connection.where)
        store.lacking(here.config, there.config, self._box.connection.where)
        known = stored(there.config, bundle.fingerprint)
        refid = known.refid if known else _free(here, there)
        return Staged(Switch(current(here.config), Place(refid, bundle.fingerprint), known is None).handle)

    def activate(self, staged: Staged, bundle: CertificateBundle) -> None:
        """Have it imported on the primary, see it arrive, and switch as a box alone does."""
        switch = Switch.of(staged.handle)
        self._keep_the_old()
        self._bring(switch.ours, bundle)
        super().activate(staged, bundle)

    def confirm(self, staged: Staged) -> None:
        """Confirm only what the next synchronisation does not take away."""
        switch = Switch.of(staged.handle)
        if not _holds(self._primary, switch.ours.refid):
            raise TargetDrifted(
                f"{self._primary.connection.where}: somebody saved an older configuration over the one with the new certificate, "
                f"which {self._box.connection.where} uses",
                hint="run again when nobody saves pages of the primary's web GUI",
            )
        super().confirm(staged)

    def rollback(self, to: Installed, staged: Staged | None, previous: CertificateBundle | None) -> Expected:
        """Point it back; then remove from the primary's store what was imported for nothing."""
        switch = Switch.of(staged.handle) if staged and staged.handle else None
        self._bring_back(Place.of(dict(to.handle)), previous)
        own = replace(staged, handle=switch._replace(new=False).handle) if staged and switch else staged
        expected = super().rollback(to, own, previous)
        if switch is not None and switch.new:
            self._clear_up(switch.ours)
        return expected

    def tidy(self, keep: Collection[str]) -> None:
        """Nothing: what is removed on the primary goes from here as well."""

    def close(self) -> None:
        """End the connections."""
        self._primary.close()
        super().close()

    # --- parts ------------------------------------------------------------------------------

    def _findings(self, request: CertificateRequest) -> Iterator[Finding]:
        yield from findings(self._box, self._settings, request)
        for one in findings(self._primary, self._pair.other, request):
            if one.severity is Severity.ERROR:
                yield replace(one, message=f"the primary, {self._pair.peers[0]}: {one.message}")
        here, there = self._box.look().config, self._primary.look().config
        yield from store.versions(here, there)
        yield from store.missing_there(here, there, self._pair.peers[0])

    def _bring(self, ours: Place, bundle: CertificateBundle) -> None:
        """Import it on the primary, again where somebody's save took it away, until it is here."""
        for _ in range(_ATTEMPTS):
            self._write_there(lambda sight: store.imported(sight, ours, bundle, self._settings))
            if self._arrives(ours.refid):
                return
        raise TargetDrifted(
            f"{self._primary.connection.where}: somebody saves older configurations over the one with the new certificate",
            hint="run again when nobody saves pages of the primary's web GUI",
        )

    def _arrives(self, refid: str) -> bool:
        """Whether it comes; False where the primary has lost it again.

        Raises:
            TargetRefused: it does not come though the primary has it.

        """
        length = self._pair.sync_within.total_seconds()
        begun, reminded = time.monotonic(), 0
        while not _holds(self._box, refid):
            if not _holds(self._primary, refid):
                return False
            passed = time.monotonic() - begun
            if passed > length:
                raise self._never_came(length)
            if passed > (reminded + 1) * length / (_REMINDERS + 1):
                reminded += 1
                self._ask_to_synchronise()
            time.sleep(_PAUSE_SECONDS)
        return True

    def _never_came(self, length: float) -> TargetRefused:
        primary = self._primary.connection.where
        return TargetRefused(
            f"{self._box.connection.where}: what was imported on {primary} has not arrived within {length:g} s, so nothing was switched",
            hint="on the primary see Status > System Logs for the synchronisation's errors, and System > High Avail. Sync for address, "
            "user and password; a slow one may need a longer sync_within",
        )

    def _ask_to_synchronise(self) -> None:
        steps = Steps()
        steps.step("synchronise")
        self._primary.perform(steps)

    def _write_there(self, make: Make) -> None:
        """A save by PHP synchronises by itself; editing does not, nor does what was written by a run that died."""

        def after(steps: Steps, transaction: Transaction) -> None:
            if self._settings.commit == "xml" or transaction.nothing:
                steps.step("synchronise")

        commit(self._primary, self._settings.commit, make, after=after)

    def _keep_the_old(self) -> None:
        """A certificate that the secondary alone has would be gone with the first synchronisation, and with it the way back."""
        where = self._box.connection.where
        if store.lacking(self._box.look().config, self._primary.look().config, where) is None:
            return
        here = self._box.look(whole=True).config

        def make(sight: Sight) -> Transaction:
            entry = store.lacking(here, sight.config, where)
            return Transaction("") if entry is None else store.copied(entry, where)

        commit(self._primary, self._settings.commit, make)

    def _bring_back(self, old: Place, previous: CertificateBundle | None) -> None:
        """Where the old certificate was taken away meanwhile, it has to come from the primary again."""
        if not old.sha256 or stored(self._box.look().config, old.sha256) or previous is None or previous.fingerprint != old.sha256:
            return
        try:
            there = self._primary.look()
            known = stored(there.config, old.sha256)
            refid = known.refid if known else old.refid if not there.config.mentions(old.refid) else _free(there, there)
            self._bring(Place(refid, old.sha256), previous)
        except CertpushError as error:
            _log.warning("%s; the old certificate is put back without the primary, until its next synchronisation", error.message)

    def _clear_up(self, ours: Place) -> None:
        try:
            if self._settings.commit == "xml":
                steps = Steps()
                steps.step("sweep")
                self._primary.perform(steps)
                self._primary.discard_uploads()
            if not used(self._box.look().config, ours.refid):
                self._write_there(lambda sight: store.without(sight, ours))
        except CertpushError as error:
            _log.warning("%s; the certificate that was not switched to stays in its store until the next rotation", error.message)


def _free(here: Sight, there: Sight) -> str:
    moment = datetime.fromtimestamp(there.now + time.time() % 1, UTC)
    return next(one for one in refids(there.config, moment) if not here.config.mentions(one))


def _holds(box: Box, refid: str) -> bool:
    steps = Steps()
    steps.step("holds", refid)
    return bool(box.perform(steps).of("holds"))
