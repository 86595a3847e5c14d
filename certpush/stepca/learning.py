"""A CA that changes its root names the new one over a connection that the old one still verifies: it is trusted beside it from then on."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Protocol

from cryptography import x509

from certpush.errors import CertpushError, TrustError
from certpush.model import fingerprint, issued_by
from certpush.stepca.skew import MOST_SKEW

if TYPE_CHECKING:  # what was learned is recalled also where nobody talks to the CA
    from certpush.stepca.client import StepCa

_log = logging.getLogger(__name__)
_MOST = 20
ASKED_EVERY = timedelta(days=1)
"""For so long the roots are not asked for again where no certificate is needed."""


class RootMemory(Protocol):
    """Keeps what was learned, from one run to the next."""

    def recall(self) -> tuple[x509.Certificate, ...]:
        """What was learned last."""
        ...

    def remember(self, roots: tuple[x509.Certificate, ...]) -> None:
        """Keep them in place of those before."""
        ...

    def asked(self) -> datetime | None:
        """When the CA was last asked."""
        ...

    def note_asked(self, now: datetime) -> None:
        """Keep that it was asked now."""
        ...


def asked_lately(asked: datetime | None, now: datetime) -> bool:
    """Whether it is too early to ask again; a moment that is yet to come was written down by a wrong clock, and counts for nothing."""
    return asked is not None and timedelta() <= now - asked < ASKED_EVERY


def recalled(configured: frozenset[str], memory: RootMemory | None) -> tuple[x509.Certificate, ...]:
    """The roots learned from the CA that is configured (by these fingerprints); none where they were learned from another."""
    learned = memory.recall() if memory is not None else ()
    return learned if configured & {fingerprint(root) for root in learned} else ()


def named_by(ca: StepCa, now: datetime) -> tuple[x509.Certificate, ...]:
    """The roots that the CA names now; none where it cannot be asked for them, or our clock is not the CA's and could judge none.

    Raises:
        TrustError: it is not our CA.

    """
    try:
        named = ca.all_roots()
    except TrustError:
        raise
    except CertpushError as error:
        _log.info("%s: its roots cannot be looked at: %s", ca.address, error.message)
        return ()
    if ca.skew is not None and abs(ca.skew) > MOST_SKEW:
        return ()
    return tuple(root for root in named[:_MOST] if _is_root(root, now))


def learn(
    ca: StepCa, configured: Sequence[x509.Certificate], named: Sequence[x509.Certificate], memory: RootMemory
) -> tuple[x509.Certificate, ...]:
    """What is trusted now: what is configured, and what the CA names; what it names no more is trusted no more."""
    trusted = tuple(dict.fromkeys((*configured, *named)))
    if set(trusted) != set(ca.roots) or set(trusted) != set(memory.recall()):
        _keep(ca, trusted, memory)
    return trusted


def _keep(ca: StepCa, trusted: tuple[x509.Certificate, ...], memory: RootMemory) -> None:
    for root in trusted:
        if root not in ca.roots:
            _log.warning("%s: the CA names another root, %s; it is trusted beside the one configured", ca.address, fingerprint(root))
    keeping(ca, lambda: memory.remember(trusted))


def keeping(ca: StepCa, write: Callable[[], None]) -> None:
    """Write to the memory; where that fails it is learned again by the next run, and no certificate has to wait for it."""
    try:
        write()
    except CertpushError as error:
        _log.warning("%s: its roots are not kept: %s", ca.address, error.message)


def _is_root(certificate: x509.Certificate, now: datetime) -> bool:
    """Whether it signs itself, as a CA, and is valid now."""
    try:
        ca = certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    except (ValueError, x509.ExtensionNotFound, x509.DuplicateExtension, x509.UnsupportedGeneralNameType):
        return False
    valid = certificate.not_valid_before_utc <= now < certificate.not_valid_after_utc
    return ca and valid and issued_by(certificate, certificate)
