"""Nodes know each other, hand calls on, and do not recognise a neighbour whose certificate has just changed."""

import errno
import socket

import pytest
from proxmoxer import ProxmoxAPI
from proxmoxer.core import ResourceException

from certpush.model import KeySpec
from certpush.testing.lab.process import wait_until
from certpush.testing.lab.proxmox import Answer, Broken, ProxmoxCluster
from unit.testing.proxmox.asking import AUTHORITY, ask, connect, look, parts, say, token_of, upload

INFO = "/nodes/pve2/certificates/info"
CUSTOM = "/nodes/pve2/certificates/custom"
NOT_PINNED = "error:0A000086:SSL routines::certificate verify failed"


@pytest.fixture
def cluster():
    with ProxmoxCluster(overlap=0, refusal_delay=0) as servers:
        yield servers


@pytest.fixture
def nodes(cluster):
    return [cluster.nodes[name] for name in ("pve1", "pve2", "pve3")]


def filenames(said):
    return [one["filename"] for one in said.json["data"]]


# --- what they know ---------------------------------------------------------------------------


def test_nodes_have_an_address_each_and_one_port(cluster, nodes):
    assert [node.host for node in nodes] == ["127.0.0.1", "127.0.0.2", "127.0.0.3"]
    assert {node.port for node in nodes} == {cluster.port}
    assert len({node.own_fingerprint for node in nodes}) == 3
    assert [look(node) for node in nodes] == [node.own_fingerprint for node in nodes]
    assert {node.ca_pem for node in nodes} == {cluster.ca_pem}


def test_every_node_lists_all_with_the_fingerprints_of_their_files(nodes, new):
    nodes[1].install(new, reload=False)
    nodes[2].stop()
    for node in nodes[:2]:
        told = {one["node"]: one for one in ask(node, "GET", "/nodes").json["data"]}
        assert {name: one["status"] for name, one in told.items()} == {"pve1": "online", "pve2": "online", "pve3": "offline"}
        assert told["pve1"]["ssl_fingerprint"].replace(":", "").lower() == nodes[0].own_fingerprint
        assert told["pve2"]["ssl_fingerprint"].replace(":", "").lower() == new.fingerprint
        assert "uptime" not in told["pve3"]


def test_the_status_of_the_cluster(cluster, nodes):
    cluster.acl.user["/"] = cluster.acl.token["/"] = {"Sys.Audit"}
    nodes[2].stop()
    cluster.quorate = False
    whole, *each = ask(nodes[1], "GET", "/cluster/status").json["data"]
    assert (whole["type"], whole["name"], whole["nodes"], whole["quorate"]) == ("cluster", "lab", 3, 0)
    assert [(one["name"], one["ip"], one["online"], one["local"]) for one in each] == [
        ("pve1", "127.0.0.1", 1, 0),
        ("pve2", "127.0.0.2", 1, 1),
        ("pve3", "127.0.0.3", 0, 0),
    ]


def test_tokens_tickets_and_rights_are_the_same_on_all(cluster, nodes):
    login = {"username": cluster.user, "password": cluster.password}
    told = ask(nodes[0], "POST", "/access/ticket", login, headers={}).json["data"]
    assert {node.token for node in nodes} == {cluster.token}
    for node in nodes:
        assert ask(node, "GET", "/version", headers={"Cookie": f"PVEAuthCookie={told['ticket']}"}).status == 200
        assert ask(node, "GET", "/access/permissions").json["data"] == {"/nodes": {"Sys.Audit": 1, "Sys.Modify": 1}}
    cluster.acl.token.clear()
    assert [ask(node, "GET", "/access/permissions").json["data"] for node in nodes] == [{}] * 3


def test_without_quorum_no_node_can_be_changed(cluster, nodes, new):
    cluster.quorate = False
    for name in ("pve1", "pve3"):
        said = upload(nodes[0], new, path=f"/nodes/{name}/certificates/custom")
        assert said.status == 500
        assert said.reason.endswith("Permission denied")
    cluster.quorate = True
    assert upload(nodes[0], new, path="/nodes/pve1/certificates/custom").status == 200


def test_stopped_and_started_they_are_where_they_were(cluster, nodes, new):
    port = cluster.port
    nodes[1].install(new, reload=False)
    cluster.restart()
    assert cluster.port == port
    assert [look(node) for node in nodes] == [nodes[0].own_fingerprint, new.fingerprint, nodes[2].own_fingerprint]


def test_a_port_that_is_taken_at_one_address_is_not_used(monkeypatch):
    cluster = ProxmoxCluster()
    begin, tries = cluster._start_all, []

    def taken_at_first():
        tries.append(cluster.port)
        if len(tries) == 1:
            cluster.nodes["pve1"].start()
            raise OSError(errno.EADDRINUSE, "taken")
        begin()

    monkeypatch.setattr(cluster, "_start_all", taken_at_first)
    with cluster:
        assert tries == [0, 0]
        assert len({node.port for node in cluster.nodes.values()}) == 1


def test_a_cluster_whose_port_was_taken_meanwhile_does_not_start(cluster, nodes):
    cluster.stop()
    with socket.create_server(("127.0.0.2", cluster.port)), pytest.raises(OSError, match="Address already in use"):
        cluster.start()
    assert not any(node.running for node in nodes)
    cluster.start()


# --- calls for another ------------------------------------------------------------------------


@pytest.mark.parametrize("as_json", [False, True])
def test_a_call_for_another_node_is_handed_on(nodes, new, as_json):
    said = ask(nodes[0], "POST", CUSTOM, parts(new, force=1, restart=1), as_json=as_json)
    assert said.json["data"]["fingerprint"].replace(":", "").lower() == new.fingerprint
    assert [look(node) for node in nodes] == [nodes[0].own_fingerprint, new.fingerprint, nodes[2].own_fingerprint]
    (there,) = nodes[1].requests
    assert (there.method, there.proxied, there.caller, there.status) == ("POST", True, nodes[1].token_id, 200)
    assert there.parameters["certificates"] == new.fullchain_pem.decode()
    assert not nodes[0].requests[0].proxied


def test_long_answers_are_handed_on_as_they_are_packed(nodes):
    connection = connect(nodes[0])
    said = say(connection, "GET", f"/api2/json{INFO}", {**token_of(nodes[0]), "Accept-Encoding": "gzip"})
    connection.close()
    assert (said.status, said.headers["Content-Encoding"]) == (200, "gzip")


def test_refusals_are_those_of_the_node_it_is_for(nodes, new):
    assert upload(nodes[0], new, path=CUSTOM, restart="True").json["errors"] == {"restart": "type check ('boolean') failed - got 'True'"}
    nodes[1].faults.reload_fails = True
    said = upload(nodes[0], new, path=CUSTOM)
    assert (said.status, said.reason) == (500, "command 'systemctl reload-or-restart pveproxy' failed: exit code 1")


def test_rights_are_looked_at_before_a_call_is_handed_on(nodes, new):
    nodes[0].acl.token.clear()
    assert upload(nodes[0], new, path=CUSTOM).status == 403
    assert nodes[1].requests == []


def test_removal_and_tasks_are_handed_on(nodes, new):
    nodes[1].install(new)
    assert ask(nodes[0], "DELETE", CUSTOM, {"restart": 1}).status == 200
    assert look(nodes[1]) == nodes[1].own_fingerprint
    upid = ask(nodes[2], "POST", "/nodes/pve2/services/pveproxy/reload", {}).json["data"]
    assert upid.startswith("UPID:pve2:")
    assert ask(nodes[2], "GET", f"/nodes/pve2/tasks/{upid}/status").json["data"]["node"] == "pve2"


def test_a_call_is_handed_on_once(nodes):
    said = ask(nodes[0], "GET", INFO, headers={**token_of(nodes[0]), "PVEDisableProxy": "true"})
    assert (said.status, said.reason) == (500, "proxy loop detected")


def test_a_node_that_is_down_cannot_be_reached(nodes):
    nodes[1].stop()
    said = ask(nodes[0], "GET", INFO)
    assert (said.status, said.reason, said.body) == (595, "Connection refused", b"")


def test_a_node_whose_tls_is_dead_cannot_be_reached(nodes, new):
    other = AUTHORITY.issue("a.lan", key=KeySpec.RSA_2048).key.reveal_pem().decode()
    assert upload(nodes[1], new, path=CUSTOM, key=other).status == 200
    assert look(nodes[1]) is None
    said = ask(nodes[0], "GET", INFO)
    assert (said.status, said.reason) == (596, "Broken pipe")


def test_an_answer_that_is_lost_between_nodes(nodes, new):
    nodes[1].faults.broken = [Broken(Answer.LOST, times=1)]
    assert upload(nodes[0], new, path=CUSTOM).status == 596
    assert look(nodes[1]) == new.fingerprint


def test_a_node_that_says_nothing_is_given_up_on(new):
    with ProxmoxCluster(overlap=0, proxy_timeout=0.3) as cluster:
        other = cluster.nodes["pve2"]
        other.faults.broken = [Broken(Answer.SILENT)]
        said = upload(cluster.nodes["pve1"], new, path=CUSTOM)
        assert (said.status, said.reason) == (596, "Connection timed out")
        assert look(other) == new.fingerprint


@pytest.mark.parametrize(("name", "status"), [("pve9", 500), ("pve2.certpush.test", 596), ("PVE2", 596)])
def test_names_that_are_none_of_the_clusters(nodes, name, status):
    said = ask(nodes[0], "GET", f"/nodes/{name}/certificates/info")
    assert said.status == status
    assert said.reason == NOT_PINNED if status == 596 else said.reason.startswith(f"hostname lookup '{name}' failed - ")


# --- neighbours who have changed --------------------------------------------------------------


def test_workers_do_not_recognise_a_neighbour_whose_certificate_they_knew_before(nodes, new):
    assert ask(nodes[0], "GET", INFO).status == 200  # one of two workers knows the old one now
    upload(nodes[1], new, path=CUSTOM)
    before = len(nodes[1].requests)
    said = [ask(nodes[0], "GET", INFO) for _ in range(6)]
    assert [one.status for one in said] == [200, 596, 200, 596, 200, 596]
    assert {one.reason for one in said if one.status == 596} == {NOT_PINNED}
    assert len(nodes[1].requests) == before + 3  # nothing is sent to a stranger


def test_a_worker_reads_all_fingerprints_anew_after_a_while(new):
    with ProxmoxCluster(overlap=0, pin_refresh=2) as cluster:
        entry, other = cluster.nodes["pve1"], cluster.nodes["pve2"]
        for _ in range(2):
            ask(entry, "GET", INFO)
        upload(other, new, path=CUSTOM)
        assert ask(entry, "GET", INFO).status == 596
        wait_until(lambda: {ask(entry, "GET", INFO).status for _ in range(2)} == {200}, "all workers know the new one")


def test_between_upload_and_reload_fresh_workers_do_not_recognise_it(nodes, new):
    upload(nodes[1], new, path=CUSTOM, restart=0)
    assert [ask(nodes[0], "GET", INFO).status for _ in range(4)] == [596] * 4
    assert ask(nodes[1], "GET", INFO).status == 200


def test_old_workers_of_a_neighbour_are_strangers_too(new):
    with ProxmoxCluster(overlap=2, first_new=0) as cluster:
        entry, other = cluster.nodes["pve1"], cluster.nodes["pve2"]
        upload(other, new, path=CUSTOM)
        assert {ask(entry, "GET", INFO).status for _ in range(4)} == {200, 596}


def test_reloaded_workers_know_nobody(nodes, new):
    for _ in range(2):
        ask(nodes[0], "GET", INFO)
    upload(nodes[1], new, path=CUSTOM)
    assert ask(nodes[0], "GET", INFO).status == 596
    nodes[0].install(AUTHORITY.issue("127.0.0.1"))
    assert [ask(nodes[0], "GET", INFO).status for _ in range(2)] == [200, 200]


# --- proxmoxer --------------------------------------------------------------------------------


def test_proxmoxer_goes_through_one_node_to_the_others(cluster, nodes, new, tmp_path):
    (tmp_path / "roots.pem").write_bytes(cluster.ca_pem)
    user, _, name = cluster.token_id.partition("!")
    api = ProxmoxAPI(
        cluster.host, port=cluster.port, user=user, token_name=name, token_value=cluster.token, verify_ssl=str(tmp_path / "roots.pem")
    )
    assert sorted(one["node"] for one in api.nodes.get()) == ["pve1", "pve2", "pve3"]
    api.nodes("pve3").certificates.custom.post(**parts(new, force=1, restart=1))
    assert look(nodes[2]) == new.fingerprint
    nodes[1].stop()
    with pytest.raises(ResourceException) as refused:
        api.nodes("pve2").certificates.info.get()
    assert (refused.value.status_code, refused.value.content) == (595, "Connection refused")
