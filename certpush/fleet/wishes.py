"""What a run is to do beside what the configuration says."""

from __future__ import annotations

import threading
from dataclasses import field
from typing import TYPE_CHECKING

from certpush.records import record

if TYPE_CHECKING:
    from certpush.model import CertificateBundle


@record(frozen=True, kw_only=True)
class Wishes:
    """What a person asked for beside the configuration."""

    force: bool = False
    adopt: bool = False
    previous: CertificateBundle | None = None
    unattended: bool = False
    """Nobody is at hand: targets wait for their windows."""
    at_once: bool = False
    """Named by a person: what failed before is tried again without waiting."""
    stop: threading.Event = field(default_factory=threading.Event)
