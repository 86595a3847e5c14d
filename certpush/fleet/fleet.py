"""The whole of certpush as one object: what the command line does, it does through this."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, MutableMapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Self

from certpush.config import Configuration, TargetSpec
from certpush.model import (
    CertificateBundle,
    CertificateRequest,
    Deployment,
    Event,
    Finding,
    Identity,
    Receipt,
    TargetStatus,
)
from certpush.stepca.issuer import StepCaIssuer


class Fleet:
    """Every target of a configuration. Use it as a context manager; it holds connections and the journal."""

    configuration: Configuration

    @classmethod
    def load(
        cls,
        path: Path | str | None = None,
        *,
        environ: MutableMapping[str, str] | None = None,
        observe: Callable[[Event], None] | None = None,
        clock: Callable[[], datetime] | None = None,
    ) -> Self:
        """Read the configuration (``path``, or where it is looked for) and open the state beside it."""
        raise NotImplementedError

    def select(self, words: Sequence[str] = ()) -> tuple[TargetSpec, ...]:
        """The targets meant by names, kinds and ``@tags``; all enabled ones when there are none. ConfigError when one means nothing."""
        raise NotImplementedError

    def plan(self, words: Sequence[str] = (), *, force: bool = False, adopt: bool = False) -> Iterator[Receipt]:
        """Say what ``deploy`` would do; change nothing. A Receipt's ``plan`` (and ``was``, ``served``, ``error``) tell."""
        raise NotImplementedError

    def deploy(
        self,
        words: Sequence[str] = (),
        *,
        force: bool = False,
        adopt: bool = False,
        previous: CertificateBundle | None = None,
        stop: threading.Event | None = None,
    ) -> Iterator[Receipt]:
        """Rotate the targets, many at once; yields a receipt as each ends. ``stop`` set: nothing new is switched."""
        raise NotImplementedError

    def status(self, words: Sequence[str] = ()) -> Iterator[TargetStatus]:
        """Look at every endpoint now."""
        raise NotImplementedError

    def rollback(self, name: str) -> Receipt:
        """Go back to the certificate before the last one, and verify it."""
        raise NotImplementedError

    def history(self, name: str | None = None, *, limit: int = 50) -> tuple[Deployment, ...]:
        """What the journal holds, newest first."""
        raise NotImplementedError

    def doctor(self, words: Sequence[str] = ()) -> Iterator[tuple[str, Finding]]:
        """Every check of each CA and target involved: (``ca`` or ``target.NAME``, finding)."""
        raise NotImplementedError

    def identities(self, name: str) -> tuple[Identity, ...]:
        """What the target shows to a stranger, for a person to compare (``certpush trust``)."""
        raise NotImplementedError

    def pin(self, name: str, identity: Identity) -> None:
        """Record that a person compared this identity and found it right."""
        raise NotImplementedError

    def issuer(self, ca: str | None = None) -> StepCaIssuer:
        """The CA of that name (the only one, when None)."""
        raise NotImplementedError

    def issue(self, request: CertificateRequest, *, ca: str | None = None) -> CertificateBundle:
        """Get a certificate that no target is waiting for; checked against the request like any other."""
        raise NotImplementedError

    def revoke(self, name_or_serial: str, *, reason: str = "superseded", reason_code: int = 4) -> tuple[int, ...]:
        """Revoke a serial number, or the superseded generations of a certificate; gives the serials that were revoked."""
        raise NotImplementedError

    def close(self) -> None:
        """Give back connections and the journal."""
        raise NotImplementedError

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
