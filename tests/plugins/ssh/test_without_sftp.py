"""Going back needs no SFTP and no room: whatever became of both since the switch, the old files come back."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest

from certpush import Expected
from certpush.errors import TargetRefused
from certpush.kit.placement import Placement
from certpush.model import Secret
from certpush.testing.lab.sshd import Sshd
from certpush_ssh.target import SshTarget
from plugins.ssh.conftest import Box
from plugins.ssh.test_rescue import deploy
from plugins.trees import tree

pytestmark = pytest.mark.live("sshd")
SERVER = "/usr/lib/openssh/sftp-server"
# What an SFTP server says once it is broken; each in another way than the others.
BREAKS = {
    "gone": "exit 127",
    "silent": "exec sleep 60",
    "chatty": f"echo Welcome back; exec {SERVER}",
    "read-only": f"exec {SERVER} -R",
    "full": f"ulimit -f 0; trap '' XFSZ; exec {SERVER}",
}
LAYOUTS = pytest.mark.parametrize("layout", ["files", "managed"])


@dataclass
class Breakable:
    """A machine whose SFTP can be taken away."""

    box: Box
    script: Path

    def take_sftp_away(self, how: str) -> None:
        self.script.write_text(f"#!/bin/sh\n{BREAKS[how]}\n")


@pytest.fixture(params=["root", "sudo"])
def machine(request, start_sshd: Callable[..., Sshd], open_directory: Path, not_run) -> Iterator[Breakable]:
    if not Path(SERVER).exists():
        not_run(f"{SERVER} is missing")
    if request.param == "sudo" and os.geteuid() != 0:
        not_run("only root can start a server for another account")
    script = open_directory / "sftp"
    script.write_text(f"#!/bin/sh\nexec {SERVER}\n")
    script.chmod(0o755)
    account = {"user": "deploy", "sudo": True} if request.param == "sudo" else {}
    sshd = start_sshd(options=[f"Subsystem sftp {script}"], **account)
    tls = open_directory / "tls"
    tls.mkdir()
    return Breakable(Box(sshd, tls, sudo=request.param == "sudo"), script)


def switched(settings, bundle):
    with contextlib.closing(SshTarget(settings)) as target:
        before = target.inspect()
        staged = target.stage(bundle)
        target.activate(staged, bundle)
    return before, staged


@pytest.mark.parametrize("how", BREAKS)
def test_sftp_that_breaks_after_the_switch_does_not_keep_the_old_files_away(machine, mint, how):
    settings, old = machine.box.files(), mint()
    deploy(settings, old)
    as_it_was = tree(machine.box.tls)
    before, staged = switched(settings, mint())
    machine.take_sftp_away(how)
    started = time.monotonic()
    with contextlib.closing(SshTarget(settings)) as target:
        assert target.rollback(before, staged, None) == Expected.leaf(old.fingerprint)
    assert time.monotonic() - started < 15, "SFTP was waited for"
    assert tree(machine.box.tls) == as_it_was


@LAYOUTS
@pytest.mark.parametrize("how", ["gone", "silent"])
def test_without_sftp_and_without_kept_copies_the_previous_bundle_is_written_anew(machine, mint, layout, how, monkeypatch):
    monkeypatch.setattr("certpush.kit.ssh.session.SLACK", timedelta(seconds=2))
    p12 = {"pkcs12": f"{machine.box.tls}/svc.p12", "pkcs12_password": Secret("p12 word")} if layout == "files" else {}
    settings, old = getattr(machine.box, layout)(**p12), mint()
    deploy(settings, old)
    as_it_was = tree(machine.box.tls)
    before, staged = switched(settings, mint())
    for kept in (machine.box.tls / ".certpush").glob("*.old"):
        kept.unlink()
    if layout == "managed":
        (machine.box.tls / f"gen-{old.fingerprint[:16]}" / "privkey.pem").unlink()
    machine.take_sftp_away(how)
    with contextlib.closing(SshTarget(settings)) as target:
        assert target.rollback(before, staged, old) == Expected.leaf(old.fingerprint)
        assert target.inspect().fingerprint == old.fingerprint
    now = tree(machine.box.tls)
    assert now.keys() == as_it_was.keys()
    # A PKCS#12 file has other random bytes each time; all else is as it was, byte for byte.
    assert {path: about for path, about in now.items() if path != "svc.p12"} == {
        path: about for path, about in as_it_was.items() if path != "svc.p12"
    }
    assert now.get("svc.p12", (0,))[:2] == as_it_was.get("svc.p12", (0,))[:2]


def test_going_forward_keys_are_never_sent_in_a_script_through_sudo_which_may_record_it(machine, mint):
    settings, bundle = machine.box.files(), mint()
    machine.take_sftp_away("gone")
    with contextlib.closing(SshTarget(settings)) as target:
        if machine.box.sudo:
            with pytest.raises(TargetRefused, match="there is no SFTP"):
                target.stage(bundle)
            assert tree(machine.box.tls) == {}
        else:
            target.activate(target.stage(bundle), bundle)
            assert target.inspect().fingerprint == bundle.fingerprint


def test_what_a_dead_run_had_handed_over_is_removed_without_sftp_too(machine, mint):
    settings = machine.box.files()
    deploy(settings, mint())
    before, staged = switched(settings, mint())
    left = machine.box.sshd.home / f".certpush-{Placement(settings).slot}"
    left.mkdir(mode=0o700)
    (left / "1.new").write_bytes(b"a key")
    os.chown(left, machine.box.sshd.home.stat().st_uid, -1)
    machine.take_sftp_away("gone")
    with contextlib.closing(SshTarget(settings)) as target:
        target.rollback(before, staged, None)
    assert not left.exists()


def test_uploads_that_cannot_be_removed_are_told_and_do_not_keep_the_old_files_away(machine, mint, monkeypatch, caplog):
    settings, old = machine.box.files(), mint()
    deploy(settings, old)
    before, staged = switched(settings, mint())
    with contextlib.closing(SshTarget(settings)) as target:

        def refuse(*_, **__):
            raise TargetRefused("the shell is stuck")

        monkeypatch.setattr(type(target._shell.connection), "discard", refuse)
        assert target.rollback(before, staged, None) == Expected.leaf(old.fingerprint)
        assert target.inspect().fingerprint == old.fingerprint
    assert "the shell is stuck; files that were handed over may be left there" in caplog.text


@LAYOUTS
def test_a_disk_that_fills_up_after_the_switch_does_not_keep_the_old_files_away(root_box, open_directory, mint, mounted, layout):
    disk = open_directory / "disk"
    disk.mkdir()
    mounted("-t", "tmpfs", "-o", "size=256k,mode=755", "none", disk)
    tls = disk / "tls"
    tls.mkdir()
    box = Box(root_box.sshd, tls)
    settings, old = getattr(box, layout)(), mint()
    deploy(settings, old)
    as_it_was = tree(tls)
    before, staged = switched(settings, mint())
    with (disk / "filler").open("wb", buffering=0) as file, contextlib.suppress(OSError):
        while True:
            file.write(b"x" * 512)
    with contextlib.closing(SshTarget(settings)) as target:
        target.rollback(before, staged, None)
    assert tree(tls) == as_it_was
