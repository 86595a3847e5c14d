"""What /access/permissions tells of one path: the nearest that is listed decides, and from above only what is handed down."""

from __future__ import annotations

import pytest

from certpush_proxmox.preflight import may


@pytest.mark.parametrize(
    ("permissions", "allowed"),
    [
        ({}, False),
        ({"/nodes/pve1": {"Sys.Modify": 1}}, True),
        ({"/nodes/pve1": {"Sys.Modify": 0}}, True),  # its own, though it is not handed down
        ({"/nodes": {"Sys.Modify": 1}}, True),
        ({"/nodes": {"Sys.Modify": 0}}, False),  # not handed down
        ({"/": {"Sys.Modify": 1}}, True),
        ({"/": {"Sys.Modify": 1}, "/nodes": {"Sys.Audit": 1}}, False),  # the nearer one takes its place
        ({"/": {"Sys.Modify": 1}, "/nodes": {"Sys.Modify": 1}, "/nodes/pve1": {"Sys.Audit": 1}}, False),
        ({"/nodes/pve2": {"Sys.Modify": 1}}, False),
        ({"/nodes/pve1": {"Sys.Audit": 1}}, False),
        ({"/nodes/pve1": {}}, False),
        ({"/": {"Sys.Modify": 1}, "/nodes": {}}, True),  # listed without anything: nothing is said of it
        ({"/nodes/pve1": ["Sys.Modify"]}, False),
    ],
)
def test_the_nearest_path_decides(permissions, allowed):
    assert may(permissions, "/nodes/pve1", "Sys.Modify") is allowed
