"""A recipe that is wrong is refused with its file, the path of what is wrong, and what to do."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import pytest

from certpush.errors import ConfigError
from certpush_recipe.reading import parse_recipe, read_recipe, shipped_names
from certpush_recipe.recipe import ApiRecipe, FileRecipe

FILES = """\
format = 1
name = "svc"
summary = "a service"
source = ["https://svc.example/docs"]
endpoints = [{ at = "{host}:{web}" }]
[parameters.web]
about = "its port"
type = "port"
default = 443
[parameters.reload]
about = "the command"
type = "words"
[files]
fullchain = "/etc/svc/crt"
key_file = "/etc/svc/key"
[[check]]
run = ["svc", "check", "{file.fullchain}"]
[[activate]]
run = ["{reload}"]
input = "{content.fullchain}"
"""
API = """\
format = 1
name = "svc"
summary = "a service"
source = ["https://svc.example/docs"]
[parameters.user]
about = "who logs in"
[parameters.password]
about = "its password"
type = "secret"
[api.login]
user = "{user}"
password = "{password}"
[look]
get = "/tls"
certificate = "/certificate"
remember = { id = "/id" }
[[stage]]
post = "/pairs"
json = { name = "{label}", key = "{key_pem}" }
keep = { id = "/id" }
[[activate]]
put = "/tls"
json = { id = "{staged.id}" }
[undo]
how = "select"
clear = [{ delete = "/tls" }]
"""


def refusal(text: str) -> ConfigError:
    with pytest.raises(ConfigError) as refused:
        parse_recipe(text, "/etc/certpush/svc.toml")
    assert refused.value.message.startswith("/etc/certpush/svc.toml: ")
    assert refused.value.hint
    return refused.value


def test_both_sorts_can_be_read():
    assert isinstance(parse_recipe(FILES, "files"), FileRecipe)
    assert isinstance(parse_recipe(API, "api"), ApiRecipe)


@pytest.mark.parametrize("name", shipped_names())
def test_each_that_comes_with_certpush_is_in_order(name):
    recipe = read_recipe(name)
    assert recipe.name == name
    assert len(recipe.source) >= 2
    assert all(one.about.strip() for one in recipe.parameters.values())


def test_those_that_were_promised_are_there():
    wanted = {"haproxy-file", "haproxy-runtime", "traefik", "caddy", "nginx", "postgresql", "adguard-home", "home-assistant", "openwrt"}
    assert set(shipped_names()) == wanted


@pytest.mark.parametrize(
    ("old", "new", "says", "advice"),
    [
        ('fullchain = "/etc', 'fulchain = "/etc', "recipe.files.fulchain: unknown key", "did you mean 'fullchain'?"),
        ("[[activate]]", "[[activte]]", "recipe.activte: unknown key", "did you mean 'activate'?"),
        ('about = "its port"', 'abuot = "its port"', "recipe.parameters.web.abuot: unknown key", "did you mean 'about'?"),
        ('run = ["{reload}"]', 'rum = ["{reload}"]', "recipe.activate[0].rum: unknown key", "did you mean 'run'?"),
        ('run = ["{reload}"]', 'run = "{reload}"', "recipe.activate[0].run: expected a list", "recipes.md"),
        ('"{reload}"', '"{relaod}"', "recipe.activate[0].run[0]: nothing is called {relaod} here", "did you mean {reload}?"),
        ('"{reload}"', '"{"', "recipe.activate[0].run[0]: there is a brace alone", "{{ and }}"),
        ('"{reload}"', '"sh", "-c", "x"', "recipe.activate[0].run: 'sh' is a shell", "the program itself"),
        ('"{reload}"', '"/bin/bash", "-c", "x"', "recipe.activate[0].run: '/bin/bash' is a shell", "the program itself"),
        ('run = ["{reload}"]', "run = []", "recipe.activate[0].run: the command has no name", "list of words"),
        ('"{reload}"', '"a\\nb"', "recipe.activate[0].run[0]: it holds characters", "remove them"),
        ('"{reload}"', '"{key_pem}"', "nothing is called {key_pem} here", "{"),
        ('"{content.fullchain}"', '"{content.combined}"', "recipe.activate[0].input: nothing is called", "{"),
        ('"{file.fullchain}"]', '"x"]\ninput = "{content.key_file}"', "recipe.check[0].input: a check reads no content", "file.fullchain"),
        ('key_file = "/etc/svc/key"\n', "", "recipe.files: it takes a file with the certificate and one with the key", "combined"),
        ('source = ["https://svc.example/docs"]', "source = []", "recipe.source: nothing says where its facts come from", "https"),
        ("format = 1", "format = 2", "recipe.format: 2 is not known here", "upgrade"),
        ('name = "svc"', 'name = "S v c"', "recipe.name", "small letters"),
        ('summary = "a service"', 'summary = " "', "recipe.summary", "summary ="),
        ("default = 443", 'default = "x"', "recipe.parameters.web: default: expected a number", "its port"),
        ("default = 443", "default = 70000", "recipe.parameters.web: default: 70000 is no port", "65535"),
        ('type = "port"', 'type = "secret"', "recipe.parameters.web: a secret has no default", "by reference"),
        ("[files]", "[flies]", "recipe: neither [files] nor [api]", "[api]"),
        ("[files]", "[api]\n[files]", "recipe: [files] and [api] exclude each other", "[files]"),
        ("format = 1", "where = []\nformat = 1", "recipe.where: it is for no machine", "ssh"),
        ("parameters.web", "parameters.host", "recipe.parameters.host: this cannot be the name", "small letters"),
        ('at = "{host}', 'at = "{hots}', "recipe.endpoints[0].at: nothing is called {hots} here", "{host}"),
        ("format = 1", "format = ", "is no TOML", "recipes.md"),
    ],
)  # fmt: skip
def test_a_recipe_with_files_that_is_wrong(old, new, says, advice):
    assert old in FILES
    error = refusal(FILES.replace(old, new, 1))
    assert says in error.message
    assert advice in error.hint


@pytest.mark.parametrize(
    ("old", "new", "says", "advice"),
    [
        ('get = "/tls"', 'gte = "/tls"', "recipe.look.gte: unknown key", "did you mean 'get'?"),
        ('get = "/tls"', 'get = "tls"', "recipe.look.get: this is no path", "from the root"),
        ('get = "/tls"', 'get = "//elsewhere/tls"', "recipe.look.get: this is no path", "from the root"),
        ('get = "/tls"', 'get = "/tls?x=1"', "recipe.look.get: this is no path", "query"),
        ('get = "/tls"', 'get = "/tls/{password}"', "recipe.look.get: nothing is called {password} here", "{user}"),
        ('put = "/tls"', 'put = "/tls/{key_pem}"', "recipe.activate[0].put: nothing is called {key_pem} here", "{"),
        ('put = "/tls"', 'put = "/tls"\nquery = { p = "{password}" }', "recipe.activate[0].query.p: nothing is called {password} here", "{"),
        ('put = "/tls"', 'put = "/tls"\npost = "/x"', "recipe.activate[0]: post and put", "write one of"),
        ('put = "/tls"', "", "recipe.activate[0]: no method", "write one of"),
        ('put = "/tls"', 'get = "/tls"', "recipe.activate[0]: this call cannot have json", "one of json"),
        ('put = "/tls"', 'put = "/tls"\nform = {}', "recipe.activate[0]: this call cannot have json and form", "one of json"),
        ('{ id = "{staged.id}" }', '{ id = ["{staged.di}"] }', "recipe.activate[0].json: nothing is called {staged.di} here", "{staged.id}"),
        ('{ id = "{staged.id}" }', '{ key = "{key_pem}" }', "recipe.undo.how: what is selected again has no key", "previous"),
        ('{ id = "{staged.id}" }', "{ id = 1 }", "recipe.undo.how: [[activate]] uses no {staged.NAME}", "remember"),
        ('remember = { id = "/id" }', "", "recipe.undo.how: [[activate]] uses {staged.id}", "remember"),
        ('keep = { id = "/id" }', 'keep = { id = "id" }', "recipe.stage[0].keep.id: 'id' is no JSON pointer", "from the root"),
        ('certificate = "/certificate"', 'certificate = "x"', "recipe.look.certificate: 'x' is no JSON pointer", "from the root"),
        ('certificate = "/certificate"', "", "recipe.look: nothing identifies the certificate", "handshake"),
        ('certificate = "/certificate"', 'certificate = "/c"\nhandshake = true', "recipe.look: certificate and handshake", "keep one"),
        ('certificate = "/certificate"', 'pattern = "("', "recipe.look.pattern", "regular expression"),
        ('certificate = "/certificate"', 'pattern = "x"', "recipe.look.pattern: it has 0 groups", "one pair"),
        ('remember = { id = "/id" }', 'remember = { id = "id" }', "recipe.look.remember.id", "from the root"),
        ('clear = [{ delete = "/tls" }]', "clear = []", "recipe.undo.clear: there is no way back", "[[undo.clear]]"),
        ('password = "{password}"', 'password = "secret"', "recipe.api.login.password: a password does not stand in a recipe", "of a secret"),
        ('password = "{password}"', "", "recipe.api.login: user and password belong together", "headers"),
        ('user = "{user}"\npassword = "{password}"', "", "recipe.api.login: nothing says who asks", "Authorization"),
        ("[look]", '[api.login.session]\npost = "/login"\n[look]', "recipe.api.login: session keeps no token", "keep ="),
        ("[look]", '[api.login.headers]\n"X Y" = "z"\n[look]', "recipe.api.login.headers.X Y: this is no header", "NAME"),
        ("[[activate]]", '[[check]]\nget = "/x"\nexpect = { ok = true }\n[[activate]]', "recipe.check[0].expect.ok", "from the root"),
    ],
)  # fmt: skip
def test_a_recipe_with_an_api_that_is_wrong(old, new, says, advice):
    assert old in API
    error = refusal(API.replace(old, new, 1))
    assert says in error.message
    assert advice in error.hint


def test_an_api_without_activation_is_refused():
    table: dict[str, Any] = tomllib.loads(API)
    assert table["activate"]
    text = API.replace('[[activate]]\nput = "/tls"\njson = { id = "{staged.id}" }\n', "").replace("[undo]", "[undo]")
    assert "recipe: the key 'activate' is missing" in refusal(text).message


def test_there_is_no_such_recipe():
    with pytest.raises(ConfigError, match="there is no recipe 'haproxy'") as refused:
        read_recipe("haproxy")
    assert "did you mean" in refused.value.hint
    with pytest.raises(ConfigError) as refused:
        read_recipe("qqq")
    assert "adguard-home, caddy" in refused.value.hint


def test_a_recipe_of_ones_own_is_named_by_its_full_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    own = tmp_path / "svc.toml"
    own.write_text(FILES)
    own.chmod(0o644)
    assert read_recipe(str(own)).name == "svc"
    monkeypatch.setenv("HOME", str(tmp_path))
    assert read_recipe("~/svc.toml").name == "svc"
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ConfigError, match="depends on where certpush is started") as refused:
        read_recipe("./svc.toml")
    assert str(own) in refused.value.hint


@pytest.mark.parametrize(
    ("content", "mode", "says"),
    [
        (None, 0, "cannot be read: No such file"),
        (b"format = 1", 0o646, "everybody may write to"),
        (b"\xff", 0o644, "is no text"),
        (b"#" * 300_000, 0o644, "larger than any recipe"),
    ],
)
def test_a_file_that_is_no_recipe(tmp_path: Path, content: bytes | None, mode: int, says: str):
    own = tmp_path / "svc.toml"
    if content is not None:
        own.write_bytes(content)
        own.chmod(mode)
    with pytest.raises(ConfigError, match=says):
        read_recipe(str(own))
    with pytest.raises(ConfigError, match="nobody known here"):
        read_recipe("~nobody-of-this-name/svc.toml")
