"""Bad input, as its user meets it: one clear message, the right exit code, the old certificate still served, nothing half-written."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from certpush.testing.authority.faults import Answer, Fault, Leaf
from conftest import need

pytestmark = [pytest.mark.live, pytest.mark.timeout(120)]
ONLY_FILE = pytest.mark.parametrize("site", ["file"], indirect=True)
ONLY_SSH = pytest.mark.parametrize("site", ["ssh"], indirect=True)


def everything(directory: Path) -> dict[str, bytes]:
    """All that the target's user could stumble over, state apart."""
    return {
        str(path.relative_to(directory)): path.read_bytes()
        for path in sorted(directory.rglob("*"))
        if path.is_file() and "state" not in path.parts and path.name != "certpush.toml"
    }


class Refused:
    """While inside a bad deployment is tried; afterwards nothing may have changed."""

    def __init__(self, site) -> None:
        self.site = site
        self.served = site.served
        self.files = everything(site.directory)

    def deploy(self, *arguments: str, code: int, says: str, hint: str = "") -> None:
        done = self.site.certpush("deploy", *arguments)
        assert done.returncode == code, f"{done.stdout}\n{done.stderr}"
        assert says in done.stderr
        assert done.stderr.count("error:") == 1
        assert "hint: " in done.stderr
        assert hint in done.stderr
        assert "Traceback" not in done.stderr
        assert self.site.served == self.served
        assert everything(self.site.directory) == self.files


@pytest.fixture
def refused(site):
    return Refused(site)


@ONLY_FILE
def test_wrong_password(site, refused):
    (site.directory / "password").write_text("not the password\n")
    refused.files["password"] = b"not the password\n"
    refused.deploy(code=1, says="password")


@ONLY_FILE
def test_wrong_fingerprint(site, refused, monkeypatch):
    toml = site._toml().replace(site.ca.fingerprint, "00" * 32)
    monkeypatch.setattr(site, "_toml", lambda: toml)
    refused.deploy(code=4, says="0000000000000000")


@ONLY_FILE
@pytest.mark.parametrize(
    ("old", "new", "code", "says"),
    [
        ('url = "https://', 'url = "http://', 2, "http"),
        ('lifetime = "24h"', 'lifetime = "24"', 2, "target.wiki.lifetime"),
        ("lifetime =", "lifetme =", 2, "lifetme"),
        ("[target.wiki]", "[targett.wiki]", 2, "targett"),
        ('password = "file:', 'password = "hunter2-', 2, "plain text"),
        ('kind = "file"', 'kind = "fil"', 2, "fil"),
        ('"wiki.home.example"', '"$(id)"', 2, "$(id)"),
        ('"wiki.home.example"', '"a\\nb"', 2, "a\\nb"),
        ('"wiki.home.example"', '"../etc"', 2, "../etc"),
        ('"wiki.home.example"', '"pve.lan:8006"', 2, "pve.lan:8006"),
        ('"wiki.home.example"', f'"{"x" * 300}"', 2, "not a host name"),
        ("[ca]", "[ca", 2, "not valid TOML"),
    ],
)
def test_a_configuration_that_is_wrong(site, refused, monkeypatch, old, new, code, says):
    toml = site._toml().replace(old, new, 1)
    monkeypatch.setattr(site, "_toml", lambda: toml)
    refused.deploy(code=code, says=says)
    assert "hunter2" not in site.certpush("deploy", "-vv").stderr


@ONLY_FILE
def test_a_secret_file_that_others_can_read(site, refused):
    (site.directory / "password").chmod(0o644)
    refused.deploy(code=2, says="can be read by others", hint="chmod 600")


@ONLY_FILE
def test_a_ca_that_does_not_answer(site, refused, monkeypatch):
    toml = site._toml().replace(site.ca.url, "https://127.0.0.1:1")
    monkeypatch.setattr(site, "_toml", lambda: toml)
    refused.deploy(code=1, says="127.0.0.1:1")


@ONLY_FILE
def test_a_lifetime_that_the_ca_refuses_names_the_claims_to_set(site, refused):
    site.lifetime = "395d"
    refused.deploy(code=1, says="24h", hint="maxTLSCertDuration")


@ONLY_FILE
def test_a_certificate_that_somebody_else_put_there(site, refused, authority):
    bundle = authority.issue("wiki.home.example", "127.0.0.1")
    (site.directory / "wiki.crt").write_bytes(bundle.fullchain_pem)
    (site.directory / "wiki.key").write_bytes(bundle.key.reveal_pem())
    subprocess.run(site.nginx.reload_command, check=True, capture_output=True)
    site.await_served(bundle.fingerprint)
    Refused(site).deploy(code=5, says="did not deploy", hint="--adopt")


@ONLY_SSH
def test_an_unknown_host_key(site, refused, monkeypatch):
    toml = site._toml().replace(site.sshd.host_key_fingerprint, "SHA256:" + "A" * 43)
    monkeypatch.setattr(site, "_toml", lambda: toml)
    before = site.sshd.log().count("Accepted") + site.sshd.log().count("Failed")
    refused.deploy(code=4, says=site.sshd.host_key_fingerprint, hint="certpush trust")
    assert site.sshd.log().count("Accepted") + site.sshd.log().count("Failed") == before  # nobody tried to log in


@ONLY_SSH
def test_a_host_that_does_not_answer(site, refused, monkeypatch):
    toml = site._toml().replace(f"port = {site.sshd.port}", "port = 1")
    monkeypatch.setattr(site, "_toml", lambda: toml)
    refused.deploy(code=1, says="127.0.0.1:1")


def mounted(*words: str) -> None:
    if os.geteuid() != 0:
        pytest.skip("not run: mounting needs root")
    done = subprocess.run(["mount", *words], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        pytest.skip(f"not run: no mounts here ({done.stderr.strip()})")


@ONLY_FILE
def test_a_directory_that_cannot_be_written(site, tmp_path_factory):
    elsewhere = tmp_path_factory.mktemp("state")
    site.more = ""
    toml = site._toml().replace(f'directory = "{site.directory}/state"', f'directory = "{elsewhere}/state"')
    site._toml = lambda: toml
    assert site.configuration.exists()
    mounted("--bind", str(site.directory), str(site.directory))
    try:
        mounted("-o", "remount,bind,ro", str(site.directory))
        before = everything(site.directory), site.served
        done = run_with(site, "deploy")
        assert done.returncode == 5, done.stderr
        assert "cannot write to" in done.stderr
        assert "remount" in done.stderr
        assert (everything(site.directory), site.served) == before
    finally:
        subprocess.run(["umount", str(site.directory)], check=True)


def run_with(site, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "certpush", "--config", str(site.directory / "certpush.toml"), *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False, stdin=subprocess.DEVNULL)


@ONLY_FILE
@pytest.mark.parametrize("full", ["state", "target"])
def test_a_disk_that_is_full(site, tmp_path, full):
    small = tmp_path / "small"
    small.mkdir()
    mounted("-t", "tmpfs", "-o", "size=128k,mode=0700", "tmpfs", str(small))
    try:
        if full == "state":
            (small / "ballast").write_bytes(b"x" * 120 * 1024)
            toml = site._toml().replace(f'directory = "{site.directory}/state"', f'directory = "{small}"')
        else:
            (small / "ballast").write_bytes(b"x" * 127 * 1024)
            toml = site._toml().replace("reload = [", f'combined = "{small}/all.pem"\nreload = [')
        site._toml = lambda: toml
        before = site.served, (site.directory / "wiki.crt").read_bytes()
        done = site.certpush("deploy")
        assert done.returncode in (1, 5), done.stderr
        assert done.stderr.count("error:") == 1
        assert "Traceback" not in done.stderr
        assert (site.served, (site.directory / "wiki.crt").read_bytes()) == before
        assert not list(site.directory.glob(".wiki*"))
    finally:
        subprocess.run(["umount", str(small)], check=True)


# --- a CA that answers wrongly ------------------------------------------------------------------


@pytest.mark.parametrize("site", ["file"], indirect=True)
@pytest.mark.parametrize("fault", [*Leaf, *(one for one in Answer if one not in (Answer.TRICKLE, Answer.SILENCE, Answer.LOST))])
def test_a_ca_that_answers_wrongly_touches_no_target(site, start_embedded_ca, fault):
    site.ca = start_embedded_ca()
    site.ca.inject(Fault(leaf=fault, path="/sign") if isinstance(fault, Leaf) else Fault(answer=fault, path="/sign"))
    (site.directory / "password").write_text(site.ca.password)
    # A redirect or another root means that somebody else answers: identity, not failure.
    Refused(site).deploy(code=4 if fault in (Answer.REDIRECT, Leaf.OTHER_ROOT) else 1, says="")
    site.ca.heal()
    assert site.certpush("deploy").returncode == 0


@ONLY_FILE
def test_an_answer_that_is_lost_is_asked_for_again_with_a_new_token(site, start_embedded_ca):
    site.ca = start_embedded_ca()
    site.ca.inject(Fault(answer=Answer.LOST, path="/sign", times=1))
    (site.directory / "password").write_text(site.ca.password)
    done = site.certpush("deploy")
    assert done.returncode == 0, done.stderr
    (record,) = json.loads(site.certpush("--output", "json", "history").stdout)["deployments"]
    assert record["why"].startswith("first certificate; an answer of the CA was lost and asked for again: it may have signed one more")


# --- the machine's view -------------------------------------------------------------------------


@ONLY_FILE
def test_machines_get_one_document_with_the_code_and_the_cause(site):
    good = site.certpush("deploy", "--output", "json")
    document = json.loads(good.stdout)
    assert document["exit"] == good.returncode == 0
    assert document["targets"][0]["outcome"] == "rotated"
    site.break_reload(1)
    bad = site.certpush("deploy", "--force", "--output=json")
    document = json.loads(bad.stdout)
    assert document["exit"] == bad.returncode == 1
    assert document["targets"][0]["outcome"] == "rolled-back"
    assert document["targets"][0]["error"]["type"] == "TargetRefused"


@ONLY_FILE
def test_two_runs_at_once(site):
    need("flock")
    assert site.certpush("deploy").returncode == 0
    lock = site.directory / "state" / "locks" / "wiki.lock"
    with subprocess.Popen(["flock", str(lock), "sh", "-c", "echo held; read _"], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
        assert other.stdout.readline() == b"held\n"
        done = site.certpush("deploy", "--force")
        other.stdin.close()
    assert done.returncode == 6
    assert "another run is working on wiki" in done.stderr
