"""A deployment as the journal holds it: JSON, with a checksum, because SQLite itself does not notice a changed letter."""

from __future__ import annotations

import hashlib
from datetime import datetime
from typing import Any

import msgspec

from certpush.model import Deployment, Installed, Outcome, Phase, Staged, WayBack, WayBackKind


def seal(deployment: Deployment) -> tuple[str, str, str]:
    """Phase, record and checksum."""
    record = _write(deployment)
    return deployment.phase.value, record, checksum_of(deployment.phase.value, record)


def checksum_of(phase: str, record: str) -> str:
    """What must stand beside a phase and a record that nobody changed."""
    return hashlib.sha256(f"{phase}\n{record}".encode()).hexdigest()


def _write(deployment: Deployment) -> str:
    import json

    fields: dict[str, Any] = {
        "id": deployment.id,
        "target": deployment.target,
        "certificate": deployment.certificate,
        "before": {
            "fingerprint": deployment.before.fingerprint,
            "handle": dict(deployment.before.handle),
            "device_default": deployment.before.device_default,
            "own": deployment.before.own,
        },
        "wanted": deployment.wanted,
        "phase": deployment.phase.value,
        "way_back": [deployment.way_back.kind.value, deployment.way_back.text],
        "served_before": dict(deployment.served_before),
        "staged": None if deployment.staged is None else dict(deployment.staged.handle),
        "started": _moment(deployment.started),
        "finished": _moment(deployment.finished),
        "why": deployment.why,
        "outcome": deployment.outcome and deployment.outcome.value,
        "error": deployment.error,
        "not_after": _moment(deployment.not_after),
    }
    return json.dumps(fields, separators=(",", ":"))


def found_by(record: str) -> tuple[str, str, str, str]:
    """Of a record whose checksum is right, what its row must say too: id, target, certificate, wanted."""
    fields = msgspec.json.decode(record, type=_FoundBy)
    return fields.id, fields.target, fields.certificate, fields.wanted


class _FoundBy(msgspec.Struct):
    """Of a whole fleet's open records each rotation reads no more than that."""

    id: str
    target: str
    certificate: str
    wanted: str


def read_record(record: str) -> Deployment:
    """The deployment in a record whose checksum is right."""
    fields = msgspec.json.decode(record)
    kind, text = fields["way_back"]
    return Deployment(
        id=fields["id"],
        target=fields["target"],
        certificate=fields["certificate"],
        before=Installed(**fields["before"]),
        wanted=fields["wanted"],
        phase=Phase(fields["phase"]),
        way_back=WayBack(WayBackKind(kind), text),
        served_before=fields["served_before"],
        staged=None if fields["staged"] is None else Staged(fields["staged"]),
        started=_when(fields["started"]),
        finished=_when(fields["finished"]),
        why=fields["why"],
        outcome=None if fields["outcome"] is None else Outcome(fields["outcome"]),
        error=fields["error"],
        not_after=_when(fields["not_after"]),
    )


def _moment(when: datetime | None) -> str | None:
    return None if when is None else when.isoformat()


def _when(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)
