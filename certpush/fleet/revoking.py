"""What to revoke: one serial number, or what a certificate's newer ones superseded."""

from __future__ import annotations

import difflib
import re
from collections.abc import Collection, Sequence
from typing import Protocol

from certpush.config import Configuration
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


def certificate_called(name: str, configuration: Configuration) -> CertificateSpec | None:
    """The certificate of that name, or the one that the target of that name has; None where there is neither."""
    if name in configuration.certificates:
        return configuration.certificates[name]
    target = configuration.targets.get(name)
    return target.certificate if target else None


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
