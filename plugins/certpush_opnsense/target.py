"""The verbs of the Target contract.

The web GUI has an entry of the store by its number (``ssl-certref``). In the first switch our entry
is imported by the API and the number changed over SSH, which has no API; the former entry stays,
and is the way back. Later the pair in our entry is replaced by the API alone: so a copy of the
former pair is put into an entry of its own before. The way back is on the firewall in both cases.
"""

from __future__ import annotations

import logging
from collections.abc import Collection
from datetime import UTC, datetime

from certpush import CertificateBundle, CertificateRequest, Endpoint, Expected, Finding, Installed, Staged, Target
from certpush.errors import CertpushError, NoWayBack, TargetDrifted, TargetRefused, TargetUnreachable, TrustError
from certpush.kit.settings import format_duration
from certpush.kit.soundness import check_clock
from certpush.model import Handle
from certpush_opnsense.api import Api
from certpush_opnsense.box import Box
from certpush_opnsense.entries import Entry
from certpush_opnsense.preflight import NO_SSH, NO_SSH_HINT, findings
from certpush_opnsense.settings import OpnsenseSettings
from certpush_opnsense.state import State, see
from certpush_opnsense.store import Store
from certpush_opnsense.upload import check
from certpush_opnsense.webgui import WebGui

_log = logging.getLogger(__name__)


class OpnsenseTarget(Target):
    """One firewall."""

    def __init__(self, settings: OpnsenseSettings) -> None:
        self._settings = settings
        self._api = Api(settings)
        self._store = Store(self._api, settings.description, settings.former_description)
        self._box = Box(settings.ssh) if settings.ssh else None
        self._gui = WebGui(settings, self._api, self._box)
        self._seen: State | None = None

    # --- looking ---

    def inspect(self) -> Installed:
        """Ask the API for our entry, and SSH where that does not tell what the web GUI has."""
        state = self._see()
        own = state.leaf is not None and state.leaf.subject == state.leaf.issuer
        return Installed(state.fingerprint, {"ours": state.has_ours, "refid": state.pointer}, device_default=own and not state.has_ours)

    def preflight(self, request: CertificateRequest) -> tuple[Finding, ...]:
        """Look for what would make it fail: rights, clock, SSH where it is needed, a pair's settings; change nothing."""
        state = self._seen or self._see()
        return tuple(findings(self._settings, self._api, self._store, self._box, request, first=not state.has_ours))

    def changes(self, request: CertificateRequest) -> tuple[str, ...]:  # noqa: ARG002 - the same for every request
        """Name the entry, the pointer or the kept pair, and whether the firewall goes back by itself."""
        state, name = self._seen or self._see(), self._settings.description
        if state.has_ours:
            return (
                f"the entry {name!r} of System > Trust gets the new pair; the former one is kept as {self._settings.former_description!r}",
                "the web GUI restarts; the firewall does not go back by itself: that takes its API, or SSH",
            )
        lines = [f"System > Trust gets the entry {name!r} and the CAs of its chain; system/webgui/ssl-certref changes over to it, by SSH"]
        if state.others:
            lines.append(f"what else has the former certificate keeps it: {', '.join(state.others)}")
        alone = f"it goes back by itself after {format_duration(self._settings.rescue_after)} unless confirmed"
        lines.append(f"the web GUI restarts; {alone} (by no means after a reboot in between)")
        return tuple(lines)

    def endpoints(self) -> tuple[Endpoint, ...]:
        """The web GUI itself."""
        return (self._settings.endpoint,)

    # --- forward ---

    def stage(self, bundle: CertificateBundle) -> Staged:
        """Import the CAs of the chain, and: at first our entry, which nothing uses yet; later a copy of the present pair."""
        check(bundle, datetime.now(UTC))
        state = self._see()
        check_clock(bundle, self._api.date, self._api.where, hint="set its clock right: Services > Network Time")
        if not state.has_ours:
            self._refuse_first_switch(state)
        added = self._store.add_authorities(bundle)
        self._store.check_links(bundle)
        entry = self._kept_safe(state, bundle) if state.has_ours else self._imported(state, bundle)
        return Staged(
            {
                "first": not state.has_ours,
                "former": state.pointer,
                "refid": entry.refid,
                "fingerprint": bundle.fingerprint,
                "authorities": list(added),
            }
        )

    def activate(self, staged: Staged, bundle: CertificateBundle) -> None:
        """Switch, and restart the web GUI; it may be recognised by the old and by the new certificate from here on."""
        self._api.trust(bundle.fingerprint, roots=bundle.roots_pem.decode("ascii"))
        if staged.handle.get("first"):
            former, new = _text(staged.handle, "former"), _text(staged.handle, "refid")
            self._shell().switch(former=former, new=new, rescue_after=self._settings.rescue_after)
            self._gui.wait_for(bundle.fingerprint)
        else:
            self._put(bundle)
            self._gui.take_up(bundle.fingerprint)

    def confirm(self, staged: Staged) -> None:
        """Disarm the timer of a first switch; later there is none."""
        if staged.handle.get("first"):
            self._shell().confirm(_text(staged.handle, "refid"))

    # --- back ---

    def rollback(self, to: Installed, staged: Staged | None, previous: CertificateBundle | None) -> Expected:
        """Give the web GUI its former entry again; or, where that is ours, the pair that was in it."""
        new = _text(staged.handle, "fingerprint") if staged else ""
        self._api.trust(to.fingerprint, new or None)
        if not to.handle.get("ours"):
            self._point_back(to, staged)
        else:
            self._restore(to, new, staged, previous)
        return Expected.leaf(to.fingerprint)

    def tidy(self, keep: Collection[str]) -> None:
        """Remove kept pairs that nobody asks for any more, and CAs of ours that nothing names."""
        _, kept = self._store.ours()
        for one in kept:
            if one.fingerprint not in keep and not one.in_use:
                self._store.remove(one)
        self._store.remove_unused_authorities()

    def close(self) -> None:
        """End the connections."""
        self._api.close()
        if self._box is not None:
            self._box.close()

    # --- how: looking ---

    def _see(self) -> State:
        self._seen = see(self._api, self._store, self._box)
        return self._seen

    def _shell(self) -> Box:
        if self._box is None:
            raise TargetRefused(f"{self._api.where}: {NO_SSH}", hint=NO_SSH_HINT.format(name=self._settings.description))
        return self._box

    # --- how: forward ---

    def _refuse_first_switch(self, state: State) -> None:
        self._shell()
        if state.leaf is None:
            raise NoWayBack(
                f"{self._api.where}: the certificate that the web GUI has is not in its store, or has no key",
                hint="choose one under System > Settings > Administration, then run again",
            )
        if state.entry is not None and state.entry.in_use:
            raise TargetRefused(
                f"{self._api.where}: the entry {state.entry.descr!r} is used by something else than the web GUI",
                hint='give certpush an entry of another name: label = "..."',
            )

    def _imported(self, state: State, bundle: CertificateBundle) -> Entry:
        if state.entry is None:
            entry = self._store.add(bundle)
        else:  # a run that died left it, or an older switch that was gone back from
            entry = state.entry
            if entry.fingerprint != bundle.fingerprint or entry.key is None:
                self._store.replace(entry, bundle)
        return self._linked(entry, bundle)

    def _kept_safe(self, state: State, bundle: CertificateBundle) -> Entry:
        entry = state.entry
        if entry is None:
            raise TargetDrifted(f"{self._api.where}: our entry was removed a moment ago", hint="run again")
        there = {one.fingerprint for one in state.kept if one.key is not None}
        if entry.fingerprint not in there and entry.fingerprint != bundle.fingerprint:
            self._store.keep(entry)
        return entry

    def _put(self, bundle: CertificateBundle) -> None:
        entry, _ = self._store.ours()
        if entry is None or not entry.in_use:
            raise TargetDrifted(
                f"{self._api.where}: the web GUI was given another certificate meanwhile", hint="look at it, then run again"
            )
        if entry.fingerprint != bundle.fingerprint:
            self._store.replace(entry, bundle)
        self._linked(entry, bundle)

    def _linked(self, entry: Entry, bundle: CertificateBundle) -> Entry:
        now, _ = self._store.ours()
        if now is None or now.refid != entry.refid:
            raise TargetDrifted(f"{self._api.where}: our entry was removed a moment ago", hint="run again")
        self._store.check_chain(now, bundle)
        return now

    # --- how: back ---

    def _point_back(self, to: Installed, staged: Staged | None) -> None:
        former = _text(to.handle, "refid")
        if self._box is None or not former:
            self._forget_import()  # without SSH nothing was switched
            return
        ours = _text(staged.handle, "refid") if staged else ""
        if not ours:
            entry, _ = self._store.ours()
            ours = entry.refid if entry else former
        self._box.point_back(former=former, new=ours)
        self._see_it_back(self._box, to)
        try:
            self._store.remove_unused_authorities()
        except CertpushError as error:  # going back does not hang on it
            _log.warning("%s; authorities that were imported stay there until the next run", error.message)

    def _see_it_back(self, box: Box, to: Installed) -> None:
        if to.fingerprint and not self._gui.serves(to.fingerprint):
            box.restart()
            self._gui.wait_for(to.fingerprint)

    def _forget_import(self) -> None:
        entry, _ = self._store.ours()
        if entry is not None and not entry.in_use:
            self._store.remove(entry)
        self._store.remove_unused_authorities()

    def _restore(self, to: Installed, new: str, staged: Staged | None, previous: CertificateBundle | None) -> None:
        try:
            self._restore_by_api(to, new, staged, previous)
        except (TargetUnreachable, TrustError) as error:
            if self._box is None or not to.fingerprint:
                error.hint = f"without SSH there is no other way; on its console: {_CONSOLE}"
                raise
            _log.warning("%s; going back over SSH", error.message)
            kept = self._settings.former_description
            self._box.restore(entry=_text(to.handle, "refid"), new=new, old=to.fingerprint, kept=kept)
            self._see_it_back(self._box, to)

    def _restore_by_api(self, to: Installed, new: str, staged: Staged | None, previous: CertificateBundle | None) -> None:
        entry, kept = self._store.ours()
        if entry is None or not entry.in_use or entry.fingerprint not in (to.fingerprint, new):
            raise TargetDrifted(
                f"{self._api.where}: the web GUI was given another certificate since",
                hint=f"`certpush inspect {self._api.where}` shows it; it is left alone",
            )
        if entry.fingerprint != to.fingerprint:
            self._put_back(entry, kept, to, staged, previous)
        for one in kept:
            if one.fingerprint == to.fingerprint and not one.in_use:
                self._store.remove(one)
        self._store.remove_unused_authorities()
        self._gui.take_up(str(to.fingerprint))

    def _put_back(
        self, entry: Entry, kept: tuple[Entry, ...], to: Installed, staged: Staged | None, previous: CertificateBundle | None
    ) -> None:
        there = next((one for one in kept if one.fingerprint == to.fingerprint and one.key is not None), None)
        if there is None and (previous is None or previous.fingerprint != to.fingerprint):
            raise NoWayBack(
                f"{self._api.where}: the former pair is not kept there any more",
                hint="System > Configuration > Backups has the configuration before the switch",
            )
        if staged is not None:
            # First: an authority of the same name as the former one would be taken for it.
            self._store.remove_authorities(_texts(staged.handle, "authorities"))
        if there is not None:
            self._store.restore(entry, there)
        elif previous is not None:
            self._store.replace(entry, previous)


_CONSOLE = "restore a backup (menu 13), or `/usr/local/etc/rc.restart_webgui renew` for a certificate that it makes itself"


def _text(handle: Handle, key: str) -> str:
    found = handle.get(key)
    return found if isinstance(found, str) else ""


def _texts(handle: Handle, key: str) -> tuple[str, ...]:
    found = handle.get(key)
    return tuple(one for one in found if isinstance(one, str)) if isinstance(found, list) else ()
