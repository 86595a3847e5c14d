"""What a provisioner allows: its own claims, else the authority's, else step-ca's defaults."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from certpush.stepca.durations import format_go_duration, parse_go_duration
from certpush.testing.authority.provisioners import Claims

BACKDATE = timedelta(minutes=1)
_DURATIONS = ("minTLSCertDuration", "maxTLSCertDuration", "defaultTLSCertDuration")


@dataclass(frozen=True)
class Limits:
    """The claims that count for one provisioner."""

    minimum: timedelta = timedelta(minutes=5)
    maximum: timedelta = timedelta(hours=24)
    default: timedelta = timedelta(hours=24)
    disable_renewal: bool = False
    allow_renewal_after_expiry: bool = False
    disable_extensions: bool = False

    def under(self, claims: Claims) -> Limits:
        """The limits where ``claims`` override these.

        Raises:
            ValueError: they contradict each other; step-ca would not start.

        """
        minimum, maximum, default = (_duration(claims, name) for name in _DURATIONS)
        limits = Limits(
            # A default that is set alone moves the limit that it would break.
            minimum if minimum is not None else min(self.minimum, default or self.minimum),
            maximum if maximum is not None else max(self.maximum, default or self.maximum),
            default if default is not None else self.default,
            _switch(claims, "disableRenewal", otherwise=self.disable_renewal),
            _switch(claims, "allowRenewalAfterExpiry", otherwise=self.allow_renewal_after_expiry),
            _switch(claims, "disableSmallstepExtensions", otherwise=self.disable_extensions),
        )
        if not timedelta(0) < limits.minimum <= limits.default <= limits.maximum:
            raise ValueError("claims: the default duration must lie between the minimum and the maximum")
        return limits


def normalised(claims: Claims) -> Claims:
    """Claims as step-ca lists them: durations as Go prints them."""
    return {name: format_go_duration(parse_go_duration(str(value))) if name in _DURATIONS else value for name, value in claims.items()}


def _duration(claims: Claims, name: str) -> timedelta | None:
    return parse_go_duration(str(claims[name])) if name in claims else None


def _switch(claims: Claims, name: str, *, otherwise: bool) -> bool:
    return bool(claims.get(name, otherwise))
