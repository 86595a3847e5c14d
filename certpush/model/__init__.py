"""The domain types: names, keys, certificates, and what is known about a target.

Everything here is frozen, knows nothing of the network, and can be reasoned about alone. Each
type is loaded when it is first asked for: who only looks at an endpoint pays neither for
cryptography nor for the types of a rotation.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from certpush.model.certificates import MAX_PEM_BYTES as MAX_PEM_BYTES
    from certpush.model.certificates import UNREADABLE as UNREADABLE
    from certpush.model.certificates import CertificateBundle as CertificateBundle
    from certpush.model.certificates import certificate_names as certificate_names
    from certpush.model.certificates import fingerprint as fingerprint
    from certpush.model.certificates import issued_by as issued_by
    from certpush.model.certificates import leaf_spki as leaf_spki
    from certpush.model.certificates import read_certificates as read_certificates
    from certpush.model.certificates import to_pem as to_pem
    from certpush.model.deployments import Deployment as Deployment
    from certpush.model.deployments import Outcome as Outcome
    from certpush.model.deployments import Phase as Phase
    from certpush.model.deployments import WayBack as WayBack
    from certpush.model.deployments import WayBackKind as WayBackKind
    from certpush.model.expectations import After as After
    from certpush.model.expectations import Expected as Expected
    from certpush.model.findings import Finding as Finding
    from certpush.model.findings import Identity as Identity
    from certpush.model.findings import Severity as Severity
    from certpush.model.keys import MAX_KEY_BYTES as MAX_KEY_BYTES
    from certpush.model.keys import PrivateKey as PrivateKey
    from certpush.model.keys import SigningKey as SigningKey
    from certpush.model.keys import describe_public_key as describe_public_key
    from certpush.model.names import DnsName as DnsName
    from certpush.model.names import IpName as IpName
    from certpush.model.names import Name as Name
    from certpush.model.names import name_covers as name_covers
    from certpush.model.names import parse_name as parse_name
    from certpush.model.plans import Action as Action
    from certpush.model.plans import Plan as Plan
    from certpush.model.receipts import Event as Event
    from certpush.model.receipts import Receipt as Receipt
    from certpush.model.receipts import Validity as Validity
    from certpush.model.requests import DEFAULT_DANGER_LEFT as DEFAULT_DANGER_LEFT
    from certpush.model.requests import DEFAULT_RENEW_AT as DEFAULT_RENEW_AT
    from certpush.model.requests import CertificateRequest as CertificateRequest
    from certpush.model.requests import CertificateSpec as CertificateSpec
    from certpush.model.requests import KeySpec as KeySpec
    from certpush.model.secrets import DeferredSecret as DeferredSecret
    from certpush.model.secrets import Secret as Secret
    from certpush.model.sights import Endpoint as Endpoint
    from certpush.model.sights import Handle as Handle
    from certpush.model.sights import Installed as Installed
    from certpush.model.sights import JsonValue as JsonValue
    from certpush.model.sights import Served as Served
    from certpush.model.sights import Staged as Staged
    from certpush.model.standings import Standing as Standing
    from certpush.model.standings import TargetStatus as TargetStatus
    from certpush.model.unresolved import Decision as Decision
    from certpush.model.unresolved import Known as Known
    from certpush.model.unresolved import Unresolved as Unresolved
    from certpush.model.unresolved import Way as Way
    from certpush.model.waiting import Waiting as Waiting

_HOMES = {
    "certificates": (
        "MAX_PEM_BYTES",
        "UNREADABLE",
        "CertificateBundle",
        "certificate_names",
        "fingerprint",
        "issued_by",
        "leaf_spki",
        "read_certificates",
        "to_pem",
    ),
    "deployments": ("Deployment", "Outcome", "Phase", "WayBack", "WayBackKind"),
    "expectations": ("After", "Expected"),
    "findings": ("Finding", "Identity", "Severity"),
    "keys": ("MAX_KEY_BYTES", "PrivateKey", "SigningKey", "describe_public_key"),
    "names": ("DnsName", "IpName", "Name", "name_covers", "parse_name"),
    "plans": ("Action", "Plan"),
    "receipts": ("Event", "Receipt", "Validity"),
    "requests": ("DEFAULT_DANGER_LEFT", "DEFAULT_RENEW_AT", "CertificateRequest", "CertificateSpec", "KeySpec"),
    "secrets": ("DeferredSecret", "Secret"),
    "sights": ("Endpoint", "Handle", "Installed", "JsonValue", "Served", "Staged"),
    "standings": ("Standing", "TargetStatus"),
    "unresolved": ("Decision", "Known", "Unresolved", "Way"),
    "waiting": ("Waiting",),
}
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names}

__all__ = sorted(_HOME_OF)  # noqa: PLE0605 - names, all of them strings


def __getattr__(name: str) -> Any:
    if name not in _HOME_OF:
        raise AttributeError(f"module 'certpush.model' has no attribute {name!r}")
    import importlib

    found = globals()[name] = getattr(importlib.import_module(f"certpush.model.{_HOME_OF[name]}"), name)
    return found
