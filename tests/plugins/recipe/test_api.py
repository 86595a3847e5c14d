"""Calls of a recipe with an API: what is sent, what is believed, and what is never said."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from certpush.errors import NoWayBack, PinMismatch, TargetAuthFailed, TargetDrifted, TargetRefused, TargetUnreachable
from certpush.kit.trust import Trust
from certpush.model import CertificateBundle, CertificateRequest, Expected, Secret
from certpush.testing import ApiAnswer, ApiRequest, Authority
from certpush_recipe.api_target import ApiTarget
from certpush_recipe.conformance.appliances import PASSWORD, USER, AdGuardHome, HttpsAppliance, path_of
from certpush_recipe.reading import parse_recipe, read_recipe
from certpush_recipe.recipe import ApiRecipe
from certpush_recipe.settings import ApiSettings

CA = Authority("Api")


def mint() -> CertificateBundle:
    return CA.issue("localhost", "127.0.0.1")


@pytest.fixture
def adguard() -> Iterator[AdGuardHome]:
    with AdGuardHome() as appliance:
        yield appliance


def settings_for(appliance: Any, recipe: str = "adguard-home", **more: Any) -> ApiSettings:
    usual: dict[str, Any] = {"parameters": {"user": USER}, "secrets": {"password": Secret(PASSWORD)}}
    trust = Trust(pins=(appliance.own.fingerprint,))
    return ApiSettings(recipe=recipe, host=appliance.address, trust=trust, **usual | more)


@contextlib.contextmanager
def target_of(appliance: Any, recipe: str = "adguard-home", **more: Any) -> Iterator[ApiTarget]:
    found = read_recipe(recipe)
    assert isinstance(found, ApiRecipe)
    with contextlib.closing(ApiTarget(found, settings_for(appliance, recipe, **more), pause=lambda _: None)) as target:
        yield target


def test_adguard_home_keeps_what_else_stands_in_its_table(adguard):
    before = dict(adguard.settings)
    with target_of(adguard) as target:
        new = mint()
        target.activate(target.stage(new), new)
    assert adguard.settings == before
    assert adguard.chain == new.fullchain_pem.decode()
    asked = [(one.method, path_of(one)) for one in adguard.requests]
    assert asked[:2] == [("GET", "/control/tls/status"), ("POST", "/control/tls/validate")]
    assert asked[-1] == ("POST", "/control/tls/configure")


def test_a_200_that_is_no_success_is_none(adguard):
    adguard.fails = lambda asked: ApiAnswer({"valid_pair": False, "warning_validation": "no"}) if asked.path.endswith("/validate") else None
    with target_of(adguard) as target, pytest.raises(TargetRefused, match="did not answer True at /valid_pair"):
        target.stage(mint())
    assert adguard.chain == adguard.own.fullchain_pem.decode()


@pytest.mark.parametrize(
    ("answer", "error", "says"),
    [
        (ApiAnswer("unauthorized", 401), TargetAuthFailed, r"GET /control/tls/status: the login was refused \(401\): unauthorized"),
        (ApiAnswer("\x1b[31mno", 403), TargetAuthFailed, r"\(403\): \\x1b\[31mno"),
        (ApiAnswer({"message": "starting"}, 503), TargetUnreachable, "answered 503"),
        (ApiAnswer("404 page not found", 404), TargetRefused, r"refused \(404\): 404 page not found"),
        (ApiAnswer("<html>login</html>"), TargetRefused, "the answer is no JSON"),
        (ApiAnswer({"certificate_chain": "!!"}), TargetRefused, "the active certificate cannot be read"),
        (ApiAnswer({"certificate_chain": 7}), TargetRefused, "the active certificate cannot be read"),
    ],
)
def test_an_answer_that_is_none_is_explained(adguard, answer: ApiAnswer, error, says):
    adguard.fails = lambda _: answer
    with target_of(adguard) as target, pytest.raises(error, match=says) as refused:
        target.inspect()
    assert refused.value.hint


def test_what_repeats_a_secret_is_not_quoted(adguard):
    adguard.fails = lambda asked: ApiAnswer("bad: " + asked.body.decode(), 400) if asked.method == "POST" else None
    with target_of(adguard) as target, pytest.raises(TargetRefused) as refused:
        target.stage(mint())
    assert refused.value.message.endswith("refused (400)")
    adguard.fails = lambda _: ApiAnswer(f"bad: {PASSWORD}", 400)
    with target_of(adguard) as target, pytest.raises(TargetRefused) as refused:
        target.inspect()
    assert PASSWORD not in str(refused.value)


def test_a_stranger_is_told_nothing(adguard):
    other = Authority("Other").issue("localhost").fingerprint
    with target_of(adguard) as _:
        pass
    recipe = read_recipe("adguard-home")
    settings = ApiSettings(
        recipe="adguard-home",
        host=adguard.address,
        trust=Trust(pins=(other,)),
        parameters={"user": USER},
        secrets={"password": Secret(PASSWORD)},
    )
    assert isinstance(recipe, ApiRecipe)
    with contextlib.closing(ApiTarget(recipe, settings)) as target, pytest.raises(PinMismatch):
        target.inspect()
    assert adguard.requests == []


def test_a_lost_answer_is_settled_by_looking(adguard, monkeypatch):
    inner = adguard.respond_as_product

    def lost(asked: ApiRequest) -> ApiAnswer:
        inner(asked)
        raise ConnectionResetError

    adguard.fails = lambda asked: lost(asked) if asked.path.endswith("/configure") else None
    with target_of(adguard) as target:
        new = mint()
        target.activate(target.stage(new), new)
    assert adguard.chain == new.fullchain_pem.decode()
    assert len([one for one in adguard.requests if one.path.endswith("/configure")]) == 1


def test_a_lost_request_is_told_as_such(adguard, monkeypatch):
    monkeypatch.setattr("certpush_recipe.api_target._LOST_SECONDS", 0.0)

    def never(_: ApiRequest) -> ApiAnswer:
        raise ConnectionResetError

    adguard.fails = lambda asked: never(asked) if asked.path.endswith("/configure") else None
    with target_of(adguard) as target:
        new = mint()
        staged = target.stage(new)
        with pytest.raises(TargetUnreachable, match="it has not become active"):
            target.activate(staged, new)


def test_what_another_administrator_installed_is_left_alone(adguard):
    with target_of(adguard) as target:
        before, new = target.inspect(), mint()
        staged = target.stage(new)
        theirs = mint()
        adguard.chain, adguard.key = theirs.fullchain_pem.decode(), theirs.key.reveal_pem().decode()
        with pytest.raises(TargetDrifted, match="another certificate was installed there since"):
            target.rollback(before, staged, None)
    assert adguard.chain == theirs.fullchain_pem.decode()


def test_without_the_old_pair_there_is_no_way_back(adguard):
    with target_of(adguard) as target:
        before, new = target.inspect(), mint()
        staged = target.stage(new)
        target.activate(staged, new)
        with pytest.raises(NoWayBack, match="the old pair is not in our hands"):
            target.rollback(before, staged, None)
        assert target.rollback(before, staged, adguard.own) == Expected.leaf(adguard.own.fingerprint)


def test_where_none_was_before_it_is_taken_off(adguard):
    adguard.settings["enabled"] = False
    adguard.chain = adguard.key = ""
    with target_of(adguard) as target:
        before, new = target.inspect(), mint()
        assert before.fingerprint is None
        staged = target.stage(new)
        adguard.settings["enabled"] = True
        target.activate(staged, new)
        assert target.rollback(before, staged, None) == Expected.nothing()
    assert (adguard.chain, adguard.settings["enabled"]) == ("", False)


def test_a_plan_and_a_check_name_the_calls_and_change_nothing(adguard):
    with target_of(adguard) as target:
        assert target.changes(CertificateRequest(mint().names)) == (f"{adguard.address}: POST /control/tls/configure",)
        codes = {one.code for one in target.preflight(CertificateRequest(mint().names))}
    assert {"recipe-untried", "login"} <= codes
    assert {one.method for one in adguard.requests} == {"GET"}


class Plain(HttpsAppliance):
    """Replaces the pair by a form; tells the fingerprint in a text, or nowhere but in the handshake."""

    def __init__(self) -> None:
        super().__init__(CA.issue("localhost", "127.0.0.1"))
        self.now = self.own

    def respond_as_product(self, asked: ApiRequest) -> ApiAnswer:
        if asked.method == "GET":
            return ApiAnswer(f"serving sha256 {self.now.fingerprint} since today")
        return ApiAnswer({})


PLAIN = """\
format = 1
name = "plain"
summary = "a form"
source = ["https://plain.example"]
[parameters.box]
about = "which"
[parameters.token]
about = "its token"
type = "secret"
[api.login.headers]
Authorization = "Bearer {token}"
[look]
get = "/boxes/{box}/tls"
query = { of = "{box}" }
LOOK
[[activate]]
post = "/boxes/{box}/tls"
form = { pem = "{fullchain_pem}{key_pem}", box = "{box}" }
[undo]
how = "previous"
fallback = "a new self-signed certificate"
[[undo.clear]]
delete = "/boxes/{box}/tls"
"""


@pytest.mark.parametrize("look", ["handshake = true", 'pattern = "sha256 ([0-9a-f]{64})"'])
def test_forms_headers_and_paths_are_encoded_as_a_whole(tmp_path: Path, look: str):
    recipe = parse_recipe(PLAIN.replace("LOOK", look), "plain.toml")
    assert isinstance(recipe, ApiRecipe)
    path = tmp_path / "plain.toml"
    path.write_text(PLAIN.replace("LOOK", look))
    path.chmod(0o600)
    given: dict[str, Any] = {"parameters": {"box": "a/b?c&d=%"}, "secrets": {"token": Secret("t0ken")}}
    with Plain() as appliance:
        settings = ApiSettings(recipe=str(path), host=appliance.address, trust=Trust(pins=(appliance.own.fingerprint,)), **given)
        with contextlib.closing(ApiTarget(recipe, settings)) as target:
            before, new = target.inspect(), mint()
            assert before.fingerprint == appliance.own.fingerprint
            staged = target.stage(new)
            target.activate(staged, new)
            appliance.now = new
            appliance.serve(new)
            assert target.rollback(before, staged, None) == Expected.device_default(None)
        assert {path_of(one) for one in appliance.requests} == {"/boxes/a%2Fb%3Fc%26d%3D%25/tls"}
        assert {one.headers["authorization"] for one in appliance.requests} == {"Bearer t0ken"}
        sent = next(one for one in appliance.requests if one.method == "POST").body
        assert sent.endswith(b"&box=a%2Fb%3Fc%26d%3D%25")
        assert appliance.requests[-1].method == "DELETE"
