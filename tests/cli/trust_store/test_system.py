"""The system's trust store: what is installed is in the bundle, and what is removed leaves nothing behind."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from certpush.cli.trust_store import Deed, Machine, find, system
from certpush.cli.trust_store.places import own_name
from certpush.model import fingerprint, to_pem
from certpush.testing.authority import Authority


@pytest.fixture
def root(authority):
    return authority.root


def our_file(box, root) -> Path:
    return box.local / f"{own_name(root)}.crt"


def trusts(box, root) -> bool:
    """Whether openssl finds the root in the bundle."""
    found = subprocess.run(["openssl", "verify", "-CAfile", box.bundle], input=to_pem(root), capture_output=True, check=False)
    return found.returncode == 0


def test_the_root_is_in_the_bundle_that_programs_read(box, root):
    report = system.install(root, box.machine)
    assert (report.deed, report.fine) == (Deed.INSTALLED, True)
    assert trusts(box, root)
    assert our_file(box, root).read_bytes() == to_pem(root)
    assert our_file(box, root).stat().st_mode & 0o777 == 0o644


def test_a_second_time_nothing_is_done(box, root):
    system.install(root, box.machine)
    box.program("update-ca-certificates", "exit 9")
    assert system.install(root, box.machine).deed is Deed.THERE


def test_what_was_removed_leaves_neither_file_nor_link_nor_trust(box, root):
    box.update()
    before = sorted(one.name for one in box.certs.iterdir())
    system.install(root, box.machine)
    assert system.remove(root, box.machine).deed is Deed.REMOVED
    assert not trusts(box, root)
    assert sorted(one.name for one in box.certs.iterdir()) == before
    assert list(box.local.iterdir()) == []


def test_removing_what_is_not_there_is_fine_and_runs_nothing(box, root):
    box.program("update-ca-certificates", "exit 9")
    report = system.remove(root, box.machine)
    assert (report.deed, report.detail, report.fine) == (Deed.ABSENT, "", True)


def test_the_roots_of_others_stay(box, root):
    other = Authority("Other").root
    (box.local / "company.crt").write_bytes(to_pem(other))
    box.update()
    system.install(root, box.machine)
    system.remove(root, box.machine)
    assert trusts(box, other)
    assert not trusts(box, root)
    assert (box.local / "company.crt").exists()


def test_a_root_that_others_installed_stays_trusted_and_that_is_said(box, root):
    (box.local / "company.crt").write_bytes(to_pem(root))
    box.update()
    report = system.remove(root, box.machine)
    assert report.deed is Deed.ABSENT
    assert "from elsewhere" in report.detail
    system.install(root, box.machine)
    report = system.remove(root, box.machine)
    assert report.deed is Deed.REMOVED
    assert "from elsewhere" in report.detail
    assert trusts(box, root)


def test_an_install_that_was_cut_off_is_completed_by_the_next(box, root):
    our_file(box, root).write_bytes(to_pem(root))
    assert system.install(root, box.machine).deed is Deed.INSTALLED
    assert trusts(box, root)


def test_a_removal_that_was_cut_off_is_completed_by_the_next(box, root):
    system.install(root, box.machine)
    our_file(box, root).unlink()
    assert system.remove(root, box.machine).deed is Deed.REMOVED
    assert not trusts(box, root)
    assert box.leftovers() == []


def test_a_command_that_fails_is_named_with_what_it_said(box, root):
    box.program("update-ca-certificates", "echo no space left; exit 3")
    report = system.install(root, box.machine)
    assert (report.deed, report.fine) == (Deed.FAILED, False)
    assert "status 3: no space left" in report.detail


def test_a_command_that_ends_well_and_did_nothing_is_no_success(box, root):
    box.program("update-ca-certificates", "exit 0")
    report = system.install(root, box.machine)
    assert report.deed is Deed.FAILED
    assert "does not have it" in report.detail


def test_a_file_of_ours_that_holds_another_certificate_is_left_alone(box, root):
    other = to_pem(Authority("Other").root)
    our_file(box, root).write_bytes(other)
    report = system.remove(root, box.machine)
    assert report.deed is Deed.LEFT
    assert our_file(box, root).read_bytes() == other


def test_a_planted_link_is_not_followed(box, root, tmp_path):
    (tmp_path / "precious").write_text("precious")
    our_file(box, root).symlink_to(tmp_path / "precious")
    report = system.install(root, box.machine)
    assert report.deed is Deed.FAILED
    assert "symbolic link" in report.detail
    assert (tmp_path / "precious").read_text() == "precious"


def test_without_the_right_to_write_it_says_that_root_is_needed(box, root, monkeypatch):
    def refuse(*_args, **_options):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("certpush.kit.files.Directory.replace", refuse)
    report = system.install(root, box.machine)
    assert (report.deed, report.fine) == (Deed.NEEDS_ROOT, False)
    assert "sudo" in report.hint


def test_a_system_that_is_read_only_fails_with_the_reason(box, root, monkeypatch):
    system.install(root, box.machine)

    def refuse(*_args, **_options):
        raise OSError(30, "Read-only file system")

    monkeypatch.setattr("certpush.kit.files.Directory.remove", refuse)
    report = system.remove(root, box.machine)
    assert (report.deed, report.detail) == (Deed.FAILED, "Read-only file system")


def test_a_machine_without_any_known_store_is_told_which_are_known(tmp_path, root):
    for deed in (system.install, system.remove):
        report = deed(root, Machine(tmp_path, tmp_path, str(tmp_path)))
        assert report.deed is Deed.FAILED
        assert "/usr/local/share/ca-certificates (Debian" in report.detail


@pytest.mark.parametrize("flavour", system.FLAVOURS[1:], ids=lambda one: one.family)
def test_other_families_have_their_own_folder_command_and_bundle(box, root, flavour):
    """Their commands are not here: a stand-in does with the folder what they do."""
    (box.root / system.FLAVOURS[0].folder).rmdir()
    folder, bundle = box.root / flavour.folder, box.root / flavour.bundle
    folder.mkdir(parents=True)
    bundle.parent.mkdir(parents=True)
    box.program(flavour.update[0], f"cat {folder}/*.crt > {bundle} 2>/dev/null; exit 0")
    assert system.install(root, box.machine).deed is Deed.INSTALLED
    assert (folder / f"{own_name(root)}.crt").exists()
    assert system.remove(root, box.machine).deed is Deed.REMOVED
    assert bundle.read_bytes() == b""


def test_an_installed_root_is_found_again_by_its_fingerprint(box, root):
    assert find(fingerprint(root), box.machine) is None
    system.install(root, box.machine)
    assert find(fingerprint(root), box.machine) == root
    our_file(box, root).write_bytes(to_pem(Authority("Other").root))
    assert find(fingerprint(root), box.machine) is None
