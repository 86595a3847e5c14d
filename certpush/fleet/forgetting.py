"""Stop managing a target: what is remembered of it goes, its records stay in a file; on request the target is left clean first."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from datetime import datetime
from pathlib import Path

from certpush.config import Configuration, TargetSpec
from certpush.errors import CertpushError, ConfigError, SafetyRefusal
from certpush.fleet.members import MemberSpec
from certpush.fleet.opening import Opener
from certpush.fleet.selecting import named
from certpush.fleet.wishes import Wishes
from certpush.model import Outcome, Receipt
from certpush.records import record
from certpush.state.forgetting import archive


@record(frozen=True, slots=True)
class Forgotten:
    """What was forgotten: the targets and members, where their records are kept now, whose keys are gone, and how each was cleaned.

    ``archive`` is None where a target could not be cleaned: then nothing was forgotten, and its
    receipt says why.
    """

    targets: tuple[str, ...]
    archive: Path | None = None
    certificates: tuple[str, ...] = ()
    cleaned: tuple[Receipt, ...] = ()


@record(frozen=True, kw_only=True)
class Forgetting:
    """One target, or one member, that is to be managed no more."""

    name: str
    configuration: Configuration
    opener: Opener
    now: datetime
    clean: bool = False
    abandon: bool = False
    """Also where something was left half-way: nobody will bring it to its end."""

    def forget(self) -> Forgotten:
        """Do it.

        Raises:
            ConfigError: nothing is known of it, or it cannot be cleaned because it is not configured any more.
            SafetyRefusal: something was left half-way.
            LockHeld: a run works on it.

        """
        with ExitStack() as held:
            for name in sorted({self._whole, *self._known()}):
                held.enter_context(self.opener.locks.hold(name))
            names = self.forgettable()
            cleaned = self._clean() if self.clean else ()
            if any(one.error is not None for one in cleaned):
                return Forgotten(names, cleaned=cleaned)
            kept = archive(self.opener.journal, names, self.configuration.state_directory.absolute(), self.now)
            certificates = self._certificates_alone(names)
            self.opener.journal.forget(names)
            for certificate in certificates:
                self.opener.escrow.forget(certificate)
        return Forgotten(names, kept, certificates, cleaned)

    def forgettable(self) -> tuple[str, ...]:
        """Which targets and members it would forget; changes nothing.

        Raises:
            ConfigError, SafetyRefusal: as `forget` does.

        """
        names = self._known()
        self._refuse_half_way(names)
        if self.clean:
            self._refuse_unreachable()
        return names

    @property
    def _whole(self) -> str:
        """The target, also where one of its members is meant."""
        return self.name.partition("/")[0]

    def _known(self) -> tuple[str, ...]:
        known = self.opener.journal.known(self.name)
        if known:
            return known
        if self.name in self.configuration.targets:
            raise ConfigError(f"{self.name}: nothing is remembered of it", hint=f"take [target.{self.name}] out of the configuration")
        raise ConfigError(f"nothing is known of {self.name[:80]!a}", hint="`certpush history` shows every target that there ever was")

    def _refuse_half_way(self, names: Sequence[str]) -> None:
        for name in names:
            if self.opener.journal.unfinished(name) and not self.abandon:
                raise SafetyRefusal(
                    f"{name}: a deployment was left half-way; forgotten now, nobody would bring it to its end",
                    hint=f"certpush resolve {name}; or, where the device is gone for good: certpush forget {self.name} --abandon",
                )

    def _refuse_unreachable(self) -> None:
        if self._whole not in self.configuration.targets:
            raise ConfigError(
                f"{self._whole} is not configured any more, so nobody can reach it to clean up",
                hint=f"put [target.{self._whole}] back for this, or leave out --clean",
            )

    def _clean(self) -> tuple[Receipt, ...]:
        from certpush.rotation.clean import clean
        from certpush.rotation.receipts import receipt_for

        spec = named(self.configuration.targets, self._whole)
        receipts = []
        for member in reversed(self._members(spec)):  # the canary last: what serves everybody else is changed first
            try:
                receipts.append(clean(self.opener.rotation(spec, member, Wishes())))
            except CertpushError as error:
                receipts.append(receipt_for(member.name, error))
            if receipts[-1].error is not None or receipts[-1].outcome is Outcome.STRANDED:
                break
        return tuple(receipts)

    def _members(self, spec: TargetSpec) -> list[MemberSpec]:
        return [one for one in self.opener.members(spec) if self.name in (self._whole, one.name)]

    def _certificates_alone(self, names: Sequence[str]) -> tuple[str, ...]:
        """The certificates that only these targets have: neither the journal nor the configuration knows another who does."""
        escrow = self.opener.escrow
        others = {one.certificate.name for one in self.configuration.targets.values() if one.name != self._whole}
        theirs = {*self.opener.journal.certificates_of(names), self.name, *escrow.of_members(self.name)}
        alone = theirs - others - set(self.configuration.certificates)
        return tuple(sorted(one for one in alone if any(escrow.examine(one))))
