"""The Backup Server and the Datacenter Manager: errors in plain text, reloads that fail without a word, and where the two differ."""

import http.client
import json
import time
import zlib
from datetime import UTC, datetime

import pytest
from proxmoxer import ProxmoxAPI
from proxmoxer.core import ResourceException

from certpush.model import CertificateBundle, KeySpec
from certpush.testing.lab.process import LabError
from certpush.testing.lab.proxmox import ProxmoxBackup, ProxmoxDatacenter, totp_code
from unit.testing.proxmox.asking import AUTHORITY, ask, connect, look, parts, say, say_once

CUSTOM = "/nodes/localhost/certificates/custom"
INFO = "/nodes/localhost/certificates/info"
SECRET = "JBSWY3DPEHPK3PXP"
PREFIX = {ProxmoxBackup: "PBS", ProxmoxDatacenter: "PDM"}
MODIFY = {ProxmoxBackup: "Sys.Modify", ProxmoxDatacenter: "System.Modify"}


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


def token(server, separator=":"):
    return {"Authorization": f"{PREFIX[type(server)]}APIToken={server.token_id}{separator}{server.token}"}


def call(server, method, path, given=None, **more):
    return ask(server, method, path, given, **{"headers": token(server), **more})


def upload(server, bundle, **more):
    return call(server, "POST", CUSTOM, parts(bundle, **more))


def files(server):
    return tuple(server.files.values())


def refused(said, text, status=400):
    return (said.status, said.body.decode()) == (status, text)


# --- certificates -----------------------------------------------------------------------------


def test_a_pair_replaces_whatever_is_there_and_is_served_at_once(server, new):
    assert look(server) == server.served() == server.own_fingerprint
    said = upload(server, new)
    (told,) = said.json["data"]
    assert told["fingerprint"] == ":".join(new.fingerprint[place : place + 2] for place in range(0, 64, 2))
    assert told["subject"] == "CN = pve1.lan"
    assert told["issuer"] == "O = Steps, CN = Steps Intermediate CA"
    assert told["pem"].count("BEGIN CERTIFICATE") == 2
    assert (told["public-key-type"], told["public-key-bits"]) == ("id-ecPublicKey", 256)
    assert told["notafter"] == int(new.not_after.timestamp())
    assert look(server) == server.served() == new.fingerprint
    assert call(server, "GET", INFO).json["data"] == [told]


def test_names_of_files_and_of_certificates_are_told_in_two_ways(backup, datacenter):
    bundle = AUTHORITY.issue("a.lan", "192.0.2.7")
    (first,), (second,) = upload(backup, bundle).json["data"], upload(datacenter, bundle).json["data"]
    assert (first["filename"], first["san"]) == ("proxy.pem", ["a.lan"])
    assert second["filename"] == "/etc/proxmox-datacenter-manager/auth/api.pem"
    assert second["san"] == ["DNS: a.lan", "IP: [192, 0, 2, 7]"]
    assert set(backup.files) == {"proxy.pem", "proxy.key"}
    assert set(datacenter.files) == {"api.pem", "api.key"}


def test_the_key_may_stay_as_it_is(server, old):
    upload(server, old)
    again = AUTHORITY.issue("127.0.0.1", key=old.key)
    assert call(server, "POST", CUSTOM, {"certificates": again.fullchain_pem.decode()}).status == 200
    assert look(server) == again.fingerprint


def test_traditional_keys_are_taken_and_written_anew(server, new):
    assert upload(server, new, key=new.key.reveal_pem(traditional=True).decode()).status == 200
    assert files(server)[1] == new.key.reveal_pem()


def test_a_pair_that_does_not_match_is_accepted_never_served_and_keeps_the_service_from_starting(server, old, new):
    upload(server, old)
    assert upload(server, new, key=AUTHORITY.issue("a.lan").key.reveal_pem().decode()).status == 200
    assert call(server, "GET", INFO).json["data"][0]["fingerprint"].replace(":", "") == new.fingerprint
    assert look(server) == server.served() == old.fingerprint
    server.stop()
    with pytest.raises(LabError, match="does not start"):
        server.start()
    assert not server.running


@pytest.mark.parametrize("fault", ["reload_fails", "reload_fails_once", "reload_does_nothing"])
def test_a_reload_that_fails_is_not_told(server, new, fault):
    setattr(server.faults, fault, True)
    assert upload(server, new).status == 200
    assert look(server) == server.own_fingerprint
    server.restart()
    assert look(server) == new.fingerprint


def test_open_connections_live_on_with_what_they_were_shown(server, new):
    connection = connect(server)
    say(connection, "GET", "/api2/json/version", token(server))
    upload(server, new)
    said = say(connection, "GET", "/api2/json/version", token(server))
    connection.close()
    assert (said.status, said.headers["Connection"]) == (200, None)


@pytest.mark.parametrize(
    ("more", "text"),
    [
        ({"key": "no key"}, "failed to parse private key: error:"),
        ({"certificates": "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"}, "failed to decode certificate chain: error:"),
    ],
)
def test_what_cannot_be_read_changes_nothing(server, old, new, more, text):
    upload(server, old)
    before = files(server)
    said = upload(server, new, **more)
    assert said.status == 400
    assert said.body.decode().startswith(text)
    assert files(server) == before


def test_a_text_without_any_certificate_empties_the_file(server, old, new):
    upload(server, old)
    for said in (upload(server, new, certificates="no PEM"), call(server, "GET", INFO)):
        assert said.status == 400
        assert b"no start line" in said.body
    assert files(server)[0] == b""
    assert look(server) == old.fingerprint


def test_removal_brings_a_new_certificate_of_its_own(server, new):
    first = server.own_fingerprint
    upload(server, new)
    said = call(server, "DELETE", CUSTOM, {"restart": 1})
    assert (said.status, said.json) == (200, {"data": None})
    assert server.own_fingerprint not in (first, new.fingerprint)
    assert look(server) == server.served() == server.own_fingerprint


def test_an_administrator_installs_a_pair(server, new):
    server.install(new, reload=False)
    assert look(server) == server.own_fingerprint
    server.install(new)
    assert look(server) == new.fingerprint


# --- parameters -------------------------------------------------------------------------------


@pytest.mark.parametrize("yes", ["1", "on", "yes", "true", "True"])
def test_booleans_of_forms_have_many_forms(server, new, yes):
    assert upload(server, new, force=yes, restart=yes).status == 200


def test_booleans_of_json_have_one(server, new):
    assert call(server, "POST", CUSTOM, parts(new, force=True), as_json=True).status == 200
    said = call(server, "POST", CUSTOM, parts(new, force=1), as_json=True)
    assert refused(said, "parameter verification failed - 'force': Expected boolean value.")


def test_parameters_are_refused_in_plain_text(server, new):
    assert refused(upload(server, new, force="2"), "parameter verification failed - 'force': Unable to parse boolean option.")
    said = call(server, "POST", CUSTOM, {"a": "1", "b": "2"})
    assert refused(
        said,
        "parameter verification failed:\n"
        "- 'a': schema does not allow additional properties.\n"
        "- 'b': schema does not allow additional properties.",
    )
    said = call(server, "POST", CUSTOM, {})
    assert refused(said, "parameter verification failed - 'certificates': parameter is missing and it is not optional.")
    assert said.reason == "Bad Request"
    assert said.headers["Content-Type"] == "application/json;charset=UTF-8"  # and it is none


def test_a_node_may_have_any_name(server):
    assert call(server, "GET", "/nodes/whatever/certificates/info").status == 200


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
        began = time.monotonic()
        assert connection.sock.recv(1) == b""
        assert time.monotonic() - began < 2
        connection.close()


# --- proxmoxer --------------------------------------------------------------------------------


@pytest.fixture
def roots(backup, tmp_path):
    (tmp_path / "roots.pem").write_bytes(backup.files["proxy.pem"] + AUTHORITY.root_pem)
    return str(tmp_path / "roots.pem")


def test_proxmoxer_talks_to_a_backup_server_with_a_token(backup, roots, new):
    user, _, name = backup.token_id.partition("!")
    login = {"user": user, "token_name": name, "token_value": backup.token}
    api = ProxmoxAPI(backup.host, service="PBS", port=backup.port, verify_ssl=roots, timeout=10, **login)
    assert api.version.get()["version"] == "3.2"
    (told,) = api.nodes("localhost").certificates.custom.post(**parts(new, force=1))
    assert told["filename"] == "proxy.pem"
    assert look(backup) == new.fingerprint
    with pytest.raises(ResourceException) as raised:
        api.nodes("localhost").certificates.custom.post(**parts(new, key="none"))
    assert raised.value.status_code == 400
    assert raised.value.errors["errors"].startswith(b"failed to parse private key: ")


def test_proxmoxer_talks_to_a_backup_server_with_a_password(backup, roots, new):
    login = {"user": backup.user, "password": backup.password}
    api = ProxmoxAPI(backup.host, service="PBS", port=backup.port, verify_ssl=roots, timeout=10, **login)
    assert api.nodes("localhost").certificates.custom.post(**parts(new))
    assert api.nodes("localhost").certificates.custom.delete() is None
    assert look(backup) == backup.own_fingerprint


def test_rsa_pairs_are_served(server):
    bundle: CertificateBundle = AUTHORITY.issue("127.0.0.1", key=KeySpec.RSA_2048)
    assert upload(server, bundle).json["data"][0]["public-key-type"] == "rsaEncryption"
    assert look(server) == bundle.fingerprint
