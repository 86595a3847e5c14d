"""The file target's verbs, in order, repeated, on fresh instances, and after nothing had happened."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from certpush import Expected
from certpush.errors import NoWayBack, TargetDrifted, TargetRefused
from certpush.kit.files import Directory
from certpush_file.settings import FileSettings
from certpush_file.target import FileTarget
from plugins.trees import tree

pytestmark = pytest.mark.filterwarnings("error")


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """The directory for the files; what the commands write goes elsewhere."""
    (tmp_path / "tls").mkdir()
    return tmp_path / "tls"


def files(home: Path, **more) -> FileSettings:
    return FileSettings(fullchain=f"{home}/svc.crt", key_file=f"{home}/svc.key", **more)


def managed(home: Path, **more) -> FileSettings:
    return FileSettings(directory=str(home), **more)


def noting(home: Path, word: str) -> tuple[str, ...]:
    """A command that notes its word in a file."""
    return ("/bin/sh", "-c", f"echo {word} >> {home.parent}/notes")


def notes(home: Path) -> list[str]:
    path = home.parent / "notes"
    return path.read_text().split() if path.exists() else []


def deploy(settings: FileSettings, bundle):
    """A whole rotation on one instance; what the core would have kept of it."""
    target = FileTarget(settings)
    before = target.inspect()
    staged = target.stage(bundle)
    target.activate(staged, bundle)
    target.confirm(staged)
    target.tidy({bundle.fingerprint})
    target.close()
    return before, staged


@pytest.mark.parametrize("layout", [files, managed])
def test_what_was_deployed_is_what_inspect_tells(home, mint, layout):
    bundle = mint()
    deploy(layout(home), bundle)
    assert FileTarget(layout(home)).inspect().fingerprint == bundle.fingerprint


def test_files_hold_what_their_names_say(home, mint):
    bundle = mint()
    settings = FileSettings(
        **{role: f"{home}/{role}" for role in ("fullchain", "cert", "chain", "key_file", "combined", "pkcs12", "root")},
    )
    deploy(settings, bundle)
    assert (home / "fullchain").read_bytes() == bundle.fullchain_pem
    assert (home / "cert").read_bytes() == bundle.leaf_pem
    assert (home / "chain").read_bytes() == bundle.chain_pem
    assert (home / "root").read_bytes() == bundle.roots_pem
    assert (home / "key_file").read_bytes() == bundle.key.reveal_pem()
    assert (home / "combined").read_bytes() == bundle.fullchain_pem + bundle.key.reveal_pem()
    assert FileTarget(settings).inspect().fingerprint == bundle.fingerprint


def test_keys_are_0600_and_certificates_0644_by_default(home, mint):
    deploy(files(home), mint())
    assert {name: oct(mode) for name, (mode, *_) in tree(home).items()} == {"svc.crt": "0o644", "svc.key": "0o600"}


def test_an_existing_file_keeps_its_mode_and_owner(home, mint):
    deploy(files(home), mint())
    (home / "svc.key").chmod(0o640)
    os.chown(home / "svc.key", 1234, 2345)
    deploy(files(home), mint())
    about = (home / "svc.key").stat()
    assert (stat.S_IMODE(about.st_mode), about.st_uid, about.st_gid) == (0o640, 1234, 2345)


def test_configured_mode_owner_and_group_win_over_those_of_the_file(home, mint):
    deploy(files(home), mint())
    deploy(files(home, mode="0440", certificate_mode="0444", owner="nobody", group="1234"), mint())
    about = (home / "svc.key").stat()
    assert (stat.S_IMODE(about.st_mode), about.st_uid, about.st_gid) == (0o440, 65534, 1234)
    assert stat.S_IMODE((home / "svc.crt").stat().st_mode) == 0o444


@pytest.mark.parametrize("layout", [files, managed])
def test_nothing_is_left_behind_after_a_rotation_is_tidied(home, mint, layout):
    deploy(layout(home), mint())
    second = mint()
    deploy(layout(home), second)
    left = set(tree(home))
    if layout is files:
        assert left == {"svc.crt", "svc.key"}
    else:
        assert {one.split("/")[0] for one in left} == {"current", f"gen-{second.fingerprint[:16]}"}


@pytest.mark.parametrize("layout", [files, managed])
def test_stage_changes_nothing_that_is_served(home, mint, layout):
    deploy(layout(home), mint())
    served = {path: path.read_bytes() for path in home.rglob("*") if path.is_file()}
    FileTarget(layout(home)).stage(mint())
    assert {path: path.read_bytes() for path in served} == served


@pytest.mark.parametrize("layout", [files, managed])
def test_rollback_puts_the_old_files_back_byte_for_byte_on_a_fresh_instance(home, mint, layout):
    old = mint()
    deploy(layout(home), old)
    before_tree = tree(home)
    target = FileTarget(layout(home))
    before, new = target.inspect(), mint()
    staged = target.stage(new)
    target.activate(staged, new)
    assert FileTarget(layout(home)).inspect().fingerprint == new.fingerprint
    assert FileTarget(layout(home)).rollback(before, staged, None) == Expected.leaf(old.fingerprint)
    assert tree(home) == before_tree


@pytest.mark.parametrize("layout", [files, managed])
def test_rollback_of_a_first_deployment_removes_everything(home, mint, layout):
    target = FileTarget(layout(home))
    before, new = target.inspect(), mint()
    staged = target.stage(new)
    target.activate(staged, new)
    assert FileTarget(layout(home)).rollback(before, staged, None) == Expected.nothing()
    assert tree(home) == {}


@pytest.mark.parametrize("layout", [files, managed])
@pytest.mark.parametrize("staged_first", [True, False])
def test_rollback_when_nothing_was_switched_leaves_all_as_it_was(home, mint, layout, staged_first):
    deploy(layout(home, reload=noting(home, "reload")), mint())
    settings = layout(home, reload=noting(home, "reload"))
    before_tree, reloads = tree(home), notes(home)
    target = FileTarget(settings)
    before = target.inspect()
    if staged_first:
        target.stage(mint())
    for _ in range(2):
        FileTarget(settings).rollback(before, None, None)
    assert tree(home) == before_tree
    assert notes(home) == reloads


@pytest.mark.parametrize("layout", [files, managed])
def test_every_verb_may_be_repeated_on_fresh_instances(home, mint, layout):
    old, new = mint(), mint()
    deploy(layout(home), old)
    before_tree = tree(home)
    before = FileTarget(layout(home)).inspect()
    for _ in range(2):
        staged = FileTarget(layout(home)).stage(new)
    for _ in range(2):
        FileTarget(layout(home)).activate(staged, new)
    for _ in range(2):
        FileTarget(layout(home)).confirm(staged)
    assert FileTarget(layout(home)).inspect().fingerprint == new.fingerprint
    for _ in range(2):
        assert FileTarget(layout(home)).rollback(before, staged, None).fingerprint == old.fingerprint
    assert tree(home) == before_tree


@pytest.mark.parametrize("layout", [files, managed])
def test_staging_again_after_the_switch_does_not_overwrite_the_kept_copy(home, mint, layout):
    old, new = mint(), mint()
    deploy(layout(home), old)
    before = FileTarget(layout(home)).inspect()
    staged = FileTarget(layout(home)).stage(new)
    FileTarget(layout(home)).activate(staged, new)
    FileTarget(layout(home)).stage(new)
    FileTarget(layout(home)).rollback(before, staged, None)
    assert FileTarget(layout(home)).inspect().fingerprint == old.fingerprint


def test_a_pkcs12_file_is_one_content_for_stage_and_activate_though_its_salt_is_random(home, mint):
    settings = FileSettings(pkcs12=f"{home}/svc.p12")
    target = FileTarget(settings)
    before, new = target.inspect(), mint()
    for _ in range(2):
        target.activate(target.stage(new), new)
    assert target.inspect().fingerprint == new.fingerprint
    target.rollback(before, None, None)


@pytest.mark.parametrize("layout", [files, managed])
def test_a_look_reads_each_file_once(home, mint, layout, monkeypatch):
    new = mint()
    deploy(layout(home), new)
    read, names = Directory.read, []
    monkeypatch.setattr(Directory, "read", lambda self, name: (names.append(name), read(self, name))[1])
    assert FileTarget(layout(home)).inspect().fingerprint == new.fingerprint
    assert len(names) == len(set(names)) > 1


# --- commands ---------------------------------------------------------------------------------


@pytest.mark.parametrize("layout", [files, managed])
def test_check_comes_before_reload_and_both_after_the_switch(home, mint, layout):
    settings = layout(home, check=noting(home, "check"), reload=noting(home, "reload"))
    deploy(settings, mint())
    assert notes(home) == ["check", "reload"]
    deploy(settings, mint())
    assert notes(home)[2:] == ["check", "check", "reload"], "a configuration that is broken already is found before the switch"


@pytest.mark.parametrize("layout", [files, managed])
def test_a_check_that_names_files_sees_the_new_ones_before_anything_is_switched(home, mint, layout):
    deploy(layout(home), mint())
    before_tree, new = tree(home), mint()
    look = ("/bin/sh", "-c", 'cat "$1" > "$3/../seen.crt"; cat "$2" > "$3/../seen.key"', "sh", "{fullchain}", "{key_file}", str(home))
    FileTarget(layout(home, check=look)).stage(new)
    assert (home.parent / "seen.crt").read_bytes() == new.fullchain_pem
    assert (home.parent / "seen.key").read_bytes() == new.key.reveal_pem()
    assert before_tree.items() <= tree(home).items()


@pytest.mark.parametrize("layout", [files, managed])
def test_a_check_that_fails_on_the_staged_files_leaves_the_old_ones_served(home, mint, layout):
    deploy(layout(home), mint())
    before_tree = tree(home)
    settings = layout(home, check=("/bin/sh", "-c", "echo no good; exit 7", "sh", "{fullchain}"), reload=noting(home, "reload"))
    target = FileTarget(settings)
    before = target.inspect()
    with pytest.raises(TargetRefused, match=r"(?s)check.*exit status 7.*no good"):
        target.stage(mint())
    target.rollback(before, None, None)
    assert tree(home) == before_tree
    assert notes(home) == []


def test_a_check_that_fails_before_the_switch_stops_the_rotation_untouched(home, mint):
    deploy(files(home), mint())
    with pytest.raises(TargetRefused, match="exit status 1"):
        FileTarget(files(home, check=("/bin/false",))).stage(mint())


@pytest.mark.parametrize("layout", [files, managed])
@pytest.mark.parametrize("command", ["check", "reload"])
def test_a_command_that_fails_after_the_switch_is_rolled_back_and_the_service_told(home, mint, layout, command):
    deploy(layout(home), mint())
    before_tree, new = tree(home), mint()
    # It fails exactly as long as the new certificate is in place.
    place = home / "svc.crt" if layout is files else home / "current" / "fullchain.pem"
    picky = ("/bin/sh", "-c", f"echo looking; ! cmp -s {place} {home.parent}/new.pem")
    (home.parent / "new.pem").write_bytes(new.fullchain_pem)
    settings = layout(home, **{"reload": noting(home, "reload"), command: picky})
    target = FileTarget(settings)
    before = target.inspect()
    staged = target.stage(new)
    with pytest.raises(TargetRefused, match=r"(?s)exit status 1.*looking"):
        target.activate(staged, new)
    FileTarget(settings).rollback(before, staged, None)
    assert tree(home) == before_tree
    assert notes(home) == (["reload"] if command == "check" else [])


def test_a_reload_that_fails_during_rollback_is_told_and_tried_again_by_the_next_one(home, mint):
    old, new = mint(), mint()
    deploy(files(home), old)
    before = FileTarget(files(home)).inspect()
    staged = FileTarget(files(home)).stage(new)
    FileTarget(files(home)).activate(staged, new)
    with pytest.raises(TargetRefused, match="reload command failed"):
        FileTarget(files(home, reload=("/bin/false",))).rollback(before, staged, None)
    assert FileTarget(files(home)).inspect().fingerprint == old.fingerprint
    FileTarget(files(home, reload=noting(home, "reload"))).rollback(before, staged, None)
    assert notes(home) == ["reload"]


def test_a_reload_that_fails_where_nothing_was_installed_before_does_not_spoil_the_way_back(home, mint):
    target = FileTarget(files(home, reload=("/bin/false",)))
    before, new = target.inspect(), mint()
    staged = target.stage(new)
    with pytest.raises(TargetRefused):
        target.activate(staged, new)
    assert target.rollback(before, staged, None) == Expected.nothing()
    assert tree(home) == {}


# --- somebody else writes there too -------------------------------------------------------------


@pytest.mark.parametrize("layout", [files, managed])
def test_a_file_that_somebody_changed_since_inspect_is_not_overwritten(home, mint, layout):
    deploy(layout(home), mint())
    target = FileTarget(layout(home))
    target.inspect()
    theirs = home / ("svc.crt" if layout is files else "current")
    if layout is files:
        theirs.write_bytes(b"theirs")
    else:
        theirs.unlink()
        theirs.symlink_to("theirs")
    with pytest.raises(TargetDrifted, match="somebody else"):
        target.stage(mint())


@pytest.mark.parametrize("layout", [files, managed])
def test_a_file_that_somebody_changed_after_stage_stops_the_switch(home, mint, layout):
    deploy(layout(home), mint())
    target, new = FileTarget(layout(home)), mint()
    staged = target.stage(new)
    theirs = home / ("svc.crt" if layout is files else "current")
    theirs.unlink()
    if layout is files:
        theirs.write_bytes(b"theirs")
    else:
        theirs.symlink_to("theirs")
    with pytest.raises(TargetDrifted, match="nothing was switched"):
        target.activate(staged, new)


def test_what_somebody_put_there_after_the_switch_is_kept_aside_by_rollback(home, mint):
    old, new = mint(), mint()
    deploy(files(home), old)
    target = FileTarget(files(home))
    before = target.inspect()
    staged = target.stage(new)
    target.activate(staged, new)
    (home / "svc.crt").write_bytes(b"theirs")
    target.rollback(before, staged, None)
    assert target.inspect().fingerprint == old.fingerprint
    assert [path.read_bytes() for path in (home / ".certpush").glob("svc.crt.*.changed")] == [b"theirs"]


def test_a_foreign_file_where_nothing_was_before_survives_rollback(home, mint):
    target = FileTarget(files(home))
    before = target.inspect()
    staged = target.stage(mint())
    (home / "svc.crt").write_bytes(b"theirs")
    target.rollback(before, staged, None)
    assert (home / "svc.crt").read_bytes() == b"theirs"


# --- the kept copies are gone ------------------------------------------------------------------


def forget(home: Path) -> None:
    """Lose the kept copies."""
    for path in (home / ".certpush").glob("*.old"):
        path.unlink()


def test_without_kept_copies_the_previous_bundle_is_written_anew(home, mint):
    old, new = mint(), mint()
    deploy(files(home), old)
    (home / "svc.key").chmod(0o640)
    before_tree = tree(home)
    target = FileTarget(files(home))
    before = target.inspect()
    staged = target.stage(new)
    target.activate(staged, new)
    forget(home)
    with pytest.raises(NoWayBack):
        FileTarget(files(home)).rollback(before, staged, None)
    with pytest.raises(NoWayBack):
        FileTarget(files(home)).rollback(before, staged, mint())
    assert FileTarget(files(home)).rollback(before, staged, old).fingerprint == old.fingerprint
    assert tree(home) == before_tree


def test_without_the_old_generation_the_previous_bundle_is_written_anew(home, mint):
    old, new = mint(), mint()
    deploy(managed(home), old)
    before_tree = tree(home)
    target = FileTarget(managed(home))
    before = target.inspect()
    staged = target.stage(new)
    target.activate(staged, new)
    (home / f"gen-{old.fingerprint[:16]}" / "privkey.pem").unlink()
    with pytest.raises(NoWayBack):
        FileTarget(managed(home)).rollback(before, staged, None)
    assert FileTarget(managed(home)).rollback(before, staged, old).fingerprint == old.fingerprint
    assert tree(home) == before_tree


@pytest.mark.parametrize("layout", [files, managed])
def test_the_switch_is_refused_when_the_way_back_is_gone(home, mint, layout):
    old, new = mint(), mint()
    deploy(layout(home), old)
    target = FileTarget(layout(home))
    staged = target.stage(new)
    if layout is files:
        forget(home)
    else:
        (home / f"gen-{old.fingerprint[:16]}" / "privkey.pem").unlink()
    with pytest.raises((NoWayBack, TargetRefused)):
        target.activate(staged, new)
    assert FileTarget(layout(home)).inspect().fingerprint in {old.fingerprint, None}


# --- inspect ------------------------------------------------------------------------------------


def test_nothing_there_is_nothing_installed(home):
    assert FileTarget(files(home)).inspect().fingerprint is None
    assert FileTarget(managed(home)).inspect().fingerprint is None
    assert FileTarget(files(home / "not" / "there")).inspect().fingerprint is None


@pytest.mark.parametrize(
    ("spoil", "note"),
    [
        (lambda home, other: (home / "svc.crt").write_bytes(b"garbage"), "no certificate"),
        (lambda home, other: (home / "svc.key").unlink(), "key_file is missing"),
        (lambda home, other: (home / "svc.key").write_bytes(b"garbage"), "do not belong together"),
        (lambda home, other: (home / "svc.key").write_bytes(other.key.reveal_pem()), "do not belong together"),
    ],
)
def test_what_cannot_be_served_counts_as_nothing_installed_and_the_handle_says_why(home, mint, spoil, note):
    deploy(files(home), mint())
    spoil(home, mint())
    found = FileTarget(files(home)).inspect()
    assert found.fingerprint is None
    assert note in found.handle["note"]


def test_garbage_that_was_there_before_comes_back_as_it_was(home, mint):
    (home / "svc.crt").write_bytes(b"garbage")
    before_tree = tree(home)
    target = FileTarget(files(home))
    before, new = target.inspect(), mint()
    staged = target.stage(new)
    target.activate(staged, new)
    target.rollback(before, staged, None)
    assert tree(home) == before_tree


@pytest.mark.parametrize("layout", [files, managed])
def test_tidy_keeps_what_it_is_told_to_keep_and_what_is_current(home, mint, layout):
    bundles = [mint() for _ in range(3)]
    for bundle in bundles:
        target = FileTarget(layout(home))
        staged = target.stage(bundle)
        target.activate(staged, bundle)
        target.confirm(staged)
    FileTarget(layout(home)).tidy({bundles[1].fingerprint})
    left = " ".join(tree(home))
    assert bundles[0].fingerprint[:16] not in left
    assert bundles[1].fingerprint[:16] in left
    FileTarget(layout(home)).tidy(())
    assert bundles[1].fingerprint[:16] not in " ".join(tree(home))
    assert FileTarget(layout(home)).inspect().fingerprint == bundles[2].fingerprint


def test_changes_name_the_files_and_the_commands(home):
    from certpush import CertificateRequest
    from certpush.model import parse_name

    request = CertificateRequest((parse_name("svc.example.com"),))
    assert FileTarget(files(home, reload=("systemctl", "reload", "a b"))).changes(request) == (
        f"{home}/{{svc.crt, svc.key}}",
        "then systemctl reload 'a b'",
    )
