"""Find what would make a rotation fail on the other machine, without changing anything there."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from certpush.kit import findings as found
from certpush.kit.command import escaped
from certpush.kit.placement import Placement
from certpush.kit.remote.hands import RemoteHands
from certpush.kit.remote.look import what_was_seen
from certpush.kit.remote.settings import RemoteSettings
from certpush.kit.ssh.session import Told
from certpush.kit.trouble import Trouble, explain
from certpush.model import CertificateRequest, Finding

if TYPE_CHECKING:
    from certpush.kit.ssh.connection import SshConnection


def ask_to_probe(hands: RemoteHands, settings: RemoteSettings, placement: Placement) -> None:
    """Add the steps that look for what would go wrong."""
    hands.step("probe")
    for directory in placement.directories:
        hands.step("probe_directory", directory)
    if settings.directory is None:
        for path in placement.switched:
            hands.step("probe_file", path)
    for verb, account in (("probe_owner", settings.owner), ("probe_group", settings.group)):
        if account is not None and not account.isdecimal():
            hands.step(verb, account)
    for order in settings.checks(placement.places):
        hands.step("probe_command", "check", order.words[0])
    for order in settings.reloads():
        hands.step("probe_command", "reload", order.words[0])


def findings(
    told: Told, settings: RemoteSettings, placement: Placement, request: CertificateRequest, *, connection: SshConnection, now: float
) -> tuple[Finding, ...]:
    """Understand what those steps said; ``now`` is our own time when they ran."""
    problems = (
        *found.key_type(request),
        *_machine(told, now),
        *_directories(told),
        *(found.unknown_account(key, escaped(one)) for key in ("owner", "group") for one in told.of(f"no-{key}")),
        *(found.command_missing(*escaped(one).split(" ", 1)) for one in told.of("no-command")),
        *_files(told, settings, placement),
        *_connection(connection),
    )
    login = found.ok("login", f"logged in as {settings.user}{', sudo works' if settings.sudo else ''} ({connection.algorithms})")
    return (login, *problems)


def _machine(told: Told, now: float) -> Iterator[Finding]:
    for tool in told.of("missing"):
        yield found.tool_missing(escaped(tool))
    for date in told.of("date"):
        yield from found.clock_skew(float(date) - now)
    if "kills" in told.of("note"):
        yield found.warning(
            "rescue-dies-at-logout",
            "logind there ends everything that a login leaves running, so its own way back may not come (KillUserProcesses)",
            "use sudo = true, or log in as root, or allow it: loginctl enable-linger",
        )


def _directories(told: Told) -> Iterator[Finding]:
    yield from (found.directory_missing(escaped(one)) for one in told.of("no-directory"))
    yield from (found.not_writable(escaped(one)) for one in told.of("unwritable"))
    for trouble, subject in zip(told.of("fail"), told.of("subject"), strict=True):
        error = explain(Trouble(trouble), escaped(subject))
        yield found.odd_path(error.message, error.hint)
    for line in told.of("free"):
        kib, path = line.split(" ", 1)
        if kib.isdecimal() and int(kib) * 1024 < found.ROOM:
            yield found.no_room(escaped(path), int(kib) * 1024)


def _files(told: Told, settings: RemoteSettings, placement: Placement) -> Iterator[Finding]:
    user = int(next(iter(told.of("user")), "0"))
    seen = what_was_seen(told, placement)
    for role, path in placement.places.items():
        now = seen[path]
        if not now.state or settings.directory is not None:
            continue
        if role.holds_key and settings.mode is None and now.mode & 0o004:
            yield found.key_readable(path, now.mode)
        if user != 0 and settings.owner is None and now.uid != user:
            yield found.owner_lost(path)


def _connection(connection: SshConnection) -> Iterator[Finding]:
    if not connection.strict:
        yield found.old_handshake()
