"""After a reload old workers go on answering: new connections see both certificates in turn, open ones keep theirs."""

import re
import ssl
import time
from urllib.parse import urlencode

import pytest

from certpush.model import KeySpec
from certpush.testing.lab.process import wait_until
from certpush.testing.lab.proxmox import ProxmoxNode
from unit.testing.proxmox.asking import AUTHORITY, CUSTOM, ask, connect, look, parts, say, token_of, upload


def test_old_and_new_take_turns_until_the_old_are_gone(new):
    with ProxmoxNode(overlap=3, first_new=0.2) as node:
        began = time.monotonic()
        assert upload(node, new).status == 200
        seen = []
        while not node.settled:
            fresh = look(node) == new.fingerprint
            seen.append((time.monotonic() - began, fresh))
        assert not any(fresh for at, fresh in seen if at < 0.2)
        in_turn = "".join("on"[fresh] for _, fresh in seen).lstrip("o").rstrip("n")
        assert re.fullmatch("(no){3,}", in_turn)
        assert time.monotonic() - began > 2.9
        assert {look(node) for _ in range(4)} == {new.fingerprint}


def test_by_default_old_workers_answer_for_more_than_five_seconds(new):
    with ProxmoxNode() as node:
        began = time.monotonic()
        node.install(new)
        wait_until(lambda: look(node) == new.fingerprint, "the first new worker answers")
        assert not node.settled
        wait_until(lambda: node.settled, "the old workers are gone")
        assert time.monotonic() - began > 5


def test_a_connection_stays_with_its_old_worker_until_that_ends(new):
    with ProxmoxNode(overlap=1, first_new=0) as node:
        connection = connect(node)
        assert say(connection, "GET", "/api2/json/version", token_of(node)).headers["Connection"] == "Keep-Alive"
        before = connection.sock.getpeercert(binary_form=True)
        upload(node, new)
        assert say(connection, "GET", "/api2/json/version", token_of(node)).headers["Connection"] == "Keep-Alive"
        assert connection.sock.getpeercert(binary_form=True) == before
        wait_until(lambda: node.settled, "the old workers are gone")
        assert say(connection, "GET", "/api2/json/version", token_of(node)).headers["Connection"] == "close"
        connection.close()


def test_an_upload_over_an_open_connection_repairs_dead_tls_while_old_workers_live(old, new):
    with ProxmoxNode(overlap=0.5, first_new=0) as node:
        connection, form = connect(node), {**token_of(node), "Content-Type": "application/x-www-form-urlencoded"}
        broken = parts(new, key=AUTHORITY.issue(key=KeySpec.RSA_2048).key.reveal_pem().decode(), force=1, restart=1)
        assert say(connection, "POST", f"/api2/json{CUSTOM}", form, urlencode(broken)).status == 200
        assert node.served() is None
        assert say(connection, "POST", f"/api2/json{CUSTOM}", form, urlencode(parts(old, force=1, restart=1))).status == 200
        connection.close()
        wait_until(lambda: node.settled, "the old workers are gone")
        assert {look(node) for _ in range(4)} == {old.fingerprint}


def test_a_reload_that_fails_leaves_the_new_files_and_serves_the_old(node, old, new):
    upload(node, old)
    node.faults.reload_fails = True
    for _ in range(2):
        said = upload(node, new)
        assert (said.status, said.reason) == (500, "command 'systemctl reload-or-restart pveproxy' failed: exit code 1")
    assert node.files["pveproxy-ssl.pem"] == new.fullchain_pem
    assert node.served() == look(node) == old.fingerprint
    node.restart()
    assert look(node) == new.fingerprint


def test_a_reload_that_fails_once(node, old, new):
    node.faults.reload_fails_once = True
    assert upload(node, new).status == 500
    assert upload(node, new).status == 200
    assert look(node) == new.fingerprint


def test_a_reload_that_does_nothing(node, new):
    node.faults.reload_does_nothing = True
    assert upload(node, new).status == 200
    assert node.files["pveproxy-ssl.pem"] == new.fullchain_pem
    assert look(node) == node.served() == node.own_fingerprint


def test_a_key_file_of_the_administrators_kills_tls(node, old, new):
    node.faults.tls_key_file = old.key.reveal_pem()
    node.install(old)
    assert look(node) == old.fingerprint
    assert upload(node, new).status == 200
    assert look(node) is None


def test_stopped_it_refuses_and_started_again_it_serves_what_is_on_the_disk(node, new):
    port = node.port
    node.install(new, reload=False)
    node.stop()
    with pytest.raises(ConnectionRefusedError):
        look(node)
    node.start()
    assert (node.port, look(node)) == (port, new.fingerprint)


def test_a_client_that_trusts_the_clusters_ca_trusts_the_node(node):
    context = ssl.create_default_context(cadata=node.ca_pem.decode())
    connection = connect(node)
    connection._context = context
    assert say(connection, "GET", "/api2/json/version", token_of(node)).status == 200
    connection.close()


def test_delete_without_restart_still_serves(node, old):
    upload(node, old)
    ask(node, "DELETE", CUSTOM)
    assert node.served() == old.fingerprint
