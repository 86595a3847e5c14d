"""A Backup Server or a Datacenter Manager on its port."""

from __future__ import annotations

from typing import ClassVar, Self

from certpush.model import CertificateBundle
from certpush.testing.authority.in_memory import Clock, real_clock
from certpush.testing.lab.proxmox.accounts import Accounts
from certpush.testing.lab.proxmox.product import TokenProduct, usual_accounts
from certpush.testing.lab.proxmox.routes import Routes
from certpush.testing.lab.proxmox.rust_api import RustApi, RustHabits
from certpush.testing.lab.proxmox.rust_calls import rust_routes
from certpush.testing.lab.proxmox.rust_model import Model, RustMachine
from certpush.testing.lab.proxmox.service import Service


class RustProduct(TokenProduct):
    """One of the two at a free port of ``host``, as its model says."""

    model: ClassVar[Model]

    def __init__(
        self,
        name: str = "",
        *,
        host: str = "127.0.0.1",
        refusal_delay: float = 3.0,
        idle: float = 5.0,
        version: str = "",
        clock: Clock = real_clock,
    ) -> None:
        model, name = self.model, name or self.model.name
        accounts = Accounts(model.privileges, model.told_paths)
        usual_accounts(accounts, model.user, {"/system/certificates": {model.modify, model.audit}})
        self._machine = machine = RustMachine(model, name, version or model.version, accounts, clock, refusal_delay)
        api = RustApi(machine, Routes(rust_routes(machine), accounts, RustHabits()))
        service = Service(api, machine.workers, machine.faults, machine.clock, host=host, idle=idle)
        super().__init__(name, service, machine.workers, accounts, machine.files, user=model.user)

    @property
    def own_fingerprint(self) -> str:
        """The SHA-256 of the certificate that it made for itself last."""
        return self._machine.own_fingerprint

    def install(self, bundle: CertificateBundle, *, reload: bool = True) -> None:
        """Put a pair there, as another administrator would."""
        with self._machine.lock:
            self._machine.put(bundle.fullchain_pem, bundle.key.reveal_pem())
            if reload:
                self._machine.workers.reload()

    def start(self) -> Self:
        """Open the port; what is served is read from the files anew.

        Raises:
            LabError: they cannot be served; the port stays closed.

        """
        self._machine.check_start()
        return super().start()
