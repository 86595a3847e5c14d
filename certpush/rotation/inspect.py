"""Look at a target before anything is decided: what is installed, and what every endpoint serves."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import TYPE_CHECKING, NamedTuple, Protocol

from certpush.errors import TargetUnreachable
from certpush.model import Endpoint, Installed, Served
from certpush.rotation.retry import persistently

if TYPE_CHECKING:  # a view is also what `status` has, which rotates nothing
    from certpush.kit.tls import Roots
    from certpush.rotation.rotation import Look, Rotation


class View(NamedTuple):
    """What one look showed: by the target's own account, and by handshake."""

    installed: Installed
    served: Mapping[Endpoint, Served]
    silent: Mapping[Endpoint, str]
    """Endpoints where nothing answered, and why."""

    @property
    def present(self) -> dict[str, bool]:
        """Fingerprints that are there in any way, and whether each is the device's own, made by itself."""
        found = {one.fingerprint: bool(one.subject) and one.subject == one.issuer for one in self.served.values()}
        if self.installed.fingerprint:
            own = self.installed.device_default or found.get(self.installed.fingerprint, False)
            found[self.installed.fingerprint] = own
        if self.installed.own in found:
            found[self.installed.own] = True
        return found

    @property
    def by_address(self) -> dict[str, str]:
        """Endpoint (see ``address``) to the fingerprint it serves, for the journal."""
        return {address(endpoint): one.fingerprint for endpoint, one in self.served.items()}


def address(endpoint: Endpoint) -> str:
    """``host:port``, with ``#name`` where one is asked for: one port may serve another certificate for each name."""
    return f"{endpoint}#{endpoint.server_name}" if endpoint.server_name else str(endpoint)


def command_to_see(endpoint: Endpoint) -> str:
    """What a person types to see what is served there."""
    return f"certpush inspect {endpoint}{f' --server-name {endpoint.server_name}' if endpoint.server_name else ''}"


def inspect(rotation: Rotation) -> View:
    """Ask the target and look for ourselves; changes nothing.

    Raises:
        TargetError: the target cannot be asked.

    """
    rotation.tell("inspect")
    installed = ask_installed(rotation)
    served, silent = look_at(rotation.endpoints, rotation.escrow.roots(rotation.spec.name), rotation)
    return View(installed, served, silent)


def ask_installed(rotation: Rotation, phase: str = "inspect") -> Installed:
    """What the target itself says is installed; asked again while it does not answer."""
    return persistently(lambda: rotation.ask(phase, rotation.target.inspect, Installed), rotation.pause)


class Looking(Protocol):
    """What can look at endpoints."""

    @property
    def look(self) -> Look:
        """One fresh connection."""
        ...

    @property
    def clock(self) -> Callable[[], datetime]:
        """The time that certificates are compared with."""
        ...


def look_at(endpoints: tuple[Endpoint, ...], roots: Roots, looking: Looking) -> tuple[dict[Endpoint, Served], dict[Endpoint, str]]:
    """One look at every endpoint: what is served, and where nothing answers."""
    served: dict[Endpoint, Served] = {}
    silent: dict[Endpoint, str] = {}
    for endpoint in endpoints:
        try:
            served[endpoint] = looking.look(endpoint, roots, looking.clock())
        except TargetUnreachable as error:
            silent[endpoint] = error.message
    return served, silent
