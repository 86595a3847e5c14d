"""The error tree. The root carries what a person needs next; only the command line turns errors into exits."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    from datetime import timedelta

    from certpush.model import Deployment, Endpoint, Served


class CertpushError(Exception):
    """The root: what happened and where (``message``), what to do (``hint``), whether trying again may help (``retryable``)."""

    def __init__(self, message: str, *, hint: str = "", retryable: bool = False) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.retryable = retryable

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        """What observers get: what it says, without the cause and the traceback, whose frames may hold keys."""
        import copy

        twin = type(self).__new__(type(self), *self.args)
        memo[id(self)] = twin
        vars(twin).update({name: copy.deepcopy(value, memo) for name, value in vars(self).items()})
        return twin


class ConfigError(CertpushError):
    """The configuration or a command's words are wrong; nothing was sent anywhere."""


class PluginError(CertpushError):
    """A plugin cannot be used."""


class PluginNotFound(PluginError):
    """No installed distribution offers this kind."""


class PluginConflict(PluginError):
    """Two distributions offer one kind, or one shadows a built-in."""


class PluginBroken(PluginError):
    """A plugin cannot be imported or does not register what it must."""


class ContractViolation(PluginError):
    """A plugin did something that the Target contract forbids."""


class IssuerError(CertpushError):
    """No certificate came from the CA."""


class IssuerUnreachable(IssuerError):
    """The CA does not answer."""

    def __init__(self, message: str, *, hint: str = "", retryable: bool = True) -> None:
        super().__init__(message, hint=hint, retryable=retryable)


class IssuerRefused(IssuerError):
    """The CA answered no, or the provisioner cannot be used."""

    allowed: timedelta | None = None
    """The longest life that it would give, where one that is too long was asked for."""


class BundleInvalid(IssuerError):
    """A certificate, chain or key is not what was asked for, or its parts do not belong together."""


class TrustError(CertpushError):
    """The other side is not who it should be; nothing secret was sent to it."""


class HostKeyMismatch(TrustError):
    """An SSH host key is unknown or has changed."""


class PinMismatch(TrustError):
    """A TLS certificate is not the pinned one."""


class RootMismatch(TrustError):
    """The CA's root is not the one whose fingerprint is configured."""


class TargetError(CertpushError):
    """Something went wrong on a target; the core adds which target and in which phase."""

    def __init__(
        self,
        message: str,
        *,
        hint: str = "",
        retryable: bool = False,
        target: str | None = None,
        phase: str | None = None,
    ) -> None:
        super().__init__(message, hint=hint, retryable=retryable)
        self.target = target
        self.phase = phase


class TargetUnreachable(TargetError):
    """The target does not answer."""

    def __init__(
        self,
        message: str,
        *,
        hint: str = "",
        retryable: bool = True,
        target: str | None = None,
        phase: str | None = None,
    ) -> None:
        super().__init__(message, hint=hint, retryable=retryable, target=target, phase=phase)


class TargetAuthFailed(TargetError):
    """The target did not accept the login."""


class TargetRefused(TargetError):
    """The target said no: a failed check or reload, missing rights, a full disk."""


class TargetDrifted(TargetError):
    """The target changed under our hands."""


class RescueFired(TargetDrifted):
    """The device's own timer put the old certificate back before the new one was confirmed."""


class TargetBug(TargetError):
    """The plugin raised something that is no CertpushError, or hung."""


class SafetyRefusal(CertpushError):
    """certpush will not do this, because it could not be undone or is not safe now."""


class ForeignCertificate(SafetyRefusal):
    """The target serves a certificate that certpush did not deploy."""


class NoWayBack(SafetyRefusal):
    """There would be no way back."""


class ClockSkew(SafetyRefusal):
    """A clock is wrong, here or on the other side."""


class PreflightFailed(SafetyRefusal):
    """A check before the rotation found what would make it fail."""


class VerificationFailed(CertpushError):
    """The wanted certificate is not served."""

    def __init__(
        self,
        message: str,
        *,
        endpoint: Endpoint | None = None,
        wanted: str = "",
        served: Served | None = None,
        hint: str = "",
    ) -> None:
        super().__init__(message, hint=hint)
        self.endpoint = endpoint
        self.wanted = wanted
        self.served = served


class StateError(CertpushError):
    """certpush's own state cannot be used."""


class LockHeld(StateError):
    """Another run works on the same thing."""


class JournalUnreadable(StateError):
    """The journal is damaged, or newer than this certpush."""


class Interrupted(CertpushError):
    """A person or the system asked to stop, and nothing had been switched yet."""


class BackingOff(CertpushError):
    """It failed before, and it is too early to try again unattended; the target was not touched this time."""


class ObserverFailed(CertpushError):
    """An observer could not do what it is there for; what it observes is not touched by that."""


class Stranded(CertpushError):
    """The new certificate failed and the old one could not be brought back: a person is needed."""

    def __init__(self, message: str, *, deployment: Deployment, cause: Exception, rollback_error: Exception, hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.deployment = deployment
        self.cause = cause
        self.rollback_error = rollback_error
