"""The Mail Gateway: tickets alone, two certificates in a file each, and TLS in SMTP that is switched with them."""

import smtplib
import ssl
from datetime import UTC, datetime

import pytest
from cryptography import x509
from proxmoxer import ProxmoxAPI

from certpush.errors import TargetUnreachable
from certpush.kit.tls import look as look_at
from certpush.kit.tls import utc_now
from certpush.model import Endpoint, KeySpec, fingerprint
from certpush.testing.lab.process import wait_until
from certpush.testing.lab.proxmox import ProxmoxMail, totp_code
from unit.testing.proxmox.asking import AUTHORITY, ask, look, parts

API = "/nodes/pmg1/certificates/custom/api"
SMTP = "/nodes/pmg1/certificates/custom/smtp"
INFO = "/nodes/pmg1/certificates/info"


@pytest.fixture
def gateway():
    with ProxmoxMail(overlap=0, refusal_delay=0) as server:
        yield server


def log_in(gateway, **given):
    return ask(gateway, "POST", "/access/ticket", {"username": gateway.user, **given}, headers={})


def ticket(gateway):
    told = log_in(gateway, password=gateway.password).json["data"]
    return {"Cookie": f"PMGAuthCookie={told['ticket']}", "CSRFPreventionToken": told["CSRFPreventionToken"]}


def call(gateway, method, path, given=None):
    return ask(gateway, method, path, given, headers=ticket(gateway))


def upload(gateway, path, bundle, **more):
    return call(gateway, "POST", path, parts(bundle, **{"force": 1, "restart": 1, **more}))


def look_by_smtp(gateway):
    """What SMTP shows after STARTTLS; None where it does not offer it."""
    try:
        return look_at(Endpoint(gateway.host, gateway.smtp_port, starttls="smtp"), (), utc_now()).fingerprint
    except TargetUnreachable as error:
        if "does not begin TLS" not in str(error):
            raise
        return None


# --- the API's certificate --------------------------------------------------------------------


def test_key_and_chain_go_into_one_file(gateway, new):
    assert look(gateway) == gateway.served() == gateway.own_fingerprint
    told = upload(gateway, API, new).json["data"]
    assert (told["filename"], told["pem"]) == ("pmg-api.pem", new.leaf_pem.decode())
    assert told["fingerprint"].replace(":", "").lower() == new.fingerprint
    assert gateway.files["pmg-api.pem"] == new.key.reveal_pem() + b"\n" + new.fullchain_pem
    assert look(gateway) == gateway.served() == new.fingerprint


def test_without_restart_it_goes_on_as_before(gateway, new):
    assert upload(gateway, API, new, restart=0).status == 200
    assert look(gateway) == gateway.own_fingerprint


def test_old_workers_answer_for_a_while(new):
    with ProxmoxMail(overlap=1, first_new=0, refusal_delay=0) as gateway:
        upload(gateway, API, new)
        assert {look(gateway), look(gateway)} == {gateway.own_fingerprint, new.fingerprint}
        wait_until(lambda: gateway.settled, "the old workers are gone")
        assert {look(gateway) for _ in range(3)} == {new.fingerprint}


def test_force_is_always_needed(gateway, new):
    said = upload(gateway, API, new, force=0)
    assert (said.status, said.reason) == (500, "Custom certificate file exists but force flag is not set.")


def test_the_key_is_always_needed(gateway, new):
    said = call(gateway, "POST", API, {"certificates": new.fullchain_pem.decode(), "force": 1})
    assert said.json["errors"] == {"key": "property is missing and it is not optional"}


@pytest.mark.parametrize("spec", [KeySpec.EC_P256, KeySpec.RSA_2048], ids=["same type", "other type"])
def test_any_key_is_taken_and_a_wrong_one_kills_tls(gateway, new, spec):
    wrong = AUTHORITY.issue("a.lan", key=spec).key.reveal_pem().decode()
    assert upload(gateway, API, new, key=wrong).status == 200
    assert look(gateway) is None


def test_what_is_no_certificate_is_undone_and_leaves_a_copy(gateway, new):
    before = gateway.files["pmg-api.pem"]
    said = upload(gateway, API, new, certificates="-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n")
    assert said.reason == "Setting certificate files failed - unable to read certificate from '/etc/pmg/pmg-api.pem'"
    assert gateway.files == {"pmg-api.pem": before, "pmg-api.pem.old": before}


def test_removal_brings_a_new_certificate_of_its_own(gateway, new):
    first = gateway.own_fingerprint
    upload(gateway, API, new)
    assert call(gateway, "DELETE", API, {"restart": 1}).json == {"data": None}
    assert gateway.own_fingerprint != first
    assert look(gateway) == gateway.own_fingerprint


def test_a_reload_that_fails_and_a_lock_that_is_held(gateway, new):
    gateway.faults.reload_fails_once = True
    said = upload(gateway, API, new)
    assert (said.status, said.reason) == (500, "command 'systemctl reload-or-restart pmgproxy' failed: exit code 1")
    assert look(gateway) == gateway.own_fingerprint
    gateway.faults.lock_held, gateway.faults.lock_seconds = True, 0.1
    assert upload(gateway, API, new).reason == "can't lock file '/var/lock/pmg-certs.lock' - got timeout"


# --- SMTP -------------------------------------------------------------------------------------


def test_smtp_is_without_tls_until_it_gets_a_certificate(gateway, new):
    assert look_by_smtp(gateway) is None
    assert [one["filename"] for one in call(gateway, "GET", INFO).json["data"]] == ["pmg-api.pem"]
    assert upload(gateway, SMTP, new, force=0).json["data"]["filename"] == "pmg-tls.pem"
    assert look_by_smtp(gateway) == gateway.served_by_smtp() == new.fingerprint
    assert [one["filename"] for one in call(gateway, "GET", INFO).json["data"]] == ["pmg-api.pem", "pmg-tls.pem"]
    assert look(gateway) == gateway.own_fingerprint


def test_removal_switches_tls_off(gateway, new):
    upload(gateway, SMTP, new)
    assert call(gateway, "DELETE", SMTP).status == 200
    assert look_by_smtp(gateway) == new.fingerprint  # until the next reload
    assert call(gateway, "DELETE", SMTP, {"restart": 1}).status == 200
    assert (look_by_smtp(gateway), gateway.served_by_smtp()) == (None, None)
    assert "pmg-tls.pem" not in gateway.files


def offered(gateway):
    """Whether STARTTLS is offered, and what is said to it."""
    with smtplib.SMTP(gateway.host, gateway.smtp_port, timeout=10) as client:
        client.ehlo()
        return client.has_extn("starttls"), client.docmd("STARTTLS")[0]


def test_without_tls_nothing_is_offered(gateway, new):
    assert offered(gateway) == (False, 502)
    upload(gateway, SMTP, new)
    call(gateway, "DELETE", SMTP, {"restart": 1})
    assert offered(gateway) == (False, 502)


def test_a_wrong_key_leaves_smtp_without_tls_though_it_is_offered(gateway, new):
    upload(gateway, SMTP, new, key=AUTHORITY.issue("a.lan").key.reveal_pem().decode())
    assert look_by_smtp(gateway) is None
    assert offered(gateway) == (True, 454)


def test_postfix_that_does_not_reload(gateway, old, new):
    gateway.install(old, "smtp")
    gateway.faults.reload_fails = True
    assert upload(gateway, SMTP, new).reason == "command 'systemctl reload postfix' failed: exit code 1"
    assert look_by_smtp(gateway) == old.fingerprint
    gateway.restart()
    assert look_by_smtp(gateway) == new.fingerprint


def test_a_mail_client_begins_tls(gateway, new):
    gateway.install(new, "smtp")
    context = ssl.create_default_context(cadata=AUTHORITY.root_pem.decode())
    with smtplib.SMTP(gateway.host, gateway.smtp_port, timeout=10) as client:
        assert client.ehlo()[0] == 250
        assert client.has_extn("starttls")
        client.starttls(context=context)
        shown = x509.load_der_x509_certificate(client.sock.getpeercert(binary_form=True))
        assert client.ehlo()[0] == 250
        assert not client.has_extn("starttls")
    assert fingerprint(shown) == new.fingerprint


# --- who may ----------------------------------------------------------------------------------


def test_the_role_decides(gateway, new):
    assert log_in(gateway, password=gateway.password).json["data"]["role"] == "admin"
    gateway.role = "audit"
    for said in (upload(gateway, API, new), call(gateway, "DELETE", SMTP)):
        assert (said.status, said.reason) == (403, "Permission check failed")
    assert call(gateway, "GET", INFO).status == 200
    assert call(gateway, "GET", "/nodes/pmg1/config").status == 200
    gateway.role = "qmanager"
    assert call(gateway, "GET", "/nodes/pmg1/config").status == 403


def test_tokens_are_not_known(gateway):
    said = ask(gateway, "GET", "/version", headers={"Authorization": "PVEAPIToken=a@pmg!b=c"})
    assert (said.status, said.reason) == (401, "API tokens not implemented")
    assert ask(gateway, "GET", "/version", headers={"Authorization": "PMGAPIToken=a@pmg!b=c"}).reason == "No ticket"


def test_there_is_no_list_of_rights(gateway):
    assert call(gateway, "GET", "/access/permissions").status == 501


def test_parameters_of_the_path_may_not_come_twice(gateway, new):
    assert upload(gateway, API, new, type="api").json["errors"] == {"type": "duplicate parameter (already defined in URI)"}


@pytest.mark.parametrize(("node", "status"), [("localhost", 200), ("pmg9", 500)])
def test_a_gateway_is_localhost_too(gateway, node, status):
    said = call(gateway, "GET", f"/nodes/{node}/certificates/info")
    assert said.status == status
    assert status == 200 or said.reason == "unable to get remote IP address for node 'pmg9'"


def test_a_third_certificate_there_is_none(gateway, new):
    wrong = "value 'imap' does not have a value in the enumeration 'api, smtp'"
    assert upload(gateway, "/nodes/pmg1/certificates/custom/imap", new).json["errors"] == {"type": wrong}


def test_acme_is_told_with_its_use(gateway):
    gateway.faults.acme_domains = ("mail.example.com",)
    assert call(gateway, "GET", "/nodes/pmg1/config").json["data"]["acmedomain0"] == "domain=mail.example.com,usage=api"


def test_a_second_factor(gateway):
    gateway.totp_secret = "JBSWY3DPEHPK3PXP"
    told = log_in(gateway, password=gateway.password).json["data"]
    assert (told["NeedTFA"], told["ticket"][:9]) == (1, "PMG:!tfa!")
    code = totp_code(gateway.totp_secret, datetime.now(UTC))
    assert log_in(gateway, password=f"totp:{code}", **{"tfa-challenge": told["ticket"]}).json["data"]["role"] == "admin"


def test_proxmoxer_logs_in_and_uploads(gateway, new, tmp_path):
    gateway.install(AUTHORITY.issue("127.0.0.1"))  # its own has no name that a client could check
    (tmp_path / "roots.pem").write_bytes(AUTHORITY.root_pem)
    login = {"user": gateway.user, "password": gateway.password, "verify_ssl": str(tmp_path / "roots.pem")}
    api = ProxmoxAPI(gateway.host, service="PMG", port=gateway.port, timeout=10, **login)
    assert api.version.get()["release"] == "9.1"
    api.nodes("pmg1").certificates.custom.smtp.post(**parts(new, force=1, restart=1))
    assert look_by_smtp(gateway) == new.fingerprint
