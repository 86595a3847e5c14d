"""Who may change a node's certificate, how it is removed and told of, and what comes of calling the node by another name."""

import pytest

from unit.testing.proxmox.asking import CUSTOM, added, ask, holds, look, say_once, token_of, upload

# --- rights -----------------------------------------------------------------------------------


def test_without_the_right_nothing_is_changed(node, old, new):
    upload(node, old)
    for side in (node.acl.user, node.acl.token):
        side["/nodes/pve1"] = {"Sys.Audit"}
        for said in (upload(node, new), ask(node, "DELETE", CUSTOM)):
            assert (said.status, said.reason) == (403, "Permission check failed (/nodes/pve1, Sys.Modify)")
            assert said.message == "Permission check failed (/nodes/pve1, Sys.Modify)\n"
        side["/nodes/pve1"] = {"Sys.Modify"}
    assert holds(node, old)
    assert upload(node, new).status == 200


def test_rights_are_checked_before_parameters(node):
    node.acl.token.clear()
    assert ask(node, "POST", CUSTOM, {"force": "True"}).status == 403


def test_a_token_without_separation_may_what_its_user_may(node):
    node.acl.token.clear()
    assert ask(node, "GET", "/access/permissions").json["data"] == {}
    node.accounts.token(node.token_id).separated = False
    assert ask(node, "GET", "/access/permissions").json["data"] == {"/nodes": {"Sys.Audit": 1, "Sys.Modify": 1}}


def test_a_deeper_path_replaces_what_is_inherited(node):
    node.acl.token["/nodes/pve1"] = {"Sys.Audit"}
    told = ask(node, "GET", "/access/permissions", {"path": "/nodes/pve1"}).json["data"]
    assert told == {"/nodes/pve1": {"Sys.Audit": 1}}


# --- removing ---------------------------------------------------------------------------------


def test_delete_goes_back_to_the_nodes_own_certificate_with_restart_alone(node, old):
    upload(node, old)
    said = ask(node, "DELETE", CUSTOM)
    assert (said.status, said.json) == (200, {"data": None})
    assert not added(node)
    assert look(node) == old.fingerprint
    assert ask(node, "DELETE", CUSTOM, {"restart": 1}).status == 200
    assert look(node) == node.own_fingerprint


def test_delete_with_a_body_is_refused(node, old):
    upload(node, old)
    connection_headers = {**token_of(node), "Content-Type": "application/x-www-form-urlencoded"}

    said = say_once(node, "DELETE", f"/api2/json{CUSTOM}", connection_headers, "restart=1")
    assert (said.status, said.reason) == (501, "Unexpected content for method 'DELETE'")
    assert holds(node, old)


# --- nodes by other names ---------------------------------------------------------------------


def test_the_name_localhost_is_a_trap(node, old, new):
    upload(node, old)
    path = "/nodes/localhost/certificates"
    node.acl.user["/nodes/localhost"] = node.acl.token["/nodes/localhost"] = {"Sys.Modify"}
    assert [one["filename"] for one in ask(node, "GET", f"{path}/info").json["data"]] == ["pve-root-ca.pem"]
    assert ask(node, "DELETE", f"{path}/custom", {"restart": 1}).status == 200
    assert holds(node, old)
    said = upload(node, new, path=f"{path}/custom")
    assert said.status == 500
    assert said.reason.startswith("Setting certificate files failed - unable to open file '/etc/pve/nodes/localhost/pveproxy-ssl.pem.tmp.")
    assert said.reason.endswith(" - No such file or directory")


def test_a_node_that_is_unknown_cannot_be_looked_up(node, new):
    for said in (upload(node, new, path="/nodes/pve7/certificates/custom"), ask(node, "GET", "/nodes/pve7/certificates/info")):
        assert said.status == 500
        assert said.reason.startswith("hostname lookup 'pve7' failed - ")


@pytest.mark.parametrize("name", ["pve1.certpush.test", "PVE1"])
def test_a_node_by_another_form_of_its_name_is_looked_up_and_not_recognised(node, name):
    said = ask(node, "GET", f"/nodes/{name}/certificates/info")
    assert (said.status, said.body) == (596, b"")
    assert said.reason == "error:0A000086:SSL routines::certificate verify failed"


def test_information_describes_the_files_in_their_order(node, new):
    upload(node, new, restart=0)
    told = ask(node, "GET", "/nodes/pve1/certificates/info").json["data"]
    assert [one["filename"] for one in told] == ["pve-root-ca.pem", "pve-ssl.pem", "pveproxy-ssl.pem"]
    assert told[1]["fingerprint"].replace(":", "").lower() == node.own_fingerprint
    assert told[1]["subject"] == "/OU=PVE Cluster Node/O=Proxmox Virtual Environment/CN=pve1.certpush.test"
    assert told[2]["pem"] == new.leaf_pem.decode()
