"""Fixtures and hooks for whoever tests a plugin; nothing of certpush is imported before a fixture is asked for."""

from __future__ import annotations

import os
import sys
from collections.abc import Generator
from typing import Any

import pytest


@pytest.hookimpl(wrapper=True)
def pytest_fixture_setup() -> Generator[None, Any, Any]:
    """What this machine lacks is named: the test is not tried. With REQUIRE_LIVE=1 it fails, as where nothing may be left out."""
    try:
        return (yield)
    except Exception as error:
        lab = sys.modules.get("certpush.testing.lab.process")  # where it is not loaded, nothing of the lab was asked for
        if lab is None or not isinstance(error, lab.NotPossibleHere):
            raise
        reason = f"{error} ({error.hint})" if error.hint else str(error)
        if os.environ.get("REQUIRE_LIVE") == "1":
            pytest.fail(f"{reason}; REQUIRE_LIVE=1 says that nothing may be left out", pytrace=False)
        pytest.skip(f"not tried: {reason}")
