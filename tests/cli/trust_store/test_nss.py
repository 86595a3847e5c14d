"""Firefox's and Chromium's databases, by the real certutil: trusted for servers, once, and taken out again."""

from __future__ import annotations

import os
import pwd
import shutil
import stat
from pathlib import Path
from tempfile import mkdtemp

import pytest

from certpush.cli.trust_store import Deed, Machine, find, nss
from certpush.cli.trust_store.places import own_name
from certpush.model import fingerprint, to_pem
from certpush.testing.authority import Authority
from conftest import not_run

from .conftest import certutil


@pytest.fixture
def root(authority):
    return authority.root


def deeds(reports) -> dict[str, Deed]:
    return {Path(one.place).name: one.deed for one in reports}


def trust_of(folder, nickname) -> str:
    (line,) = [line for line in certutil(folder, "-L").splitlines() if line.startswith(nickname)]
    return line.split()[-1]


def test_each_database_of_the_user_trusts_the_root_for_servers_and_for_nothing_else(browsers, root):
    assert deeds(nss.install(root, browsers.machine)) == {"abc.default-release": Deed.INSTALLED, "nssdb": Deed.INSTALLED}
    for folder in (browsers.home / ".mozilla/firefox/abc.default-release", browsers.home / ".pki/nssdb"):
        assert trust_of(folder, own_name(root)) == "C,,"
        assert certutil(folder, "-L", "-n", own_name(root), "-a").encode().replace(b"\r", b"") == to_pem(root)


def test_certutil_accepts_a_server_s_certificate_of_that_ca_afterwards(browsers, root, authority):
    list(nss.install(root, browsers.machine))
    folder = browsers.home / ".pki/nssdb"
    bundle = authority.issue("wiki.example.com")
    for name, certificate in (("leaf", bundle.leaf), ("between", bundle.chain[0])):
        (browsers.root / f"{name}.pem").write_bytes(to_pem(certificate))
        certutil(folder, "-A", "-n", name, "-t", ",,", "-a", "-i", str(browsers.root / f"{name}.pem"))
    assert "certificate is valid" in certutil(folder, "-V", "-n", "leaf", "-u", "V")


def test_twice_is_once(browsers, root):
    list(nss.install(root, browsers.machine))
    assert set(deeds(nss.install(root, browsers.machine)).values()) == {Deed.THERE}
    assert certutil(browsers.home / ".pki/nssdb", "-L").count(own_name(root)) == 1


def test_what_was_installed_is_taken_out_and_what_is_absent_is_fine(browsers, root):
    list(nss.install(root, browsers.machine))
    assert set(deeds(nss.remove(root, browsers.machine)).values()) == {Deed.REMOVED}
    assert own_name(root) not in certutil(browsers.home / ".pki/nssdb", "-L")
    reports = list(nss.remove(root, browsers.machine))
    assert {one.deed for one in reports} == {Deed.ABSENT}
    assert all(one.fine and one.detail == "" for one in reports)


def put(browsers, root, nickname, trust) -> Path:
    folder = browsers.home / ".pki/nssdb"
    pem = browsers.root / "root.pem"
    pem.write_bytes(to_pem(root))
    certutil(folder, "-A", "-n", nickname, "-t", trust, "-a", "-i", str(pem))
    return folder


def test_a_root_that_somebody_else_put_there_is_enough_and_stays(browsers, root):
    folder = put(browsers, root, "Company CA of 2026", "CT,C,C")
    installed = [one for one in nss.install(root, browsers.machine) if one.place == str(folder)]
    assert [one.deed for one in installed] == [Deed.THERE]
    assert "Company CA of 2026" in installed[0].detail
    (removed,) = [one for one in nss.remove(root, browsers.machine) if one.place == str(folder)]
    assert removed.deed is Deed.ABSENT
    assert "put there by somebody else" in removed.detail
    assert trust_of(folder, "Company CA of 2026") == "CT,C,C"


def test_a_root_that_somebody_distrusted_stays_distrusted_and_that_is_said(browsers, root):
    folder = put(browsers, root, "Company CA", "p,p,p")
    (report,) = [one for one in nss.install(root, browsers.machine) if one.place == str(folder)]
    assert (report.deed, report.fine) == (Deed.FAILED, False)
    assert "not trusted" in report.detail
    assert "browser's settings" in report.hint
    assert trust_of(folder, "Company CA") == "p,p,p"


def test_another_certificate_under_our_name_is_left_alone(browsers, root):
    other = Authority("Other").root
    folder = put(browsers, other, own_name(root), "C,,")
    (report,) = [one for one in nss.remove(root, browsers.machine) if one.place == str(folder)]
    assert report.deed is Deed.LEFT
    assert own_name(root) in certutil(folder, "-L")


def test_a_database_with_a_primary_password_is_left_as_it_was_and_the_way_is_said(box, make_database, root):
    (box.bin / "certutil").symlink_to(shutil.which("certutil"))
    folder = make_database(box.home / ".mozilla/firefox/locked", password="its owner's secret")
    (report,) = nss.install(root, box.machine)
    assert (report.deed, report.fine) == (Deed.FAILED, False)
    assert "primary password" in report.hint
    assert own_name(root) not in certutil(folder, "-L")


def test_a_certutil_that_ends_well_and_did_nothing_is_no_success(browsers, root):
    browsers.program("certutil", f'case "$*" in *" -A "*) exit 0;; esac; exec {shutil.which("certutil")} "$@"')
    assert set(deeds(nss.install(root, browsers.machine)).values()) == {Deed.FAILED}


def test_a_certutil_that_says_nonsense_is_no_success_either(browsers, root):
    browsers.program("certutil", "echo nonsense")
    assert set(deeds(nss.install(root, browsers.machine)).values()) == {Deed.FAILED}
    assert set(deeds(nss.remove(root, browsers.machine)).values()) == {Deed.ABSENT}


def test_a_damaged_database_fails_alone(browsers, root):
    (browsers.home / ".pki/nssdb/cert9.db").write_bytes(b"no database" * 100)
    done = deeds(nss.install(root, browsers.machine))
    assert done == {"abc.default-release": Deed.INSTALLED, "nssdb": Deed.FAILED}


def test_without_certutil_each_database_is_named_with_what_to_install(browsers, root):
    (browsers.bin / "certutil").unlink()
    for work in (nss.install, nss.remove):
        reports = list(work(root, browsers.machine))
        assert [one.deed for one in reports] == [Deed.FAILED, Deed.FAILED]
        assert all("libnss3-tools" in one.hint for one in reports)
    assert find(fingerprint(root), browsers.machine) is None


def test_a_home_without_browsers_has_nothing_to_report(box, root):
    assert list(nss.install(root, box.machine)) == []


def test_a_root_is_found_again_by_its_fingerprint(browsers, root):
    list(nss.install(root, browsers.machine))
    assert find(fingerprint(root), browsers.machine) == root


# --- sudo -------------------------------------------------------------------------------------


@pytest.fixture
def nobodys_home():
    """A home that belongs to another user, who can get to it."""
    if os.geteuid() != 0:
        not_run("only root can act for another user")
    home = Path(mkdtemp(prefix="certpush-home-"))
    user = pwd.getpwnam("nobody")
    os.chown(home, user.pw_uid, user.pw_gid)
    yield home
    shutil.rmtree(home)


def test_under_sudo_a_user_s_database_is_written_with_the_user_s_rights_alone(box, nobodys_home, make_database, root, tmp_path):
    user = pwd.getpwnam("nobody")
    folder = make_database(nobodys_home / ".pki/nssdb")
    for one in (nobodys_home / ".pki", folder, *folder.iterdir()):
        os.chown(one, user.pw_uid, user.pw_gid)
    log = nobodys_home / "who"
    log.touch(mode=0o666)
    log.chmod(0o666)
    box.bin.chmod(0o755)
    (nobodys_home / "certutil").write_text(f'#!/bin/sh\nid -un >> {log}; id -Gn >> {log}; echo "$HOME" >> {log}\nexec certutil "$@"\n')
    (nobodys_home / "certutil").chmod(0o755)
    machine = Machine(box.root, nobodys_home, str(nobodys_home), account="nobody")
    assert deeds(nss.install(root, machine)) == {"nssdb": Deed.INSTALLED}
    assert set(log.read_text().split()) == {"nobody", "nogroup", user.pw_dir}
    assert {one.stat().st_uid for one in folder.iterdir()} == {user.pw_uid}
    assert trust_of(folder, own_name(root)) == "C,,"


def test_root_does_not_follow_where_a_user_s_links_lead(nobodys_home, box, root, make_database, tmp_path):
    """The database is root's own, and the link to it another user's: certutil has that user's rights, and cannot write."""
    make_database(tmp_path / "roots")
    tmp_path.chmod(0o700)
    (nobodys_home / ".pki").mkdir()
    (nobodys_home / ".pki/nssdb").symlink_to(tmp_path / "roots")
    (nobodys_home / "certutil").symlink_to(shutil.which("certutil"))
    (report,) = nss.install(root, Machine(box.root, nobodys_home, str(nobodys_home), account="nobody"))
    assert report.deed is Deed.FAILED
    assert own_name(root) not in certutil(tmp_path / "roots", "-L")
    assert stat.S_IMODE(tmp_path.stat().st_mode) == 0o700
