"""Loaded by every pytest that finds certpush installed, whoever runs it: it costs next to nothing, and does nothing unasked."""

from __future__ import annotations

import pytest

# certpush[testing] brings a pytest that is new enough. Any other is somebody else's run, which is left alone.
if getattr(pytest, "version_tuple", (0,)) >= (8, 3):
    from certpush.testing.fixtures import *  # noqa: F403
