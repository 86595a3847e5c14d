"""Promise 7: keys, tokens and passwords stay put, at the highest verbosity, in a good run and in a bad one."""

from __future__ import annotations

import base64
import secrets
import signal
import stat
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from certpush.model import PrivateKey
from certpush.testing.authority import JwkProvisioner
from certpush.testing.lab.step_ca import RealCa
from conftest import FAST_P2C, need

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
                for path in Path("/proc").glob(f"[0-9]*/{name}"):
                    try:
                        self.seen.add(path.read_bytes())
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
    found = [path for home in homes for path in [*home.glob("*"), *home.glob(".certpush-*/*"), *home.glob("certpush*/*")]]
    return [path for path in found if is_ours_to_read(path, since)]


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
        assert not [path for path in files if path.exists() and needle in path.read_bytes()]
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
