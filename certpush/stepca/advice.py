"""What to change on the CA so that it signs for longer or shorter: the claims, as they stand in ca.json."""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping
from datetime import timedelta

from certpush.kit.settings import format_duration
from certpush.records import record
from certpush.stepca.durations import format_go_duration, parse_go_duration
from certpush.stepca.wire import Claims, Provisioner

STOCK_LEAST, STOCK_MOST = timedelta(minutes=5), timedelta(hours=24)
"""What step-ca allows where neither ca.json nor the provisioner says anything."""
APPLE_MOST = timedelta(days=825)
"""iOS and macOS accept no longer server certificate, whoever signed it (support.apple.com/103769)."""
RESTART = "systemctl restart step-ca"
_FLAGS = {
    "minTLSCertDuration": "--x509-min-dur",
    "maxTLSCertDuration": "--x509-max-dur",
}


@record(frozen=True, slots=True)
class OwnLimits:
    """The limits that a provisioner's own claims set; None where the CA's own count, which cannot be seen from outside."""

    least: timedelta | None
    usual: timedelta | None
    most: timedelta | None

    def allow(self, lifetime: timedelta) -> bool | None:
        """Whether they allow ``lifetime``; None where the CA's own limits decide."""
        verdicts = (self._short_enough(lifetime), self._long_enough(lifetime))
        if False in verdicts:
            return False
        return None if None in verdicts else True

    def _short_enough(self, lifetime: timedelta) -> bool | None:
        if self.most is not None:
            return lifetime <= self.most
        # step-ca raises a limit that a default of the provisioner's own lies beyond.
        return True if self.usual is not None and lifetime <= self.usual else None

    def _long_enough(self, lifetime: timedelta) -> bool | None:
        if self.least is not None:
            return lifetime >= self.least
        # No CA is known to ask for more than step-ca's own five minutes.
        return True if lifetime >= min(STOCK_LEAST, self.usual or STOCK_LEAST) else None


_NO_LIMITS = OwnLimits(None, None, None)


def own_limits(provisioner: Provisioner) -> OwnLimits:
    """Read a provisioner's own claims; what cannot be read counts as not said."""
    claims = provisioner.claims or Claims()
    return OwnLimits(*(_duration(text) for text in (claims.min_lifetime, claims.default_lifetime, claims.max_lifetime)))


def _duration(text: str) -> timedelta | None:
    try:
        return parse_go_duration(text) if text else None
    except ValueError:
        return None


def claims_for(lifetime: timedelta, own: OwnLimits = _NO_LIMITS) -> dict[str, str]:
    """The claims that let a CA sign for ``lifetime``; none where it does already: a limit is widened, never narrowed.

    ``own`` are the provisioner's limits; where it has none, step-ca's count. step-ca knows no
    days, so 395d is 9480h0m0s.
    """
    if own.allow(lifetime):
        return {}
    text, claims = format_go_duration(lifetime), {}
    if lifetime < (own.least or STOCK_LEAST):
        claims["minTLSCertDuration"] = text
    if lifetime > (own.most or STOCK_MOST):
        claims["maxTLSCertDuration"] = text  # not the default as well: it is for those who ask for no lifetime, and certpush does
    return claims


def stock_claims() -> dict[str, str]:
    """What step-ca comes with, for one that was told otherwise where nobody sees it."""
    return {"minTLSCertDuration": format_go_duration(STOCK_LEAST), "maxTLSCertDuration": format_go_duration(STOCK_MOST)}


def update_command(claims: Mapping[str, str], provisioner: str) -> str:
    """The command, to be run on the CA, that sets these claims for one provisioner; NAME stands for one that is not known."""
    flags = " ".join(f"{_FLAGS[claim]} {text}" for claim, text in claims.items())
    return f"step ca provisioner update {_word(provisioner)} {flags}"


def docker_commands(claims: Mapping[str, str], provisioner: str) -> tuple[str, str]:
    """The same where step-ca runs in a container: the change, and having it take effect."""
    return f"docker exec -it CONTAINER {update_command(claims, provisioner)}", "docker restart CONTAINER"


def allow_longer(lifetime: timedelta, provisioner: str) -> str:
    """Say how to let the CA sign for ``lifetime``."""
    return _allow({"maxTLSCertDuration": format_go_duration(lifetime)}, lifetime, provisioner)


def allow_shorter(lifetime: timedelta, provisioner: str) -> str:
    """Say how to let the CA sign for as short as ``lifetime``."""
    return _allow({"minTLSCertDuration": format_go_duration(lifetime)}, lifetime, provisioner)


def _allow(claims: Mapping[str, str], lifetime: timedelta, provisioner: str) -> str:
    into_ca_json = f'put "claims": {json.dumps(claims)} into "authority" (or into the provisioner) of the CA\'s ca.json'
    return f"to allow {format_duration(lifetime)}: {into_ca_json}, or run: {update_command(claims, provisioner)}; then restart step-ca"


def _word(provisioner: str) -> str:
    return shlex.quote(provisioner) if provisioner else "NAME"
