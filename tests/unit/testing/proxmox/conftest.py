"""Products that do not make tests wait."""

import pytest

from certpush.testing.lab.proxmox import ProxmoxBackup, ProxmoxDatacenter, ProxmoxNode
from unit.testing.proxmox.asking import AUTHORITY


@pytest.fixture
def node():
    with ProxmoxNode(overlap=0, refusal_delay=0) as server:
        yield server


@pytest.fixture
def old():
    return AUTHORITY.issue("pve1.lan", "127.0.0.1")


@pytest.fixture
def new():
    return AUTHORITY.issue("pve1.lan", "127.0.0.1")


@pytest.fixture
def trusted(node, tmp_path):
    """A file that verifies the node before and after the switch."""
    file = tmp_path / "roots.pem"
    file.write_bytes(node.ca_pem + AUTHORITY.root_pem)
    return str(file)


@pytest.fixture(params=[ProxmoxBackup, ProxmoxDatacenter])
def server(request):
    with request.param(refusal_delay=0) as product:
        yield product


@pytest.fixture
def backup():
    with ProxmoxBackup(refusal_delay=0) as product:
        yield product


@pytest.fixture
def datacenter():
    with ProxmoxDatacenter(refusal_delay=0) as product:
        yield product
