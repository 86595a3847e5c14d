"""What would make a rotation fail on a box, or break elsewhere; found by looking alone."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import timedelta
from typing import TYPE_CHECKING

from certpush import CertificateRequest, Finding, Severity
from certpush.kit import findings as found
from certpush.kit.command import escaped
from certpush.kit.settings import format_duration
from certpush.kit.ssh.session import Steps, Told
from certpush_pfsense.acceptable import key_type, obstacles
from certpush_pfsense.box import Box, Sight, ask_to_look, seen_in
from certpush_pfsense.config_xml.entries import acme_owns
from certpush_pfsense.config_xml.reading import Config
from certpush_pfsense.plan import shared
from certpush_pfsense.roles import company

if TYPE_CHECKING:
    from certpush_pfsense.settings import PfSenseSettings

_SHORT = timedelta(seconds=40)
_KNOWN = frozenset({"21.4", "21.5", "21.7", "22.2", "22.9", "23.3", "23.9", "24.5"})
"""Versions of config.xml from pfSense 2.5.0 to 2.9, against whose sources the transaction was checked."""


def findings(box: Box, settings: PfSenseSettings, request: CertificateRequest) -> tuple[Finding, ...]:
    """Ask the box, and tell what was found."""
    steps = Steps()
    steps.step("probe")
    ask_to_look(steps)
    started = time.time()
    told = box.perform(steps)
    middle = (started + time.time()) / 2
    sight = seen_in(told) or box.look()
    return tuple(_findings(box, settings, request, told, sight, middle))


def _findings(box: Box, settings: PfSenseSettings, request: CertificateRequest, told: Told, sight: Sight, now: float) -> Iterator[Finding]:
    yield _login(box, settings, told)
    yield from obstacles(sight, settings)
    yield from key_type(request.key)
    yield from _rights(told, settings)
    yield from _programs(told, settings)
    yield from _room(told)
    for date in told.of("date"):
        yield from found.clock_skew(float(date) - now, "set both by NTP: System > General Setup > Timeservers")
    yield from _version(sight.config)
    yield from _sharing(sight.config, settings)
    yield from _timer(settings)
    if not box.connection.strict:
        yield found.old_handshake()


def _login(box: Box, settings: PfSenseSettings, told: Told) -> Finding:
    version = escaped(" ".join(told.of("version")[:1])) or "of an unknown version"
    sudo = ", sudo works" if settings.sudo else ""
    return found.ok("login", f"logged in as {settings.user}{sudo} to pfSense {version} ({box.connection.algorithms})")


def _rights(told: Told, settings: PfSenseSettings) -> Iterator[Finding]:
    user = " ".join(told.of("user")[:1]).split(" ")[0]
    if user != "0":
        yield found.error(
            "rights",
            f"{settings.user} is not root there, and only root may change the configuration",
            "log in as admin or root, or install the package sudo, allow the user `/bin/sh -s` there, and write sudo = true",
        )
        return
    for path in told.of("unwritable"):
        yield found.error("read-only", f"cannot write to {escaped(path)}", "see why /cf is mounted read-only: mount, dmesg")


def _programs(told: Told, settings: PfSenseSettings) -> Iterator[Finding]:
    for one in told.of("missing"):
        yield found.tool_missing(escaped(one), "it belongs to FreeBSD's base system: reinstall or update pfSense")
    if told.of("no-php") and settings.commit == "php":
        yield found.error("no-php", "there is no /usr/local/bin/php", 'use commit = "xml", or repair the box: pkg-static check -s -a')
    if told.of("no-restart"):
        yield found.error("no-restart", "there is no /etc/rc.restart_webgui", "is this pfSense?")
    if told.of("no-events"):
        yield found.warning(
            "no-events",
            "check_reload_status does not run, so the web GUI is restarted by its script",
            "restart it: service check_reload_status",
        )
    if told.of("no-hook"):
        yield found.warning(
            "no-hook",
            "nothing can be put into /usr/local/etc/rc.d, so a reboot right after the switch would keep the new certificate unconfirmed",
            "have that directory writable for root",
        )


def _room(told: Told) -> Iterator[Finding]:
    for line in told.of("free"):
        free, size = (int(one) if one.isdecimal() else 0 for one in line.split(" ", 1))
        wanted = found.ROOM + 3 * size  # the new file, a backup, and a neighbour's
        if free * 1024 < wanted:
            yield found.error("disk-full", f"only {free} KiB are free on /cf", f"make room; a change wants {wanted // 1024} KiB")


def _version(config: Config) -> Iterator[Finding]:
    if config.version not in _KNOWN:
        yield found.warning(
            "version",
            f"its configuration has version {escaped(config.version) or '(none)'}, which this certpush was not tried with",
            "try it with --plan first; the switch is proved as always, and undone where it does not hold",
        )


def _timer(settings: PfSenseSettings) -> Iterator[Finding]:
    if settings.rescue_after < _SHORT:
        yield found.warning(
            "rescue-after",
            f"after {format_duration(settings.rescue_after)} it goes back, and a switch takes 20 s as a rule",
            'give it a minute at least: rescue_after = "180s"',
        )


def _sharing(config: Config, settings: PfSenseSettings) -> Iterator[Finding]:
    going, staying = shared(config, settings)
    for one in staying:
        yield found.warning(
            "shared",
            f"{escaped(one.name)} uses the same certificate, and stays on the old one",
            f'take it along with also = ["{one.kind}"], or give it one of its own' if one.movable else f"see {escaped(one.path)}",
        )
    for word in sorted(set(settings.also) - {one.kind for one in going}):
        yield Finding(Severity.INFO, "also", f"nothing of {word} uses the web GUI's certificate now")
    if {one.kind for one in going} & {"openvpn", "ipsec"}:
        yield found.warning("also", "VPN servers take the new certificate up at their next restart", "restart them under Status > Services")
    if acme_owns(config, config.webgui.certref):
        yield found.warning(
            "acme",
            "the ACME package looks after the certificate that is used now; it goes on renewing that one, which nothing shows any more",
            "remove it under Services > Acme once the new one is in use",
        )
    yield from company(config, settings)
