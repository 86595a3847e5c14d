"""The system's trust store: a file in the folder for local roots, and the command that takes it up."""

from __future__ import annotations

import base64
import contextlib
import os
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from certpush.cli.trust_store.places import Deed, Machine, Report, name_for, own_name
from certpush.errors import BundleInvalid, SafetyRefusal, TargetRefused
from certpush.kit.command import run
from certpush.kit.files import Directory
from certpush.model import read_certificates, to_pem
from certpush.records import record

_UPDATE_TIME = timedelta(minutes=2)  # Java keystores hang on update-ca-certificates, and take their time
_NEEDS_ROOT = "run it again with sudo"


@record(frozen=True, slots=True)
class Flavour:
    """Where a family of systems keeps local roots, what takes them up, and the bundle that programs then read."""

    family: str
    folder: str
    update: tuple[str, ...]
    bundle: str


FLAVOURS = (
    Flavour("Debian, Ubuntu, Alpine", "usr/local/share/ca-certificates", ("update-ca-certificates",), "etc/ssl/certs/ca-certificates.crt"),
    Flavour("openSUSE", "etc/pki/trust/anchors", ("update-ca-certificates",), "var/lib/ca-certificates/ca-bundle.pem"),
    Flavour("Fedora, RHEL", "etc/pki/ca-trust/source/anchors", ("update-ca-trust",), "etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem"),
    Flavour("Arch", "etc/ca-certificates/trust-source/anchors", ("update-ca-trust",), "etc/ca-certificates/extracted/tls-ca-bundle.pem"),
)


@record(frozen=True, slots=True)
class _Store:
    flavour: Flavour
    file: Path
    command: tuple[str, ...]
    bundle: Path


def install(root: x509.Certificate, machine: Machine) -> Report:
    """Put the root into the folder and have it taken up; success is that the system's bundle has it then."""
    store = _find(root, machine)
    if store is None:
        return _no_store()
    if _holds(store.file, root) and _in_bundle(store.bundle, root):
        return Report(str(store.file), Deed.THERE)
    try:
        with Directory.open(str(store.file.parent)) as folder:
            folder.refuse_odd(store.file.name)
            folder.replace(store.file.name, to_pem(root), mode=0o644)
        _update(store)
    except (OSError, SafetyRefusal, TargetRefused) as error:
        return _failed(store, error)
    if not _in_bundle(store.bundle, root):
        return Report(str(store.file), Deed.FAILED, f"{store.command[0]} ran, and {store.bundle} does not have it", "run it by hand")
    return Report(str(store.file), Deed.INSTALLED, f"and {store.bundle} has it; programs that run now may need a restart")


def remove(root: x509.Certificate, machine: Machine) -> Report:
    """Take our file out of the folder and have that taken up; a root that others put there stays trusted, and that is said."""
    store = _find(root, machine)
    if store is None:
        return _no_store()
    before = _in_bundle(store.bundle, root)
    try:
        with Directory.open(str(store.file.parent)) as folder:
            found = folder.look(store.file.name)
            if found and not _holds(store.file, root):
                return Report(str(store.file), Deed.LEFT, "it holds something else than this root", "look who put it there")
            if found:
                folder.remove(store.file.name)
        if found or (before and os.access(store.bundle.parent, os.W_OK)):  # an earlier call may have got no further than the file
            _update(store)
            _sweep(store)
    except (OSError, SafetyRefusal, TargetRefused) as error:
        return _failed(store, error)
    still = _in_bundle(store.bundle, root)
    detail = f"but {store.bundle} has this root from elsewhere" if still else ""
    return Report(str(store.file), Deed.REMOVED if found or before > still else Deed.ABSENT, detail)


def named(sha256: str, machine: Machine) -> Iterator[x509.Certificate]:
    """What stands in the system's folders under our name for this fingerprint."""
    for flavour in FLAVOURS:
        with contextlib.suppress(OSError, BundleInvalid):
            yield from read_certificates((machine.root / flavour.folder / f"{name_for(sha256)}.crt").read_bytes())


def _find(root: x509.Certificate, machine: Machine) -> _Store | None:
    for flavour in FLAVOURS:
        folder, program = machine.root / flavour.folder, machine.program(flavour.update[0])
        if folder.is_dir() and program:
            return _Store(flavour, folder / f"{own_name(root)}.crt", (program, *flavour.update[1:]), machine.root / flavour.bundle)
    return None


def _no_store() -> Report:
    folders = ", ".join(f"/{flavour.folder} ({flavour.family})" for flavour in FLAVOURS)
    return Report("the system's trust store", Deed.FAILED, f"none of these is here with its command: {folders}", "install ca-certificates")


def _update(store: _Store) -> None:
    ended = run(store.command, within=_UPDATE_TIME)
    if ended.status != 0:
        raise TargetRefused(f"{store.command[0]} ended with status {ended.status}: {ended.tail(3)}", hint="run it by hand")


def _sweep(store: _Store) -> None:
    """Remove the links to a file that is gone, which Debian's command leaves beside the bundle."""
    ours = (str(store.file), f"{store.file.stem}.pem")  # the link by name, and the one by hash that leads to it
    for one in store.bundle.parent.iterdir():
        if one.is_symlink() and str(one.readlink()) in ours:
            one.unlink()


def _failed(store: _Store, error: OSError | SafetyRefusal | TargetRefused) -> Report:
    if isinstance(error, PermissionError):
        return Report(str(store.file), Deed.NEEDS_ROOT, "", _NEEDS_ROOT)
    if isinstance(error, OSError):
        return Report(str(store.file), Deed.FAILED, str(error.strerror))
    return Report(str(store.file), Deed.FAILED, error.message, error.hint)


def _holds(path: Path, root: x509.Certificate) -> bool:
    try:
        return not path.is_symlink() and read_certificates(path.read_bytes()) == (root,)
    except (OSError, BundleInvalid):
        return False


def _in_bundle(bundle: Path, root: x509.Certificate) -> bool:
    """Whether a bundle has the root; its lines are joined, for some write longer ones."""
    try:
        content = bundle.read_bytes()
    except OSError:
        return False
    return base64.b64encode(root.public_bytes(Encoding.DER)) in b"".join(content.split())
