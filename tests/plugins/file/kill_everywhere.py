"""Run a rotation again and again, each time killed (SIGKILL) one system call later than before; look what a fresh instance makes of it.

A program of its own, because it forks: ``python kill_everywhere.py DIRECTORY files|directory rotate|rollback``.
It prints how many points it killed at, by name; any broken promise is an AssertionError.
"""

from __future__ import annotations

import collections
import json
import os
import shutil
import signal
import stat
import sys
from pathlib import Path

import msgspec

from certpush.model import CertificateBundle, Installed, KeySpec, Staged, parse_name
from certpush.testing.minting import minter
from certpush_file.settings import FileSettings
from certpush_file.target import FileTarget

CALLS = ("rename", "unlink", "fsync", "mkdir", "rmdir", "symlink", "fchmod", "fchown", "open")
root = Path(sys.argv[1])
layout, move = sys.argv[2:4]
home, served, record = root / "tls", root / "served", root / "journal"


def settings() -> FileSettings:
    # The service: what the reload command took up is what it serves.
    take_up = f"cp {home}/svc.crt {served} || rm -f {served}" if layout == "files" else f"cp {home}/current/fullchain.pem {served}"
    commands = {"check": ("/bin/true",), "reload": ("/bin/sh", "-c", take_up)}
    if layout == "files":
        return FileSettings(fullchain=f"{home}/svc.crt", key_file=f"{home}/svc.key", **commands)
    return FileSettings(directory=str(home), **commands)


def tree() -> dict[str, object]:
    return {
        str(path.relative_to(home)): (
            stat.S_IMODE(path.lstat().st_mode),
            str(path.readlink()) if path.is_symlink() else path.read_bytes() if path.is_file() else "",
        )
        for path in sorted(home.rglob("*"))
    }


def journal(installed: Installed, staged: Staged | None) -> None:
    record.write_bytes(msgspec.json.encode([installed.fingerprint, installed.handle, staged.handle if staged else None]))


def journalled() -> tuple[Installed, Staged | None]:
    fingerprint, handle, staged = json.loads(record.read_bytes())
    return Installed(fingerprint, handle), Staged(staged) if staged else None


def deploy(bundle: CertificateBundle, *, confirm: bool) -> None:
    target = FileTarget(settings())
    installed = target.inspect()
    journal(installed, None)
    staged = target.stage(bundle)
    journal(installed, staged)
    target.activate(staged, bundle)
    if confirm:
        target.confirm(staged)
        target.tidy({bundle.fingerprint})
    target.close()


def roll_back(previous: CertificateBundle | None = None) -> None:
    installed, staged = journalled()
    target = FileTarget(settings())
    target.rollback(installed, staged, previous)
    target.close()


def die_at(number: int, *, after: bool) -> None:
    """Have the ``number``-th of the calls be the last thing that this process does."""
    count = 0

    def counted(name: str, real):
        def call(*args, **kwargs):
            nonlocal count
            count += 1
            if count == number:
                os.write(2, f"{name}\n".encode())
                if after:
                    real(*args, **kwargs)
                os.kill(os.getpid(), signal.SIGKILL)
            return real(*args, **kwargs)

        return call

    for name in CALLS:
        setattr(os, name, counted(name, getattr(os, name)))


def killed_at(number: int, *, after: bool, deed) -> str | None:
    """Do it in a child that dies at this point; the point's name, or None when the child got to its end."""
    reads, writes = os.pipe()
    child = os.fork()
    if child == 0:
        os.dup2(writes, 2)
        die_at(number, after=after)
        deed()
        os._exit(0)
    os.close(writes)
    _, status = os.waitpid(child, 0)
    with os.fdopen(reads) as told:
        words = told.read()
    assert status == 0 or os.WTERMSIG(status) == signal.SIGKILL, (number, status, words)
    return words.strip() if status else None


def fresh(old: CertificateBundle) -> dict[str, object]:
    shutil.rmtree(home, ignore_errors=True)
    home.mkdir()
    deploy(old, confirm=True)
    record.unlink()
    return tree()


def main() -> None:
    mint = minter()
    old, new = (mint((parse_name("svc.example.com"),), KeySpec.EC_P256) for _ in range(2))
    points: collections.Counter[str] = collections.Counter()
    for after in (False, True):
        number = 0
        while True:
            number += 1
            before = fresh(old)
            if move == "rollback":
                deploy(new, confirm=False)
                deed = roll_back
            else:
                deed = lambda: deploy(new, confirm=False)  # noqa: E731
            point = killed_at(number, after=after, deed=deed)
            if point is None:
                break
            points[point] += 1
            if record.exists():
                roll_back()
                assert served.read_bytes() == old.fullchain_pem, (number, after, point)
            assert tree() == before, (number, after, point, set(tree()) ^ set(before))
            # The next plain run converges.
            deploy(new, confirm=True)
            assert served.read_bytes() == new.fullchain_pem, (number, after, point)
            assert not [one for one in tree() if ".certpush" in one], (number, after, point)
    print(json.dumps(points))


if __name__ == "__main__":
    main()
