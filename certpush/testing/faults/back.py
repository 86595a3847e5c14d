"""Faults on the way back: rolling back, and the device's timer."""

# ruff: noqa: D102 - the class says what is wrong, Target what the verb owes

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

from certpush.errors import NoWayBack, RescueFired, TargetRefused
from certpush.model import CertificateBundle, Expected, Installed, Staged, read_certificates
from certpush.testing.faults.fault import Fault
from certpush.testing.memory import MemoryTarget

_FORMER = "former"


class CannotRollBack(MemoryTarget):
    """Claims to be back and did nothing."""

    def rollback(self, to: Installed, staged: Staged | None, previous: CertificateBundle | None) -> Expected:
        del staged, previous
        return Expected.leaf(to.fingerprint)


class RollsBackOnTheSameInstanceOnly(MemoryTarget):
    """Remembers the way back in memory; the process that rolls back is often another one."""

    _before: Installed | None = None

    def activate(self, staged: Staged, bundle: CertificateBundle) -> None:
        self._before = self.inspect()
        super().activate(staged, bundle)

    def rollback(self, to: Installed, staged: Staged | None, previous: CertificateBundle | None) -> Expected:
        return super().rollback(self._before, staged, previous) if self._before else Expected.leaf(to.fingerprint)


class NeedsStagedToRollBack(MemoryTarget):
    """Takes for granted that ``stage`` had answered before the run died."""

    def rollback(self, to: Installed, staged: Staged | None, previous: CertificateBundle | None) -> Expected:
        assert staged is not None
        return super().rollback(to, staged, previous)


class SaysThatNothingIsServed(MemoryTarget):
    """Goes back, but tells the core to expect nothing, so a failed rollback would count as well done."""

    def rollback(self, to: Installed, staged: Staged | None, previous: CertificateBundle | None) -> Expected:
        super().rollback(to, staged, previous)
        return Expected.nothing()


class RollsBackOnlyOnce(MemoryTarget):
    """Insists on removing what was staged, so a rollback that was broken off can never be finished."""

    def rollback(self, to: Installed, staged: Staged | None, previous: CertificateBundle | None) -> Expected:
        with self._talk() as device:
            if staged and staged.handle["id"] not in device.certificates():
                raise TargetRefused("no such certificate")
        return super().rollback(to, staged, previous)


class HasOnePlaceForTheOldOne(MemoryTarget):
    """Puts what is served into the place of the former pair at every switch; repeated, it puts the new one there."""

    def activate(self, staged: Staged, bundle: CertificateBundle) -> None:
        with self._talk() as device:
            if served := device.certificates().get(str(device.selected())):
                device.put(_FORMER, served.fullchain.encode(), served.key.encode(), by="certpush")
        super().activate(staged, bundle)

    def rollback(self, to: Installed, staged: Staged | None, previous: CertificateBundle | None) -> Expected:
        with self._talk() as device:
            former = device.certificates().get(_FORMER)
            switched = staged is not None and device.selected() == staged.handle.get("id")
            if switched and to.fingerprint and previous is None and (former is None or former.fingerprint != to.fingerprint):
                raise NoWayBack("the device keeps another certificate")
            device.remove(_FORMER)
        return super().rollback(to, staged, previous)


class GoesOneSwitchBack(MemoryTarget):
    """Undoes the last switch, whoever made it and whatever it is asked for."""

    def activate(self, staged: Staged, bundle: CertificateBundle) -> None:
        with self._talk() as device:
            served = device.certificates().get(str(device.selected()))
            if served and served.fingerprint != bundle.fingerprint:
                device.put(_FORMER, served.fullchain.encode(), served.key.encode(), by="certpush")
        super().activate(staged, bundle)

    def rollback(self, to: Installed, staged: Staged | None, previous: CertificateBundle | None) -> Expected:
        with self._talk() as device:
            former = device.certificates().get(_FORMER)
            device.remove(_FORMER)
        last = replace(to, handle={"id": former.fingerprint}) if former else to
        return super().rollback(last, staged, previous)


class RefusesTheFormerPair(MemoryTarget):
    """Uploads the former pair anew and stumbles over the copy that the device still has."""

    def rollback(self, to: Installed, staged: Staged | None, previous: CertificateBundle | None) -> Expected:
        if previous is not None:
            raise TargetRefused("a certificate of that name exists already")
        return super().rollback(to, staged, previous)


class RefusesAnExpiredWayBack(MemoryTarget):
    """Checks the old certificate's dates on the way back, and leaves the device with the failed one."""

    def rollback(self, to: Installed, staged: Staged | None, previous: CertificateBundle | None) -> Expected:
        with self._talk() as device:
            old = device.certificates().get(str(to.handle["id"]))
            if old and read_certificates(old.fullchain.encode())[0].not_valid_after_utc < datetime.now(UTC):
                return Expected.leaf(to.fingerprint)
        return super().rollback(to, staged, previous)


class BelievesAHalfDoneSwitch(MemoryTarget):
    """Rolls back only what is served, and overlooks that the new certificate is configured for the next restart."""

    def rollback(self, to: Installed, staged: Staged | None, previous: CertificateBundle | None) -> Expected:
        with self._talk() as device:
            if device.served() == to.fingerprint:
                return Expected.leaf(to.fingerprint)
        return super().rollback(to, staged, previous)


class LeavesTheFailedAttempt(MemoryTarget):
    """Goes back and leaves the new key lying on the device."""

    def rollback(self, to: Installed, staged: Staged | None, previous: CertificateBundle | None) -> Expected:
        del staged
        return super().rollback(to, None, previous)


class LeavesWhatWasStaged(MemoryTarget):
    """Clears up after a switch, and leaves what was staged for one that never came."""

    def rollback(self, to: Installed, staged: Staged | None, previous: CertificateBundle | None) -> Expected:
        switched = staged is not None and self.inspect().handle.get("id") == staged.handle.get("id")
        return super().rollback(to, staged if switched else None, previous)


class NeverTriesAgain(MemoryTarget):
    """Marks a certificate that was rolled back as bad for ever."""

    def rollback(self, to: Installed, staged: Staged | None, previous: CertificateBundle | None) -> Expected:
        expected = super().rollback(to, staged, previous)
        with self._talk() as device:
            device.put(f"bad-{staged.handle['id']}" if staged else "bad", b"", b"", by="certpush")
        return expected

    def stage(self, bundle: CertificateBundle) -> Staged:
        with self._talk() as device:
            if f"bad-{bundle.fingerprint}" in device.certificates():
                raise TargetRefused("this certificate has failed before")
        return super().stage(bundle)


class CannotGoBackToNothing(MemoryTarget):
    """Never thought of the first deployment."""

    def rollback(self, to: Installed, staged: Staged | None, previous: CertificateBundle | None) -> Expected:
        if to.fingerprint is None:
            return Expected.nothing()
        return super().rollback(to, staged, previous)


class NeverArms(MemoryTarget):
    """Claims a timer and arms none."""

    def activate(self, staged: Staged, bundle: CertificateBundle) -> None:
        super().activate(staged, bundle)
        with self._talk() as device:
            device.disarm()


class ArmsAnew(MemoryTarget):
    """Arms again when repeated, so that the new certificate becomes the way back from itself."""

    def activate(self, staged: Staged, bundle: CertificateBundle) -> None:
        with self._talk() as device:
            if device.selected() == bundle.fingerprint and self._settings.rescue_after:
                device.disarm()
                device.arm(self._settings.rescue_after)
        super().activate(staged, bundle)


class NeverDisarms(MemoryTarget):
    """Confirms nothing, so the device falls back some minutes after every success."""

    def confirm(self, staged: Staged) -> None:
        pass


class ConfirmsTooLate(MemoryTarget):
    """Confirms without asking whether the device was faster."""

    def confirm(self, staged: Staged) -> None:
        del staged
        with self._talk() as device:
            device.disarm()


class ConfirmsOnlyOnce(MemoryTarget):
    """Takes a disarmed timer for one that fired."""

    def confirm(self, staged: Staged) -> None:
        with self._talk() as device:
            if device.snapshot().rescue is None:
                raise RescueFired("the timer is gone")
        super().confirm(staged)


class LeavesTheTimerArmed(MemoryTarget):
    """Goes back and leaves a timer running that the next rotation knows nothing of."""

    def rollback(self, to: Installed, staged: Staged | None, previous: CertificateBundle | None) -> Expected:
        expected = super().rollback(to, staged, previous)
        with self._talk() as device:
            device.put("forgotten-timer", b"", b"", by="certpush")
            if self._settings.rescue_after:
                device.arm(self._settings.rescue_after)
        return expected

    def confirm(self, staged: Staged) -> None:
        with self._talk() as device:
            if "forgotten-timer" in device.certificates():
                return
        super().confirm(staged)


_BACK = "test_rollback_brings_back_exactly_the_old_one"
_NOT_BACK = "rollback() does not bring the old certificate back"
_NOTHING_LEFT = "test_rollback_leaves_nothing_of_the_failed_attempt"

FAULTS = (
    Fault(CannotRollBack, f"{_BACK}[activate]", f"after activate, {_NOT_BACK}"),
    Fault(RollsBackOnTheSameInstanceOnly, f"{_BACK}[activate]", f"after activate, {_NOT_BACK}"),
    Fault(NeedsStagedToRollBack, f"{_BACK}[stage unanswered]", "rollback() let AssertionError escape"),
    Fault(SaysThatNothingIsServed, f"{_BACK}[stage]", "rollback() must say that the old leaf is served then"),
    Fault(RollsBackOnlyOnce, "test_rollback_twice_is_harmless", "no such certificate"),
    Fault(HasOnePlaceForTheOldOne, "test_rollback_after_a_repeated_activate", "NoWayBack"),
    Fault(GoesOneSwitchBack, "test_rollback_leads_where_it_is_told_to", "but to what was served last"),
    Fault(RefusesTheFormerPair, "test_rollback_takes_the_former_pair_when_it_is_given", "exists already"),
    Fault(RefusesAnExpiredWayBack, "test_rollback_brings_back_an_expired_one_too", "because it has expired"),
    Fault(BelievesAHalfDoneSwitch, "test_rollback_after_a_half_done_switch", "rollback() left the new one configured"),
    Fault(LeavesTheFailedAttempt, f"{_NOTHING_LEFT}[activate]", "rollback() left something of the failed attempt"),
    Fault(LeavesWhatWasStaged, f"{_NOTHING_LEFT}[stage]", "rollback() left something of the failed attempt"),
    Fault(NeverTriesAgain, "test_the_same_certificate_can_be_deployed_after_a_rollback", "this certificate has failed before"),
    Fault(CannotGoBackToNothing, "test_the_first_deployment_can_be_rolled_back", "nothing is not what is served"),
    Fault(NeverArms, "test_an_unconfirmed_switch_comes_back_by_itself", "the device did not put the old certificate back by itself"),
    Fault(ArmsAnew, "test_a_repeated_activate_does_not_make_the_new_one_the_way_back", "the device's own way back leads elsewhere"),
    Fault(NeverDisarms, "test_a_confirmed_switch_stays", "confirmed, and the device went back"),
    Fault(ConfirmsTooLate, "test_confirm_after_the_rescue_says_so", "must raise RescueFired"),
    Fault(ConfirmsOnlyOnce, "test_confirm_may_be_repeated_and_changes_nothing_served", "the timer is gone"),
    Fault(LeavesTheTimerArmed, "test_a_rollback_leaves_no_timer_behind", "a timer armed before the rollback fired"),
)
