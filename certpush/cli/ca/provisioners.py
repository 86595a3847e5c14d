"""certpush ca provisioners: who may ask the CA for certificates, and within which limits of their own."""

from __future__ import annotations

import argparse
from typing import Any

from certpush.cli.console import Console, safe
from certpush.cli.exits import OK
from certpush.cli.which_ca import talking
from certpush.kit.settings import format_duration
from certpush.stepca.advice import own_limits
from certpush.stepca.wire import Claims, Provisioner

_HEADINGS = ("provisioner", "type", "key", "min", "default", "max", "renewal", "")


def run(arguments: argparse.Namespace, console: Console) -> int:
    """List them, in the CA's order."""
    with talking(arguments) as ca:
        listed = ca.provisioners()
        address = ca.address
    console.document.update(url=str(address), provisioners=[_document(one) for one in listed])
    if not listed:
        console.result(f"{address} lists no provisioner")
        return OK
    console.table(_HEADINGS, [_row(one, console) for one in listed])
    console.line()
    console.line("A limit that is not shown is the CA's own (authority.claims in ca.json), which cannot be seen from outside;")
    console.line("step-ca comes with min 5m, default 24h, max 24h. `certpush ca advise 395d` tells what to change.")
    return OK


def _row(provisioner: Provisioner, console: Console) -> list[str]:
    limits = own_limits(provisioner)
    claims = provisioner.claims or Claims()
    spans = [
        format_duration(span) if span else safe(text) or "-"
        for span, text in (
            (limits.least, claims.min_lifetime),
            (limits.usual, claims.default_lifetime),
            (limits.most, claims.max_lifetime),
        )
    ]
    return [
        console.paint(safe(provisioner.name), "bold"),
        safe(provisioner.type),
        safe(provisioner.kid) or "-",
        *spans,
        _renewal(claims),
        console.paint(safe(_trouble(provisioner)), "red" if provisioner.state else "yellow"),
    ]


def _renewal(claims: Claims) -> str:
    if claims.disable_renewal:
        return "disabled"
    return "after expiry too" if claims.allow_renewal_after_expiry else "-"


def _trouble(provisioner: Provisioner) -> str:
    if provisioner.state:
        return f"{provisioner.state}: {provisioner.state_reason or 'no reason given'}"[:300]
    if provisioner.type.casefold() == "jwk" and not provisioner.encrypted_key:
        return "its key is not handed out: set provisioner_key"
    return ""


def _document(provisioner: Provisioner) -> dict[str, Any]:
    claims = provisioner.claims or Claims()
    return {
        "name": provisioner.name,
        "type": provisioner.type,
        "key": provisioner.kid or None,
        "key_handed_out": bool(provisioner.encrypted_key),
        "min": claims.min_lifetime or None,
        "default": claims.default_lifetime or None,
        "max": claims.max_lifetime or None,
        "renewal_disabled": claims.disable_renewal,
        "renewal_after_expiry": claims.allow_renewal_after_expiry,
        "state": provisioner.state or None,
        "state_reason": provisioner.state_reason or None,
    }
