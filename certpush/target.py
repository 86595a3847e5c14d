"""The Target contract: all that a plugin author must read.

A target is one thing that serves a certificate: a web UI, a daemon behind a file, an
appliance with an API. A plugin says how to look, put, switch and go back; the core owns the
order of the steps, the judgement (handshakes of its own) and the record. One instance serves
one rotation, in one thread. After a crash a fresh instance is given what the dead one wrote
down: ``Installed`` and ``Staged`` are kept in the journal, so keep them small, JSON and free
of secrets.

Raise the errors of ``certpush.errors`` (``TargetUnreachable``, ``TargetAuthFailed``,
``TargetRefused``, ...); whatever else escapes is reported as a bug of the plugin, and rolled back.
"""

from __future__ import annotations

import enum
from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Mapping
from datetime import timedelta
from typing import Any, Generic, TypeVar

from certpush.kit.settings import Settings
from certpush.model import (
    CertificateBundle,
    CertificateRequest,
    Endpoint,
    Expected,
    Finding,
    Identity,
    Installed,
    KeySpec,
    Name,
    Staged,
)
from certpush.records import record

S = TypeVar("S", bound=Settings)

ALL_KEYS = frozenset(KeySpec)


class Target(ABC):
    """One thing that serves a certificate. Four verbs must be written; the others have a default."""

    @abstractmethod
    def inspect(self) -> Installed:
        """Tell what is installed now, and enough to come back to it; change nothing, be cheap."""

    @abstractmethod
    def stage(self, bundle: CertificateBundle) -> Staged:
        """Put the new certificate on the device without serving it; repeating it is harmless.

        Leave nothing readable by others. A device that has no durable step apart from the
        switch stages nothing and returns ``Staged()``.
        """

    @abstractmethod
    def activate(self, staged: Staged, bundle: CertificateBundle) -> None:
        """Make the staged certificate the one served; repeating it is harmless.

        Where ``TargetKind.self_rescue``, arm the device's own timed way back first.
        """

    @abstractmethod
    def rollback(self, to: Installed, staged: Staged | None, previous: CertificateBundle | None) -> Expected:
        """Go back to ``to``, and tell what must be served then.

        Safe after any partial failure, on a fresh instance, and when nothing had happened.
        Removes what was staged and disarms the device's timer. ``staged`` is None when the run
        died before ``stage`` answered. ``previous`` is the former bundle with its key, where
        certpush holds it.
        """

    def preflight(self, request: CertificateRequest) -> tuple[Finding, ...]:  # noqa: ARG002 - part of the contract
        """Find what would make the rotation fail (rights, clock, disk, who shares the old certificate); change nothing."""
        return ()

    def changes(self, request: CertificateRequest) -> tuple[str, ...]:  # noqa: ARG002 - part of the contract
        """Say in one line each what a rotation changes on the device; shown in the plan, before anything happens."""
        return ()

    def csr(self, request: CertificateRequest) -> bytes:
        """Have the device make a key and give its signing request (PEM); only where ``key_origin`` is ``DEVICE``."""
        raise NotImplementedError("this kind takes a key made by certpush")

    def confirm(self, staged: Staged) -> None:  # noqa: B027 - an optional step, not a forgotten one
        """Disarm the device's own timer. Raise ``RescueFired`` when it was faster: exactly one of the two wins."""

    def endpoints(self) -> tuple[Endpoint, ...]:
        """Where the core looks for itself; the configuration's ``endpoints`` come before these."""
        return ()

    def tidy(self, keep: Collection[str]) -> None:  # noqa: B027 - an optional step, not a forgotten one
        """Remove superseded leftovers that certpush made; never one whose fingerprint is in ``keep``, served or referenced."""

    def close(self) -> None:  # noqa: B027 - an optional step, not a forgotten one
        """Give back connections; called once, whatever happened."""


class Reversible(enum.StrEnum):
    """Where the way back comes from."""

    KEEPS_PREVIOUS = "keeps-previous"
    """The device still has the old certificate and key: the way back is exact."""
    NEEDS_PREVIOUS = "needs-previous"
    """Exact only when certpush holds the old pair; else ``TargetKind.fallback`` or none."""
    NEVER = "never"


class KeyOrigin(enum.StrEnum):
    """Where the private key is made."""

    HERE = "here"
    DEVICE = "device"


@record(frozen=True, slots=True)
class Member(Generic[S]):
    """One member of a cluster: its name behind the target's (``proxmox/pve2``), and settings that lead to it alone.

    With ``names`` the member has a certificate of its own, for these names; without, it shares
    the target's. A name is made of letters, digits, dot, hyphen and underscore, and no two
    members have the same.
    """

    name: str
    settings: S
    names: tuple[Name, ...] = ()


@record(frozen=True, slots=True)
class Footprint:
    """What a target changes on the machine that certpush itself runs on, so that a sandbox around unattended runs lets it."""

    directories: tuple[str, ...]
    commands: bool = False
    """Whether it runs commands there, which may need more than certpush itself."""


@record(frozen=True, slots=True)
class TargetKind(Generic[S]):
    """What a plugin offers: the word for the configuration, the settings, and how to open a target.

    ``name`` must equal the entry point's. ``settle`` is how long a switch needs before a last
    look counts. ``disruption`` says in a few words what users notice. ``fallback`` names the
    certificate that the device falls back to when the old one cannot be put back.
    """

    name: str
    summary: str
    settings: type[S]
    open: Callable[[S], Target]
    accepted_keys: frozenset[KeySpec] = ALL_KEYS
    reversible: Reversible = Reversible.KEEPS_PREVIOUS
    fallback: str = ""
    self_rescue: bool = False
    disruption: str = ""
    settle: timedelta = timedelta(0)
    steady: timedelta = timedelta(0)
    """For how long every look must show the new certificate before it counts, where old workers go on answering beside new ones."""
    deadline: timedelta = timedelta(seconds=30)
    """How long the old certificate may still be seen after a switch, before the switch counts as failed."""
    switches_again: bool = False
    """Whether ``activate`` is called once more where it went well, half of the deadline is over, and the old certificate is served on.

    For kinds whose switch is files in place and a reload, of which a signal may get lost; not where it costs an upload
    or a restart that users notice.
    """
    key_origin: KeyOrigin = KeyOrigin.HERE
    members: Callable[[S, CertificateRequest], tuple[Member[S], ...]] | None = None
    """Expand a cluster into its members; may ask the device, and changes nothing there.

    Their order is the order of rotation: the first is the canary, and the first that fails stops
    the rest. The request has all names of the target, to tell which belong to which member. An
    empty answer, or None instead of a function: the target is its own only member.
    """
    identify: Callable[[S], tuple[Identity, ...]] | None = None
    """Show who answers, without logging in; for ``certpush trust``."""
    footprint: Callable[[S], Footprint] | None = None
    """What its targets change on this machine; None for kinds that change another one."""
    variant: Callable[[Mapping[str, Any]], TargetKind[S]] | None = None
    """The kind as it is for a target with this table, where what it promises depends on that: a recipe says its own way back.

    Name and settings stay the same. It is asked before any secret is read, and asks no device. For kinds that come
    with certpush alone: what a third party's plugin declares is told by its own process once, so one with this is refused.
    """
    catalogue: Callable[[], tuple[tuple[str, str], ...]] | None = None
    """What comes with the plugin for targets to choose from, each with what it is for; shown by ``certpush targets KIND``."""
    api: int = 1
    """The version of this contract that the plugin was written for."""
