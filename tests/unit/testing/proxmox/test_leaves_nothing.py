"""A product that was closed leaves no thread and no port, whatever was going on."""

import socket
import threading

import pytest

from certpush.testing.lab.process import wait_until
from certpush.testing.lab.proxmox import ProxmoxBackup, ProxmoxCluster, ProxmoxDatacenter, ProxmoxMail, ProxmoxNode
from unit.testing.proxmox.asking import ask, connect, look, upload


@pytest.mark.parametrize("make", [ProxmoxNode, ProxmoxCluster, ProxmoxBackup, ProxmoxMail, ProxmoxDatacenter])
def test_closing_leaves_no_thread_and_no_port(make):
    before = threading.active_count()
    product = make().start()
    waiting = socket.create_connection((product.host, product.port), timeout=5)
    wait_until(lambda: (product.nodes["pve1"] if make is ProxmoxCluster else product).connections == 1, "it accepts")
    product.close()
    assert waiting.recv(10) == b""
    waiting.close()
    assert threading.active_count() == before
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection((product.host, product.port), timeout=5)


def test_work_in_the_background_ends_before_a_node_is_closed(node):
    before = threading.active_count()
    ask(node, "POST", "/nodes/pve1/services/pveproxy/reload", {})
    node.close()
    assert threading.active_count() < before


def test_a_node_may_live_at_an_address_of_version_6(new):
    with ProxmoxNode(host="::1", overlap=0) as node:
        assert upload(node, new).status == 200
        assert look(node) == new.fingerprint


def test_a_cluster_that_was_never_started_may_be_closed():
    ProxmoxCluster().close()


def test_a_client_that_hangs_up_in_the_middle_is_no_news(node):
    connection = connect(node)
    connection.putrequest("POST", "/api2/json/nodes/pve1/certificates/custom")
    connection.putheader("Authorization", f"PVEAPIToken={node.token_id}={node.token}")
    connection.putheader("Content-Length", "1000")
    connection.endheaders(b"certificates=")
    wait_until(lambda: bool(node.requests), "the request came in")
    connection.close()
    assert ask(node, "GET", "/version").status == 200
    assert node.requests[0].status is None
