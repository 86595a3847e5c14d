"""OPNsense boxes as they look over the network: the REST API and the web GUI over TLS, and a real sshd; traps included."""

from certpush.testing.lab.opnsense.api import PRIVILEGES, Call
from certpush.testing.lab.opnsense.box import DEFAULT_CONFIG, OpnSense
from certpush.testing.lab.opnsense.faults import OpnSenseFaults

__all__ = ["DEFAULT_CONFIG", "PRIVILEGES", "Call", "OpnSense", "OpnSenseFaults"]
