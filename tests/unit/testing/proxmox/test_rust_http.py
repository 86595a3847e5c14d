"""The Backup Server and the Datacenter Manager before any call: who is let in, what is no request, and errors in plain text."""

import http.client
import json
import zlib
from datetime import UTC, datetime

import pytest

from certpush.testing.lab.proxmox import ProxmoxBackup, ProxmoxDatacenter, totp_code
from unit.testing.proxmox.asking import connect, look, parts, say, say_once
from unit.testing.proxmox.asking_rust import CUSTOM, INFO, PREFIX, call, files, refused, token, upload

SECRET = "JBSWY3DPEHPK3PXP"
MODIFY = {ProxmoxBackup: "Sys.Modify", ProxmoxDatacenter: "System.Modify"}


# --- who may ----------------------------------------------------------------------------------


@pytest.mark.parametrize("separator", ["=", " "])
def test_tokens_are_separated_by_a_colon(server, separator):
    assert refused(call(server, "GET", "/version", headers=token(server, separator)), "authentication failed", 401)
    assert call(server, "GET", "/version").status == 200


@pytest.mark.parametrize("header", [{}, {"Authorization": "Bearer x"}, {"Authorization": "PVEAPIToken=a@pve!b=c"}])
def test_strangers_are_told_nothing_and_may_stay(server, header):
    connection = connect(server)
    for _ in range(2):
        said = say(connection, "GET", "/api2/json/version", header)
        assert refused(said, "authentication failed", 401)
        assert said.reason == "Unauthorized"
    connection.close()
    assert server.connections == 1


def test_a_401_comes_late():
    with ProxmoxBackup(refusal_delay=0.3) as server:
        assert call(server, "GET", "/version", headers={}).seconds > 0.3


def test_without_the_right_nothing_is_changed(server, new):
    server.acl.token["/system/certificates"] = {"Sys.Audit"}
    before = files(server)
    for said in (upload(server, new), call(server, "DELETE", CUSTOM)):
        assert refused(said, "permission check failed", 403)
        assert said.seconds > 0.4
    assert files(server) == before


def test_looking_needs_the_right_on_a_backup_server_alone(backup, datacenter):
    for server in (backup, datacenter):
        server.acl.token.clear()
    assert call(backup, "GET", INFO).status == 403
    assert call(datacenter, "GET", INFO).status == 200


def test_rights_are_told_by_their_names(server):
    told = call(server, "GET", "/access/permissions").json["data"]
    assert told["/system/certificates"][MODIFY[type(server)]] is True
    assert call(server, "GET", "/access/permissions", {"path": "/nothing"}).json["data"] == {}


def test_acme_is_told_at_two_places(backup, datacenter):
    for server, path in ((backup, "/nodes/localhost/config"), (datacenter, "/config/certificate")):
        assert call(server, "GET", path).status == 403
        for rights in (server.acl.user, server.acl.token):
            rights["/system"] = {"Sys.Audit", "System.Audit"}
        server.faults.acme_domains = ("a.example.com",)
        assert call(server, "GET", path).json["data"]["acmedomain0"] == "domain=a.example.com"


# --- logins -----------------------------------------------------------------------------------


def log_in(server, **given):
    return call(server, "POST", "/access/ticket", {"username": server.user, **given}, headers={})


def test_a_backup_server_gives_its_ticket_in_the_body(backup, new):
    told = log_in(backup, password=backup.password).json["data"]
    assert told["ticket"].startswith(f"PBS:{backup.user}:")
    cookie = {"Cookie": f"PBSAuthCookie={told['ticket']}"}
    assert call(backup, "GET", INFO, headers=cookie).status == 200
    assert refused(call(backup, "POST", CUSTOM, parts(new), headers=cookie), "authentication failed", 401)
    csrf = {**cookie, "CSRFPreventionToken": told["CSRFPreventionToken"]}
    assert call(backup, "POST", CUSTOM, parts(new), headers=csrf).status == 200


def test_a_datacenter_manager_gives_its_ticket_as_a_cookie_alone(datacenter):
    said = log_in(datacenter, password=datacenter.password)
    told = said.json["data"]
    assert "ticket" not in told
    assert told["ticket-info"].endswith("::ticketinfo")
    cookie = said.headers["Set-Cookie"].partition(";")[0]
    assert cookie.startswith(f"__Host-PDMAuthCookie=PDM:{datacenter.user}:")
    assert call(datacenter, "GET", "/access/permissions", headers={"Cookie": cookie}).json["data"]
    assert call(datacenter, "GET", "/version", headers={"Cookie": f"PDMAuthCookie={told['ticket-info']}"}).status == 401


@pytest.mark.parametrize("given", [{"password": "wrong"}, {"username": "nobody@pbs", "password": "x"}])
def test_a_failed_login(server, given):
    assert refused(log_in(server, **given), "permission check failed.", 401)


def test_a_second_factor_is_asked_for_without_saying_so(server):
    server.totp_secret = SECRET
    told = log_in(server, password=server.password).json["data"]
    assert "NeedTFA" not in told
    assert told["CSRFPreventionToken"] == "invalid"
    assert "!tfa!" in told["ticket"]
    cookie = {"Cookie": f"{PREFIX[type(server)]}AuthCookie={told['ticket']}"}
    assert call(server, "GET", "/version", headers=cookie).status == 401
    code = totp_code(SECRET, datetime.now(UTC))
    assert log_in(server, password="totp:000000", **{"tfa-challenge": told["ticket"]}).status == 401
    assert log_in(server, password=f"totp:{code}", **{"tfa-challenge": told["ticket"]}).status == 200


# --- HTTP -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("method", "path", "status", "text"),
    [
        ("GET", "/api2/json/nothing", 404, "Path '/api2/json/nothing' not found."),
        ("GET", "/api2/tea/version", 400, "Unsupported output format 'tea'."),
        ("GET", "/api2", 404, "invalid api path '/api2'"),
        ("GET", "/elsewhere", 404, "no such file: 'elsewhere'"),
        ("POST", "/elsewhere", 400, "invalid http method for path"),
    ],
)
def test_paths_that_are_none(server, method, path, status, text):
    assert refused(say_once(server, method, path, token(server)), text, status)


def test_bodies_come_in_chunks_too_and_have_a_limit(server, new):
    form = {**token(server), "Content-Type": "application/json"}
    body = json.dumps(parts(new)).encode()
    connection = connect(server)
    connection.request("POST", f"/api2/json{CUSTOM}", iter([body[:100], body[100:]]), form, encode_chunked=True)
    assert connection.getresponse().read().startswith(b'{"data":[')
    connection.close()
    assert look(server) == new.fingerprint
    assert refused(say_once(server, "POST", f"/api2/json{CUSTOM}", form, b" " * 512 * 1024), "Request body too large")


def test_a_body_of_another_type_or_that_is_no_json(server):
    post = f"/api2/json{CUSTOM}"
    said = say_once(server, "POST", post, {**token(server), "Content-Type": "text/plain"}, "x")
    assert refused(said, 'unsupported content type Ok("text/plain")')
    said = say_once(server, "POST", post, {**token(server), "Content-Type": "application/json"}, "x")
    assert refused(said, "expected value at line 1 column 1")


def test_answers_are_packed_with_deflate_for_those_who_take_it(server):
    said = say_once(server, "GET", "/api2/json/version", {**token(server), "Accept-Encoding": "gzip, deflate"})
    assert (said.headers["Content-Encoding"], said.headers["Transfer-Encoding"]) == ("deflate", "chunked")
    assert json.loads(zlib.decompress(said.body))["data"]["release"]


def test_plain_http_is_sent_to_the_host_by_https(server):
    connection = http.client.HTTPConnection(server.host, server.port, timeout=10)
    said = say(connection, "GET", "/api2/json/version")
    connection.close()
    assert (said.status, said.headers["Location"]) == (301, f"https://{server.host}:{server.port}")


def test_an_idle_connection_is_closed():
    with ProxmoxBackup(idle=0.3) as server:
        connection = connect(server)
        say(connection, "GET", "/api2/json/version", token(server))
        assert connection.sock.recv(1) == b""
        connection.close()
