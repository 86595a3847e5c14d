"""certpush issue writes a pair of files: whole, private, never over others unless told to, and only after a yes."""

from __future__ import annotations

import errno
import json
import os
import stat
import subprocess
import sys

import pytest
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from certpush.cli import issue, pair_files
from certpush.errors import IssuerUnreachable
from certpush.fleet.fleet import Fleet
from certpush.model import CertificateBundle, KeySpec, describe_public_key, read_certificates


@pytest.fixture
def asked(monkeypatch, authority):
    """What the CA was asked for, where no real one is needed."""
    requests = []

    def answer(self, request, *, ca=None):
        requests.append((request, ca))
        return authority.issue(*request.names, key=request.key)

    monkeypatch.setattr(Fleet, "issue", answer)
    return requests


def mode(path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


# --- against a real CA ------------------------------------------------------------------------


@pytest.mark.live
def test_a_certificate_and_its_key_are_written_for_each_name_given(certpush, configured, real_ca, tmp_path):
    ended = certpush("issue", "wiki.home.example", "10.0.0.7", "--san", "wiki", "--lifetime", "2h")
    assert ended.code == 0, ended.err
    certificate, key = tmp_path / "work" / "wiki.home.example.crt", tmp_path / "work" / "wiki.home.example.key"
    bundle = CertificateBundle.from_pem(certificate.read_bytes(), key.read_bytes(), real_ca.root_pem)
    assert sorted(str(name) for name in bundle.names) == ["10.0.0.7", "wiki", "wiki.home.example"]
    assert len(bundle.chain) == 1
    assert round((bundle.not_after - bundle.not_before).total_seconds() / 3600) == 2
    assert (mode(certificate), mode(key)) == (0o644, 0o600)
    assert str(certificate) in ended.out
    assert ended.line("provisioner").startswith("admin (JWK, key ")
    assert sorted(path.name for path in (tmp_path / "work").iterdir()) == [certificate.name, key.name]


@pytest.mark.live
def test_no_configuration_is_needed_where_the_options_say_all(certpush, real_ca, password_file, tmp_path):
    ended = certpush(
        "issue", "a.home.example", "--ca-url", real_ca.url, "--fingerprint", real_ca.fingerprint,
        "--provisioner", real_ca.provisioner, "--password-file", password_file,
        "--cert", tmp_path / "a.pem", "--key-file", tmp_path / "a.key.pem", "--key", "rsa-2048", "--output", "json",
    )  # fmt: skip
    assert ended.code == 0, ended.out
    document = ended.document
    assert document["certificate"]["key"] == "rsa-2048"
    assert document["files"] == {"certificate": str(tmp_path / "a.pem"), "key": str(tmp_path / "a.key.pem")}
    key = load_pem_private_key((tmp_path / "a.key.pem").read_bytes(), None)
    assert describe_public_key(key.public_key()) == "rsa-2048"
    assert "PRIVATE KEY" not in ended.out + ended.err


@pytest.mark.live
def test_an_existing_step_ca_bootstrap_is_used(certpush, real_ca, password_file, home, tmp_path):
    folder = home / ".step" / "config"
    folder.mkdir(parents=True)
    (folder / "defaults.json").write_text(json.dumps({"ca-url": real_ca.url, "fingerprint": real_ca.fingerprint}))
    ended = certpush("issue", "a.home.example", "--password-file", password_file)
    assert ended.code == 0, ended.err
    assert read_certificates((tmp_path / "work" / "a.home.example.crt").read_bytes())


@pytest.mark.live
def test_a_wrong_password_and_a_wrong_root_are_refused_and_leave_nothing(certpush, configured, real_ca, tmp_path):
    wrong = tmp_path / "wrong"
    wrong.write_text("not it")
    wrong.chmod(0o600)
    refused = certpush("issue", "a.home.example", "--password-file", wrong)
    assert refused.code == 1
    assert "the password does not open" in refused.err
    assert "not it" not in refused.err
    refused = certpush("issue", "a.home.example", "--fingerprint", "a" * 64)
    assert refused.code == 4
    assert list((tmp_path / "work").iterdir()) == []


@pytest.mark.live
def test_a_lifetime_beyond_the_ca_s_limit_is_refused_with_what_to_change(certpush, configured, tmp_path):
    refused = certpush("issue", "a.home.example", "--lifetime", "395d")
    assert refused.code == 1
    assert "9480h0m0s" in refused.err
    assert list((tmp_path / "work").iterdir()) == []


@pytest.mark.live
def test_it_runs_as_a_command_and_the_key_is_never_printed(real_ca, configured, tmp_path):
    done = subprocess.run(
        [sys.executable, "-m", "certpush", "issue", "cmd.home.example", "-vv"],
        capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    for line in (tmp_path / "work" / "cmd.home.example.key").read_text().splitlines()[1:-1]:
        assert line not in done.stdout + done.stderr
    assert real_ca.password not in done.stdout + done.stderr


# --- names and files --------------------------------------------------------------------------


def test_the_first_name_is_asked_for_as_a_san_too_and_no_name_twice(certpush, asked, tmp_path):
    assert certpush("issue", "A.example", "b.example", "--san", "a.example").code == 0
    assert [str(name) for name in asked[0][0].names] == ["a.example", "b.example"]
    assert asked[0][0].lifetime is None


def test_a_wildcard_and_an_address_make_plain_file_names(certpush, asked, tmp_path):
    certpush("issue", "*.home.example", "-q")
    certpush("issue", "::1")
    names = sorted(path.name for path in (tmp_path / "work").iterdir())
    assert names == ["_.home.example.crt", "_.home.example.key", "__1.crt", "__1.key"]


def test_quiet_still_says_where_the_files_are(certpush, asked, tmp_path):
    shown = certpush("issue", "a.example", "-q")
    assert len(shown.out.splitlines()) == 2
    assert "a.example.key  private key (0600)" in shown.out


def test_the_habit_of_step_ca_certificate_is_caught(certpush, asked):
    refused = certpush("issue", "a.example", "a.crt", "a.key")
    assert refused.code == 2
    assert "a.crt looks like a file" in refused.err
    assert "--cert FILE" in refused.err
    assert asked == []


@pytest.mark.parametrize("bad", ["a b", "http://a", "10.0.0.0/8", "../x", "a\nb", ""])
def test_what_is_no_name_is_refused_before_the_ca_is_asked(certpush, asked, bad):
    refused = certpush("issue", bad)
    assert refused.code == 2
    assert "hint:" in refused.err
    assert asked == []


def test_a_bad_lifetime_and_a_bad_key_are_usage_errors(certpush, asked):
    assert certpush("issue", "a.example", "--lifetime", "soon").code == 2
    assert certpush("issue", "a.example", "--lifetime", "0s").code == 2
    assert certpush("issue", "a.example", "--key", "dsa").code == 2
    assert certpush("issue").code == 2
    assert asked == []


@pytest.mark.parametrize("there", ["a.example.crt", "a.example.key"])
def test_a_file_that_is_there_is_not_replaced(certpush, asked, tmp_path, there):
    (tmp_path / "work" / there).write_text("precious")
    refused = certpush("issue", "a.example")
    assert refused.code == 2
    assert f"{there} is there already" in refused.err
    assert "--force" in refused.err
    assert (tmp_path / "work" / there).read_text() == "precious"
    assert asked == []


def test_force_replaces_both_and_makes_the_key_private(certpush, asked, tmp_path):
    for name in ("a.example.crt", "a.example.key"):
        (tmp_path / "work" / name).write_text("old")
        (tmp_path / "work" / name).chmod(0o666)
    assert certpush("issue", "a.example", "--force").code == 0
    assert mode(tmp_path / "work" / "a.example.key") == 0o600
    CertificateBundle.from_pem(*((tmp_path / "work" / f"a.example.{end}").read_bytes() for end in ("crt", "key")))


def test_a_link_is_never_followed_not_even_with_force(certpush, asked, tmp_path):
    (tmp_path / "elsewhere").write_text("precious")
    (tmp_path / "work" / "a.example.key").symlink_to(tmp_path / "elsewhere")
    assert certpush("issue", "a.example").code == 2
    refused = certpush("issue", "a.example", "--force")
    assert refused.code == 5
    assert "symbolic link" in refused.err
    assert (tmp_path / "elsewhere").read_text() == "precious"
    assert asked == []


def test_a_missing_directory_is_found_before_the_ca_is_asked(certpush, asked, tmp_path):
    refused = certpush("issue", "a.example", "--cert", tmp_path / "no" / "a.crt")
    assert refused.code == 2
    assert "No such file or directory" in refused.err
    assert "the CA was not asked" in refused.err
    assert asked == []


def test_a_directory_that_cannot_be_written_to_is_found_before_the_ca_is_asked(certpush, asked):
    # Root may write anywhere but where the kernel itself says no.
    refused = certpush("issue", "a.example", "--key-file", "/proc/self/a.key")
    assert refused.code == 2
    assert "cannot be written" in refused.err
    assert asked == []


@pytest.mark.parametrize(
    ("cert", "key", "said"),
    [
        ("same", "same", "the same file"),
        (".", "k", "is a directory"),
        ("new/", "k", "is a directory"),
        ("a\0b", "k", "NUL"),
        ("~nobody-of-this-name/c", "k", "home of nobody"),
    ],
)
def test_odd_paths_are_refused(certpush, asked, cert, key, said):
    refused = certpush("issue", "a.example", "--cert", cert, "--key-file", key)
    assert refused.code == 2
    assert said in refused.err
    assert asked == []


def test_two_names_of_one_file_are_seen_through(certpush, asked, tmp_path):
    (tmp_path / "one").write_text("x")
    os.link(tmp_path / "one", tmp_path / "two")
    refused = certpush("issue", "a.example", "--cert", tmp_path / "one", "--key-file", tmp_path / "two", "--force")
    assert "the same file" in refused.err


# --- when something goes wrong ----------------------------------------------------------------


def test_a_full_disk_after_issuing_leaves_the_old_pair_and_says_so(certpush, asked, tmp_path, monkeypatch):
    work = tmp_path / "work"
    for name in ("a.example.crt", "a.example.key"):
        (work / name).write_text("old")
    real = pair_files.Directory.write_new

    def full(self, name, text, **options):
        if text and ".crt" in name:
            raise OSError(errno.ENOSPC, "No space left on device")
        real(self, name, text, **options)

    monkeypatch.setattr(pair_files.Directory, "write_new", full)
    failed = certpush("issue", "a.example", "--force")
    assert failed.code == 1
    assert "was issued, and could not be saved" in failed.err
    assert "No space left" in failed.err
    assert {path.name: path.read_text() for path in work.iterdir()} == {"a.example.crt": "old", "a.example.key": "old"}


def test_a_link_planted_meanwhile_is_not_followed(certpush, asked, tmp_path, monkeypatch):
    work, precious = tmp_path / "work", tmp_path / "precious"
    precious.write_text("precious")
    real = Fleet.issue

    def plant(self, request, *, ca=None):
        (work / "a.example.key").symlink_to(precious)
        return real(self, request, ca=ca)

    monkeypatch.setattr(Fleet, "issue", plant)
    failed = certpush("issue", "a.example")
    assert failed.code == 1
    assert "symbolic link" in failed.err
    assert precious.read_text() == "precious"
    assert [path.name for path in work.iterdir()] == ["a.example.key"]


def test_a_file_that_appears_meanwhile_is_not_replaced(certpush, asked, tmp_path, monkeypatch):
    real = Fleet.issue

    def appear(self, request, *, ca=None):
        (tmp_path / "work" / "a.example.key").write_text("precious")
        return real(self, request, ca=ca)

    monkeypatch.setattr(Fleet, "issue", appear)
    failed = certpush("issue", "a.example")
    assert failed.code == 1
    assert "appeared meanwhile" in failed.err
    assert (tmp_path / "work" / "a.example.key").read_text() == "precious"
    assert [path.name for path in (tmp_path / "work").iterdir()] == ["a.example.key"]


def test_ctrl_c_while_writing_leaves_no_key_behind(certpush, asked, tmp_path, monkeypatch):
    def interrupt(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(pair_files.Directory, "rename", interrupt)
    monkeypatch.setattr(pair_files.PairFiles, "check", lambda self, *, force: None)
    assert certpush("issue", "a.example").code == 1
    assert list((tmp_path / "work").iterdir()) == []


def test_a_ca_that_is_away_leaves_no_file(certpush, tmp_path, monkeypatch):
    monkeypatch.setattr(Fleet, "issue", lambda *_, **__: (_ for _ in ()).throw(IssuerUnreachable("away", hint="h")))
    assert certpush("issue", "a.example").code == 1
    assert list((tmp_path / "work").iterdir()) == []


def test_without_any_ca_the_next_step_is_named(certpush):
    refused = certpush("issue", "a.example")
    assert refused.code == 2
    assert "no CA is configured" in refused.err


# --- several CAs ------------------------------------------------------------------------------


@pytest.fixture
def two_cas(home):
    folder = home / ".config" / "certpush"
    folder.mkdir(parents=True)
    (folder / "certpush.toml").write_text(
        f'[ca.home]\nurl = "https://h"\nfingerprint = "{"a" * 64}"\n[ca.work]\nurl = "https://w"\nroot = "/r"\ntoken = "env:T"\n'
    )


def test_one_of_several_cas_is_named(certpush, asked, two_cas):
    assert certpush("issue", "a.example", "--ca", "work").code == 0
    assert asked[0][1] == "work"


def test_a_ca_that_is_not_there_is_named_with_those_that_are(certpush, two_cas):
    refused = certpush("issue", "a.example", "--ca", "wrok", "--provisioner", "x")
    assert refused.code == 2
    assert "did you mean 'work'" in refused.err


def test_options_change_single_keys_of_the_chosen_ca(certpush, two_cas, monkeypatch, tmp_path):
    seen = {}

    def look(configuration):
        seen.update(configuration.ca_tables)
        raise IssuerUnreachable("enough")

    monkeypatch.setattr("certpush.fleet.fleet.Fleet", look)
    certpush("issue", "a.example", "--ca", "work", "--password-file", "/p", "--provisioner", "me", "--fingerprint", "b" * 64)
    assert seen["work"] == {"url": "https://w", "fingerprint": "b" * 64, "provisioner": "me", "password": "file:/p"}
    assert seen["home"] == {"url": "https://h", "fingerprint": "a" * 64}


def test_the_kinds_of_key_that_can_be_asked_for_are_the_model_s():
    assert [str(one) for one in KeySpec] == list(issue.KEYS)
    assert issue.KEYS[0] == KeySpec.EC_P256
