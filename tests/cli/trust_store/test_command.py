"""certpush ca root --install and --remove: every place in a row, what is left to do, and a CA that is gone."""

from __future__ import annotations

import shlex
import sys
from dataclasses import replace

import pytest

from certpush.cli.ca.stores import Stores
from certpush.cli.console import Console
from certpush.cli.trust_store import Deed, Machine, Report
from certpush.cli.trust_store.places import name_for
from certpush.model import fingerprint, read_certificates
from certpush.stepca.address import CaAddress
from certpush.testing.authority.pki import Pki

from .conftest import certutil


@pytest.fixture
def here(box, monkeypatch):
    """The machine in the directory is this one."""
    monkeypatch.setattr(Machine, "here", classmethod(lambda _cls, _environ: box.machine))
    return box


@pytest.fixture
def call(certpush, here):
    """Call it about a CA: ``call(ca, "--install")``."""
    return lambda ca, *words: certpush("ca", "root", "--ca-url", ca.url, "--fingerprint", ca.fingerprint, *words)


def in_bundle(box, certificate_fingerprint) -> bool:
    return certificate_fingerprint in {fingerprint(one) for one in read_certificates(box.bundle.read_bytes())}


def row(ended, place) -> str:
    (found,) = [line for line in ended.out.splitlines() if line.startswith(str(place))]
    return found.removeprefix(str(place)).strip()


def test_install_twice_and_remove_twice(call, browsers, ca):
    file, nssdb = browsers.local / f"{name_for(ca.fingerprint)}.crt", browsers.home / ".pki/nssdb"
    for words, deed in (("--install", "installed"), ("--install", "already there"), ("--remove", "removed"), ("--remove", "was not there")):
        ended = call(ca, words)
        assert (ended.code, ended.err) == (0, "")
        assert ca.fingerprint in ended.out
        assert row(ended, file).startswith(deed)
        assert row(ended, nssdb).startswith(deed)
        assert in_bundle(browsers, ca.fingerprint) is (words == "--install")
        assert (name_for(ca.fingerprint) in certutil(nssdb, "-L")) is (words == "--install")


def test_the_same_as_one_document(call, browsers, embedded_ca):
    document = call(embedded_ca, "--install", "--output", "json").document
    assert document["exit"] == 0
    assert [one["done"] for one in document["stores"]] == ["installed"] * 3
    assert {one["root"] for one in document["stores"]} == {embedded_ca.fingerprint}


def test_a_home_without_a_browser_s_database_is_said(call, box, embedded_ca):
    ended = call(embedded_ca, "--install")
    assert ended.code == 0
    assert f"no database of Firefox or Chromium in {box.home}" in ended.out


def test_without_certutil_the_system_trusts_the_root_and_the_code_says_that_a_place_is_left(call, browsers, embedded_ca):
    (browsers.bin / "certutil").unlink()
    ended = call(embedded_ca, "--install")
    assert ended.code == 1
    assert in_bundle(browsers, embedded_ca.fingerprint)
    assert row(ended, browsers.home / ".pki/nssdb") == "failed     certutil is not here"
    assert "libnss3-tools" in ended.out


def test_without_root_the_browsers_are_done_and_the_whole_command_for_the_rest_is_given(call, browsers, embedded_ca, monkeypatch):
    def refuse(*_args, **_options):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("certpush.kit.files.Directory.replace", refuse)
    monkeypatch.setattr(sys, "argv", ["env", "ca", "root", "--install"])
    ended = call(embedded_ca, "--install")
    assert ended.code == 1
    assert row(ended, browsers.home / ".pki/nssdb").startswith("installed")
    (command,) = [line.partition("sudo ")[2] for line in ended.out.splitlines() if "sudo " in line]
    words = shlex.split(command)
    wanted = ["ca", "root", "--install", "--ca-url", embedded_ca.url, "--fingerprint", embedded_ca.fingerprint]
    assert words[words.index("ca") :] == wanted
    assert words[0].startswith("/")


@pytest.mark.parametrize(
    ("called", "first"),
    [("/usr/bin/env", ["/usr/bin/env"]), ("no-such-program", ["certpush"]), ("/x/__main__.py", [sys.executable, "-m", "certpush"])],
)
def test_the_command_for_root_is_the_one_that_was_called(box, embedded_ca, monkeypatch, certpush, called, first):
    """Root looks for programs elsewhere: a full path, where there is one."""
    machine = replace(box.machine, root=box.root / "nothing")
    monkeypatch.setattr(sys, "argv", [called])
    told = []
    reports = iter([Report("the system", Deed.NEEDS_ROOT)])
    monkeypatch.setattr("certpush.cli.ca.stores.install", lambda _root, _machine: reports)
    console = Console()
    monkeypatch.setattr(console, "result", told.append)
    assert Stores(console, CaAddress.parse(embedded_ca.url), machine).install((embedded_ca.pki.root,)) == 1
    assert shlex.split(told[-1].partition("sudo ")[2])[: len(first) + 2] == [*first, "ca", "root"]


def test_while_roots_are_rotated_all_are_installed_and_all_removed(call, box, start_embedded_ca):
    ca = start_embedded_ca()
    old = ca.fingerprint
    ca.replace_pki(Pki.make("Next"), keep_root=True)
    assert call(ca, "--install").code == 0
    assert in_bundle(box, old)
    assert in_bundle(box, ca.fingerprint)
    assert call(ca, "--remove").code == 0
    assert not in_bundle(box, old)
    assert not in_bundle(box, ca.fingerprint)


# --- a CA that is gone, or has another root ---------------------------------------------------


def test_the_root_of_a_ca_that_is_gone_is_removed_by_what_stands_in_the_store(call, box, start_embedded_ca):
    ca = start_embedded_ca()
    call(ca, "--install")
    ca.stop()
    ended = call(ca, "--remove")
    assert ended.code == 0
    assert "only the root that is known here" in ended.err
    assert not in_bundle(box, ca.fingerprint)


def test_likewise_by_its_root_file(certpush, call, box, home, start_embedded_ca):
    ca = start_embedded_ca()
    call(ca, "--install")
    ca.stop()
    (home / "root.pem").write_bytes(ca.root_pem)
    (home / "certpush.toml").write_text(f'[ca]\nurl = "{ca.url}"\nroot = "{home}/root.pem"\n')
    assert certpush("ca", "root", "--remove", "--config", home / "certpush.toml").code == 0
    assert not in_bundle(box, ca.fingerprint)


def test_a_root_that_the_ca_has_retired_is_removed_by_its_fingerprint(certpush, call, box, start_embedded_ca):
    ca = start_embedded_ca()
    call(ca, "--install")
    old = ca.fingerprint
    ca.replace_pki(Pki.make("Next"))
    assert certpush("ca", "root", "--remove", "--ca-url", ca.url, "--fingerprint", old).code == 0
    assert not in_bundle(box, old)


def test_a_ca_that_is_gone_and_was_never_installed_is_1(call, start_embedded_ca):
    ca = start_embedded_ca()
    ca.stop()
    assert call(ca, "--remove").code == 1
    assert call(ca, "--install").code == 1


def test_a_stranger_s_root_is_never_installed(certpush, here, ca):
    ended = certpush("ca", "root", "--install", "--ca-url", ca.url, "--fingerprint", "ab" * 32)
    assert ended.code == 4
    assert list(here.local.iterdir()) == []


# --- sudo -------------------------------------------------------------------------------------


def test_under_sudo_without_a_ca_it_says_whose_configuration_was_read(certpush, here, monkeypatch):
    monkeypatch.setenv("SUDO_USER", "ada")
    ended = certpush("ca", "root", "--install")
    assert ended.code == 2
    assert "under sudo root's configuration is read" in ended.err


def test_a_hint_of_a_place_is_shown_with_it(call, browsers, embedded_ca, monkeypatch):
    (browsers.home / ".pki/nssdb/cert9.db").write_bytes(b"damaged" * 99)
    ended = call(embedded_ca, "--install")
    assert ended.code == 1
    assert f"-> {browsers.home}/.pki/nssdb: with a primary password set" in ended.out


def test_names_of_profiles_are_harmless(call, browsers, embedded_ca):
    folder = browsers.home / ".mozilla/firefox"
    (folder / "abc.default-release").rename(folder / "a\x1b[2Jb")
    ended = call(embedded_ca, "--install")
    assert ended.code == 0
    assert "\x1b" not in ended.out
    assert str(Deed.INSTALLED) in ended.out


def test_another_account_s_home_is_named(call, browsers, embedded_ca, monkeypatch):
    empty = browsers.home / "empty"
    empty.mkdir()
    elsewhere = replace(browsers.machine, home=empty)
    monkeypatch.setattr(Machine, "here", classmethod(lambda _cls, _environ: elsewhere))
    assert f"in {empty}" in call(embedded_ca, "--install").out
