"""The metrics observer: how every certificate stands, in a text file that node_exporter hands to Prometheus."""

from __future__ import annotations

from certpush import ObserverKind, hookimpl
from certpush_metrics.observer import Metrics
from certpush_metrics.settings import MetricsSettings, directories, what_is_wrong


@hookimpl
def certpush_observer() -> ObserverKind[MetricsSettings]:
    """Declare the kind ``metrics``."""
    return ObserverKind(
        "metrics",
        "a text file for Prometheus, read by node_exporter's textfile collector",
        MetricsSettings,
        Metrics,
        preflight=what_is_wrong,
        writes=directories,
    )
