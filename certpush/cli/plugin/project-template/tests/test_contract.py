"""my-appliance keeps the contract of certpush's targets. The class stands in the package, for `certpush conformance`."""

from __future__ import annotations

from certpush_my_appliance.conformance import TestMyAppliance

__all__ = ["TestMyAppliance"]
