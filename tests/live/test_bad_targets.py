"""Bad input and broken machines, for files here and over SSH: one clear message, the right code, the old certificate still served, nothing left."""

from __future__ import annotations

import stat
import subprocess
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from certpush import Outcome
from certpush.kit.placement import Placement
from certpush.plugins import PluginLoader
from certpush.testing.authority.faults import Answer, Fault, Leaf
from certpush_file.settings import FileSettings
from live.test_bad_input import ONLY_SSH, Refused, everything, mounted

pytestmark = [pytest.mark.live, pytest.mark.timeout(120)]


class Untouched(Refused):
    """As ``Refused``, and nothing is left beside the files or where SSH hands files over."""

    def deploy(self, *arguments: str, code: int, says: str, hint: str = "") -> None:
        rights = self._rights()
        super().deploy(*arguments, code=code, says=says, hint=hint)
        assert self._rights() == rights
        assert not (self.site.directory / ".certpush").exists()
        homes = [self.site.sshd.home, Path("/tmp")] if self.site.sshd else []
        slot = Placement(FileSettings(fullchain=f"{self.site.directory}/wiki.crt", key_file=f"{self.site.directory}/wiki.key")).slot
        assert not [home for home in homes if (home / f".certpush-{slot}").exists()]

    def _rights(self) -> dict[str, int]:
        return {path.name: stat.S_IMODE(path.lstat().st_mode) for path in self.site.directory.glob("wiki.*")}


@pytest.fixture
def untouched(site):
    return Untouched(site)


def replaced(site, monkeypatch, old: str, new: str) -> None:
    toml = site._toml()
    assert old in toml
    monkeypatch.setattr(site, "_toml", lambda: toml.replace(old, new, 1))


# --- what the configuration says --------------------------------------------------------------------


@pytest.mark.parametrize(
    "hostile", ["$(id)", "a\\nb", "../etc", "pve.lan:8006", "x" * 300, "-oProxyCommand=id", "a b", "wiki\\u202Egpj.exe", ""]
)
@pytest.mark.parametrize("key", ["names", "host", "endpoints", "target"])
def test_a_hostile_name_is_refused_before_anybody_is_asked(site, untouched, monkeypatch, key, hostile):
    if key == "host" and not site.sshd:
        pytest.skip("files of this machine have no host")
    if (key, hostile) == ("endpoints", "pve.lan:8006"):
        pytest.skip("that is what an endpoint looks like")
    old, new = {
        "names": ('"wiki.home.example"', f'"{hostile}"'),
        "host": (f'host = "{site.sshd and site.sshd.host}"', f'host = "{hostile}"'),
        "endpoints": ("endpoints = [", f'endpoints = ["{hostile}", '),
        "target": ("[target.wiki]", f'[target."{hostile}"]'),
    }[key]
    replaced(site, monkeypatch, old, new)
    untouched.deploy(code=2, says="")


@pytest.mark.parametrize(
    "hostile", ["wiki.crt", "../wiki.crt", "/etc/../x.crt", "/tmp/a\\nb", "/tmp/" + "x" * 300, "/tmp/", "~/wiki.crt", ""]
)
def test_a_path_that_is_none_is_refused(site, untouched, monkeypatch, hostile):
    replaced(site, monkeypatch, f'fullchain = "{site.directory}/wiki.crt"', f'fullchain = "{hostile}"')
    untouched.deploy(code=2, says="fullchain")


def test_a_path_that_a_shell_would_run_is_a_path(site, untouched, monkeypatch):
    replaced(site, monkeypatch, f'fullchain = "{site.directory}/wiki.crt"', f'fullchain = "{site.directory}/$(touch x);`id`/wiki.crt"')
    untouched.deploy(code=5, says="is not there, or no directory")


@ONLY_SSH
@pytest.mark.parametrize("hostile", ["-l root", "$(id)", "a b", "root\\n", ""])
def test_a_hostile_user_is_refused(site, untouched, monkeypatch, hostile):
    replaced(site, monkeypatch, f'user = "{site.sshd.user}"', f'user = "{hostile}"')
    untouched.deploy(code=2, says="user")


# --- who we are, and who they are ---------------------------------------------------------------------


@ONLY_SSH
def test_a_host_key_that_nobody_has_confirmed(site, untouched, monkeypatch):
    replaced(site, monkeypatch, f'host_key = "{site.sshd.host_key_fingerprint}"\n', "")
    untouched.deploy(code=4, says="which nobody has confirmed yet", hint="certpush trust wiki")


@ONLY_SSH
def test_an_identity_that_others_can_read(site, untouched):
    site.sshd.client_key_path.chmod(0o644)
    untouched.deploy(code=2, says="can be read by others", hint="chmod 600")


@ONLY_SSH
@pytest.mark.parametrize("what", ["another", "garbage", "missing"])
def test_an_identity_that_opens_nothing(site, untouched, tmp_path_factory, monkeypatch, what):
    key = tmp_path_factory.mktemp("identity") / "key"
    if what == "another":
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key], check=True)
    elif what == "garbage":
        key.touch(mode=0o600)
        key.write_text("-----BEGIN OPENSSH PRIVATE KEY-----\ncanary\n-----END OPENSSH PRIVATE KEY-----\n")
    replaced(site, monkeypatch, f'identity = "file:{site.sshd.client_key_path}"', f'identity = "file:{key}"')
    untouched.deploy(code=1 if what == "another" else 2, says="not accepted" if what == "another" else "identity")
    assert "canary" not in site.certpush("deploy", "-vv").stderr


# --- what the machine does ------------------------------------------------------------------------------


def test_a_check_that_fails_before_anything_is_touched(site, untouched):
    site.check = 'check = ["sh", "-c", "echo the configuration is broken >&2; exit 3"]'
    untouched.deploy(code=1, says="the configuration is broken", hint="run it by hand")


def test_a_check_that_fails_with_the_new_files_in_place(site, untouched):
    picky = site.directory / "picky"
    picky.write_text(
        f"#!/bin/sh\ngrep -q 'PRIVATE KEY' {site.directory}/wiki.key && cmp -s {site.directory}/wiki.crt {site.directory}/old.crt\n"
    )
    picky.chmod(0o700)
    (site.directory / "old.crt").write_bytes((site.directory / "wiki.crt").read_bytes())
    site.check = f'check = ["{picky}"]'
    Untouched(site).deploy(code=1, says="the check command failed", hint="run it by hand")


def test_a_reload_that_fails(site, untouched):
    site.break_reload(1)
    untouched.files["broken"] = b""
    untouched.deploy(code=1, says="broken on purpose", hint="run it by hand")


@ONLY_SSH
def test_a_reload_that_fails_both_times_is_told_at_once(site, untouched):
    """The old certificate was served all along: the machine's own timer, here of ten minutes, has nothing to do and is not waited for."""
    site.rescue_after = "10m"
    site.break_reload(2)
    done = site.certpush("deploy", timeout=100)
    assert done.returncode == 1, done.stderr
    assert "broken on purpose" in done.stderr
    assert site.served == untouched.served
    assert site.certpush("deploy").returncode == 0
    assert site.seen_by_clients == ""


def test_a_reload_that_hangs(site, untouched):
    hangs = site.directory / "hangs"
    hangs.write_text(
        f"#!/bin/sh\n[ -e {site.directory}/once ] || {{ : >{site.directory}/once; sleep 60; }}\nexec {site.directory}/reload\n"
    )
    hangs.chmod(0o700)
    toml = site._toml().replace(f'reload = ["{site.directory}/reload"]', f'reload = ["{hangs}"]\nreload_timeout = "2s"')
    site._toml = lambda: toml
    trial = Untouched(site)
    trial.files["once"] = b""
    trial.deploy(code=1, says="did not end within", hint="")


def test_a_reload_that_is_not_there(site, untouched, monkeypatch):
    replaced(site, monkeypatch, f'reload = ["{site.directory}/reload"]', 'reload = ["no-such-command"]')
    untouched.deploy(code=5, says="no-such-command")


@ONLY_SSH
def test_a_service_that_does_not_take_the_new_certificate_up(site, untouched, monkeypatch):
    site.rescue_after = "20s"
    replaced(site, monkeypatch, f'reload = ["{site.directory}/reload"]', 'reload = ["true"]')
    untouched.deploy(code=1, says="serves another certificate", hint="the service was told twice")


@pytest.fixture
def hurried(monkeypatch):
    """Kinds that look for the new certificate for less long."""
    real = PluginLoader.load_kind
    monkeypatch.setattr(PluginLoader, "load_kind", lambda self, name: replace(real(self, name), deadline=timedelta(seconds=4)))


@pytest.mark.usefixtures("hurried")
def test_a_reload_that_does_nothing_is_repeated_and_gone_back_from(site, untouched, monkeypatch):
    replaced(site, monkeypatch, f'reload = ["{site.directory}/reload"]', f'reload = ["sh", "-c", "echo told >>{site.directory}/notes"]')
    receipt = site.deploy()
    assert receipt.outcome is Outcome.ROLLED_BACK
    assert "the service was told twice" in receipt.error.hint
    assert site.served == untouched.served == receipt.now
    assert (site.directory / "notes").read_text() == "told\n" * 3, "the switch, the switch again, the way back"
    assert everything(site.directory) == untouched.files | {"notes": b"told\n" * 3}


@pytest.mark.usefixtures("hurried")
def test_a_reload_that_is_lost_is_repeated_with_the_timer_set_anew(site):
    """A service that is busy with another reload may lose the signal; it is seen, and told once more."""
    script = site.directory / "reload"
    reload = script.read_text().removeprefix("#!/bin/sh\n")
    script.write_text(f"#!/bin/sh\n[ -e {site.directory}/told ] || {{ : >{site.directory}/told; exit 0; }}\n{reload}")
    receipt = site.deploy()
    assert (receipt.outcome, receipt.error) == (Outcome.ROTATED, None)
    assert (site.served, site.seen_by_clients) == (receipt.now, "")
    assert [one.name for one in site.directory.glob(".certpush/*") if one.suffix != ".old"] == []


@pytest.mark.parametrize("way", ["read-only", "not there", "open to all"])
def test_a_directory_that_takes_no_files(site, untouched, monkeypatch, tmp_path_factory, way):
    place = tmp_path_factory.mktemp("place")
    if way == "read-only":
        mounted("--bind", str(place), str(place))
        mounted("-o", "remount,bind,ro", str(place))
    elif way == "open to all":
        place.chmod(0o777)
    else:
        place.rmdir()
    replaced(site, monkeypatch, "reload = [", f'combined = "{place}/all.pem"\nreload = [')
    try:
        words = {"read-only": "cannot write", "not there": "is not there, or no directory", "open to all": "everybody may write"}
        untouched.deploy(code=5, says=words[way])
        assert not place.exists() or list(place.iterdir()) == []
    finally:
        if way == "read-only":
            subprocess.run(["umount", str(place)], check=True)


def test_a_disk_with_too_little_room(site, untouched, monkeypatch, tmp_path_factory):
    place = tmp_path_factory.mktemp("small")
    mounted("-t", "tmpfs", "-o", "size=128k,mode=0755", "tmpfs", str(place))
    try:
        (place / "ballast").write_bytes(b"x" * 124 * 1024)
        replaced(site, monkeypatch, "reload = [", f'combined = "{place}/all.pem"\nreload = [')
        untouched.deploy(code=5, says="room")
        assert [path.name for path in place.iterdir()] == ["ballast"]
    finally:
        subprocess.run(["umount", str(place)], check=True)


# --- a CA that answers wrongly -------------------------------------------------------------------------


@ONLY_SSH
@pytest.mark.parametrize("fault", [Leaf.OTHER_KEY, Leaf.OTHER_ROOT, Answer.HTML, Answer.TRUNCATED])
def test_a_ca_that_answers_wrongly_touches_no_machine(site, start_embedded_ca, fault):
    site.ca = start_embedded_ca()
    site.ca.inject(Fault(leaf=fault, path="/sign") if isinstance(fault, Leaf) else Fault(answer=fault, path="/sign"))
    (site.directory / "password").write_text(site.ca.password)
    Untouched(site).deploy(code=4 if fault is Leaf.OTHER_ROOT else 1, says="")
    site.ca.heal()
    assert site.certpush("deploy").returncode == 0
