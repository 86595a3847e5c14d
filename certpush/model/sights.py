"""What is seen of a target, and what it tells: endpoints, what they serve, what is installed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from datetime import datetime
from typing import TypeAlias

from certpush.records import record

JsonValue: TypeAlias = "str | int | float | bool | list[JsonValue] | dict[str, JsonValue] | None"
Handle: TypeAlias = Mapping[str, JsonValue]
"""What a target writes down to find its way back; JSON, never a secret."""


@record(frozen=True, slots=True)
class Endpoint:
    """Where a certificate is served: a TCP address, the name asked for (SNI), and STARTTLS where plain text comes first."""

    host: str
    port: int
    server_name: str | None = None
    starttls: str | None = None

    @property
    def name(self) -> str:
        """The name that the certificate must cover: ``server_name`` where given, else the host."""
        return self.server_name or self.host

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}"


@record(frozen=True, slots=True)
class Served:
    """What one fresh connection to an endpoint showed.

    ``chain_ok`` says that the handshake verified up to a pinned root with what the server sent
    and that the endpoint's name is covered; ``problem`` says in words why it did not. ``judged``
    is false where no root was given to hold it up to. ``verified`` is ``chain_ok`` without
    regard to dates.
    """

    endpoint: Endpoint
    fingerprint: str
    not_after: datetime
    chain_ok: bool
    not_before: datetime | None = None
    subject: str = ""
    issuer: str = ""
    problem: str = ""
    judged: bool = True
    verified: bool = False


@record(frozen=True, slots=True)
class Installed:
    """What a target has installed now, and (``handle``) the way back to it. Never a secret.

    ``device_default`` says that it is the certificate that the device made for itself, which
    nobody misses and which needs no permission to be replaced. ``own`` is the fingerprint of
    that certificate wherever the device tells it, also while another one is installed: it is
    what a fallback brings back, and what the device may be recognised by then.
    """

    fingerprint: str | None
    handle: Handle = field(default_factory=dict)
    device_default: bool = False
    own: str | None = None


@record(frozen=True, slots=True)
class Staged:
    """What ``stage`` put on the device, so that any later process can activate, confirm or remove it."""

    handle: Handle = field(default_factory=dict)
