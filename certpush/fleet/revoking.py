"""What to revoke: one serial number, or what a certificate's newer ones superseded."""

from __future__ import annotations

import difflib
import re
from collections.abc import Collection, Sequence
from dataclasses import replace
from typing import NoReturn, Protocol

from certpush.config import Configuration, TargetSpec
from certpush.errors import ConfigError
from certpush.model import CertificateSpec
from certpush.state.escrow import Escrow
from certpush.state.journal import Journal
from certpush.stepca.refusal import CaRefusal

_SERIAL = re.compile(r"0[xX][0-9A-Fa-f]{1,40}|[0-9]{1,49}")  # 20 octets at most (RFC 5280, 4.1.2.2)


class Revoker(Protocol):
    """A CA that can revoke."""

    def revoke(self, serial: int, *, reason: str, reason_code: int) -> None:
        """Keep this certificate from being renewed."""
        ...


def is_a_name(text: str, configuration: Configuration) -> bool:
    """Whether it names a certificate, a target or a target's member, and so no serial number is meant."""
    return text in configuration.certificates or text.partition("/")[0] in configuration.targets


def certificates_called(name: str, configuration: Configuration, escrow: Escrow, journal: Journal) -> tuple[CertificateSpec, ...]:
    """The certificate of that name, or those that the target of that name or its member has.

    Raises:
        ConfigError: it is a member that has no certificate of its own, or none at all.

    """
    if name in configuration.certificates:
        return (configuration.certificates[name],)
    target = configuration.targets[name.partition("/")[0]]
    own = () if target.shared else tuple(replace(target.certificate, name=one) for one in escrow.of_members(target.name))
    if name == target.name:
        return (target.certificate, *own)
    return tuple(one for one in own if one.name == name) or _refuse(name, target, journal)


def _refuse(name: str, target: TargetSpec, journal: Journal) -> NoReturn:
    if journal.last(name) is None:
        raise ConfigError(
            f"certpush has deployed nothing to {name[:140]!a}", hint=f"`certpush history {target.name}` shows what it deployed there"
        )
    raise ConfigError(
        f"{name} has no certificate of its own",
        hint=f"`certpush revoke {target.certificate.name}` means the one that the members of {target.name} share",
    )


def superseded(certificate: CertificateSpec, escrow: Escrow, journal: Journal) -> tuple[int, ...]:
    """Serial numbers of the generations that we hold and that no target uses, oldest first."""
    current = escrow.current(certificate.name)
    used = journal.in_use(certificate.name) | ({current.fingerprint} if current else set())
    return tuple(one.serial for one in escrow.generations(certificate.name) if one.fingerprint not in used)


def serial_number(text: str, names: Collection[str] = ()) -> int:
    """Read a serial number, decimal or hexadecimal with 0x; ``names`` are what may have been meant instead.

    Raises:
        ConfigError: it is none.

    """
    serial = int(text, 16 if text[:2] in ("0x", "0X") else 10) if _SERIAL.fullmatch(text) else 0
    if serial == 0:
        near = difflib.get_close_matches(text, names, n=1)
        form = "write a serial number as `certpush inspect` shows it: decimal, or hexadecimal with 0x in front"
        raise ConfigError(
            f"{text[:80]!a} is no target, certificate or serial number",
            hint=f"did you mean {near[0]!r}? Else {form}" if near else form,
        )
    return serial


def the_ca_of_serials(ca: str | None, configuration: Configuration) -> str | None:
    """Which CA a bare serial number belongs to; None: the only one.

    Raises:
        ConfigError: there are several, and nobody said which; another CA would take the number as well.

    """
    if ca is None and len(configuration.ca_tables) > 1:
        raise ConfigError("which CA's serial number is it?", hint=f"say it with --ca: one of {', '.join(configuration.ca_tables)}")
    return ca


def revoke_all(serials: Sequence[int], issuer: Revoker, *, reason: str, reason_code: int) -> tuple[int, ...]:
    """Revoke each that is not revoked yet; gives those that were now.

    Raises:
        IssuerError: the CA said no, for another reason.

    """
    done = []
    for serial in serials:
        try:
            issuer.revoke(serial, reason=reason, reason_code=reason_code)
        except CaRefusal as refusal:
            if not refusal.already_revoked:
                raise
            continue
        done.append(serial)
    return tuple(done)
