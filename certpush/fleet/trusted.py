"""Whom an appliance may be recognised by: what the configuration says, what a person pinned, our own certificates there, the CA."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Protocol

from certpush.errors import CertpushError, ConfigError
from certpush.kit.trust import Trust
from certpush.model import Phase
from certpush.records import record

if TYPE_CHECKING:
    from certpush.config import TargetSpec
    from certpush.issuer import Issuer
    from certpush.model import Deployment
    from certpush.state.escrow import Escrow

_log = logging.getLogger(__name__)
OUR_CA = "ca"
"""What ``trust`` says where the CA that signs the target's certificate is meant."""


class Memory(Protocol):
    """The part of the journal that is asked."""

    def newest(self, target: str) -> tuple[Deployment, ...]: ...  # noqa: D102 - see Journal
    def pins(self, target: str) -> dict[str, str]: ...  # noqa: D102


def configured_trust(spec: TargetSpec) -> Trust:
    """What ``trust`` says by itself; nobody, where the CA is meant.

    Raises:
        ConfigError: the file cannot be read, or the fingerprint is none; with the key's path.

    """
    if spec.trust == OUR_CA:
        return Trust()
    try:
        return Trust.parse(spec.trust)
    except ConfigError as error:
        hint = error.hint.replace("certpush trust NAME", f"certpush trust {spec.name}")
        raise ConfigError(f"{spec.path}.trust: {error.message}", hint=hint) from None


def pins_known(journal: Memory, name: str) -> tuple[str, ...]:
    """By which certificates a target or a member is known: pinned by a person, or put there by us.

    Those of a target's members are among its own: whichever of them answers speaks for it.
    """
    by_person = journal.pins(name).get("trust")
    ours = (pin for one in journal.newest(name) for pin in _left_there(one))
    return tuple(dict.fromkeys((*([by_person] if by_person else []), *ours)))


@record(frozen=True, slots=True)
class Recognition:
    """Knows whom a target may be recognised by; ``issuer`` finds the CA of a name, which is asked only when nothing else tells.

    Without ``issuer`` no CA is asked.
    """

    journal: Memory
    escrow: Escrow
    issuer: Callable[[str], Issuer] | None

    def of(self, spec: TargetSpec, configured: Trust) -> Trust:
        """Whom to trust as this target, or as any of its members."""
        known = configured.also(*pins_known(self.journal, spec.name))
        return known.also(roots=self._roots(spec)) if spec.trust == OUR_CA else known

    def _roots(self, spec: TargetSpec) -> str:
        certificates = (spec.certificate.name, *(one.certificate for one in self.journal.newest(spec.name)))
        return _roots_held(dict.fromkeys(certificates), self.escrow) or self._roots_told(spec)

    def _roots_told(self, spec: TargetSpec) -> str:
        """What the CA names; nothing where it cannot be asked, because then the appliance's refusal says what is missing."""
        if self.issuer is None:
            return ""
        from certpush.model import to_pem

        try:
            return to_pem(*self.issuer(spec.certificate.ca).roots()).decode("ascii")
        except CertpushError as error:
            _log.info("%s: the CA's root is not known (%s)", spec.name, error)
            return ""


def _roots_held(certificates: Iterable[str], escrow: Escrow) -> str:
    for certificate in certificates:
        bundle = escrow.current(certificate)
        if bundle is not None and bundle.roots:
            return bundle.roots_pem.decode("ascii")
    return ""


def _left_there(deployment: Deployment) -> tuple[str, ...]:
    """The certificates that this deployment may have left on the device, and the device's own, to which it may fall back.

    One that was gone back from is among them: a run that died may have sent it, and the device take it up only later.
    """
    before = None if deployment.phase is Phase.CONFIRMED else deployment.before.fingerprint
    return tuple(one for one in (deployment.wanted, before, deployment.before.own) if one)
