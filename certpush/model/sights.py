"""What is seen of a target, and what it tells: endpoints, what they serve, what is installed, what a check found."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import TypeAlias

JsonValue: TypeAlias = "str | int | float | bool | list[JsonValue] | dict[str, JsonValue] | None"
Handle: TypeAlias = Mapping[str, JsonValue]
"""What a target writes down to find its way back; JSON, never a secret."""


@dataclass(frozen=True, slots=True)
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


@dataclass(frozen=True, slots=True)
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


@dataclass(frozen=True, slots=True)
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


@dataclass(frozen=True, slots=True)
class Staged:
    """What ``stage`` put on the device, so that any later process can activate, confirm or remove it."""

    handle: Handle = field(default_factory=dict)


class After(enum.StrEnum):
    """What must be seen after a way back was taken."""

    LEAF = "leaf"
    DEVICE_DEFAULT = "device-default"
    NOTHING = "nothing"


@dataclass(frozen=True, slots=True)
class Expected:
    """What must be served once ``rollback`` is done: the old leaf, the device's own certificate, or none of ours."""

    after: After
    fingerprint: str | None = None

    @classmethod
    def leaf(cls, fingerprint: str | None) -> Expected:
        """The certificate with this fingerprint; with None, nothing was installed before."""
        return cls(After.LEAF, fingerprint) if fingerprint else cls(After.NOTHING)

    @classmethod
    def device_default(cls, fingerprint: str | None = None) -> Expected:
        """The device's own certificate; with None its fingerprint is not known, as where the device makes a new one."""
        return cls(After.DEVICE_DEFAULT, fingerprint)

    @classmethod
    def nothing(cls) -> Expected:
        """Nothing was installed before: it is enough that the new certificate is gone."""
        return cls(After.NOTHING)


class Severity(enum.StrEnum):
    """How bad a finding is: an error stops a rotation before it starts."""

    OK = "ok"
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


@dataclass(frozen=True, slots=True)
class Finding:
    """What a check found, and (``hint``) what to do about it."""

    severity: Severity
    code: str
    message: str
    hint: str = ""


@dataclass(frozen=True, slots=True)
class Identity:
    """What a device shows before anyone logs in, for a person to compare: an SSH host key or a TLS leaf.

    ``setting`` is the settings field that pins it, ``value`` what to put there.
    """

    setting: str
    value: str
    shown: tuple[str, ...]
    compare: str
