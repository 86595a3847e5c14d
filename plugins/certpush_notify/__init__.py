"""The notify observer: tells a person when a certificate needs one, once for each state."""

from __future__ import annotations

from certpush import ObserverKind, hookimpl
from certpush_notify.observer import Notify
from certpush_notify.settings import NotifySettings
from certpush_notify.ways import what_is_wrong


@hookimpl
def certpush_observer() -> ObserverKind[NotifySettings]:
    """Declare the kind ``notify``."""
    return ObserverKind(
        "notify",
        "tells a person of failures, danger and recovery: webhook, apprise or a command",
        NotifySettings,
        Notify,
        preflight=what_is_wrong,
        hears_lost_runs=True,
    )
