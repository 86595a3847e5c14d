"""Promise 7: keys, tokens and passwords stay put, at the highest verbosity, in a good run and in a bad one."""

from __future__ import annotations

import base64
import threading
import time
from pathlib import Path

import pytest

from certpush.model import PrivateKey

pytestmark = [pytest.mark.live, pytest.mark.timeout(120)]


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
        for pem in (PrivateKey.from_pem(path.read_bytes()).reveal_pem(), path.read_bytes()):
            body = b"".join(line for line in pem.splitlines() if b"-----" not in line)
            found += [body[8:48], base64.b64decode(body)[-40:]]
    if site.sshd:
        found.append(b"".join(site.sshd.client_key_path.read_bytes().splitlines()[1:-1])[200:240])
    return found


ALLOWED = ("key.pem", "wiki.key", "password")


def holds_a_key(path: Path) -> bool:
    return path.name in ALLOWED or path.suffix == ".old" or path.name.endswith(".new")


@pytest.mark.parametrize("broken", [False, True], ids=["good", "rolled-back"])
def test_no_secret_is_found_anywhere_it_does_not_belong(site, broken):
    assert site.certpush("deploy").returncode == 0
    if broken:
        site.break_reload(1)
    with Watcher() as watcher:
        done = site.certpush("deploy", "--force", "-vv")
    assert done.returncode == (1 if broken else 0), done.stderr
    said = [done.stdout.encode(), done.stderr.encode(), site.nginx.log().encode(), *([site.sshd.log().encode()] if site.sshd else [])]
    files = [path for path in site.directory.rglob("*") if path.is_file() and not holds_a_key(path)]
    assert any(path.name == "journal.sqlite3" for path in files)
    for needle in needles(site):
        assert len(needle) > 8
        assert not [text for text in said if needle in text]
        assert not [text for text in watcher.seen if needle in text]
        assert not [path for path in files if needle in path.read_bytes()]
    for path in site.directory.rglob("*"):
        if path.is_file() and holds_a_key(path) and b"PRIVATE KEY" in path.read_bytes():
            assert path.stat().st_mode & 0o077 == 0, path
