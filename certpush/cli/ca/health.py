"""certpush ca health: whether the CA is well, and what would make it unwell soon."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from datetime import timedelta

from cryptography import x509

from certpush.cli.certificate_view import certificate_document, chain_line
from certpush.cli.console import Console, safe
from certpush.cli.exits import NOT_ROTATED, OK
from certpush.cli.findings import show_finding
from certpush.cli.receipts import finding_document
from certpush.cli.which_ca import talking
from certpush.kit.tls import utc_now
from certpush.model import Finding, Severity
from certpush.stepca.checks import expiries, look_at, signing_certificates
from certpush.stepca.client import StepCa

Signing = tuple[tuple[str, x509.Certificate], ...]


def run(arguments: argparse.Namespace, console: Console) -> int:
    """Ask, show, and say by the exit code whether all is well."""
    with talking(arguments) as ca:
        status, version = ca.health().status, ca.version().version
        findings = (*look_at(ca, status, utc_now), *expiries(ca, utc_now))
        signing = tuple(signing_certificates(ca))
    well = status == "ok" and all(one.severity is not Severity.ERROR for one in findings)
    for label, text in (("status", status), ("version", version), *_lines(ca, signing)):
        (console.result if label == "status" else console.line)(f"{label:<12}  {safe(text)}")
    _show_what_is_bad(console, findings)
    console.document.update(status=status, version=version, well=well, **_document(ca, signing, findings))
    return OK if well else NOT_ROTATED


def _lines(ca: StepCa, signing: Signing) -> Iterator[tuple[str, str]]:
    yield "address", str(ca.address)
    yield "names", ", ".join(ca.own_names)
    for what, certificate in signing:
        yield what, chain_line(certificate, utc_now())
    yield "clock", _clock(ca.skew)


def _clock(skew: timedelta | None) -> str:
    if skew is None:
        return "not told"
    # The date of an answer has whole seconds, and the answer was on its way.
    apart = round(abs(skew.total_seconds()))
    return "as here" if apart <= 1 else f"{apart} s {'ahead of' if skew > timedelta(0) else 'behind'} this machine's"


def _show_what_is_bad(console: Console, findings: tuple[Finding, ...]) -> None:
    bad = [one for one in findings if one.severity in (Severity.WARNING, Severity.ERROR)]
    if bad:
        console.line()
    for one in bad:
        show_finding(console, one)


def _document(ca: StepCa, signing: Signing, findings: tuple[Finding, ...]) -> dict[str, object]:
    now = utc_now()
    return {
        "url": str(ca.address),
        "names": list(ca.own_names),
        "roots": [certificate_document(one, now) for what, one in signing if what == "root"],
        "intermediates": [certificate_document(one, now) for what, one in signing if what == "intermediate"],
        "clock_skew_seconds": None if ca.skew is None else round(ca.skew.total_seconds(), 3),
        "findings": [finding_document(one) for one in findings],
    }
