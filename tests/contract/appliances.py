"""What cases of appliances share."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any


@contextlib.contextmanager
def reload_fails(appliance: Any) -> Iterator[None]:
    """The files are taken, and the service is not brought to take them up."""
    appliance.faults.reload_fails = True
    yield
    appliance.faults.reload_fails = False
