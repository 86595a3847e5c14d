"""certpush: certificates from your private CA, installed on your appliances, verified, or rolled back.

Everything public is importable from here. Names are loaded when first used, so that
``import certpush`` (and with it the command line) starts in a few milliseconds.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from certpush._version import __version__

if TYPE_CHECKING:
    from certpush.errors import CertpushError as CertpushError
    from certpush.errors import ConfigError as ConfigError
    from certpush.errors import Interrupted as Interrupted
    from certpush.errors import IssuerError as IssuerError
    from certpush.errors import PluginError as PluginError
    from certpush.errors import SafetyRefusal as SafetyRefusal
    from certpush.errors import StateError as StateError
    from certpush.errors import Stranded as Stranded
    from certpush.errors import TargetError as TargetError
    from certpush.errors import TrustError as TrustError
    from certpush.errors import VerificationFailed as VerificationFailed
    from certpush.fleet.fleet import Fleet as Fleet
    from certpush.hookspecs import hookimpl as hookimpl
    from certpush.issuer import Issued as Issued
    from certpush.issuer import Issuer as Issuer
    from certpush.kit.settings import Doc as Doc
    from certpush.kit.settings import Duration as Duration
    from certpush.kit.settings import Settings as Settings
    from certpush.model import Action as Action
    from certpush.model import CertificateBundle as CertificateBundle
    from certpush.model import CertificateRequest as CertificateRequest
    from certpush.model import Decision as Decision
    from certpush.model import Deployment as Deployment
    from certpush.model import Endpoint as Endpoint
    from certpush.model import Event as Event
    from certpush.model import Expected as Expected
    from certpush.model import Finding as Finding
    from certpush.model import Identity as Identity
    from certpush.model import Installed as Installed
    from certpush.model import KeySpec as KeySpec
    from certpush.model import Known as Known
    from certpush.model import Outcome as Outcome
    from certpush.model import Phase as Phase
    from certpush.model import Plan as Plan
    from certpush.model import PrivateKey as PrivateKey
    from certpush.model import Receipt as Receipt
    from certpush.model import Secret as Secret
    from certpush.model import Served as Served
    from certpush.model import Severity as Severity
    from certpush.model import Staged as Staged
    from certpush.model import Standing as Standing
    from certpush.model import TargetStatus as TargetStatus
    from certpush.model import Unresolved as Unresolved
    from certpush.model import Validity as Validity
    from certpush.model import Waiting as Waiting
    from certpush.model import Way as Way
    from certpush.model import WayBack as WayBack
    from certpush.model import WayBackKind as WayBackKind
    from certpush.observer import Observer as Observer
    from certpush.observer import ObserverKind as ObserverKind
    from certpush.observer import Run as Run
    from certpush.target import Footprint as Footprint
    from certpush.target import KeyOrigin as KeyOrigin
    from certpush.target import Member as Member
    from certpush.target import Reversible as Reversible
    from certpush.target import Target as Target
    from certpush.target import TargetKind as TargetKind

_HOMES = {
    "certpush.errors": (
        "CertpushError",
        "ConfigError",
        "Interrupted",
        "IssuerError",
        "PluginError",
        "SafetyRefusal",
        "StateError",
        "Stranded",
        "TargetError",
        "TrustError",
        "VerificationFailed",
    ),
    "certpush.fleet.fleet": ("Fleet",),
    "certpush.hookspecs": ("hookimpl",),
    "certpush.issuer": ("Issued", "Issuer"),
    "certpush.kit.settings": ("Doc", "Duration", "Settings"),
    "certpush.model": (
        "Action",
        "CertificateBundle",
        "CertificateRequest",
        "Decision",
        "Deployment",
        "Endpoint",
        "Event",
        "Expected",
        "Finding",
        "Identity",
        "Installed",
        "KeySpec",
        "Known",
        "Outcome",
        "Phase",
        "Plan",
        "PrivateKey",
        "Receipt",
        "Secret",
        "Served",
        "Severity",
        "Staged",
        "Standing",
        "TargetStatus",
        "Unresolved",
        "Validity",
        "Waiting",
        "Way",
        "WayBack",
        "WayBackKind",
    ),
    "certpush.observer": ("Observer", "ObserverKind", "Run"),
    "certpush.target": ("Footprint", "KeyOrigin", "Member", "Reversible", "Target", "TargetKind"),
}
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names}

__all__ = ["__version__", *sorted(_HOME_OF)]  # noqa: PLE0604 - names, all of them strings


def __getattr__(name: str) -> Any:
    if name not in _HOME_OF:
        raise AttributeError(f"module 'certpush' has no attribute {name!r}")
    import importlib

    return getattr(importlib.import_module(_HOME_OF[name]), name)


def __dir__() -> list[str]:
    return sorted(__all__)
