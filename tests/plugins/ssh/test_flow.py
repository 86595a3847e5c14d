"""The ssh target's verbs against a real sshd: in order, repeated, on fresh instances, and after nothing had happened."""

from __future__ import annotations

import contextlib
import os
import stat
import subprocess
import time
from pathlib import Path

import pytest

from certpush import CertificateRequest, Expected, Severity
from certpush.errors import ClockSkew, NoWayBack, SafetyRefusal, TargetDrifted, TargetRefused
from certpush.kit.placement import Placement
from certpush.kit.settings import Duration
from certpush.model import KeySpec, parse_name
from certpush_ssh.target import SshTarget
from plugins.trees import tree

pytestmark = pytest.mark.live("sshd")
REQUEST = CertificateRequest((parse_name("svc.example.com"),))
LAYOUTS = pytest.mark.parametrize("layout", ["files", "managed"])


def noting(tls: Path, word: str) -> tuple[str, ...]:
    return ("/bin/sh", "-c", f"echo {word} >> {tls.parent}/notes")


def notes(tls: Path) -> list[str]:
    path = tls.parent / "notes"
    return path.read_text().split() if path.exists() else []


def timers(tls: Path) -> list[str]:
    """The timers' processes that are there."""
    listed = subprocess.run(["ps", "-e", "-o", "args="], capture_output=True, text=True, check=True).stdout
    return [line for line in listed.splitlines() if str(tls) in line]


def uploads(box, settings) -> list[Path]:
    """What was handed over and not removed."""
    folder = f".certpush-{Placement(settings).slot}"
    return [*box.sshd.home.glob(folder), *Path("/tmp").glob(folder)]


def deploy(settings, bundle):
    with contextlib.closing(SshTarget(settings)) as target:
        before = target.inspect()
        staged = target.stage(bundle)
        target.activate(staged, bundle)
        target.confirm(staged)
        target.tidy({bundle.fingerprint})
    return before, staged


@LAYOUTS
def test_what_was_deployed_is_what_inspect_tells_and_nothing_else_is_left(any_box, mint, layout, open_target):
    settings = getattr(any_box, layout)(check=("true",), reload=noting(any_box.tls, "reload"))
    first, second = mint(), mint()
    deploy(settings, first)
    deploy(settings, second)
    assert open_target(settings).inspect().fingerprint == second.fingerprint
    left = {one.split("/")[0] for one in tree(any_box.tls)}
    assert left == ({"svc.crt", "svc.key"} if layout == "files" else {"current", f"gen-{second.fingerprint[:16]}"})
    assert timers(any_box.tls) == []
    assert uploads(any_box, settings) == []


def test_files_hold_what_their_names_say(box, mint, open_target):
    bundle = mint()
    roles = ("fullchain", "cert", "chain", "key_file", "combined", "pkcs12", "root")
    settings = box.files(**{role: f"{box.tls}/{role}" for role in roles})
    deploy(settings, bundle)
    assert (box.tls / "fullchain").read_bytes() == bundle.fullchain_pem
    assert (box.tls / "key_file").read_bytes() == bundle.key.reveal_pem()
    assert (box.tls / "combined").read_bytes() == bundle.fullchain_pem + bundle.key.reveal_pem()
    assert open_target(settings).inspect().fingerprint == bundle.fingerprint
    modes = {name: oct(mode) for name, (mode, *_) in tree(box.tls).items()}
    assert modes == {role: "0o600" if role in ("key_file", "combined", "pkcs12") else "0o644" for role in roles}


def test_a_pkcs12_file_alone_can_be_read_back(box, mint, open_target):
    from certpush.model import Secret

    bundle = mint()
    settings = box.files(fullchain=None, key_file=None, pkcs12=f"{box.tls}/svc.p12", pkcs12_password=Secret("p12 word"))
    deploy(settings, bundle)
    assert open_target(settings).inspect().fingerprint == bundle.fingerprint


def test_the_files_of_a_user_belong_to_the_user_and_those_of_sudo_to_root(any_box, mint):
    deploy(any_box.files(), mint())
    user = 54321 if any_box.sshd.user == "deploy" and not any_box.sudo else 0
    assert {uid for _, uid, _ in tree(any_box.tls).values()} == {user}


def test_an_existing_file_keeps_its_mode_and_owner_unless_told(sudo_box, mint):
    deploy(sudo_box.files(), mint())
    key = sudo_box.tls / "svc.key"
    key.chmod(0o640)
    os.chown(key, 1234, 2345)
    deploy(sudo_box.files(), mint())
    assert (stat.S_IMODE(key.stat().st_mode), key.stat().st_uid, key.stat().st_gid) == (0o640, 1234, 2345)
    deploy(sudo_box.files(mode="0400", owner="nobody", group="1234"), mint())
    assert (stat.S_IMODE(key.stat().st_mode), key.stat().st_uid, key.stat().st_gid) == (0o400, 65534, 1234)


@LAYOUTS
def test_stage_changes_nothing_that_is_served(any_box, mint, layout, open_target):
    settings = getattr(any_box, layout)()
    deploy(settings, mint())
    before = tree(any_box.tls)
    open_target(settings).stage(mint())
    after = tree(any_box.tls)
    assert before.items() <= after.items()
    private = [mode for path, (mode, *_) in after.items() if path == ".certpush"]
    assert private == [0o700]


@LAYOUTS
def test_rollback_puts_the_old_files_back_byte_for_byte_on_a_fresh_instance(any_box, mint, layout, open_target):
    settings = getattr(any_box, layout)(reload=noting(any_box.tls, "reload"))
    old, new = mint(), mint()
    deploy(settings, old)
    before_tree, reloads = tree(any_box.tls), len(notes(any_box.tls))
    target = open_target(settings)
    before = target.inspect()
    staged = target.stage(new)
    target.activate(staged, new)
    assert open_target(settings).inspect().fingerprint == new.fingerprint
    assert len(timers(any_box.tls)) >= 1
    assert open_target(settings).rollback(before, staged, None) == Expected.leaf(old.fingerprint)
    assert tree(any_box.tls) == before_tree
    assert len(notes(any_box.tls)) == reloads + 2
    assert timers(any_box.tls) == []
    assert uploads(any_box, settings) == []


@LAYOUTS
def test_rollback_of_a_first_deployment_removes_everything(any_box, mint, layout, open_target):
    settings, new = getattr(any_box, layout)(), mint()
    target = open_target(settings)
    before = target.inspect()
    staged = target.stage(new)
    target.activate(staged, new)
    assert open_target(settings).rollback(before, staged, None) == Expected.nothing()
    assert tree(any_box.tls) == {}
    assert timers(any_box.tls) == []


@LAYOUTS
@pytest.mark.parametrize("staged_first", [True, False])
def test_rollback_when_nothing_was_switched_leaves_all_as_it_was(box, mint, layout, staged_first, open_target):
    settings = getattr(box, layout)(reload=noting(box.tls, "reload"))
    deploy(settings, mint())
    before_tree, reloads = tree(box.tls), notes(box.tls)
    target = open_target(settings)
    before = target.inspect()
    if staged_first:
        target.stage(mint())
    for _ in range(2):
        open_target(settings).rollback(before, None, None)
    assert tree(box.tls) == before_tree
    assert notes(box.tls) == reloads


@LAYOUTS
def test_every_verb_may_be_repeated_on_fresh_instances(any_box, mint, layout, open_target):
    settings = getattr(any_box, layout)()
    old, new = mint(), mint()
    deploy(settings, old)
    before_tree = tree(any_box.tls)
    before = open_target(settings).inspect()
    for _ in range(2):
        staged = open_target(settings).stage(new)
    for _ in range(2):
        open_target(settings).activate(staged, new)
    for _ in range(2):
        open_target(settings).confirm(staged)
    assert timers(any_box.tls) == []
    assert open_target(settings).inspect().fingerprint == new.fingerprint
    for _ in range(2):
        assert open_target(settings).rollback(before, staged, None).fingerprint == old.fingerprint
    assert tree(any_box.tls) == before_tree


@LAYOUTS
def test_staging_again_after_the_switch_does_not_overwrite_the_kept_copy(box, mint, layout, open_target):
    settings, old, new = getattr(box, layout)(), mint(), mint()
    deploy(settings, old)
    before = open_target(settings).inspect()
    staged = open_target(settings).stage(new)
    open_target(settings).activate(staged, new)
    open_target(settings).stage(new)
    open_target(settings).rollback(before, staged, None)
    assert open_target(settings).inspect().fingerprint == old.fingerprint


def test_names_with_spaces_quotes_dollars_and_stars_are_names(any_box, mint, open_target):
    odd = any_box.tls / "a b'c\"$(touch x)*;"
    odd.mkdir()
    if not any_box.sudo:
        os.chown(odd, any_box.tls.stat().st_uid, any_box.tls.stat().st_gid)
    settings = any_box.files(fullchain=f"{odd}/-f `id`.crt", key_file=f"{odd}/[k].key", reload=("test", "-f", f"{odd}/[k].key"))
    old, new = mint(), mint()
    deploy(settings, old)
    before_tree = tree(any_box.tls)
    target = open_target(settings)
    before = target.inspect()
    staged = target.stage(new)
    target.activate(staged, new)
    target.rollback(before, staged, None)
    assert tree(any_box.tls) == before_tree
    assert len(before_tree) == 3


# --- commands -----------------------------------------------------------------------------------------


@LAYOUTS
def test_check_comes_before_reload_and_both_after_the_switch(box, mint, layout):
    settings = getattr(box, layout)(check=noting(box.tls, "check"), reload=noting(box.tls, "reload"))
    deploy(settings, mint())
    assert notes(box.tls) == ["check", "reload"]
    deploy(settings, mint())
    assert notes(box.tls)[2:] == ["check", "check", "reload"]


@LAYOUTS
def test_a_check_that_names_files_sees_the_new_ones_before_anything_is_switched(root_box, mint, layout, open_target):
    deploy(getattr(root_box, layout)(), mint())
    before, new = tree(root_box.tls), mint()
    look = (
        "/bin/sh",
        "-c",
        'cat "$1" > "$3/../seen.crt"; cat "$2" > "$3/../seen.key"',
        "sh",
        "{fullchain}",
        "{key_file}",
        str(root_box.tls),
    )
    open_target(getattr(root_box, layout)(check=look)).stage(new)
    assert (root_box.tls.parent / "seen.crt").read_bytes() == new.fullchain_pem
    assert (root_box.tls.parent / "seen.key").read_bytes() == new.key.reveal_pem()
    assert before.items() <= tree(root_box.tls).items()


@LAYOUTS
@pytest.mark.parametrize("command", ["check", "reload"])
def test_a_command_that_fails_after_the_switch_is_rolled_back_and_the_service_told(any_box, mint, layout, command, open_target):
    deploy(getattr(any_box, layout)(), mint())
    before_tree, new = tree(any_box.tls), mint()
    place = any_box.tls / ("svc.crt" if layout == "files" else "current/fullchain.pem")
    (any_box.tls.parent / "new.pem").write_bytes(new.fullchain_pem)
    picky = ("/bin/sh", "-c", f"echo looking; cmp -s {place} {any_box.tls}/../new.pem || exit 0; exit 7")
    settings = getattr(any_box, layout)(**{"reload": noting(any_box.tls, "reload"), command: picky})
    target = open_target(settings)
    before = target.inspect()
    staged = target.stage(new)
    with pytest.raises(TargetRefused, match=rf"(?s){command} command failed.*exit status 7.*looking"):
        target.activate(staged, new)
    open_target(settings).rollback(before, staged, None)
    assert tree(any_box.tls) == before_tree
    assert notes(any_box.tls) == (["reload"] if command == "check" else [])
    assert timers(any_box.tls) == []


def test_a_check_that_fails_before_the_switch_stops_the_rotation_untouched(box, mint, open_target):
    deploy(box.files(), mint())
    before = tree(box.tls)
    settings = box.files(check=("/bin/sh", "-c", "echo broken already >&2; exit 3"))
    target = open_target(settings)
    to = target.inspect()
    with pytest.raises(TargetRefused, match=r"(?s)exit status 3.*broken already"):
        target.stage(mint())
    target.rollback(to, None, None)
    assert tree(box.tls) == before


def test_a_command_named_like_a_step_of_ours_is_the_program_of_that_name(box, mint):
    """`tidy`, `link`, `sum` and others are names of steps in the script, and of programs."""
    deploy(box.files(check=("sum", "/dev/null"), reload=("link", str(box.tls / "svc.crt"), str(box.tls / "linked"))), mint())
    assert (box.tls / "linked").samefile(box.tls / "svc.crt")


def test_a_command_that_is_not_there_is_said_so(box, mint, open_target):
    with pytest.raises(TargetRefused, match="exit status 127"):
        open_target(box.files(check=("no-such-command", "{fullchain}"))).stage(mint())


def test_a_reload_that_fails_during_rollback_is_told_and_tried_again_by_the_next_one(box, mint, open_target):
    old, new = mint(), mint()
    deploy(box.files(), old)
    before = open_target(box.files()).inspect()
    staged = open_target(box.files()).stage(new)
    open_target(box.files()).activate(staged, new)
    with pytest.raises(TargetRefused, match="reload command failed"):
        open_target(box.files(reload=("false",))).rollback(before, staged, None)
    assert open_target(box.files()).inspect().fingerprint == old.fingerprint
    open_target(box.files(reload=noting(box.tls, "reload"))).rollback(before, staged, None)
    assert notes(box.tls) == ["reload"]


def test_a_reload_that_fails_where_nothing_was_installed_before_does_not_spoil_the_way_back(box, mint, open_target):
    target, new = open_target(box.files(reload=("false",))), mint()
    before = target.inspect()
    staged = target.stage(new)
    with pytest.raises(TargetRefused):
        target.activate(staged, new)
    assert target.rollback(before, staged, None) == Expected.nothing()
    assert tree(box.tls) == {}


# --- somebody else writes there too ---------------------------------------------------------------------


@LAYOUTS
@pytest.mark.parametrize("moment", ["after inspect", "after stage"])
def test_a_file_that_somebody_changed_is_not_overwritten(box, mint, layout, moment, open_target):
    settings, new = getattr(box, layout)(), mint()
    deploy(settings, mint())
    target = open_target(settings)
    target.inspect()
    staged = target.stage(new) if moment == "after stage" else None
    theirs = box.tls / ("svc.crt" if layout == "files" else "current")
    theirs.unlink()
    if layout == "files":
        theirs.write_bytes(b"theirs")
    else:
        theirs.symlink_to("theirs")
    with pytest.raises(TargetDrifted, match="somebody else"):
        target.activate(staged, new) if staged else target.stage(new)
    assert timers(box.tls) == []


@LAYOUTS
def test_what_somebody_put_there_after_the_switch_is_kept_aside_by_rollback(box, mint, layout, open_target):
    settings, old, new = getattr(box, layout)(), mint(), mint()
    deploy(settings, old)
    target = open_target(settings)
    before = target.inspect()
    staged = target.stage(new)
    target.activate(staged, new)
    theirs = box.tls / ("svc.crt" if layout == "files" else "current")
    theirs.unlink()
    if layout == "files":
        theirs.write_bytes(b"theirs")
    else:
        theirs.symlink_to("theirs")
    target.rollback(before, staged, None)
    assert target.inspect().fingerprint == old.fingerprint
    (aside,) = (box.tls / ".certpush").glob("*.changed")
    assert str(aside.readlink()) == "theirs" if layout == "managed" else aside.read_bytes() == b"theirs"


def test_a_foreign_file_where_nothing_was_before_survives_rollback(box, mint, open_target):
    target = open_target(box.files())
    before = target.inspect()
    staged = target.stage(mint())
    (box.tls / "svc.crt").write_bytes(b"theirs")
    target.rollback(before, staged, None)
    assert (box.tls / "svc.crt").read_bytes() == b"theirs"


# --- the kept copies are gone -----------------------------------------------------------------------------


@LAYOUTS
def test_without_kept_copies_the_previous_bundle_is_written_anew(any_box, mint, layout, open_target):
    settings, old, new = getattr(any_box, layout)(), mint(), mint()
    deploy(settings, old)
    before_tree = tree(any_box.tls)
    target = open_target(settings)
    before = target.inspect()
    staged = target.stage(new)
    target.activate(staged, new)
    for kept in (any_box.tls / ".certpush").glob("*.old"):
        kept.unlink()
    if layout == "managed":
        (any_box.tls / f"gen-{old.fingerprint[:16]}" / "privkey.pem").unlink()
    with pytest.raises(NoWayBack):
        open_target(settings).rollback(before, staged, None)
    with pytest.raises(NoWayBack):
        open_target(settings).rollback(before, staged, mint())
    assert open_target(settings).rollback(before, staged, old).fingerprint == old.fingerprint
    assert tree(any_box.tls) == before_tree
    assert timers(any_box.tls) == []


def test_a_link_is_not_put_back_to_a_generation_that_has_lost_a_file(box, mint, open_target):
    """The kept link is there, and leads to a certificate without its key: serving that is worse than staying."""
    settings, old, new = box.managed(), mint(), mint()
    deploy(settings, old)
    target = open_target(settings)
    before = target.inspect()
    staged = target.stage(new)
    target.activate(staged, new)
    (box.tls / f"gen-{old.fingerprint[:16]}" / "privkey.pem").unlink()
    with pytest.raises(NoWayBack, match=r"privkey\.pem is gone"):
        open_target(settings).rollback(before, staged, None)
    assert str((box.tls / "current").readlink()) == f"gen-{new.fingerprint[:16]}"
    assert open_target(settings).rollback(before, staged, old).fingerprint == old.fingerprint
    assert open_target(settings).inspect().fingerprint == old.fingerprint


@LAYOUTS
def test_the_switch_is_refused_when_the_way_back_is_gone(box, mint, layout, open_target):
    settings, old, new = getattr(box, layout)(), mint(), mint()
    deploy(settings, old)
    target = open_target(settings)
    staged = target.stage(new)
    for kept in (box.tls / ".certpush").glob("*.old"):
        kept.unlink()
    with pytest.raises((NoWayBack, TargetRefused)):
        target.activate(staged, new)
    assert open_target(settings).inspect().fingerprint == old.fingerprint


# --- what others planted, full disks, read-only mounts -------------------------------------------------------


def problems(target: SshTarget) -> set[str]:
    return {one.code for one in target.preflight(REQUEST) if one.severity is Severity.ERROR}


@pytest.mark.parametrize("plant", ["symlink", "hard link", "private symlink", "private of another", "open directory", "foreign link"])
def test_what_others_planted_is_refused_and_its_victim_unchanged(any_box, mint, plant, open_target):
    tls, victim = any_box.tls, any_box.tls.parent / "victim"
    victim.write_bytes(b"victim")
    elsewhere = tls.parent / "elsewhere"
    elsewhere.mkdir()
    settings = any_box.files()
    if plant == "symlink":
        (tls / "svc.key").symlink_to(victim)
    elif plant == "hard link":
        victim.chmod(0o644)
        (tls / "svc.key").hardlink_to(victim)
    elif plant == "private symlink":
        (tls / ".certpush").symlink_to(elsewhere)
    elif plant == "private of another":
        (tls / ".certpush").mkdir(mode=0o700)
        os.chown(tls / ".certpush", 1234, 1234)
    elif plant == "open directory":
        tls.chmod(0o777)
    else:
        way = tls.parent / "way"
        way.symlink_to(tls)
        os.chown(way, 1234, 1234, follow_symlinks=False)
        settings = any_box.files(fullchain=f"{way}/svc.crt", key_file=f"{way}/svc.key")
    target, new = open_target(settings), mint()
    assert "path-unsafe" in problems(target)
    with pytest.raises(SafetyRefusal):
        target.activate(target.stage(new), new)
    assert victim.read_bytes() == b"victim"
    assert list(elsewhere.iterdir()) == []


def test_a_full_disk_leaves_the_old_files_and_nothing_half_written(open_directory, root_box, mint, mounted, open_target):
    disk = open_directory / "disk"
    disk.mkdir()
    mounted("-t", "tmpfs", "-o", "size=64k,mode=755", "none", disk)
    settings = root_box.files(fullchain=f"{disk}/svc.crt", key_file=f"{disk}/svc.key")
    deploy(settings, mint())
    for room in range(1, 8):
        with (disk / "filler").open("wb", buffering=0) as file:
            with contextlib.suppress(OSError):
                while True:
                    file.write(b"x" * 4096)
            file.truncate(file.tell() - room * 4096)
        before = tree(disk)
        target = open_target(settings)
        to = target.inspect()
        assert "disk-full" in problems(target)
        try:
            target.stage(mint())
        except TargetRefused as error:
            assert "No space left" in error.message  # noqa: PT017 - with more room it succeeds
        else:
            assert room > 2
        target.rollback(to, None, None)
        assert tree(disk) == before
        (disk / "filler").unlink()


def test_a_read_only_mount_is_found_before_anything_happens_and_harms_nothing(root_box, mint, mounted, open_target):
    deploy(root_box.files(), mint())
    before = tree(root_box.tls)
    mounted("--bind", root_box.tls, root_box.tls)
    mounted("-o", "remount,ro,bind", root_box.tls)
    target = open_target(root_box.files())
    assert "directory-not-writable" in problems(target)
    with pytest.raises(TargetRefused, match="Read-only"):
        target.stage(mint())
    assert tree(root_box.tls) == before


def test_a_directory_of_another_user_is_found_before_anything_happens(box, mint, open_target):
    os.chown(box.tls, 0, 0)
    target = open_target(box.files())
    assert "directory-not-writable" in problems(target)
    with pytest.raises(TargetRefused, match="Permission denied"):
        target.stage(mint())
    assert tree(box.tls) == {}


def test_a_file_of_another_user_is_not_given_to_ourselves_silently(box, mint, open_target):
    deploy(box.files(), mint())
    os.chown(box.tls / "svc.key", 1234, 54321)
    (box.tls / "svc.key").chmod(0o660)
    target = open_target(box.files())
    assert "owner-not-kept" in problems(target)
    with pytest.raises(TargetRefused, match="its owner"):
        target.stage(mint())


def test_a_file_that_we_may_not_read_is_not_taken_for_nothing(box, mint, open_target):
    deploy(box.files(), mint())
    os.chown(box.tls / "svc.key", 0, 0)
    with pytest.raises(TargetRefused, match="cannot read"):
        open_target(box.files()).inspect()
    os.chown(box.tls, 0, 0)
    box.tls.chmod(0o700)
    with pytest.raises(TargetRefused, match="cannot read"):
        open_target(box.files()).inspect()


@pytest.mark.parametrize("odd", ["fifo", "directory", "huge"])
def test_what_is_no_certificate_file_is_not_read_and_not_replaced(box, mint, odd, open_target):
    path = box.tls / "svc.crt"
    if odd == "fifo":
        os.mkfifo(path)
    elif odd == "directory":
        path.mkdir()
    else:
        path.write_bytes(b"x" * 1024 * 1024 + b"x")
    target = open_target(box.files())
    assert target.inspect().fingerprint is None
    with pytest.raises((SafetyRefusal, TargetDrifted)):
        target.activate(target.stage(mint()), mint())


# --- preflight ------------------------------------------------------------------------------------------------


def test_preflight_of_what_is_in_order_finds_no_errors(any_box, open_target):
    found = open_target(any_box.files(check=("true",), reload=("true",))).preflight(REQUEST)
    assert {one.code for one in found if one.severity is not Severity.OK} <= {"ssh-old-handshake"}
    assert "login" in {one.code for one in found}


def test_preflight_names_what_is_missing(box, open_target):
    settings = box.files(
        fullchain=f"{box.tls}/not there/a",
        owner="no-such-user",
        group="no-such-group",
        check=("no-such-check",),
        reload=("/no/such/reload",),
    )
    assert problems(open_target(settings)) == {"directory-missing", "owner-unknown", "group-unknown", "command-missing"}
    assert tree(box.tls) == {}


def test_preflight_warns_of_a_readable_key_and_of_a_key_type_that_browsers_refuse(box, mint, open_target):
    deploy(box.files(), mint())
    (box.tls / "svc.key").chmod(0o644)
    found = open_target(box.files()).preflight(CertificateRequest(REQUEST.names, KeySpec.ED25519))
    assert {"key-readable", "key-type"} <= {one.code for one in found if one.severity is Severity.WARNING}


def test_a_machine_whose_clock_is_behind_is_warned_of_and_not_given_a_certificate_of_tomorrow(box, mint, open_target, monkeypatch):
    target, new = open_target(box.files()), mint()
    real = time.time
    monkeypatch.setattr("certpush.kit.remote.files.time.time", lambda: real() + 7200)
    assert "clock-skew" in {one.code for one in target.preflight(REQUEST)}
    from datetime import timedelta

    monkeypatch.setattr(type(new), "not_before", property(lambda self: self.leaf.not_valid_before_utc + timedelta(hours=2)))
    with pytest.raises(ClockSkew):
        target.stage(new)
    assert tree(box.tls) == {}


def test_changes_name_the_machine_the_files_the_commands_and_its_own_way_back(box, open_target):
    settings = box.files(reload=("systemctl", "reload", "a b"), rescue_after=Duration(seconds=90))
    assert open_target(settings).changes(REQUEST) == (
        f"127.0.0.1: {box.tls}/{{svc.crt, svc.key}}",
        "then systemctl reload 'a b'",
        "127.0.0.1 puts the old files back by itself after 1m30s unless confirmed",
    )
