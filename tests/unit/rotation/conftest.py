"""What the tests of the rotation share: the bench of the flow tests, and one PKI for all."""

from __future__ import annotations

from flow.conftest import bench, pki

__all__ = ["bench", "pki"]
