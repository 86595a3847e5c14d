"""certpush ca advise: what to set on the CA so that it signs for a given time."""

from __future__ import annotations

import argparse
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta
from typing import Any

from certpush.cli.console import Console, safe
from certpush.cli.exits import OK
from certpush.cli.which_ca import configuration_for, open_public, public_settings, talking
from certpush.errors import ConfigError, IssuerError
from certpush.kit.settings import Duration, format_duration
from certpush.kit.tls import utc_now
from certpush.records import record
from certpush.stepca import advice
from certpush.stepca.checks import signing_certificates
from certpush.stepca.durations import format_go_duration
from certpush.stepca.wire import Provisioner


@record(frozen=True, slots=True)
class _Known:
    """What is known of the CA that is meant; ``gap`` says why that is not all."""

    url: str | None = None
    provisioner: str = ""
    listed: tuple[Provisioner, ...] = ()
    warnings: tuple[str, ...] = ()
    gap: str = ""

    def claims(self, lifetime: timedelta) -> dict[str, str]:
        """What is to be set for who is meant, or for those with a password; nothing where all that is seen allows it."""
        meant = [one for one in self.listed if one.name == self.provisioner] or [one for one in self.listed if _is_jwk(one)]
        each = [advice.claims_for(lifetime, advice.own_limits(one)) for one in meant] or [advice.claims_for(lifetime)]
        return next(filter(None, each), {})


def _is_jwk(provisioner: Provisioner) -> bool:
    return provisioner.type.casefold() == "jwk"


def run(arguments: argparse.Namespace, console: Console) -> int:
    """Look at the CA where there is one, and say what to set; the advice holds without it, too."""
    lifetime = Duration.parse(arguments.lifetime)
    if not lifetime:
        raise ConfigError("the lifetime of a certificate is more than nothing", hint="certpush ca advise 395d")
    known = _look(arguments, lifetime)
    _show(console, lifetime, known)
    console.document.update(_document(lifetime, known))
    return OK


# --- what the CA says -------------------------------------------------------------------------


def _look(arguments: argparse.Namespace, lifetime: timedelta) -> _Known:
    configuration = configuration_for(arguments, os.environ)
    with open_public(public_settings(configuration, arguments.ca), os.environ) as issuer:
        url, configured = issuer.settings.url, issuer.settings.provisioner or ""
    if url is None:
        return _Known(gap="no CA is configured, so none was looked at")
    try:
        with talking(arguments) as ca:
            listed = ca.provisioners()
            warnings = tuple(
                f"the CA's {what} ends on {one.not_valid_after_utc:%Y-%m-%d}, before a certificate that is made now for that long"
                for what, one in signing_certificates(ca)
                if one.not_valid_after_utc < utc_now() + lifetime
            )
    except IssuerError as error:
        return _Known(url, configured, gap=f"the CA was not looked at: {error.message}")
    return _Known(url, _meant(configured, listed, lifetime), listed, warnings)


def _meant(configured: str, listed: Sequence[Provisioner], lifetime: timedelta) -> str:
    """The provisioner to change: the configured one, or the only one with a password that does not allow it yet."""
    names = [one.name for one in listed if _is_jwk(one) and advice.own_limits(one).allow(lifetime) is not True]
    return configured or (names[0] if len(names) == 1 else "")


# --- what a person sees -----------------------------------------------------------------------


def _show(console: Console, lifetime: timedelta, known: _Known) -> None:
    if known.gap:
        console.note(f"note: {safe(known.gap)}")
    if known.listed:
        _show_provisioners(console, lifetime, known.listed)
    claims = known.claims(lifetime)
    if claims:
        _show_change(console, lifetime, claims, safe(known.provisioner))
    else:
        _show_that_nothing_is_needed(console, lifetime, known)
    for line in _remarks(lifetime, known, claims):
        console.line(f"\n{safe(line)}")


def _show_change(console: Console, lifetime: timedelta, claims: Mapping[str, str], provisioner: str) -> None:
    change, restart = advice.docker_commands(claims, provisioner)
    _block(console, f'For {format_duration(lifetime)}, in "authority" of ca.json, or in one of its provisioners:', _as_in_ca_json(claims))
    _block(console, "or, where step-ca runs:", [f"  {advice.update_command(claims, provisioner)}"])
    _block(console, "then:", [f"  {advice.RESTART}"])
    _block(console, "in Docker (its ca.json is /home/step/config/ca.json):", [f"  {change}", f"  {restart}"])


def _show_that_nothing_is_needed(console: Console, lifetime: timedelta, known: _Known) -> None:
    if any(advice.own_limits(one).allow(lifetime) for one in known.listed):
        console.result(f"Nothing to do: {format_duration(lifetime)} is allowed.")
        return
    console.result(f"Nothing to do: step-ca allows {format_duration(lifetime)} as it comes.")
    told = f'Only a CA that was told otherwise and refuses it needs its limits back, in "authority" of ca.json; then {advice.RESTART}:'
    console.line(told)
    for line in _as_in_ca_json(advice.stock_claims()):
        console.line(f"  {line}")


def _as_in_ca_json(claims: Mapping[str, str]) -> list[str]:
    return json.dumps({"claims": claims}, indent=2).splitlines()[1:-1]


def _show_provisioners(console: Console, lifetime: timedelta, listed: Sequence[Provisioner]) -> None:
    rows = [[console.paint(safe(one.name), "bold"), safe(one.type), _own(one), _verdict(one, lifetime)] for one in listed]
    console.table(("provisioner", "type", "own max", f"allows {format_duration(lifetime)}"), rows)
    if any(advice.own_limits(one).allow(lifetime) is None for one in listed):
        console.line("The CA's own limits cannot be seen from outside; step-ca comes with 5m to 24h.")
    console.line()


def _own(provisioner: Provisioner) -> str:
    most = advice.own_limits(provisioner).most
    return format_duration(most) if most else "-"


def _verdict(provisioner: Provisioner, lifetime: timedelta) -> str:
    allowed = advice.own_limits(provisioner).allow(lifetime)
    if allowed is None:
        return "as the CA's own limits say"
    return "yes, nothing to change" if allowed else "no"


def _block(console: Console, heading: str, lines: Sequence[str]) -> None:
    console.line(heading)
    for line in lines:
        console.result(f"  {line}")


def _remarks(lifetime: timedelta, known: _Known, claims: Mapping[str, str]) -> Iterator[str]:
    if "maxTLSCertDuration" in claims:
        yield "Only the maximum is raised: certpush asks for its lifetime itself, and others keep what defaultTLSCertDuration gives them."
    if lifetime > advice.APPLE_MOST:
        yield "iOS and macOS refuse server certificates that live longer than 825 days, those of private CAs too."
    yield from (f"{one[0].upper()}{one[1:]}." for one in known.warnings)


def _document(lifetime: timedelta, known: _Known) -> dict[str, Any]:
    claims = known.claims(lifetime)
    return {
        "lifetime": format_duration(lifetime),
        "go_duration": format_go_duration(lifetime),
        "claims": claims,
        "provisioner": known.provisioner or None,
        "commands": _commands(claims, known.provisioner) if claims else None,
        "url": known.url,
        "looked_at": not known.gap,
        "gap": known.gap or None,
        "provisioners": [{"name": one.name, "type": one.type, "allows": advice.own_limits(one).allow(lifetime)} for one in known.listed],
        "warnings": list(known.warnings),
    }


def _commands(claims: Mapping[str, str], provisioner: str) -> dict[str, Any]:
    return {
        "update": advice.update_command(claims, provisioner),
        "restart": advice.RESTART,
        "docker": list(advice.docker_commands(claims, provisioner)),
    }
