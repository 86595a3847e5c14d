"""What distinguishes the products of the family, as data: everything else they share."""

from __future__ import annotations

import enum
from dataclasses import dataclass


class Removal(enum.StrEnum):
    """What DELETE leaves behind."""

    OWN = "own"
    """The certificate that the device had all the time beside ours."""
    NEW = "new"
    """A self-signed one that it makes at that moment."""
    NONE = "none"
    """None: the service goes on without TLS."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Product:
    """One product's API for its certificate. Facts from its source, see each kind's module."""

    title: str
    service: str
    """In ``PVEAPIToken`` and ``PVEAuthCookie``."""
    separator: str = "="
    """Between a token's id and its secret in the header."""
    endpoint: tuple[str, ...] = ("custom",)
    """Below ``nodes/NODE/certificates``."""
    file: str
    """What the upload writes, as the listing names it; empty where only one file is listed."""
    own_file: str | None = None
    """The device's own certificate, where that is another file."""
    removal: Removal = Removal.NEW
    named_node: bool = True
    """Whether nodes have names in paths; else it is always ``localhost``."""
    daemon: str = ""
    """The service that can be told to reload through the API; empty where the upload's own reload is all there is."""
    restarted: str = ""
    """The service that can be told to restart where ``daemon`` is empty; that needs a right of its own, which may be missing."""
    rights: str
    """The path on which the privilege is needed, with ``{node}``."""
    privilege: str = "Sys.Modify"
    needs: str = "{privilege} on {path}"
    """The right in a person's words."""
    grants: tuple[str, ...]
    """The commands that give the right, with ``{path}``, ``{user}`` and ``{token}``."""
    show: str
    """The command on the device that shows its fingerprint."""
    recover: str
    """The command on the device that brings back its own certificate."""
    changes: str
    """What a rotation changes, for the plan, with ``{node}``."""
