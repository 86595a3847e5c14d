"""For plugin authors: the contract every target must pass, a reference target, a CA, and what to break.

Names are loaded when first used: the contract needs pytest, and nothing else here does.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from certpush.testing.api_server import ApiAnswer as ApiAnswer
    from certpush.testing.api_server import ApiRequest as ApiRequest
    from certpush.testing.api_server import ApiServer as ApiServer
    from certpush.testing.authority import Authority as Authority
    from certpush.testing.authority import EmbeddedCa as EmbeddedCa
    from certpush.testing.bundles import Bundles as Bundles
    from certpush.testing.contract import Cluster as Cluster
    from certpush.testing.contract import TargetCase as TargetCase
    from certpush.testing.contract import TargetContract as TargetContract
    from certpush.testing.device import MemoryDevice as MemoryDevice
    from certpush.testing.endpoint import TlsEndpoint as TlsEndpoint
    from certpush.testing.lab.chaos import Chaos as Chaos
    from certpush.testing.lab.chaos import ChaosProxy as ChaosProxy
    from certpush.testing.memory import MemorySettings as MemorySettings
    from certpush.testing.memory import MemoryTarget as MemoryTarget
    from certpush.testing.minting import self_signed as self_signed
    from certpush.testing.workbench import Workbench as Workbench

_HOME_OF = {
    "ApiAnswer": "certpush.testing.api_server",
    "ApiRequest": "certpush.testing.api_server",
    "ApiServer": "certpush.testing.api_server",
    "Authority": "certpush.testing.authority",
    "Bundles": "certpush.testing.bundles",
    "Chaos": "certpush.testing.lab.chaos",
    "ChaosProxy": "certpush.testing.lab.chaos",
    "Cluster": "certpush.testing.contract",
    "EmbeddedCa": "certpush.testing.authority",
    "MemoryDevice": "certpush.testing.device",
    "MemorySettings": "certpush.testing.memory",
    "MemoryTarget": "certpush.testing.memory",
    "TargetCase": "certpush.testing.contract",
    "TargetContract": "certpush.testing.contract",
    "TlsEndpoint": "certpush.testing.endpoint",
    "Workbench": "certpush.testing.workbench",
    "self_signed": "certpush.testing.minting",
}

__all__ = sorted(_HOME_OF)  # noqa: PLE0605 - names, all of them strings


def __getattr__(name: str) -> Any:
    if name not in _HOME_OF:
        raise AttributeError(f"module 'certpush.testing' has no attribute {name!r}")
    import importlib

    return getattr(importlib.import_module(_HOME_OF[name]), name)


def __dir__() -> list[str]:
    return __all__
