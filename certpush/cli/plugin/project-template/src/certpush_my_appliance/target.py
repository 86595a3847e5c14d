"""The verbs of the Target contract: how to look, put, switch and go back.

A run may die between any two of them, and another process goes on with nothing but the handles
in ``Installed`` and ``Staged``. So names of things stand there, every step can be repeated, and
what certpush made is known by its name.
"""

from __future__ import annotations

from collections.abc import Collection

from certpush import CertificateBundle, CertificateRequest, Endpoint, Expected, Finding, Installed, Staged, Target
from certpush.errors import NoWayBack

from certpush_my_appliance.api import Api
from certpush_my_appliance.settings import MyApplianceSettings

OURS = "certpush-"
"""What the name of every pair begins with that certpush stored."""
FACTORY = "factory"
"""The name of the certificate that the appliance made for itself."""


class MyApplianceTarget(Target):
    """One appliance, for one rotation."""

    def __init__(self, settings: MyApplianceSettings) -> None:
        self._endpoint = settings.endpoint
        self._api = Api(settings)

    def inspect(self) -> Installed:
        """Tell what is served, and the name by which it can be served again."""
        there = self._api.certificates()
        return Installed(
            there.fingerprints.get(there.active),
            {"name": there.active},
            device_default=there.active == FACTORY,  # nobody's certificate: it may be replaced without asking
            own=there.fingerprints.get(FACTORY),
        )

    def preflight(self, request: CertificateRequest) -> tuple[Finding, ...]:
        """Nothing is known yet that would make it fail: rights, clock, free disk are usual."""
        return ()

    def changes(self, request: CertificateRequest) -> tuple[str, ...]:
        """Say in the plan what will be different."""
        return ("one more certificate is stored, and served",)

    def stage(self, bundle: CertificateBundle) -> Staged:
        """Store it under a name that follows from the certificate, so that a repeated upload lands on itself."""
        name = f"{OURS}{bundle.fingerprint[:16]}"
        self._api.put(name, bundle.fullchain_pem, bundle.key.reveal_pem())
        return Staged({"name": name})

    def activate(self, staged: Staged, bundle: CertificateBundle) -> None:
        """Switch. Until it is over, the appliance may show the old or the new certificate."""
        self._api.recognise(bundle.fingerprint)
        self._api.activate(str(staged.handle["name"]))

    def rollback(self, to: Installed, staged: Staged | None, previous: CertificateBundle | None) -> Expected:
        """Serve the former one again, and remove the failed attempt. Right also when nothing had happened yet."""
        self._api.recognise(to.fingerprint)
        former = str(to.handle["name"])
        there = self._api.certificates()
        if former not in there.fingerprints:
            self._put_back(former, to, previous)
        if there.active != former:
            self._api.activate(former)
        failed = staged.handle["name"] if staged else former
        if failed != former and failed in there.fingerprints:
            self._api.delete(str(failed))
        return Expected.leaf(to.fingerprint)

    def endpoints(self) -> tuple[Endpoint, ...]:
        """Where certpush looks for itself whether it is served."""
        return (self._endpoint,)

    def tidy(self, keep: Collection[str]) -> None:
        """Remove our superseded pairs: none that is served, none of somebody else, none that a way back needs."""
        there = self._api.certificates()
        for name, fingerprint in there.fingerprints.items():
            if name.startswith(OURS) and name != there.active and fingerprint not in keep:
                self._api.delete(name)

    def close(self) -> None:
        """Give the connection back."""
        self._api.close()

    def _put_back(self, name: str, to: Installed, previous: CertificateBundle | None) -> None:
        """Somebody removed the former pair; certpush may still hold it."""
        if previous is None or previous.fingerprint != to.fingerprint:
            raise NoWayBack(f"{self._endpoint}: {name!r} is gone", hint="choose another certificate there by hand")
        self._api.put(name, previous.fullchain_pem, previous.key.reveal_pem())
