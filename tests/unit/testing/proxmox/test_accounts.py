"""Tickets, second factors, and who may what."""

from datetime import UTC, datetime, timedelta

import pytest
from proxmoxer import ProxmoxAPI
from proxmoxer.core import AuthenticationError

from certpush.testing.lab.proxmox import ProxmoxNode, totp_code
from unit.testing.proxmox.asking import CUSTOM, ask, parts

SECRET = "JBSWY3DPEHPK3PXP"
LOGIN = "/access/ticket"


def log_in(node, **given):
    return ask(node, "POST", LOGIN, {"username": node.user, **given}, headers={})


def with_ticket(told, *, csrf=True):
    headers = {"Cookie": f"PVEAuthCookie={told['ticket']}"}
    return headers | ({"CSRFPreventionToken": told["CSRFPreventionToken"]} if csrf else {})


def failed(said):
    return (said.status, said.reason, said.json) == (401, "authentication failure", {"data": None, "message": "authentication failure\n"})


# --- passwords --------------------------------------------------------------------------------


def test_a_password_opens_what_the_user_may(node, new):
    told = log_in(node, password=node.password).json["data"]
    assert told["username"] == node.user
    assert told["ticket"].startswith(f"PVE:{node.user}:")
    assert "NeedTFA" not in told
    assert ask(node, "GET", "/access/permissions", headers=with_ticket(told)).json["data"] == {"/nodes": {"Sys.Audit": 1, "Sys.Modify": 1}}
    assert ask(node, "POST", CUSTOM, parts(new), headers=with_ticket(told)).status == 200
    assert node.requests[-1].caller == node.user


def test_a_ticket_alone_changes_nothing(node, new):
    told = log_in(node, password=node.password).json["data"]
    assert ask(node, "GET", "/version", headers=with_ticket(told, csrf=False)).status == 200
    for headers in (with_ticket(told, csrf=False), {**with_ticket(told, csrf=False), "CSRFPreventionToken": "66000000:wrong"}):
        said = ask(node, "POST", CUSTOM, parts(new), headers=headers)
        assert (said.status, said.reason, said.body) == (401, "Permission denied - invalid csrf token", b"")
    assert "pveproxy-ssl.pem" not in node.files


def test_a_ticket_may_stand_in_the_authorization_header(node):
    told = log_in(node, password=node.password).json["data"]
    assert ask(node, "GET", "/version", headers={"Authorization": f"PVEAuthCookie={told['ticket']}"}).status == 200


@pytest.mark.parametrize(
    "given",
    [
        {"password": "wrong"},
        {"password": "0"},
        {"username": "certpush"},
        {"username": "nobody@pve"},
        {"username": "certpush", "realm": "pam"},
    ],
)
def test_a_failed_login_does_not_tell_why(node, given):
    assert failed(log_in(node, **{"password": node.password, **given}))


def test_the_realm_may_come_apart(node):
    assert log_in(node, username="certpush", realm="pve", password=node.password).status == 200


def test_a_disabled_user_is_not_let_in(node):
    told = log_in(node, password=node.password).json["data"]
    node.accounts.users[node.user].enabled = False
    assert failed(log_in(node, password=node.password))
    assert ask(node, "GET", "/version", headers=with_ticket(told)).reason == "Authentication failed!"


def test_a_refused_login_comes_late():
    with ProxmoxNode(overlap=0, refusal_delay=3) as node:
        assert log_in(node, password="wrong").seconds > 2.9
        assert log_in(node, password=node.password).seconds < 2.9


def test_tokens_get_no_tickets(node):
    said = ask(node, "POST", LOGIN, {"username": node.user, "password": node.password})
    assert (said.status, said.reason) == (
        403,
        "Permission check failed (URI '/access/ticket' not available with API token, need proper ticket.",
    )


def test_a_long_name_is_no_parameter(node):
    assert log_in(node, username="a" * 60 + "@pve", password="x").status == 401
    assert log_in(node, username="a" * 61 + "@pve", password="x").json["errors"] == {"username": "value may only be 64 characters long"}


def test_a_ticket_renews_itself_and_ends_after_two_hours():
    now = datetime.now(UTC)
    with ProxmoxNode(overlap=0, refusal_delay=0, clock=lambda: now) as node:
        first = log_in(node, password=node.password).json["data"]
        now += timedelta(hours=1)
        second = log_in(node, password=first["ticket"]).json["data"]
        now += timedelta(hours=1, minutes=1)
        assert ask(node, "GET", "/version", headers=with_ticket(first)).reason == "Authentication failed!"
        assert failed(log_in(node, password=first["ticket"]))
        assert ask(node, "GET", "/version", headers=with_ticket(second)).status == 200


def test_a_forged_ticket_opens_nothing(node):
    told = log_in(node, password=node.password).json["data"]
    for ticket in (told["ticket"].replace("certpush", "root"), "nonsense", told["ticket"][:-4] + "AAA="):
        assert ask(node, "GET", "/version", headers={"Cookie": f"PVEAuthCookie={ticket}"}).reason == "Authentication failed!"


# --- second factors ---------------------------------------------------------------------------


@pytest.fixture
def guarded():
    now = datetime.now(UTC)
    with ProxmoxNode(overlap=0, refusal_delay=0, clock=lambda: now) as node:
        node.totp_secret = SECRET
        node.now = now
        yield node


def test_the_code_is_that_of_rfc_6238():
    rfc = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"
    assert totp_code(rfc, datetime.fromtimestamp(59, UTC)) == "287082"
    assert totp_code(rfc, datetime.fromtimestamp(1111111109, UTC)) == "081804"


def test_a_second_factor_is_asked_for_with_a_ticket_that_opens_nothing(guarded):
    said = log_in(guarded, password=guarded.password)
    told = said.json["data"]
    assert (said.status, told["NeedTFA"]) == (200, 1)
    assert told["ticket"].startswith("PVE:!tfa!")
    assert ask(guarded, "GET", "/version", headers=with_ticket(told)).reason == "Authentication failed!"


def test_the_second_step_takes_the_right_code_once(guarded):
    challenge = log_in(guarded, password=guarded.password).json["data"]["ticket"]
    code = totp_code(SECRET, guarded.now)
    assert failed(log_in(guarded, password="totp:000000", **{"tfa-challenge": challenge}))
    for wrong in (code, f"recovery:{code}"):
        assert failed(log_in(guarded, password=wrong, **{"tfa-challenge": challenge}))
    assert failed(log_in(guarded, password=f"totp:{code}", **{"tfa-challenge": "PVE:!tfa!x:66000000::AAAA"}))
    told = log_in(guarded, password=f"totp:{code}", **{"tfa-challenge": challenge}).json["data"]
    assert ask(guarded, "GET", "/version", headers=with_ticket(told)).status == 200
    assert failed(log_in(guarded, password=f"totp:{code}", **{"tfa-challenge": challenge}))


def test_a_challenge_is_of_one_user(guarded):
    challenge = log_in(guarded, password=guarded.password).json["data"]["ticket"]
    guarded.accounts.add_user("other@pve", "pw").totp_secret = SECRET
    code = totp_code(SECRET, guarded.now)
    assert failed(log_in(guarded, username="other@pve", password=f"totp:{code}", **{"tfa-challenge": challenge}))


def test_the_code_may_come_with_the_password_if_it_says_its_kind(guarded):
    code = totp_code(SECRET, guarded.now)
    assert failed(log_in(guarded, password=guarded.password, otp=code))
    assert "NeedTFA" not in log_in(guarded, password=guarded.password, otp=f"totp:{code}").json["data"]


def test_a_code_of_the_step_before_is_good_and_an_older_one_is_not(guarded):
    for age, good in ((90, False), (30, True)):
        code = totp_code(SECRET, guarded.now - timedelta(seconds=age))
        assert failed(log_in(guarded, password=guarded.password, otp=f"totp:{code}")) is not good


def test_a_wrong_clock_refuses_right_codes(guarded):
    guarded.faults.clock_offset = timedelta(minutes=5)
    assert failed(log_in(guarded, password=guarded.password, otp=f"totp:{totp_code(SECRET, guarded.now)}"))


# --- proxmoxer --------------------------------------------------------------------------------


def _api(node, trusted, **login):
    return ProxmoxAPI(node.host, port=node.port, user=node.user, verify_ssl=trusted, timeout=10, **login)


def test_proxmoxer_logs_in_with_a_password(node, trusted, new):
    api = _api(node, trusted, password=node.password)
    assert api.nodes("pve1").certificates.custom.post(**parts(new))["filename"] == "pveproxy-ssl.pem"
    with pytest.raises(AuthenticationError, match="code: 401"):
        _api(node, trusted, password="wrong")


def test_proxmoxer_logs_in_with_a_second_factor(node, trusted):
    node.totp_secret = SECRET
    code = totp_code(SECRET, datetime.now(UTC))
    assert _api(node, trusted, password=node.password, otp=code).version.get()["version"] == "9.2.11"
    with pytest.raises(AuthenticationError, match="missing Two Factor"):
        _api(node, trusted, password=node.password, otp=code)  # it was used
