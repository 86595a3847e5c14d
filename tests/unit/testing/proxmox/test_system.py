"""What a node tells about itself, and services that reload in the background."""

import re
from datetime import UTC, datetime, timedelta

import pytest

from certpush.testing.lab.process import wait_until
from unit.testing.proxmox.asking import ask, look, upload

RELOAD = "/nodes/pve1/services/pveproxy/reload"


def grant(node, path, *privileges):
    for rights in (node.acl.user, node.acl.token):
        rights[path] = set(privileges)


def denied(said, what):
    return (said.status, said.reason) == (403, f"Permission check failed ({what})")


def test_a_node_that_stands_alone_lists_itself(node, new):
    (told,) = ask(node, "GET", "/nodes").json["data"]
    assert (told["node"], told["status"], told["id"], told["type"]) == ("pve1", "online", "node/pve1", "node")
    assert told["ssl_fingerprint"].replace(":", "").lower() == node.own_fingerprint
    assert "uptime" in told
    upload(node, new, restart=0)
    node.acl.token.clear()
    (told,) = ask(node, "GET", "/nodes").json["data"]
    assert told["ssl_fingerprint"].replace(":", "").lower() == new.fingerprint  # of the file
    assert "uptime" not in told


def test_the_cluster_of_a_node_that_stands_alone_has_no_entry(node):
    assert denied(ask(node, "GET", "/cluster/status"), "/, Sys.Audit")
    grant(node, "/", "Sys.Audit")
    (told,) = ask(node, "GET", "/cluster/status").json["data"]
    assert (told["type"], told["name"], told["ip"], told["online"], told["local"]) == ("node", "pve1", node.host, 1, 1)


def test_the_configuration_shows_what_acme_is_for(node):
    assert denied(ask(node, "GET", "/nodes/pve1/config"), "/, Sys.Audit")
    grant(node, "/", "Sys.Audit")
    assert not [name for name in ask(node, "GET", "/nodes/pve1/config").json["data"] if name.startswith("acme")]
    node.faults.acme_domains = ("pve1.example.com", "pve.example.com")
    told = ask(node, "GET", "/nodes/pve1/config").json["data"]
    assert (told["acmedomain0"], told["acmedomain1"]) == ("domain=pve1.example.com", "domain=pve.example.com")
    assert ask(node, "GET", "/nodes/pve1/config", {"property": "acmedomain1"}).json["data"] == {"acmedomain1": "domain=pve.example.com"}


def test_the_clock_is_told_and_stands_in_every_answer(node):
    node.faults.clock_offset = timedelta(days=-1)
    said = ask(node, "GET", "/nodes/pve1/time")
    yesterday = datetime.now(UTC) - timedelta(days=1)
    assert abs(said.json["data"]["time"] - yesterday.timestamp()) < 5
    assert f"{yesterday:%d %b %Y}" in said.headers["Date"]
    grant(node, "/nodes/pve1", "Sys.Modify")
    assert denied(ask(node, "GET", "/nodes/pve1/time"), "/nodes/pve1, Sys.Audit")


def test_storages_are_seen_by_those_who_may_see_each(node):
    node.faults.storages = [
        {"storage": "local", "type": "dir", "path": "/var/lib/vz"},
        {"storage": "backup", "type": "pbs", "server": "192.0.2.9", "datastore": "main", "fingerprint": "AA:BB"},
    ]
    assert ask(node, "GET", "/storage").json["data"] == []
    grant(node, "/storage/backup", "Datastore.Audit")
    (told,) = ask(node, "GET", "/storage").json["data"]
    assert (told["storage"], told["fingerprint"]) == ("backup", "AA:BB")
    grant(node, "/storage", "Datastore.AllocateSpace")
    assert len(ask(node, "GET", "/storage").json["data"]) == 2
    assert [one["storage"] for one in ask(node, "GET", "/storage", {"type": "dir"}).json["data"]] == ["local"]


def test_files_can_be_left_out_of_the_information(node, new):
    upload(node, new)
    node.faults.hidden_files = {"pveproxy-ssl.pem", "pve-root-ca.pem"}
    assert [one["filename"] for one in ask(node, "GET", "/nodes/pve1/certificates/info").json["data"]] == ["pve-ssl.pem"]


# --- reloading a service ----------------------------------------------------------------------


def finished(node, upid, headers=None):
    def status():
        return ask(node, "GET", f"/nodes/pve1/tasks/{upid}/status", headers=headers).json["data"]

    wait_until(lambda: status()["status"] == "stopped", "the task has ended")
    return status()


def test_a_reload_of_the_service_goes_on_in_the_background(node, new):
    upload(node, new, restart=0)
    upid = ask(node, "POST", RELOAD, {}).json["data"]
    assert re.fullmatch(r"UPID:pve1:[0-9A-F]{8}:[0-9A-F]{8}:[0-9A-F]{8}:srvreload:pveproxy:certpush@pve!deploy:", upid)
    told = finished(node, upid)
    assert (told["exitstatus"], told["user"], told["tokenid"], told["id"]) == ("OK", "certpush@pve", "deploy", "pveproxy")
    assert look(node) == new.fingerprint


def test_a_reload_that_fails_says_so_in_its_task(node, new):
    upload(node, new, restart=0)
    node.faults.reload_fails_once = True
    told = finished(node, ask(node, "POST", RELOAD, {}).json["data"])
    assert told["exitstatus"] == "command 'systemctl try-reload-or-restart pveproxy' failed: exit code 1"
    assert look(node) == node.own_fingerprint


def test_another_service_is_reloaded_without_any_effect(node, new):
    upload(node, new, restart=0)
    finished(node, ask(node, "POST", "/nodes/pve1/services/spiceproxy/reload", {}).json["data"])
    assert look(node) == node.own_fingerprint
    assert "service" in ask(node, "POST", "/nodes/pve1/services/nginx/reload", {}).json["errors"]


def test_a_reload_needs_the_right(node):
    grant(node, "/nodes", "Sys.Audit")
    assert denied(ask(node, "POST", RELOAD, {}), "/nodes/pve1, Sys.Modify")


def test_a_task_is_seen_by_its_owner_and_by_those_who_may_see_all(node):
    upid = ask(node, "POST", RELOAD, {}).json["data"]
    secret = node.accounts.add_token("certpush@pve!other", {"/nodes": {"Sys.Modify"}}).secret
    other = {"Authorization": f"PVEAPIToken=certpush@pve!other={secret}"}
    assert denied(ask(node, "GET", f"/nodes/pve1/tasks/{upid}/status", headers=other), "/nodes/pve1, Sys.Audit")
    grant(node, "/nodes", "Sys.Modify")
    assert finished(node, upid)["exitstatus"] == "OK"
    node.accounts.rights["certpush@pve!other"]["/nodes"] = {"Sys.Audit"}
    grant(node, "/nodes", "Sys.Audit")
    node.accounts.rights["certpush@pve"]["/nodes"] = {"Sys.Audit"}
    assert finished(node, upid, other)["exitstatus"] == "OK"


@pytest.mark.parametrize(
    ("upid", "wrong"),
    [("nothing", "unable to parse worker upid"), ("UPID:pve1:00000001:00000001:66000000:srvreload:pveproxy:a@pve:", "no such task")],
)
def test_tasks_that_are_none(node, upid, wrong):
    assert ask(node, "GET", f"/nodes/pve1/tasks/{upid}/status").json["errors"] == {"upid": wrong}
