"""Who we say we are: tokens in each product's spelling, tickets, and the second factor."""

from __future__ import annotations

import base64
import time

import pytest
from cryptography.hazmat.primitives.hashes import SHA1
from cryptography.hazmat.primitives.twofactor.totp import TOTP

from certpush.errors import ConfigError, TargetAuthFailed
from certpush.model import Secret
from certpush_proxmox.backup import PBS, BackupSettings
from certpush_proxmox.datacenter import PDM, DatacenterSettings
from certpush_proxmox.login import Desk, ticket, token_header
from certpush_proxmox.mail import API, MailSettings
from certpush_proxmox.refusals import LoginRefused
from certpush_proxmox.ve import PVE
from certpush_proxmox.ve_settings import ProxmoxSettings

SECRET = "12345678-1234-1234-1234-123456789abc"
SEED = base64.b32encode(b"12345678901234567890").decode()


class Request:
    def __init__(self, method: str) -> None:
        self.method, self.headers = method, dict[str, str]()


def headers(shown, method: str = "GET") -> dict[str, str]:
    return shown(Request(method)).headers


@pytest.mark.parametrize(
    ("product", "settings", "expected"),
    [
        (PVE, ProxmoxSettings, f"PVEAPIToken=certpush@pve!deploy={SECRET}"),
        (PBS, BackupSettings, f"PBSAPIToken=certpush@pve!deploy:{SECRET}"),
        (PDM, DatacenterSettings, f"PDMAPIToken=certpush@pve!deploy:{SECRET}"),
    ],
)
def test_the_token_is_spelt_as_the_product_wants_it(product, settings, expected):
    shown = token_header(product, settings(host="h", token_id="certpush@pve!deploy", token=Secret(f"{SECRET}\n")), 60)
    assert headers(shown) == headers(shown, "POST") == {"Authorization": expected}


@pytest.mark.parametrize("secret", [f"certpush@pve!deploy={SECRET}", f"PVEAPIToken=certpush@pve!deploy={SECRET}", f"deploy={SECRET}"])
def test_more_than_the_secret_is_told_and_not_shown(secret):
    with pytest.raises(ConfigError) as caught:
        token_header(PVE, ProxmoxSettings(host="h", token_id="certpush@pve!deploy", token=Secret(secret)), 60)
    assert "more than the token's secret" in caught.value.message
    assert SECRET not in caught.value.message + caught.value.hint


def test_what_cannot_be_a_secret_is_told():
    with pytest.raises(ConfigError, match="cannot be a token's secret"):
        token_header(PVE, ProxmoxSettings(host="h", token_id="certpush@pve!deploy", token=Secret("two words")), 60)


class Server:
    """Answers /access/ticket, at first as ``answers`` say, and the last one for ever."""

    def __init__(self, *answers: object) -> None:
        self.answers, self.asked = list(answers), list[dict[str, object]]()

    def __call__(self, *path: str, **fields: object) -> object:
        assert path == ("access", "ticket")
        self.asked.append(fields)
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception):
            raise answer
        return answer


GOOD = {"ticket": "PVE:certpush@pve:66::abc+/=", "CSRFPreventionToken": "66:csrf"}
CHALLENGE = {"ticket": "PVE:!tfa!x", "CSRFPreventionToken": "no", "NeedTFA": 1}
NO = LoginRefused("no", hint="")


def log_in(server: Server, *, totp: str | None = None, pauses: list[float] | None = None):
    settings = ProxmoxSettings(host="h", user="certpush@pve", password=Secret("pw"), totp=Secret(totp) if totp else None)
    return ticket(PVE, settings, 60, Desk(server, pause=(pauses if pauses is not None else []).append))


def test_a_ticket_is_shown_as_cookie_and_the_csrf_token_only_where_something_is_changed():
    server = Server(GOOD)
    shown = log_in(server)
    assert server.asked == [{"username": "certpush@pve", "password": "pw"}]
    assert headers(shown) == {"Cookie": "PVEAuthCookie=PVE:certpush@pve:66::abc+/="}
    assert headers(shown, "POST")["CSRFPreventionToken"] == "66:csrf"
    assert headers(shown, "DELETE")["CSRFPreventionToken"] == "66:csrf"


def test_the_gateway_has_a_cookie_of_its_own():
    settings = MailSettings(host="h", user="a@pmg", password=Secret("pw"))
    assert headers(ticket(API, settings, 60, Desk(Server(GOOD))))["Cookie"].startswith("PMGAuthCookie=")


def test_a_ticket_that_comes_as_cookie_alone_is_taken_from_there():
    settings = DatacenterSettings(host="h", user="a@pdm", password=Secret("pw"))
    desk = Desk(Server({"ticket-info": "x", "CSRFPreventionToken": "c"}), cookie=lambda: "__Host-PDMAuthCookie=PDM:a")
    assert headers(ticket(PDM, settings, 60, desk))["Cookie"] == "__Host-PDMAuthCookie=PDM:a"


def test_a_second_factor_is_computed_from_its_secret():
    server = Server(CHALLENGE, GOOD)
    before = time.time()
    log_in(server, totp=SEED.lower())
    step = server.asked[1]
    codes = {f"totp:{TOTP(base64.b32decode(SEED), 6, SHA1(), 30).generate(one).decode()}" for one in (before, time.time())}
    assert step["tfa-challenge"] == "PVE:!tfa!x"
    assert step["password"] in codes


def test_a_code_that_was_used_already_is_followed_by_the_next_one():
    pauses: list[float] = []
    log_in(server := Server(CHALLENGE, NO, GOOD), totp=SEED, pauses=pauses)
    assert len(server.asked) == 3
    assert len(pauses) == 1
    assert 0 < pauses[0] <= 30.5


def test_a_code_given_as_such_is_tried_once():
    server = Server(CHALLENGE, NO)
    with pytest.raises(LoginRefused):
        log_in(server, totp="123456")
    assert [one.get("password") for one in server.asked] == ["pw", "totp:123456"]


def test_a_missing_second_factor_is_not_tried():
    server = Server(CHALLENGE)
    with pytest.raises(TargetAuthFailed, match="has a second factor, and none is given") as caught:
        log_in(server)
    assert "API token" in caught.value.hint
    assert len(server.asked) == 1


def test_a_secret_that_is_none_is_told_without_showing_it():
    with pytest.raises(ConfigError, match="neither the base32 secret") as caught:
        log_in(Server(CHALLENGE), totp="0189!canary")
    assert "canary" not in caught.value.message


@pytest.mark.parametrize("answer", [None, [], {"ticket": ""}, "PVE:x"])
def test_an_answer_without_a_ticket_is_no_login(answer):
    with pytest.raises(TargetAuthFailed, match="without a ticket"):
        log_in(Server(answer))
