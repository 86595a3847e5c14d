"""What a target says beside its recipe: refused with the path of what does not fit."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from certpush.errors import ConfigError
from certpush.kit.settings import convert
from certpush.model import Endpoint, KeySpec, Secret
from certpush.target import Reversible
from certpush_recipe import certpush_target
from certpush_recipe.files import by_ssh, here
from certpush_recipe.kind import open_target
from certpush_recipe.settings import ApiSettings, RecipeSettings

PEM = {"pem": "/etc/haproxy/certs/a.pem"}
DNS = {"recipe": "adguard-home", "host": "dns.lan", "parameters": {"user": "admin"}, "secrets": {"password": "file:/x"}}


def settings_of(**table: Any) -> ApiSettings:
    return convert(table, ApiSettings, path="target.x", read_secret=Secret)


def kind_of(**table: Any) -> Any:
    declared = certpush_target()
    assert declared.variant is not None
    return declared.variant(table)


@pytest.mark.parametrize(
    ("table", "says", "advice"),
    [
        ({}, "target.x: the key 'recipe' is missing", "add recipe"),
        ({"recipe": "haproxy-fiel"}, "target.x: recipe: there is no recipe 'haproxy-fiel'", "did you mean 'haproxy-file'?"),
        ({"recipe": "haproxy-file"}, "target.x: parameters.pem is missing: the file that `crt` names", "parameters = { pem ="),
        ({"recipe": "haproxy-file", "parameters": {"pme": "/x"}}, "parameters.pme: unknown to the recipe haproxy-file", "did you mean 'pem'?"),
        ({"recipe": "haproxy-file", "parameters": {"pem": 3}}, 'parameters.pem: expected a path "/..."', "crt"),
        ({"recipe": "haproxy-file", "parameters": {"pem": "a.pem"}}, "parameters.pem: 'a.pem' is not a path to write to", "in full"),
        ({"recipe": "haproxy-file", "parameters": PEM | {"reload": "x"}}, "parameters.reload: expected a list of words", "reloads"),
        ({"recipe": "haproxy-file", "parameters": PEM | {"reload": ["a\nb"]}}, "parameters.reload: it holds characters", "remove"),
        ({"recipe": "postgresql", "parameters": {"server_port": 0}}, "parameters.server_port: 0 is no port", "65535"),
        ({"recipe": "postgresql", "parameters": {"server_port": True}}, "parameters.server_port: expected a number", "port"),
        ({"recipe": "openwrt"}, "target.x: host is missing: this recipe is for a machine that is reached by SSH", "host"),
        ({"recipe": "openwrt", "host": "router.lan"}, "nothing says how to log in", "identity"),
        ({"recipe": "nginx", "sudo": True}, "sudo is for a login by SSH, and there is no host", "write host"),
        ({"recipe": "nginx", "host": "a b", "agent": True}, "host: 'a b' is not a host", "host name"),
        (DNS | {"host": None}, "target.x: host is missing: where the API is", "add host"),
        (DNS | {"identity": "file:/x"}, "identity is for a login by SSH, and this recipe has an API", "secrets and parameters"),
        (DNS | {"secrets": {}}, "secrets.password is missing: the user's password", 'password = "file:'),
        (DNS | {"parameters": {"user": "a", "password": "x"}}, "parameters.password: this is a secret", "stands in `secrets`"),
        (DNS | {"secrets": {"password": "file:/x", "user": "file:/x"}}, "secrets.user: this is no secret", "stands in `parameters`"),
        (DNS | {"host": "dns.lan:443#x"}, "host: 'dns.lan:443#x' is more than a host and a port", "server_name"),
        (DNS | {"server_name": "*.lan"}, "is a wildcard", "name one host"),
        (DNS | {"hots": "x"}, "target.x.hots: unknown key", "did you mean 'host'?"),
    ],
)  # fmt: skip
def test_what_does_not_fit(table, says, advice):
    with pytest.raises(ConfigError) as refused:
        settings_of(**table)
    assert says in refused.value.message
    assert advice in refused.value.hint


@pytest.mark.parametrize(
    ("table", "says"), [({}, "the key 'recipe' is missing"), ({"recipe": 3}, "expected a text"), ({"recipe": "x"}, "no recipe 'x'")]
)
def test_a_kind_without_a_recipe_is_none(table, says):
    with pytest.raises(ConfigError, match=says):
        kind_of(**table)


def test_a_recipe_that_is_for_this_machine_takes_no_host(tmp_path: Path):
    own = tmp_path / "svc.toml"
    own.write_text(
        'format = 1\nname = "svc"\nsummary = "x"\nsource = ["https://x"]\nwhere = ["here"]\nkey_types = ["rsa-2048"]\n'
        '[files]\ncombined = "/etc/svc.pem"\n'
    )
    own.chmod(0o600)
    with pytest.raises(ConfigError, match="host: this recipe is for the machine that certpush runs on"):
        settings_of(recipe=str(own), host="box", agent=True)
    assert kind_of(recipe=str(own)).accepted_keys == {KeySpec.RSA_2048}


def test_what_a_recipe_promises_depends_on_where_its_files_are():
    at_home, by_login, api = kind_of(recipe="nginx"), kind_of(recipe="nginx", host="web.lan"), kind_of(**DNS)
    assert (at_home.self_rescue, by_login.self_rescue, api.self_rescue) == (False, True, False)
    assert [one.footprint is None for one in (at_home, by_login, api)] == [False, True, True]
    assert [one.identify is None for one in (at_home, by_login, api)] == [True, False, False]
    assert [one.reversible for one in (at_home, by_login, api)] == [Reversible.KEEPS_PREVIOUS] * 2 + [Reversible.NEEDS_PREVIOUS]
    assert [one.settings for one in (at_home, by_login, api)] == [RecipeSettings, RecipeSettings, ApiSettings]
    assert kind_of(recipe="home-assistant", host="ha.lan").deadline.total_seconds() == 240


def test_the_footprint_is_the_directories_of_the_files():
    found = kind_of(recipe="nginx")
    footprint = found.footprint(settings_of(recipe="nginx", parameters={"key": "/etc/ssl/private/svc.key"}))
    assert footprint.directories == ("/etc/nginx/tls", "/etc/ssl/private")
    assert footprint.commands


def test_endpoints_are_where_the_recipe_says():
    table = {"recipe": "postgresql", "host": "db.lan", "agent": True, "parameters": {"server_port": 5433}, "server_name": "db.example"}
    assert open_target(settings_of(**table)).endpoints() == (Endpoint("db.lan", 5433, "db.example", "postgres"),)
    assert open_target(settings_of(recipe="postgresql")).endpoints() == ()  # on this machine nothing says by which name
    assert open_target(settings_of(recipe="nginx", host="fd00::7", agent=True)).endpoints() == (Endpoint("fd00::7", 443),)
    assert open_target(settings_of(**DNS)).endpoints() == (Endpoint("dns.lan", 443),)
    assert open_target(settings_of(**DNS | {"host": "fd00::7", "port": 8443})).endpoints() == (Endpoint("fd00::7", 8443),)


def test_commands_are_put_together_from_the_parameters():
    runtime = here(settings_of(recipe="haproxy-runtime", parameters=PEM | {"socket": "/run/h a.sock"}))
    fill, commit = runtime.reloads()
    assert fill.words == ("socat", "-t", "10", "-", "UNIX-CONNECT:/run/h a.sock")
    assert [getattr(one, "path", one) for one in fill.given] == ["set ssl cert ", PEM["pem"], " <<\n", PEM["pem"], "\n"]
    assert (fill.expects, commit.expects, commit.given) == ("Transaction ", "Success!", ("commit ssl cert ", PEM["pem"], "\n"))
    braces = settings_of(recipe="nginx", host="web.lan", agent=True, parameters={"reload": ["svc", "{fullchain}", "{{x}}"]})
    assert by_ssh(braces).reloads()[0].words == ("svc", "{fullchain}", "{{x}}")  # what a parameter holds is never read as a placeholder


def test_a_plan_says_what_a_command_reads():
    fill, _ = here(settings_of(recipe="haproxy-runtime", parameters=PEM)).reloads()
    assert fill.in_full.endswith(f"which reads: set ssl cert {PEM['pem']} << [{PEM['pem']}]")
    assert "reads" not in here(settings_of(recipe="nginx")).reloads()[0].in_full


def test_a_target_of_an_untried_recipe_says_so():
    from certpush_recipe.about import note_of

    (finding,) = note_of(settings_of(recipe="traefik"))
    assert "not yet tried" in finding.message
    assert note_of(settings_of(recipe="nginx")) == ()
