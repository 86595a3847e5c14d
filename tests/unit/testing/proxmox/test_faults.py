"""What can go wrong between a client and a node, and with the node's disk."""

import http.client
import json
import time

import pytest

from certpush.testing.lab.process import wait_until
from certpush.testing.lab.proxmox import Answer, Broken, ProxmoxNode
from unit.testing.proxmox.asking import CUSTOM, ask, connect, look, say, say_once, token_of, upload


def breaks(node, how, **more):
    node.faults.broken.append(Broken(how, path="/certificates/custom", **more))


def lost(ask_it):
    with pytest.raises((http.client.RemoteDisconnected, http.client.IncompleteRead, ConnectionResetError, BrokenPipeError)):
        ask_it()


# --- answers that do not come -----------------------------------------------------------------


def test_a_lost_answer_hides_that_the_work_is_done(node, new):
    breaks(node, Answer.LOST, method="POST", times=1)
    lost(lambda: upload(node, new))
    assert look(node) == new.fingerprint
    assert node.requests[-1].status == 200
    assert upload(node, new).status == 200


def test_work_may_be_done_after_the_client_is_gone(node, new):
    breaks(node, Answer.LATE, seconds=1)
    lost(lambda: upload(node, new))
    assert (look(node), node.requests[-1].status) == (node.own_fingerprint, None)
    wait_until(lambda: look(node) == new.fingerprint, "the work is done")
    assert node.requests[-1].status == 200


def test_late_work_is_not_done_by_a_node_that_was_stopped(node, new):
    breaks(node, Answer.LATE, seconds=30)
    lost(lambda: upload(node, new))
    node.restart()
    assert "pveproxy-ssl.pem" not in node.files


def test_a_connection_that_is_cut_within_the_body_changes_nothing(node, new):
    breaks(node, Answer.CUT, size=100)
    lost(lambda: upload(node, new))
    assert "pveproxy-ssl.pem" not in node.files
    assert (node.requests[-1].parameters, node.requests[-1].status) == ({}, None)


def test_a_silent_answer_keeps_the_connection_until_the_client_goes(node, new):
    breaks(node, Answer.SILENT)
    connection = http.client.HTTPSConnection(node.host, node.port, timeout=0.3, context=connect(node)._context)
    with pytest.raises(TimeoutError):
        say(connection, "DELETE", f"/api2/json{CUSTOM}", token_of(node))
    connection.close()
    assert node.requests[-1].status == 200


# --- answers that are not the product's -------------------------------------------------------


@pytest.mark.parametrize(("how", "status"), [(Answer.HTML, 200), (Answer.HTML_ERROR, 502)])
def test_a_reverse_proxys_page_comes_instead_of_any_work(node, new, how, status):
    breaks(node, how)
    said = upload(node, new)
    assert (said.status, said.headers["Content-Type"], said.body[:6]) == (status, "text/html", b"<html>")
    assert "pveproxy-ssl.pem" not in node.files


def test_a_redirect_leads_elsewhere(node, new):
    breaks(node, Answer.REDIRECT)
    said = upload(node, new)
    assert (said.status, said.headers["Location"]) == (307, "https://127.0.0.1:1/api2/json/")
    assert "pveproxy-ssl.pem" not in node.files


@pytest.mark.parametrize(("how", "value"), [(Answer.NO_OBJECT, []), (Answer.NO_DATA, {})])
def test_json_that_is_not_as_it_should_be(node, new, how, value):
    breaks(node, how)
    assert upload(node, new).json == value
    assert look(node) == new.fingerprint


def test_a_slow_answer_is_right(node, new):
    breaks(node, Answer.SLOW, seconds=0.3)
    said = upload(node, new)
    assert said.seconds > 0.3
    assert said.json["data"]["filename"] == "pveproxy-ssl.pem"


def test_a_huge_answer_goes_on_and_on(node):
    breaks(node, Answer.HUGE)
    connection = connect(node)
    connection.request("DELETE", f"/api2/json{CUSTOM}", headers=token_of(node))
    answer = connection.getresponse()
    assert answer.length > 2**30
    assert len(answer.read(2**20)) == 2**20
    answer.close()
    connection.close()


def test_a_trickled_answer_comes_a_byte_a_second(node):
    breaks(node, Answer.TRICKLE)
    connection = connect(node)
    connection.request("DELETE", f"/api2/json{CUSTOM}", headers=token_of(node))
    answer = connection.getresponse()
    began = time.monotonic()
    assert answer.read(2) == b'{"'
    assert time.monotonic() - began > 0.9
    answer.close()
    connection.close()


def test_a_truncated_answer(node):
    breaks(node, Answer.TRUNCATED)
    lost(lambda: ask(node, "DELETE", CUSTOM))


def test_faults_count_for_their_requests_only_and_so_often(node):
    node.faults.broken = [Broken(Answer.HTML, method="GET", path="/version", times=2)]
    assert ask(node, "GET", "/nodes").status == 200
    kinds = [ask(node, "GET", "/version").headers["Content-Type"] for _ in range(3)]
    assert kinds == ["text/html", "text/html", "application/json;charset=UTF-8"]


def test_stopping_does_not_wait_for_those_who_wait():
    node = ProxmoxNode(refusal_delay=60).start()
    connection = connect(node)
    connection.request("GET", "/api2/json/version")
    wait_until(lambda: bool(node.requests), "the request came in")
    began = time.monotonic()
    node.close()
    assert time.monotonic() - began < 30
    connection.close()


# --- the node's own troubles ------------------------------------------------------------------


def test_a_lock_that_is_held(node, new):
    node.faults.lock_held, node.faults.lock_seconds = True, 0.2
    for said in (upload(node, new), ask(node, "DELETE", CUSTOM)):
        assert (said.status, said.reason) == (500, "can't lock file '/var/lock/pve-certs.lock' - got timeout")
        assert said.seconds > 0.2
    assert "pveproxy-ssl.pem" not in node.files


def test_without_quorum_nothing_is_written_and_a_removal_claims_to_be_done(node, old, new):
    node.faults.no_quorum = True
    said = upload(node, new)
    assert said.status == 500
    assert said.reason.startswith("Setting certificate files failed - unable to open file '/etc/pve/nodes/pve1/pveproxy-ssl.pem.tmp.")
    assert said.reason.endswith(" - Permission denied")
    node.install(old)
    said = upload(node, new)
    assert said.reason.startswith("unable to open file '/etc/pve/nodes/pve1/pveproxy-ssl.pem.old.tmp.")
    assert ask(node, "DELETE", CUSTOM, {"restart": 1}).status == 200
    assert look(node) == old.fingerprint


def test_an_answer_may_be_read_by_a_second_request_after_a_fault(node):
    node.faults.broken = [Broken(Answer.LOST, times=1)]
    lost(lambda: say_once(node, "GET", "/api2/json/version", token_of(node)))
    assert json.loads(say_once(node, "GET", "/api2/json/version", token_of(node)).body)["data"]["release"] == "9.2"
