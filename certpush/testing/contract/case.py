"""What a plugin author tells the contract suite about one device."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Generic, TypeVar

from certpush.kit.settings import Settings
from certpush.model import CertificateBundle, Endpoint
from certpush.target import TargetKind

S = TypeVar("S", bound=Settings)


@dataclass(kw_only=True)
class Cluster(Generic[S]):
    """Devices that belong together, of a kind that expands its settings into members: two of them at least."""

    settings: S
    """Settings that reach all of them."""

    unreachable: S | None
    """The same, leading to nobody; None where ``members`` asks no device."""

    names: tuple[str, ...] = ("localhost", "127.0.0.1")
    """What the certificate covers: names under which each member is visited."""


@dataclass(kw_only=True)
class TargetCase(Generic[S]):
    """One device, fresh for each test, and how to reach it. The first three are needed; give as many others as you can.

    What the suite cannot find out by itself it asks for in words, with the name of the field to give.
    """

    kind: TargetKind[S]

    settings: S
    """Settings that reach the device; it answers, and nobody has deployed to it yet."""

    unreachable: S | None
    """Settings that lead to nobody, such as a closed port; None only where there is nothing to reach."""

    secrets: tuple[str, ...] | None = field(default=None, repr=False)
    """The passwords and tokens that stand in ``settings``, to be searched for in all that the plugin says; () where there are none.

    Those that are a ``Secret`` in ``settings`` are searched for in any case.
    """

    wrong_login: S | None = None
    """Settings that reach the device with a password, token or key that it does not take."""

    names: tuple[str, ...] = ("localhost", "127.0.0.1")
    """What the minted certificates cover: the names under which the endpoints are visited."""

    endpoints: tuple[Endpoint, ...] = ()
    """Where the device serves, when the target's own ``endpoints()`` does not know."""

    served: Callable[[], str | None] | None = None
    """Fingerprint of what the device serves now. Default: a handshake with the first endpoint, or ``inspect()`` where there is none."""

    snapshot: Callable[[], object] | None = None
    """All that a rotation could change on the device, as a value to compare: files with their modes, a dump of its configuration."""

    broken_switch: Callable[[], AbstractContextManager[object]] | None = None
    """While inside, the device fails in the middle of a switch: its reload says no, its web server does not come back."""

    foreign: Callable[[CertificateBundle], Callable[[], bool]] | None = None
    """Install this certificate as another administrator would, beside ours; the answer tells whether it is still there."""

    cluster: Callable[[], AbstractContextManager[Cluster[S]]] | None = None
    """Stand up devices that belong together; needed where the kind has ``members``."""

    rescue_after: timedelta | None = None
    """After how long the device comes back by itself with these settings; needed where the kind says ``self_rescue``."""

    wait: Callable[[timedelta], None] = field(default=lambda length: time.sleep(length.total_seconds()))
    """Let the device's time pass; a fake with a clock of its own need not really wait."""

    patience: timedelta = timedelta(seconds=30)
    """How long one verb may take."""
