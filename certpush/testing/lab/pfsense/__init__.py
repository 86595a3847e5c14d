"""pfSense boxes as they look over SSH: FreeBSD's tools, a PHP with pfSense's functions, a real nginx as GUI, traps included."""

from certpush.testing.lab.pfsense.administrator import Appointment, Moment, Page
from certpush.testing.lab.pfsense.box import PfSense
from certpush.testing.lab.pfsense.faults import PfSenseFaults
from certpush.testing.lab.pfsense.ha import PfSensePair
from certpush.testing.lab.pfsense.view import Event, FileFacts, Process, StoredConfig, StoredEntry

__all__ = [
    "Appointment",
    "Event",
    "FileFacts",
    "Moment",
    "Page",
    "PfSense",
    "PfSenseFaults",
    "PfSensePair",
    "Process",
    "StoredConfig",
    "StoredEntry",
]
