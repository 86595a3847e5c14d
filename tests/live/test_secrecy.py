"""Promise 7: keys, tokens and passwords stay put, at the highest verbosity, in a good run and in a bad one."""

from __future__ import annotations

import base64
import os
import secrets
import signal
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from certpush.model import PrivateKey
from certpush.testing.authority import JwkProvisioner
from certpush.testing.lab.proxmox import Answer, Broken, ProxmoxNode
from certpush.testing.lab.step_ca import RealCa
from conftest import FAST_P2C, need
from live.conftest import Site

pytestmark = [pytest.mark.live, pytest.mark.timeout(120)]


@pytest.fixture(scope="module")
def real_ca():
    """With a password that no other test has: what is searched are all processes and temporary files of this machine."""
    need("step-ca")
    with RealCa(admin=JwkProvisioner.make(password=f"canary {secrets.token_hex(16)}", p2c=FAST_P2C)) as ca:
        yield ca


class Watcher:
    """Reads every process's arguments and environment while a run goes on."""

    def __init__(self) -> None:
        self.seen: set[bytes] = set()
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch)

    def _watch(self) -> None:
        while not self._over.is_set():
            for name in ("cmdline", "environ"):
                for number in filter(str.isdigit, os.listdir("/proc")):  # noqa: PTH208 - `Path.glob` dies of a process that ends meanwhile
                    try:
                        self.seen.add(Path("/proc", number, name).read_bytes())
                    except OSError:
                        continue  # it ended, or is not ours
            time.sleep(0.005)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._over.set()
        self._thread.join()


def needles(site) -> list[bytes]:
    """The password, the SSH key, and every private key that is or was in use, as text and as bytes."""
    found = [site.ca.password.encode()]
    keys = [path for path in site.directory.rglob("*key*") if path.is_file() and b"PRIVATE KEY" in path.read_bytes()]
    assert keys
    for path in keys:
        key = PrivateKey.from_pem(path.read_bytes())
        secret = key.reveal_key().private_numbers().private_value.to_bytes(32)
        found += [secret, secret.hex().encode(), *(secret_line(pem, secret) for pem in (key.reveal_pem(), path.read_bytes()))]
    if site.sshd:
        found.append(b"".join(site.sshd.client_key_path.read_bytes().splitlines()[1:-1])[200:240])
    return found


def secret_line(pem: bytes, secret: bytes) -> bytes:
    """The longest piece of one line that is of the secret part alone; what is around it is the same in all keys, or public."""
    body = b"".join(line for line in pem.splitlines() if b"-----" not in line)
    offset = base64.b64decode(body).index(secret)
    first, last = -(-offset // 3) * 4, (offset + len(secret)) // 3 * 4
    pieces = [body[max(first, start) : min(last, start + 64)] for start in range(0, len(body), 64)]
    return max(pieces, key=len)


def may_hold_a_key(site, path: Path) -> bool:
    """The places where keys belong: the target's own file and its copies, the escrow, and what the user keeps."""
    place = path.relative_to(site.directory)
    if place.parts[0] == "state":
        return place.parts[1] == "certificates" and place.name == "key.pem"
    return place.parts[0] == ".certpush" or str(place) in ("wiki.key", "password")


def elsewhere(since: float) -> list[Path]:
    """Where a run may have left something that it should not have: homes and temporary files, ours and those of the other machine."""
    homes = {Path.home(), Path("/tmp"), Path("/var/tmp"), Path("/dev/shm")}
    return [path for home in homes for folder in [home, *ours_in(home)] for path in entries(folder) if is_ours_to_read(path, since)]


def ours_in(home: Path) -> list[Path]:
    return [path for path in entries(home) if path.name.startswith((".certpush-", "certpush"))]


def entries(folder: Path) -> list[Path]:
    """What a folder holds now. Those that other tests made may go at any moment, and `Path.glob` dies of it."""
    try:
        return list(folder.iterdir())
    except (FileNotFoundError, NotADirectoryError, PermissionError):
        return []


def holds(path: Path, needle: bytes) -> bool:
    try:
        return needle in path.read_bytes()
    except FileNotFoundError:
        return False  # it was another test's, which is over


def is_ours_to_read(path: Path, since: float) -> bool:
    try:
        about = path.lstat()
    except OSError:
        return False  # it ended meanwhile
    return stat.S_ISREG(about.st_mode) and about.st_mtime >= since and about.st_size < 64 * 1024 * 1024


@pytest.mark.parametrize("broken", [False, True], ids=["good", "rolled-back"])
def test_no_secret_is_found_anywhere_it_does_not_belong(site, broken):
    assert site.certpush("deploy").returncode == 0
    if broken:
        site.break_reload(1)
    began = time.time()
    with Watcher() as watcher:
        done = site.certpush("deploy", "--force", "-vv", "--log-format", "json")
    assert done.returncode == (1 if broken else 0), done.stderr
    said = [done.stdout.encode(), done.stderr.encode(), site.nginx.log().encode(), *([site.sshd.log().encode()] if site.sshd else [])]
    said += [site.certpush(*words).stdout.encode() for words in (("history", "wiki"), ("status", "-vv"), ("status", "--output", "json"))]
    files = [path for path in site.directory.rglob("*") if path.is_file() and not may_hold_a_key(site, path)]
    assert any(path.name == "journal.sqlite3" for path in files)
    files += elsewhere(began)
    for needle in needles(site):
        assert len(needle) > 8
        assert not [text for text in said if needle in text]
        assert not [text for text in watcher.seen if needle in text]
        assert not [path for path in files if holds(path, needle)]
    for path in site.directory.rglob("*"):
        if path.is_file() and b"PRIVATE KEY" in path.read_bytes():
            assert path.stat().st_mode & 0o077 == 0, path


def test_the_search_would_find_a_secret(site):
    """What is searched for is what stands in the files: a needle that fits nothing would find nothing anywhere."""
    assert site.certpush("deploy").returncode == 0
    found = needles(site)
    held = [(site.directory / "wiki.key").read_bytes(), (site.directory / "password").read_bytes()]
    held += [path.read_bytes() for path in (site.directory / "state").rglob("key.pem")]
    held += [site.sshd.client_key_path.read_bytes().replace(b"\n", b"")] if site.sshd else []
    for text in held:
        assert [needle for needle in found if needle in text], text[:30]


@pytest.mark.parametrize("site", ["file"], indirect=True)
def test_ended_by_a_fault_in_the_middle_of_a_switch_no_memory_is_left_on_the_disk(site, tmp_path_factory):
    """A core dump would hold keys and passwords; the reload command stands for whatever brings the process down."""
    assert site.certpush("deploy").returncode == 0
    limits, cwd = site.directory / "limits", tmp_path_factory.mktemp("cwd")
    toml = site._toml().replace(
        f'reload = ["{site.directory}/reload"]', f'reload = ["sh", "-c", "cat /proc/$PPID/limits > {limits}; kill -ABRT $PPID"]'
    )
    site._toml = lambda: toml
    command = f"ulimit -c unlimited; exec {sys.executable} -m certpush --config {site.configuration} deploy --force"
    ended = subprocess.run(["bash", "-c", command], cwd=cwd, check=False, capture_output=True, timeout=60)
    assert ended.returncode == -signal.SIGABRT
    (line,) = (line for line in limits.read_text().splitlines() if line.startswith("Max core file size"))
    assert line.split()[4] == "0"
    assert list(cwd.iterdir()) == []


# --- a Proxmox node ------------------------------------------------------------------------------


@dataclass
class NodeSite(Site):
    """A Proxmox node in place of the web server, and what is secret about the login."""

    node: ProxmoxNode | None = None
    login: str = "token"

    def __post_init__(self) -> None:
        self.node.totp_secret = base64.b32encode(secrets.token_bytes(20)).decode()
        for name, text in self.secrets.items():
            (self.directory / name).touch(mode=0o600)
            (self.directory / name).write_text(text)

    @property
    def secrets(self) -> dict[str, str]:
        """What the user keeps, by the name of its file."""
        login = (
            {"token": self.node.token} if self.login == "token" else {"user-password": self.node.password, "totp": self.node.totp_secret}
        )
        return {"password": self.ca.password, **login}

    def _toml(self) -> str:
        login = f'token_id = "{self.node.token_id}"\ntoken = "file:{self.directory}/token"'
        if self.login == "password":
            login = f'user = "{self.node.user}"\npassword = "file:{self.directory}/user-password"\ntotp = "file:{self.directory}/totp"'
        return f"""\
[ca]
url = "{self.ca.url}"
fingerprint = "{self.ca.fingerprint}"
provisioner = "{self.ca.provisioner}"
password = "file:{self.directory}/password"

[state]
directory = "{self.directory}/state"

[target.wiki]
kind = "proxmox"
names = ["pve1.home.example", "127.0.0.1"]
lifetime = "24h"
host = "{self.node.host}"
port = {self.node.port}
trust = "sha256:{self.node.own_fingerprint}"
{login}
"""

    def needles(self) -> list[bytes]:
        """The secrets of the user, the tickets that were given for them, and every key that was made or sent."""
        found = [text.encode() for text in self.secrets.values()]
        for one in self.node.requests:
            found += [one.headers[name].partition(":")[2].encode() for name in ("cookie", "csrfpreventiontoken") if name in one.headers]
        keys = [path.read_bytes() for path in (self.directory / "state").rglob("key.pem")]
        keys += [one.parameters["key"].encode() for one in self.node.requests if "key" in one.parameters]
        assert len(keys) > 1
        for pem in keys:
            secret = PrivateKey.from_pem(pem).reveal_key().private_numbers().private_value.to_bytes(32)
            found += [secret, secret.hex().encode(), secret_line(pem, secret)]
        return found

    def may_hold_one(self, path: Path) -> bool:
        place = path.relative_to(self.directory)
        return str(place) in self.secrets or (place.parts[:2] == ("state", "certificates") and place.name == "key.pem")


@pytest.fixture(params=["token", "password"])
def node_site(request, tmp_path: Path, real_ca) -> Iterator[NodeSite]:
    with ProxmoxNode(overlap=0.5, first_new=0.1) as node:
        yield NodeSite(tmp_path, real_ca, None, None, node=node, login=request.param)


def reload_fails(node: ProxmoxNode) -> None:
    node.faults.reload_fails = True


def answer_is_lost(node: ProxmoxNode) -> None:
    """The library's own error holds the request, and with it the key."""
    node.faults.broken.append(Broken(Answer.LOST, method="POST", path="/custom", times=1))


@pytest.mark.parametrize(
    ("breaks", "code"), [(lambda _: None, 0), (answer_is_lost, 0), (reload_fails, 1)], ids=["good", "answer lost", "rolled-back"]
)
def test_no_secret_of_a_proxmox_login_is_found_anywhere_it_does_not_belong(node_site, breaks, code):
    breaks(node_site.node)
    began = time.time()
    with Watcher() as watcher:
        done = node_site.certpush("deploy", "-vv", "--log-format", "json")
    assert done.returncode == code, done.stderr
    assert '"level": "debug"' in done.stderr
    said = [done.stdout.encode(), done.stderr.encode(), node_site.certpush("history", "wiki").stdout.encode()]
    files = [path for path in node_site.directory.rglob("*") if path.is_file() and not node_site.may_hold_one(path)]
    assert any(path.name == "journal.sqlite3" for path in files)
    files += elsewhere(began)
    found = node_site.needles()
    received = repr([(one.headers, one.parameters) for one in node_site.node.requests]).encode()
    assert sum(needle in received for needle in found) >= 2, "what is searched for is not what was sent"
    for needle in found:
        assert len(needle) > 8
        assert not [text for text in said if needle in text]
        assert not [text for text in watcher.seen if needle in text]
        assert not [path for path in files if holds(path, needle)]
    for path in node_site.directory.rglob("*"):
        if path.is_file() and node_site.may_hold_one(path):
            assert path.stat().st_mode & 0o077 == 0, path
