"""A machine in a directory: Debian's own update-ca-certificates led to files of the test, and real NSS databases."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from certpush.cli.trust_store import Machine
from certpush.model import to_pem
from certpush.testing.authority import Authority
from conftest import not_run

DEBIANS = "/usr/sbin/update-ca-certificates"


@dataclass(frozen=True)
class Box:
    """A machine whose trust store is Debian's, in a directory."""

    root: Path
    home: Path
    bin: Path

    @property
    def machine(self) -> Machine:
        return Machine(self.root, self.home, str(self.bin))

    @property
    def local(self) -> Path:
        return self.root / "usr/local/share/ca-certificates"

    @property
    def certs(self) -> Path:
        return self.root / "etc/ssl/certs"

    @property
    def bundle(self) -> Path:
        return self.certs / "ca-certificates.crt"

    def program(self, name: str, script: str) -> None:
        path = self.bin / name
        path.unlink(missing_ok=True)
        path.write_text(f"#!/bin/sh\n{script}\n")
        path.chmod(0o755)

    def update(self) -> None:
        subprocess.run([self.bin / "update-ca-certificates"], check=True, capture_output=True)

    def leftovers(self) -> list[str]:
        """Links that lead nowhere."""
        return [one.name for one in self.certs.iterdir() if one.is_symlink() and not one.exists()]


@pytest.fixture
def box(tmp_path: Path) -> Box:
    if not os.access(DEBIANS, os.X_OK):
        not_run("update-ca-certificates is missing (Debian's ca-certificates)")
    box = Box(tmp_path / "root", tmp_path / "user", tmp_path / "bin")
    for folder in (box.local, box.certs, box.home, box.bin, box.root / "hooks", box.root / "usr/share/ca-certificates"):
        folder.mkdir(parents=True)
    places = {"certsconf": "conf", "certsdir": "usr/share/ca-certificates", "hooksdir": "hooks"}
    options = " ".join(f"--{option} {box.root}/{place}" for option, place in places.items())
    # Debian's command leaves the bundle alone where there is no root at all, and begins anew where none is listed.
    (box.root / "conf").write_text("first.crt\nsecond.crt\n")
    for name in ("first", "second"):
        (box.root / f"usr/share/ca-certificates/{name}.crt").write_bytes(to_pem(Authority(name).root))
    box.program("update-ca-certificates", f"exec {DEBIANS} --localcertsdir {box.local} --etccertsdir {box.certs} {options}")
    return box


@pytest.fixture
def make_database() -> Callable[..., Path]:
    """Make an NSS database: ``make_database(folder, password="...")``."""
    if shutil.which("certutil") is None:
        not_run("certutil is missing (libnss3-tools)")

    def make(folder: Path, *, password: str = "") -> Path:
        folder.mkdir(parents=True)
        if password:
            file = folder.parent / "primary-password"
            file.write_text(password)
            certutil(folder, "-N", "-f", str(file))
        else:
            certutil(folder, "-N", "--empty-password")
        return folder

    return make


@pytest.fixture
def browsers(box: Box, make_database) -> Box:
    """The machine with certutil and two browsers."""
    (box.bin / "certutil").symlink_to(shutil.which("certutil"))
    make_database(box.home / ".mozilla/firefox/abc.default-release")
    make_database(box.home / ".pki/nssdb")
    return box


def certutil(folder: Path, *options: str) -> str:
    """What certutil says of a database."""
    done = subprocess.run(
        ["certutil", "-d", f"sql:{folder}", *options], capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL
    )
    assert done.returncode == 0, done.stderr
    return done.stdout
