"""The verbs of the Target contract, for every product of the family."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from datetime import UTC, datetime

from certpush import CertificateBundle, CertificateRequest, Endpoint, Expected, Finding, Installed, Staged, Target
from certpush.errors import TargetDrifted, TargetError, TargetRefused, TargetUnreachable
from certpush.kit.soundness import check_clock
from certpush.model import Handle
from certpush_proxmox.api import Api
from certpush_proxmox.certificates import Seen
from certpush_proxmox.device import Device
from certpush_proxmox.product import Removal
from certpush_proxmox.refusals import ReloadFailed
from certpush_proxmox.upload import former, ready

_log = logging.getLogger(__name__)
_LOOKS_SECONDS = 2.0

Checks = Callable[[Device, CertificateRequest], Iterable[Finding]]
"""What is looked for before a rotation; the products differ in it."""


def ask_the_time(api: Api) -> None:
    """Any answer tells it."""
    api.get("version")


class ProxmoxTarget(Target):
    """The certificate of one web UI. The upload is the switch, so nothing is staged before it."""

    def __init__(self, device: Device, checks: Checks, last_question: Callable[[Api], object] = ask_the_time) -> None:
        self._device = device
        self._last_question = last_question
        self._checks = checks

    def inspect(self) -> Installed:
        """Ask which files there are: the fingerprint of what is used, and of the device's own to fall back to."""
        now = self._device.look()
        return Installed(now.installed, {"written": now.written}, device_default=now.device_default, own=now.own)

    def preflight(self, request: CertificateRequest) -> tuple[Finding, ...]:
        """Look for what would make it fail: rights, node, quorum, ACME, clock, who pins what; change nothing."""
        return tuple(self._checks(self._device, request))

    def changes(self, request: CertificateRequest) -> tuple[str, ...]:  # noqa: ARG002 - the same for every request
        """Name the files and what notices."""
        return (self._device.product.changes.format(node=self._device.node),)

    def stage(self, bundle: CertificateBundle) -> Staged:
        """Check all that the device would not; nothing is sent there, because its upload is the switch."""
        ready(bundle, datetime.now(UTC))
        self._last_question(self._device.api)
        check_clock(bundle, self._device.api.date, self._device.api.where, hint="set its clock right: timedatectl, chronyc tracking")
        return Staged({"fingerprint": bundle.fingerprint, "node": self._device.node})

    def activate(self, staged: Staged, bundle: CertificateBundle) -> None:  # noqa: ARG002 - the bundle says all
        """Upload the pair and have the web server reload; it may be recognised by the old and by the new certificate from here on."""
        device = self._device
        fields = ready(bundle, datetime.now(UTC))
        device.trust(bundle.fingerprint, roots=bundle.roots_pem.decode("ascii"))
        device.put(fields, bundle.fingerprint)
        if device.endpoint.starttls is not None:
            return
        if device.died_of(bundle.fingerprint):
            raise TargetRefused(
                f"{device.api.where}: its web server took the new files and now ends every TLS connection",
                hint="does it read its key from another file? See TLS_KEY_FILE in /etc/default/pveproxy",
            )
        device.take_up(bundle.fingerprint)

    def rollback(self, to: Installed, staged: Staged | None, previous: CertificateBundle | None) -> Expected:
        """Put the former pair back where we have it; else the device's own certificate, by DELETE."""
        try:
            return self._go_back(to, staged, previous)
        except TargetUnreachable as error:
            if isinstance(error.__cause__, OSError):  # nobody gets in any more
                error.hint = (
                    f"if it does not answer by and by: `{self._device.product.recover}` on its console brings its own certificate back"
                )
            raise

    def _go_back(self, to: Installed, staged: Staged | None, previous: CertificateBundle | None) -> Expected:
        self._device.trust(to.fingerprint, to.own, _text(staged.handle, "fingerprint") if staged else None)
        now = self._device.look()
        _refuse_what_is_not_ours(now, to, staged, self._device.api.where)
        if now.installed == to.fingerprint:
            if now.written is None and self._device.product.removal is Removal.OWN:
                self._sweep()
            self._see_it_served(to.fingerprint)
            return Expected.leaf(to.fingerprint)
        if previous is not None and previous.fingerprint == to.fingerprint:
            self._put_back(previous)
            return Expected.leaf(to.fingerprint)
        return self._own_certificate(to)

    def endpoints(self) -> tuple[Endpoint, ...]:
        """The web UI itself, at the device's own address."""
        return (self._device.endpoint,)

    def close(self) -> None:
        """End the connection."""
        self._device.api.close()

    def _put_back(self, previous: CertificateBundle) -> None:
        try:
            self._device.put(former(previous), previous.fingerprint)
        except ReloadFailed as error:
            _warn_of_files_alone(error)

    def _sweep(self) -> None:
        """Remove what a refused upload may have left: it is not listed where it cannot be read, and would be used at the next start."""
        try:
            self._device.remove(None)
        except TargetError as error:  # what was there before is there: that is no reason to call the device stranded
            _log.warning("%s: files of a refused upload may lie there: %s", self._device.api.where, error.message)

    def _own_certificate(self, to: Installed) -> Expected:
        removal = self._device.product.removal
        try:
            self._device.remove(to.own if removal is Removal.OWN else None)
        except ReloadFailed as error:
            _warn_of_files_alone(error)
        if removal is Removal.NONE:
            return Expected.nothing()
        if removal is Removal.OWN:
            return Expected.device_default(to.own)
        # Over the connection that is open still: nobody could recognise the new one yet.
        own = self._device.look().own
        self._device.trust(own)
        return Expected.device_default(own)

    def _see_it_served(self, fingerprint: str | None) -> None:
        """The files are as they were; a run that died between writing and reloading leaves another one served."""
        device = self._device
        if fingerprint is None or not device.product.daemon or device.serves(fingerprint, within=_LOOKS_SECONDS):
            return
        try:
            device.reload()
        except TargetError:
            """What is served is for the core to see."""


def _warn_of_files_alone(error: ReloadFailed) -> None:
    """The files are as they were; whether that is served is for the core to see."""
    _log.warning("%s; its files are put back, and count from its next start", error.message)


def _refuse_what_is_not_ours(now: Seen, to: Installed, staged: Staged | None, where: str) -> None:
    """Another administrator may have been there since: theirs is not overwritten to tidy up after ourselves."""
    ours = {to.fingerprint, _text(to.handle, "written"), _text(staged.handle, "fingerprint") if staged else None, None}
    if now.written not in ours and not now.device_default:
        raise TargetDrifted(
            f"another certificate was installed there since (sha256 {str(now.written)[:16]})",
            hint=f"`certpush inspect {where}` shows it; it is left alone",
        )


def _text(handle: Handle, key: str) -> str | None:
    found = handle.get(key)
    return found if isinstance(found, str) else None
