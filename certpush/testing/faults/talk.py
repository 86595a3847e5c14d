"""Faults in what a plugin says, shows and lets escape."""

# ruff: noqa: D102 - the class says what is wrong, Target what the verb owes

from __future__ import annotations

import base64
import logging
import subprocess
import threading
from dataclasses import replace
from datetime import timedelta

from certpush.errors import TargetAuthFailed, TargetRefused, TargetUnreachable
from certpush.kit.settings import Duration, Settings
from certpush.model import CertificateBundle, CertificateRequest, Expected, Installed, Staged
from certpush.target import TargetKind
from certpush.testing.device import DeviceGone
from certpush.testing.faults.fault import Fault
from certpush.testing.memory import MemorySettings, MemoryTarget

_library = logging.getLogger("a_vendors_library.core")


class ShowsTheKeyInRepr(MemoryTarget):
    """Keeps the key, and shows all that it has."""

    _key = b""

    def stage(self, bundle: CertificateBundle) -> Staged:
        self._key = bundle.key.reveal_pem()
        return super().stage(bundle)

    def __repr__(self) -> str:
        return f"ShowsTheKeyInRepr({self._key!r})"


class LogsTheKey(MemoryTarget):
    """Uses a library that logs request bodies, and trusts that nobody turns its logger up."""

    def stage(self, bundle: CertificateBundle) -> Staged:
        _library.setLevel(logging.WARNING)
        _library.debug("POST %s", {"key": bundle.key.reveal_pem()})
        return super().stage(bundle)


class LogsTheToken(MemoryTarget):
    """Logs a header with the token in base64."""

    def inspect(self) -> Installed:
        header = base64.b64encode(b"api:" + self._settings.token.reveal().encode()).decode()
        _library.info("GET /active (Authorization: Basic %s)", header)
        return super().inspect()


class KeepsTheKeyInTheHandle(MemoryTarget):
    """Writes the key into the journal, to have it at hand later."""

    def stage(self, bundle: CertificateBundle) -> Staged:
        staged = super().stage(bundle)
        der = b"".join(bundle.key.reveal_pem().splitlines()[1:-1]).decode()
        return Staged({**staged.handle, "key": der})


class PutsTheKeyIntoAnError(MemoryTarget):
    """Repeats the request in the error, key and all."""

    def activate(self, staged: Staged, bundle: CertificateBundle) -> None:
        try:
            super().activate(staged, bundle)
        except TargetRefused as error:
            raise TargetRefused(f"{error}: the request was {bundle.key.reveal_pem()!r}") from None


class KeepsTheTokenInTheHandle(MemoryTarget):
    """Writes the token into the journal, so that the next process need not be given it."""

    def inspect(self) -> Installed:
        found = super().inspect()
        return replace(found, handle={**found.handle, "url": f"https://{self._settings.token.reveal()}@nas.lan"})


class LeavesTheKeyInTheCause(MemoryTarget):
    """Words its error with care, and leaves the library's own behind it, which has the whole request."""

    def activate(self, staged: Staged, bundle: CertificateBundle) -> None:
        try:
            super().activate(staged, bundle)
        except TargetRefused as error:
            raise TargetRefused("the device refused the certificate") from ValueError(f"{error}: {bundle.key.reveal_pem()!r}")


class TellsTheTokenInThePlan(MemoryTarget):
    """Shows with which token it will log in."""

    def changes(self, request: CertificateRequest) -> tuple[str, ...]:
        return (*super().changes(request), f"logs in by {self._settings.token.reveal()}")


class RepeatsTheTokenThatWasRefused(MemoryTarget):
    """Says which token the device does not take, so that its owner can compare; so can all who read the log."""

    def inspect(self) -> Installed:
        try:
            return super().inspect()
        except TargetAuthFailed as error:
            raise TargetAuthFailed(f"{error}: {self._settings.token.reveal()}") from None


class TakesARefusedLoginForAFailure(MemoryTarget):
    """Knows one error for all that the device refuses, so nobody is told to look at the token."""

    def inspect(self) -> Installed:
        try:
            return super().inspect()
        except TargetAuthFailed as error:
            raise TargetRefused(str(error)) from error


class PassesTheTokenInArgv(MemoryTarget):
    """Runs a vendor's tool with the token among its words, where everybody on the machine reads it."""

    def activate(self, staged: Staged, bundle: CertificateBundle) -> None:
        subprocess.run(["/bin/true", "--token", self._settings.token.reveal()], check=True)  # noqa: S603 - the fault
        super().activate(staged, bundle)


class PassesTheKeyInTheEnvironment(MemoryTarget):
    """Gives the key to a vendor's tool in a variable, which that hands on to all that it starts."""

    def activate(self, staged: Staged, bundle: CertificateBundle) -> None:
        subprocess.run(["/bin/true"], check=True, env={"KEY": bundle.key.reveal_pem().decode()})
        super().activate(staged, bundle)


class Prints(MemoryTarget):
    """Still has the print calls that it was debugged with."""

    def activate(self, staged: Staged, bundle: CertificateBundle) -> None:
        print("activating", staged.handle)  # noqa: T201 - the fault
        super().activate(staged, bundle)


class PlainToken(MemoryTarget):
    """Its settings hold the token as plain text, so whoever prints them shows it."""


class PlainSettings(Settings):
    """The settings of ``PlainToken``."""

    state: str
    plain_token: str
    rescue_after: Duration | None = None
    server_name: str | None = None


class LaxSettings(Settings, frozen=False, forbid_unknown_fields=False):  # type: ignore[call-arg] # the fault
    """Settings that pass over a misspelt key."""


class AcceptsAnyKey(MemoryTarget):
    """Its settings take misspelt keys without a word."""


class IsCalledStrangely(MemoryTarget):
    """Its kind has a name that no configuration should have to spell."""


class BreaksRawWhenNobodyAnswers(MemoryTarget):
    """Lets the library's own error escape when the device is gone."""

    def inspect(self) -> Installed:
        try:
            return super().inspect()
        except TargetUnreachable:
            raise DeviceGone("Errno 111") from None


class SeesNothingWhenNobodyAnswers(MemoryTarget):
    """Takes silence for success."""

    def activate(self, staged: Staged, bundle: CertificateBundle) -> None:
        try:
            super().activate(staged, bundle)
        except TargetUnreachable:
            return


class CallsSilenceARefusal(MemoryTarget):
    """Says that the device refused when nobody answered, so the core does not try again."""

    def rollback(self, to: Installed, staged: Staged | None, previous: CertificateBundle | None) -> Expected:
        try:
            return super().rollback(to, staged, previous)
        except TargetUnreachable:
            raise TargetRefused("it did not work") from None


class HangsWhenNobodyAnswers(MemoryTarget):
    """Waits for ever for a device that is gone."""

    def inspect(self) -> Installed:
        try:
            return super().inspect()
        except TargetUnreachable:
            threading.Event().wait(30)
            raise


class ClosesOnlyOnce(MemoryTarget):
    """Falls over its own closed connection."""

    _closed = False

    def close(self) -> None:
        if self._closed:
            raise ValueError("I/O operation on closed connection")
        self._closed = True


def _plain(settings: MemorySettings) -> MemorySettings:
    return PlainSettings(state=settings.state, plain_token=settings.token.reveal())  # type: ignore[return-value] # the fault


def _lax(kind: TargetKind[MemorySettings]) -> TargetKind[MemorySettings]:
    return replace(kind, settings=LaxSettings)  # type: ignore[arg-type] # the fault


def _named_strangely(kind: TargetKind[MemorySettings]) -> TargetKind[MemorySettings]:
    return replace(kind, name="The NAS!")


_LOGIN = "test_a_refused_login_is_told_without_repeating_it"
_UNREACHABLE = "test_an_unreachable_device_is_told_in_time"

FAULTS = (
    Fault(ShowsTheKeyInRepr, "test_the_target_shows_no_secret", "repr(target) shows a private key in PEM"),
    Fault(LogsTheKey, "test_logs_hold_no_secret", "the log shows a private key in PEM"),
    Fault(LogsTheToken, "test_logs_hold_no_secret", "the log shows secret number 1 of the settings"),
    Fault(KeepsTheKeyInTheHandle, "test_handles_hold_no_secret", "a handle shows the private part of a key"),
    Fault(PutsTheKeyIntoAnError, "test_errors_hold_no_secret", "an error shows a private key in PEM"),
    Fault(KeepsTheTokenInTheHandle, "test_handles_hold_no_secret", "a handle shows secret number 1 of the settings"),
    Fault(LeavesTheKeyInTheCause, "test_errors_hold_no_secret", "an error shows a private key in PEM"),
    Fault(TellsTheTokenInThePlan, "test_plans_and_findings_show_no_secret", "endpoints() shows secret number 1 of the settings"),
    Fault(RepeatsTheTokenThatWasRefused, _LOGIN, "the error of a refused login shows secret number 2 of the settings"),
    Fault(TakesARefusedLoginForAFailure, _LOGIN, "a refused login must raise TargetAuthFailed, not TargetRefused"),
    Fault(PassesTheTokenInArgv, "test_commands_show_no_secret", "a command that the plugin runs shows secret number 1 of the settings"),
    Fault(PassesTheKeyInTheEnvironment, "test_commands_show_no_secret", "a command that the plugin runs shows a private key in PEM"),
    Fault(Prints, "test_nothing_is_printed", "the plugin printed"),
    Fault(PlainToken, "test_settings_show_no_secret", "repr(settings) shows secret number 1", settings=_plain),
    Fault(AcceptsAnyKey, "test_the_settings_are_frozen_and_refuse_unknown_keys", "DID NOT RAISE", claims=_lax),
    Fault(IsCalledStrangely, "test_the_kind_is_well_formed", "small letters, digits and hyphens", claims=_named_strangely),
    Fault(BreaksRawWhenNobodyAnswers, f"{_UNREACHABLE}[inspect]", "inspect() let DeviceGone escape"),
    Fault(SeesNothingWhenNobodyAnswers, f"{_UNREACHABLE}[activate]", "as if all were well"),
    Fault(CallsSilenceARefusal, f"{_UNREACHABLE}[rollback]", "must raise TargetUnreachable, not TargetRefused"),
    Fault(
        HangsWhenNobodyAnswers,
        f"{_UNREACHABLE}[inspect]",
        "inspect() did not come back within 0.5 s",
        patience=timedelta(seconds=0.5),
    ),
    Fault(ClosesOnlyOnce, "test_close_is_harmless_at_any_time", "close() let ValueError escape"),
)
