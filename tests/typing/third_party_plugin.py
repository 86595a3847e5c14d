"""A whole plugin written against the public names only; ``mypy --strict`` must find nothing in it."""

from __future__ import annotations

from typing import Annotated, Protocol

from certpush import (
    CertificateBundle,
    Doc,
    Duration,
    Endpoint,
    Expected,
    Fleet,
    Installed,
    Outcome,
    Secret,
    Settings,
    Staged,
    Target,
    TargetKind,
    hookimpl,
)


class Nas(Protocol):
    """The vendor's client."""

    def active(self) -> tuple[str, str]: ...
    def upload(self, chain: bytes, key: bytes) -> str: ...
    def select(self, id_: str) -> None: ...


def connect(host: str, token: str) -> Nas:
    raise NotImplementedError


class NasSettings(Settings):
    timeout: Annotated[Duration, Doc("how long to wait")] = Duration(seconds=10)
    host: str
    token: Secret


class NasTarget(Target):
    def __init__(self, settings: NasSettings) -> None:
        self._host = settings.host
        self._nas = connect(settings.host, settings.token.reveal())

    def inspect(self) -> Installed:
        id_, fingerprint = self._nas.active()
        return Installed(fingerprint, {"id": id_})

    def stage(self, bundle: CertificateBundle) -> Staged:
        return Staged({"id": self._nas.upload(bundle.fullchain_pem, bundle.key.reveal_pem())})

    def activate(self, staged: Staged, bundle: CertificateBundle) -> None:
        self._nas.select(str(staged.handle["id"]))

    def rollback(self, to: Installed, staged: Staged | None, previous: CertificateBundle | None) -> Expected:
        self._nas.select(str(to.handle["id"]))
        return Expected.leaf(to.fingerprint)

    def endpoints(self) -> tuple[Endpoint, ...]:
        return (Endpoint(self._host, 443),)


@hookimpl
def certpush_target() -> TargetKind[NasSettings]:
    return TargetKind("acme-nas", "Acme NAS web UI", NasSettings, NasTarget)


def everything_deployed(path: str) -> bool:
    with Fleet.load(path) as fleet:
        return all(receipt.outcome in (Outcome.ROTATED, Outcome.UNCHANGED) for receipt in fleet.deploy())


NasSettings(host="nas.lan", token=Secret("x"))
