"""certpush config: what is wrong is found without the network, and editors get a schema."""

from __future__ import annotations

import json
import os
import re
import tomllib
from pathlib import Path

import pytest
from jsonschema import Draft7Validator

DOCS = Path(__file__).parents[3] / "docs"
GOOD = """\
[ca]
url = "https://ca.lan:9000"
fingerprint = "{fingerprint}"
provisioner = "admin"
password = "file:{secret}"

[target.wiki]
kind = "ssh"
names = ["wiki.lan"]
host = "wiki.lan"
identity = "file:{secret}"
fullchain = "/etc/tls/wiki.crt"
key_file = "/etc/tls/wiki.key"
endpoints = ["wiki.lan:443"]

[target.mail]
kind = "file"
names = ["mail.lan"]
directory = "/etc/ssl/mail"
verify = "files"
"""


@pytest.fixture
def write(home, tmp_path):
    """Write a configuration; gives its path."""
    secret = tmp_path / "secret"
    secret.touch(mode=0o600)
    secret.write_text("hunter2\n")

    def write(text: str = GOOD, **more: str) -> Path:
        path = tmp_path / "certpush.toml"
        path.write_text(text.replace("{fingerprint}", "ab" * 32).replace("{secret}", str(secret)))
        path.chmod(0o600)
        return path

    return write


@pytest.fixture
def check(certpush, write):
    """Check a configuration that was changed in one place."""

    def check(old: str = "", new: str = ""):
        assert old in GOOD
        return certpush("config", "check", "--config", write(GOOD.replace(old, new, 1) if old else GOOD))

    return check


def test_a_good_configuration_passes(check):
    done = check()
    assert done.code == 0, done.out
    assert "https://ca.lan:9000" in done.out
    assert "ssh: wiki.lan" in done.out
    assert "all 7 checks passed" in done.out


@pytest.mark.parametrize(
    ("old", "new", "says", "hint"),
    [
        ("/etc/tls/wiki.key", "wiki.key", "target.wiki: key_file: 'wiki.key' is not a path", "in full"),
        ('host = "wiki.lan"', 'hots = "wiki.lan"', "target.wiki.hots: unknown key", "'host'"),
        ('host = "wiki.lan"', 'host = "wiki.lan"\ntgas = ["web"]', "target.wiki.tgas: unknown key", "did you mean 'tags'"),
        ('kind = "ssh"', 'kind = "shh"', "no installed plugin offers the kind 'shh'", "'ssh'"),
        ("file:{secret}", "hunter2", "ca.password: a secret stands in the configuration as plain text", "file:"),
        ("file:{secret}", "file:/nowhere", "ca.password: the secret file /nowhere cannot be read", "path"),
        ("file:{secret}", "env:NOT_SET_HERE", "NOT_SET_HERE is not set", "set NOT_SET_HERE"),
        ('endpoints = ["wiki.lan:443"]\n', "", "nothing says where the certificate is served", 'verify = "files"'),
        ("wiki.lan:443", "other.lan:443", "would not cover other.lan", 'add "other.lan"'),
        ('fingerprint = "{fingerprint}"\n', "", "nothing says which root this CA has", "fingerprint"),
        ('fingerprint = "{fingerprint}"', 'root = "/nowhere/root.crt"', "/nowhere/root.crt cannot be read", "0700"),
    ],
)
def test_a_mistake_is_found_with_its_place_and_its_fix(check, old, new, says, hint):
    done = check(old, new)
    assert done.code == 2
    assert says in done.out
    assert hint in done.out
    assert "1 error; " in done.out
    assert "hunter2" not in done.out + done.err


@pytest.mark.parametrize(
    ("more", "says"),
    [
        ('[certificate.wild]\nnames = ["*.lan"]\n', "no target uses it"),
        (
            '[target.more]\nkind = "file"\nnames = ["a.lan"]\ndirectory = "/x"\nverify = "files"\nwindow = "Sat 02:00-05:00"\nlifetime = "24h"\n',
            "a certificate of 24h cannot always wait for a window that opens every 7d",
        ),
        (
            '[target.more]\nkind = "file"\nnames = ["a.lan"]\ndirectory = "/x"\nverify = "files"\ntrust = "sha256:00"\n',
            "trust has no effect: the kind file talks to no appliance",
        ),
    ],
)
def test_what_does_nothing_is_said_and_is_no_error(certpush, write, more, says):
    done = certpush("config", "check", "--config", write(f"{GOOD}\n{more}"))
    assert done.code == 0
    assert says in done.out
    assert "1 warning; " in done.out


@pytest.mark.parametrize("line", ["canary = 1", "stop_after = 3", "ca_rate = 2.5"])
def test_what_the_fleet_heeds_is_no_warning(certpush, write, line):
    done = certpush("config", "check", "--config", write(f"{GOOD}\n[fleet]\n{line}\n"))
    assert done.code == 0
    assert "warning" not in done.out


@pytest.mark.parametrize(
    ("line", "code", "says", "hint"),
    [
        ('rescue_after = "2h"', 2, "target.wiki: rescue_after is not between 1s and 1h", '"180s"'),
        ('rescue_after = "2s"', 0, "rescue_after = 2s may put the old certificate back", 'rescue_after = "20s" or more'),
    ],
)
def test_a_timer_that_cannot_work_is_found(check, line, code, says, hint):
    done = check('host = "wiki.lan"', f'host = "wiki.lan"\n{line}')
    assert done.code == code
    assert says in done.out
    assert hint in done.out


def test_every_mistake_is_found_at_once(certpush, write):
    path = write(GOOD.replace('host = "wiki.lan"\n', "").replace('"/etc/ssl/mail"', '"mail"'))
    done = certpush("config", "check", "--config", path)
    assert done.code == 2
    assert "the key 'host' is missing" in done.out
    assert "directory: 'mail' is not a path" in done.out
    assert "2 errors; " in done.out


def test_a_configuration_that_others_may_write_to_is_pointed_out(certpush, write):
    path = write()
    path.chmod(0o666)
    done = certpush("config", "check", "--config", path)
    assert done.code == 0
    assert f"chmod go-w {path}" in done.out


def test_a_configuration_of_another_user_is_pointed_out(certpush, write):
    if os.geteuid() != 0:
        pytest.skip("not run: giving a file away needs root")
    path = write()
    os.chown(path, 54321, -1)
    done = certpush("config", "check", "--config", path)
    assert "belongs to another user" in done.out


def test_a_broken_file_and_none_at_all_end_in_one_message(certpush, write):
    broken = certpush("config", "check", "--config", write("[ca\n"))
    assert (broken.code, broken.err.count("error:")) == (2, 1)
    missing = certpush("config", "check")
    assert missing.code == 2
    assert "certpush init" in missing.err


def test_an_existing_step_bootstrap_is_named(certpush, write, home):
    config = home / ".step" / "config"
    config.mkdir(parents=True)
    (config / "defaults.json").write_text(json.dumps({"ca-url": "https://step.lan", "fingerprint": "cd" * 32}))
    done = certpush("config", "check", "--config", write(re.sub(r"(?s)\[ca\].*?\n\n", "", GOOD, count=1)))
    assert done.code == 0
    assert "https://step.lan (from an existing `step ca bootstrap`)" in done.out


def test_a_machine_gets_each_finding(certpush, write):
    done = certpush("config", "check", "--config", write(GOOD.replace("wiki.lan:443", "x.lan:443")), "--output", "json")
    assert done.document["exit"] == done.code == 2
    (error,) = [one for one in done.document["findings"] if one["severity"] == "error"]
    assert error["where"] == "target.wiki"
    assert error["code"] == "names"
    assert "x.lan" in error["message"]
    assert error["hint"]


# --- schema ------------------------------------------------------------------------------------


@pytest.fixture
def schema(certpush) -> Draft7Validator:
    done = certpush("config", "schema")
    assert done.code == 0
    validator = Draft7Validator(json.loads(done.out))
    Draft7Validator.check_schema(validator.schema)
    return validator


def test_the_schema_takes_what_certpush_takes(schema, write):
    schema.validate(tomllib.loads(write().read_text()))
    for page in ("configuration.md", "getting-started.md"):
        for block in re.findall(r"```toml\n(.*?)```", (DOCS / page).read_text(), re.DOTALL):
            schema.validate(tomllib.loads(block))


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("[target.wiki]", "[targett.wiki]"),
        ('host = "wiki.lan"', 'hots = "wiki.lan"'),
        ('host = "wiki.lan"\n', ""),
        ('verify = "files"', 'verify = "never"'),
        ("file:{secret}", "hunter2"),
        ('names = ["mail.lan"]', 'names = "mail.lan"'),
    ],
)
def test_the_schema_refuses_what_certpush_refuses(schema, write, check, old, new):
    assert not schema.is_valid(tomllib.loads(write(GOOD.replace(old, new, 1)).read_text()))
    assert check(old, new).code == 2


def test_targets_of_kinds_that_the_schema_does_not_know_are_left_to_them(schema):
    schema.validate({"target": {"nas": {"kind": "acme-nas", "names": ["nas.lan"], "whatever": 1}}})
    assert not schema.is_valid({"target": {"nas": {"kind": "acme-nas", "names": "nas.lan"}}})


def test_a_kind_can_be_asked_for_and_an_unknown_one_is_refused(certpush):
    assert certpush("config", "schema", "--kind", "ssh").code == 0
    done = certpush("config", "schema", "--kind", "shh")
    assert done.code == 2
    assert "'ssh'" in done.err
