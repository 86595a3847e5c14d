"""What would make a rotation fail, or what it would not last against; found by reading alone."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

from certpush import CertificateRequest, Finding
from certpush.errors import TargetRefused
from certpush.kit import findings as found
from certpush.kit.command import escaped
from certpush_opnsense.api import Api
from certpush_opnsense.box import Box, Sight
from certpush_opnsense.refusals import NoSuchCall, RightsMissing
from certpush_opnsense.settings import OpnsenseSettings
from certpush_opnsense.store import Store

SKEW = 30.0  # seconds, as for the CA
NO_SSH = "the web GUI has another entry of the store, and the first switch to certpush's takes SSH, because OPNsense has no API for it"
NO_SSH_HINT = (
    'add identity = "file:..." and host_key to the target, for this once: later renewals need the API alone. Without SSH at all: make a '
    "certificate of this name under System > Trust, and choose it under System > Settings > Administration: {name}"
)
_SECOND_OF_A_PAIR = 100  # advskew that OPNsense's own documentation gives to it


def findings(
    settings: OpnsenseSettings, api: Api, store: Store, box: Box | None, request: CertificateRequest, *, first: bool
) -> Iterator[Finding]:
    """All checks."""
    yield from found.key_type(request)
    yield from _rights(api, store, box)
    yield from _clock(api.date)
    if box is not None:
        yield from _by_ssh(settings, box, first=first)
    elif first:
        yield found.error("ssh-missing", f"{api.where}: {NO_SSH}", NO_SSH_HINT.format(name=settings.description))


def _rights(api: Api, store: Store, box: Box | None) -> Iterator[Finding]:
    try:
        store.authorities()
        api.rows("core", "service")
    except RightsMissing as error:
        yield found.error("rights", error.message, error.hint)
    except NoSuchCall as error:
        if box is None:
            yield found.error(
                "no-restart", f"{error.message}: its web GUI cannot be restarted", "update OPNsense, or let certpush in by SSH"
            )
    else:
        yield found.ok("login", "logged in to the API, with the privileges that are needed")


def _clock(there: datetime | None) -> Iterator[Finding]:
    if there is None:
        return
    skew = (there - datetime.now(UTC)).total_seconds()
    if abs(skew) > SKEW:
        direction = "behind" if skew < 0 else "ahead of"
        yield found.warning(
            "clock-skew", f"its clock is {abs(skew):.0f} s {direction} ours", "have both set by NTP: Services > Network Time"
        )
    else:
        yield found.ok("clock", "its clock agrees with ours")


def _by_ssh(settings: OpnsenseSettings, box: Box, *, first: bool) -> Iterator[Finding]:
    """What SSH tells; only the first switch hangs on it."""
    try:
        told = box.probe()
        sight = box.look()
    except TargetRefused as error:
        yield (found.error if first else found.warning)("ssh", error.message, error.hint)
        return
    if "0" not in told.of("user"):
        yield found.error("not-root", f"{settings.user} is not root there, and only root may write its configuration", "set sudo = true")
    for one in told.of("missing"):
        yield found.error("missing", f"there is no {escaped(one)} there", "is it an OPNsense? `opnsense-version` tells")
    for one in told.of("unwritable"):
        yield found.error("unwritable", f"{escaped(one)} cannot be written to", "log in as root, or set sudo = true")
    for line in told.of("free"):
        if line.isdecimal() and int(line) * 1024 < found.ROOM:
            yield found.no_room("/conf", int(line) * 1024)
    yield from _configuration(settings, sight)


def _configuration(settings: OpnsenseSettings, sight: Sight) -> Iterator[Finding]:
    if sight.protocol != "https":
        yield found.error("http", "its web GUI speaks plain http, so no certificate is served", "System > Settings > Administration: HTTPS")
    if sight.sends_to and sight.sends_certificates:
        yield found.warning(
            "ha-primary",
            f"it sends its certificates to {escaped(sight.sends_to)[:80]}, which then has this one, too, and does not switch to it",
            "give the second firewall a target of its own only where certificates are not among what is sent",
        )
    elif not sight.sends_to and sight.skew >= _SECOND_OF_A_PAIR and not settings.certificates_not_synced:
        yield found.error(
            "ha-secondary",
            "it is the second of a pair: the first sends all its certificates in one piece, and ours would be gone, and the web GUI "
            "have a self-signed one",
            "leave Certificates out of what the first sends (System > High Availability > Settings), and then set "
            "certificates_not_synced = true",
        )
