"""A pair as two members: the secondary first, and each shown to a person before it is trusted."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING

from certpush import CertificateRequest, Endpoint, Identity
from certpush.errors import ConfigError, HostKeyMismatch
from certpush.kit import ssh
from certpush.kit.ssh.settings import pinned
from certpush.target import Member
from certpush_pfsense.settings import PairSettings, PfSenseSettings, Role, in_pair

if TYPE_CHECKING:
    from certpush.kit.ssh.connection import SshConnection

_NOT_IN_NAMES = re.compile(r"[^A-Za-z0-9._-]+")


def members(settings: PfSenseSettings, request: CertificateRequest) -> tuple[Member[PfSenseSettings], ...]:  # noqa: ARG001 - they share it
    """The secondary, then the primary; none where it is one box.

    The secondary begins by having the certificate imported on the primary. What goes wrong up to
    its own switch has changed nothing that anybody sees.
    """
    if not settings.peers:
        return ()
    primary, (secondary,) = Endpoint(settings.host, settings.port), settings.places
    first, second = _names(primary, secondary)
    return (
        Member(second, in_pair(settings, Role.SECONDARY, secondary, primary, swapped=True)),
        Member(first, in_pair(settings, Role.PRIMARY, primary, secondary, swapped=False)),
    )


def identify(settings: PfSenseSettings) -> tuple[Identity, ...]:
    """The host key of the box; of a pair that of the primary, and once that is known, the secondary's.

    Raises:
        ConfigError: one box of a pair was asked for alone, though each must know both.

    """
    if isinstance(settings, PairSettings):
        raise ConfigError("the boxes of a pair are trusted together", hint="name the whole target, once for each of the two boxes")
    shown = ssh.identify(settings)
    if not settings.peers or any(one.value not in pinned("host_key", settings.host_key) for one in shown):
        return shown
    (secondary,) = settings.places
    theirs = ssh.identify(in_pair(settings, Role.SECONDARY, secondary, Endpoint(settings.host, settings.port), swapped=True))
    return tuple(replace(one, setting="peer_host_key") if one.setting == "host_key" else one for one in theirs)


def connect(settings: PfSenseSettings) -> SshConnection:
    """Log in; a host key that does not fit is told in the words of the configuration.

    Raises:
        CertpushError: the box cannot be reached, or is another one.

    """
    try:
        return ssh.connect(settings)
    except HostKeyMismatch as error:
        if isinstance(settings, PairSettings):
            error.hint = error.hint.replace("run `certpush trust NAME`", "run `certpush trust` with the name of the whole target")
            if settings.role is Role.SECONDARY:
                error.hint = error.hint.replace("write host_key =", "write peer_host_key =")
        raise


def _names(primary: Endpoint, secondary: Endpoint) -> tuple[str, str]:
    """As members may be called: by their hosts, by the port as well where that is one, and by their roles where nothing else helps."""
    hosts = (primary.host, secondary.host)
    if hosts[0] == hosts[1]:
        hosts = (f"{primary.host}-{primary.port}", f"{secondary.host}-{secondary.port}")
    names = [_NOT_IN_NAMES.sub("-", one).strip("-._")[:64] for one in hosts]
    return (names[0], names[1]) if all(names) and names[0] != names[1] else (Role.PRIMARY.value, Role.SECONDARY.value)
