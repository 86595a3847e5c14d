"""Receipts, plans and certificates as rows for people and as objects for machines."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, TypeVar

from certpush.cli.console import Console, describe, indented, safe
from certpush.cli.exits import code_of_receipt
from certpush.model import Outcome

if TYPE_CHECKING:  # `status` shows no receipt, and needs none of what makes one
    from certpush.fleet.fleet import Fleet
    from certpush.model import Deployment, Finding, Receipt, Served, TargetStatus

T = TypeVar("T", "Receipt", "TargetStatus")

_COLOUR = {
    Outcome.ROTATED: "green",
    Outcome.UNCHANGED: "dim",
    Outcome.ROLLED_BACK: "yellow",
    Outcome.REFUSED: "yellow",
    Outcome.FAILED: "red",
    Outcome.STRANDED: "red",
}


def show_receipts(console: Console, receipts: Iterable[Receipt], now: datetime) -> None:
    """The table at the end, then each error with its hint."""
    receipts = list(receipts)
    rows = [
        [
            console.paint(safe(one.target), "bold"),
            short(one.was),
            short(one.now),
            left(one.not_after, now),
            one.plan.way_back.kind.value if one.plan.way_back.text else "-",
            console.paint(_outcome(one), _COLOUR[one.outcome]),
        ]
        for one in receipts
        if not (console.quiet and one.error is None)
    ]
    console.table(("target", "was", "is now", "left", "way back", "outcome"), rows)
    for one in receipts:
        for warning in _warnings(one):
            console.line(f"{console.paint('warning:', 'yellow')} {safe(one.target)}: {indented(warning.message)}")
            if warning.hint:
                console.line(f"  {console.paint('hint:', 'cyan')} {indented(warning.hint)}")
        if one.error is not None:
            console.complain(one.error, one.target)
    if console.json:  # nobody else reads it, and of thousands it is as large as the receipts
        console.document["targets"] = [receipt_document(one) for one in receipts]


def show_plans(console: Console, receipts: Iterable[Receipt], wanted: dict[str, str], now: datetime) -> None:
    """What would be done: three lines a target."""
    from certpush.model import Action

    receipts = list(receipts)
    width = max((len(one.target) for one in receipts), default=0)
    for one in receipts:
        name, pad = console.paint(f"{safe(one.target):<{width}}", "bold"), " " * width
        console.result(f"{name}  {_verb(one):<8}  {_is_there(one, now)}  {_becomes(one, wanted)}".rstrip())
        for change in one.plan.changes if one.plan.action not in (Action.NOTHING, Action.REFUSE) else ():
            console.result(f"{pad}  changes   {indented(change, width + 12)}")
        if one.plan.way_back.text:
            console.result(f"{pad}  way back  {one.plan.way_back.kind}: {indented(one.plan.way_back.text, width + 12)}")
        for warning in _warnings(one):
            console.result(f"{pad}  {warning.severity:<8}  {indented(warning.message, width + 12)}")
        if one.error is not None:
            console.complain(one.error, one.target)
    if console.json:  # nobody else reads it, and of thousands it is as large as the receipts
        console.document["targets"] = [receipt_document(one) for one in receipts]


def in_order(told: Iterable[T], fleet: Fleet) -> list[T]:
    """Receipts or statuses as they stand in the configuration; a cluster's members in the order they were rotated."""
    order = {name: position for position, name in enumerate(fleet.configuration.targets)}
    return sorted(told, key=lambda one: order.get(one.target.split("/", 1)[0], len(order)))


def receipt_document(receipt: Receipt) -> dict[str, Any]:
    """A receipt for a machine; docs/output.md explains each field."""
    return {
        "target": receipt.target,
        "outcome": receipt.outcome.value,
        "exit": code_of_receipt(receipt),
        "action": receipt.plan.action.value,
        "why": receipt.plan.why,
        "changes": list(receipt.plan.changes),
        "way_back": {"kind": receipt.plan.way_back.kind.value, "text": receipt.plan.way_back.text},
        "was": receipt.was,
        "now": receipt.now,
        "not_after": moment(receipt.not_after),
        "due": moment(receipt.due),
        "served": [served_document(one) for one in receipt.served],
        "seen": receipt.seen,
        "deployment": receipt.deployment,
        "findings": [finding_document(one) for one in receipt.findings],
        "error": describe(receipt.error) if receipt.error else None,
    }


def served_document(served: Served) -> dict[str, Any]:
    """What an endpoint serves, for a machine."""
    return {
        "endpoint": str(served.endpoint),
        "server_name": served.endpoint.name,
        "fingerprint": served.fingerprint,
        "not_after": moment(served.not_after),
        "subject": served.subject,
        "issuer": served.issuer,
        "chain_ok": served.chain_ok if served.judged else None,
        "problem": served.problem,
    }


def finding_document(finding: Finding) -> dict[str, Any]:
    """A finding, for a machine."""
    return {"severity": finding.severity.value, "code": finding.code, "message": finding.message, "hint": finding.hint}


def deployment_document(deployment: Deployment) -> dict[str, Any]:
    """A record of the journal, for a machine."""
    return {
        "id": deployment.id,
        "target": deployment.target,
        "certificate": deployment.certificate,
        "phase": deployment.phase.value,
        "outcome": deployment.outcome.value if deployment.outcome else None,
        "was": deployment.before.fingerprint,
        "wanted": deployment.wanted,
        "why": deployment.why,
        "error": deployment.error,
        "started": moment(deployment.started),
        "finished": moment(deployment.finished),
        "not_after": moment(deployment.not_after),
    }


def short(fingerprint: str | None) -> str:
    """Enough of a fingerprint to tell two apart."""
    return fingerprint[:12] if fingerprint else "-"


def left(not_after: datetime | None, now: datetime) -> str:
    """How long a certificate still lives, in the largest fitting unit."""
    if not_after is None:
        return "-"
    seconds = (not_after - now).total_seconds()
    if seconds <= 0:
        return "expired"
    for unit, size in (("d", 86400), ("h", 3600), ("m", 60)):
        if seconds >= 2 * size:
            return f"{int(seconds // size)}{unit}"
    return f"{int(seconds)}s"


def moment(when: datetime | None) -> str | None:
    """A moment for a machine, to the second: RFC 3339 with the Z that jq's fromdate insists on."""
    return None if when is None else when.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def _warnings(receipt: Receipt) -> Iterator[Finding]:
    """What a person should know; an error is the receipt's own, and stands there with its hint."""
    from certpush.model import Severity

    return (one for one in receipt.findings if one.severity is Severity.WARNING)


def _outcome(receipt: Receipt) -> str:
    if receipt.outcome is Outcome.ROTATED and not receipt.seen:
        return "rotated (installed, not seen)"
    if receipt.outcome is Outcome.STRANDED:
        return "STRANDED"
    if receipt.outcome is Outcome.UNCHANGED:
        return f"unchanged: {safe(receipt.plan.why)}"
    return receipt.outcome.value


def _verb(receipt: Receipt) -> str:
    from certpush.model import Action

    if receipt.outcome is Outcome.FAILED:
        return "failed"
    return "rotate" if receipt.plan.action is Action.OBTAIN else receipt.plan.action.value


def _is_there(receipt: Receipt, now: datetime) -> str:
    if receipt.served:
        one = receipt.served[0]
        own = "self-signed" if one.subject == one.issuer else f"{safe(one.subject) or 'no subject'}"
        return f"served: {own}, {left(one.not_after, now)} left"
    if receipt.was:
        return f"installed: {short(receipt.was)}"
    return "not looked at" if receipt.error and not receipt.plan.why else "nothing there yet"


def _becomes(receipt: Receipt, wanted: dict[str, str]) -> str:
    from certpush.model import Action

    if receipt.plan.action in (Action.NOTHING, Action.REFUSE):
        return f"({safe(receipt.plan.why)})" if receipt.plan.action is Action.NOTHING else ""
    name = receipt.target.split("/", 1)[0]
    return f"->  {wanted.get(name, '')}  ({safe(receipt.plan.why)})"
