"""Certificates of the Backup Server and the Datacenter Manager: always overwritten, reloaded without a word, and told in two ways."""

import pytest
from proxmoxer import ProxmoxAPI
from proxmoxer.core import ResourceException

from certpush.model import KeySpec
from certpush.testing.lab.process import LabError
from unit.testing.proxmox.asking import AUTHORITY, connect, look, parts, say
from unit.testing.proxmox.asking_rust import CUSTOM, INFO, call, files, refused, token, upload

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


RESTART = "/nodes/localhost/services/proxmox-backup-proxy/restart"


def test_a_backup_server_is_told_to_start_its_service_anew_by_those_who_may(backup, new):
    backup.faults.only_restart_helps = True
    upload(backup, new)
    assert call(backup, "POST", RESTART, {}).status == 403
    for rights in (backup.acl.user, backup.acl.token):
        rights["/system/services"] = {"Sys.Modify"}
    assert look(backup) == backup.own_fingerprint
    assert call(backup, "POST", RESTART, {}).json["data"].startswith("UPID:pbs1:")
    assert look(backup) == new.fingerprint
    assert refused(call(backup, "POST", RESTART.replace("proxmox-backup-proxy", "sshd"), {}), "unknown service name 'sshd'")


def test_a_datacenter_manager_cannot_be_told_to(datacenter):
    assert call(datacenter, "POST", RESTART, {}).status == 404


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


def test_rsa_pairs_are_served(server):
    bundle = AUTHORITY.issue("127.0.0.1", key=KeySpec.RSA_2048)
    assert upload(server, bundle).json["data"][0]["public-key-type"] == "rsaEncryption"
    assert look(server) == bundle.fingerprint


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
