"""The escrow: every certificate with its key, kept as generations for as long as a way back may need them.

``certificates/NAME/GENERATION/{fullchain,key,roots}.pem``, 0600 in 0700 directories; the NAME of a
member's own certificate is ``TARGET+MEMBER`` there. A generation is complete or absent: it is
written under another name, flushed, and renamed. ``current`` is a symlink to the newest, swapped
by one rename.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING

from certpush.errors import BundleInvalid, StateError
from certpush.kit.files import Directory
from certpush.kit.walking import DIRECTORY

if TYPE_CHECKING:  # who only looks needs no more than the roots, as text
    from certpush.model import CertificateBundle

_CURRENT = "current"
_NEXT = ".current-next"
_UNFINISHED = ".unfinished-"
_PROOF = ".proof-"
_ROOM = 32 * 1024
"""More than any generation takes."""
_IN_FOLDERS = "+"  # instead of "/"; no name of a target, certificate or member has it


class Escrow:
    """Generations of certificates below one directory. One writer a certificate: hold its lock."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory.absolute()
        self._takes_files = False

    def prove(self) -> None:
        """See, once in a run, that a generation can be kept, before a CA signs one: else run after run would have one signed, and lose it.

        Raises:
            StateError: it cannot.

        """
        if self._takes_files:
            return
        with _keeping(self._directory.parent), Directory.open(str(self._directory.parent)) as state:
            for leftover in (one for one in state.names() if one.startswith(_PROOF)):
                state.remove(leftover)  # a run was killed here; or one is here just now, and needs it no more
            proof = f"{_PROOF}{os.getpid()}-{threading.get_ident()}"
            state.write_new(proof, bytes(_ROOM))
            state.remove(proof)
        self._takes_files = True

    def store(self, certificate: str, bundle: CertificateBundle, *, current: bool = True) -> None:
        """Keep ``bundle`` as a generation, durably; ``current`` makes it the one to deploy.

        Storing the same bundle again is harmless.

        Raises:
            StateError: it cannot be written. Nothing half-written stays behind.

        """
        home = self._home(certificate)
        generation = home / _generation(bundle)
        with _keeping(home):
            self._make_home(certificate)
            if _read(generation) is None:
                _write_generation(home, generation, bundle)
            if current:
                _point(home, generation.name)

    def current(self, certificate: str) -> CertificateBundle | None:
        """The newest generation, or None when there is none or it cannot be read any more."""
        home = self._home(certificate)
        name = _current_name(home)  # read once: a link that is swapped between two files would give half of each
        return _read(home / name) if name else None

    def roots(self, certificate: str) -> bytes:
        """The roots of the newest generation as PEM text; empty where there is none, or they are gone. Who only looks needs no key."""
        home = f"{self._directory}/{_folder(certificate)}"  # thousands of looks ask, and making a Path takes as long as reading the file
        try:
            with open(f"{home}/{os.readlink(f'{home}/{_CURRENT}')}/roots.pem", "rb") as file:  # noqa: PTH115, PTH123 - likewise
                return file.read()
        except OSError:
            return b""

    def newest(self, certificate: str) -> str | None:
        """What tells the newest generation from any other; None where there is none. Reads no certificate and no key."""
        return _current_name(self._home(certificate))

    def superseded(self, certificate: str) -> frozenset[str]:
        """How the fingerprints of the other generations begin, with their first 16 digits."""
        home = self._home(certificate)
        current = _current_name(home)
        return frozenset(_leaf_of(one.name) for one in _generations(home) if one.name != current)

    def make_current(self, certificate: str, fingerprint: str | None) -> None:
        """Make an older generation the one to deploy, where we hold it; else leave things as they are."""
        bundle = self.find(fingerprint, certificate) if fingerprint else None
        if bundle is not None:
            self.store(certificate, bundle)

    def find(self, fingerprint: str, certificate: str | None = None, *, first: str = "") -> CertificateBundle | None:
        """The generation whose leaf has this fingerprint, of this certificate or of any; ``first`` is the one where it mostly is."""
        likely = [self._home(first)] if first else []
        for home in chain(likely, self._homes(certificate)):  # a fleet has thousands, and each target asks
            for generation in _generations_of(home, fingerprint):
                bundle = _read(generation)
                if bundle is not None and bundle.fingerprint == fingerprint:
                    return bundle
        return None

    def generations(self, certificate: str) -> tuple[CertificateBundle, ...]:
        """All generations of a certificate, oldest first."""
        bundles = (_read(generation) for generation in _generations(self._home(certificate)))
        return tuple(bundle for bundle in bundles if bundle is not None)

    def examine(self, certificate: str) -> Iterator[tuple[str, CertificateBundle | None]]:
        """Every generation by its name, oldest first; None in place of one that cannot be read."""
        return ((generation.name, _read(generation)) for generation in _generations(self._home(certificate)))

    def prune(self, certificate: str, keep: frozenset[str]) -> None:
        """Remove the generations that nothing may need any more; never the current one, nor one in ``keep`` (fingerprints)."""
        home = self._home(certificate)
        kept, current = {fingerprint[:16] for fingerprint in keep}, _current_name(home)
        for generation in _generations(home):
            if generation.name != current and _leaf_of(generation.name) not in kept:
                _remove(generation)
        for leftover in (one for one in _names_in(home) if one.startswith(_UNFINISHED)):
            _clear_away(home / leftover)  # what stays is no harm; the next prune meets it again

    def forget(self, certificate: str) -> None:
        """Remove every generation of a certificate, and its keys with them."""
        home = self._home(certificate)
        (home / _CURRENT).unlink(missing_ok=True)
        for generation in _generations(home):
            _remove(generation)
        _clear_away(home)

    def of_members(self, certificate: str) -> tuple[str, ...]:
        """The names of the certificates that members of a target have of their own: ``NAME/MEMBER``, where we hold any."""
        named = (certificate_in(home.name) for home in self._homes(None))
        return tuple(name for name in named if name.startswith(f"{certificate}/"))

    def _home(self, certificate: str) -> Path:
        return self._directory / _folder(certificate)

    def _make_home(self, certificate: str) -> None:
        with Directory.open(str(self._directory.parent)) as state:
            state.make(self._directory.name, mode=0o700)
        with Directory.open(str(self._directory)) as certificates:
            certificates.make(_folder(certificate), mode=0o700)

    def _homes(self, certificate: str | None) -> Iterator[Path]:
        if certificate is not None:
            yield self._home(certificate)
        elif self._directory.is_dir():
            yield from sorted(self._directory.iterdir())


@contextmanager
def _keeping(where: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise StateError(
            f"the certificate cannot be kept in {where}: {error.strerror}",
            hint="free space on the disk of the state directory and check its rights; no target was touched",
        ) from error


def _folder(certificate: str) -> str:
    return certificate.replace("/", _IN_FOLDERS)


def certificate_in(folder: str) -> str:
    """The name of the certificate that a folder of the escrow is for."""
    return folder.replace(_IN_FOLDERS, "/")


def _generation(bundle: CertificateBundle) -> str:
    # Sorts by age; the fingerprint keeps two of one second apart.
    return f"{bundle.not_before:%Y%m%dT%H%M%SZ}-{bundle.fingerprint[:16]}"


def _leaf_of(generation: str) -> str:
    return generation.rpartition("-")[2]


def _generations(home: Path) -> list[Path]:
    if not home.is_dir():
        return []
    return sorted(path for path in home.iterdir() if path.name[0] != "." and not path.is_symlink())


def _generations_of(home: Path, fingerprint: str) -> list[Path]:
    """Those whose name says this leaf; by names alone, because a fleet has thousands of homes, and each target asks."""
    said = sorted(name for name in _names_in(home) if name.endswith(fingerprint[:16]) and name[0] != ".")
    return [path for name in said if not (path := home / name).is_symlink()]


def _names_in(home: Path) -> list[str]:
    try:
        return os.listdir(home)  # noqa: PTH208 - a Path for each would take ten times as long
    except OSError:
        return []


def _current_name(home: Path) -> str | None:
    try:
        return str((home / _CURRENT).readlink())
    except OSError:
        return None


def _clear_away(directory: Path) -> None:
    """Remove a directory as far as that can be done; mostly it is a generation, which holds plain files, or it is not there."""
    try:
        here = os.open(directory, os.O_RDONLY | DIRECTORY)
    except OSError:
        return
    try:
        for name in os.listdir(here):  # noqa: PTH208 - pathlib knows no open directories
            os.unlink(name, dir_fd=here)
        directory.rmdir()
    except OSError:
        import shutil  # it loads every way of compressing

        shutil.rmtree(directory, ignore_errors=True)
    finally:
        os.close(here)


def _remove(generation: Path) -> None:
    """Remove a generation: out of sight in one step, so that a killed run never leaves a part of one."""
    out_of_sight = generation.with_name(f"{_UNFINISHED}{generation.name}")
    _clear_away(out_of_sight)
    with suppress(OSError):  # a leftover is no harm; the next prune meets it again
        generation.rename(out_of_sight)
    _clear_away(out_of_sight)


def _write_generation(home: Path, generation: Path, bundle: CertificateBundle) -> None:
    """Write it beside its place and put it there; one that is damaged makes way first."""
    _remove(generation)
    unfinished = home / f"{_UNFINISHED}{generation.name}"
    try:
        with Directory.open(str(home)) as place:
            with place.private(unfinished.name) as files:
                files.write_new("key.pem", bundle.key.reveal_pem())
                files.write_new("fullchain.pem", bundle.fullchain_pem)
                files.write_new("roots.pem", bundle.roots_pem)
            place.rename(unfinished.name, place, generation.name)
    except BaseException:
        _clear_away(unfinished)
        raise


def _point(home: Path, to: str) -> None:
    if _current_name(home) == to:
        return
    with Directory.open(str(home)) as place:
        place.remove(_NEXT)
        place.write_link(_NEXT, to)
        place.rename(_NEXT, place, _CURRENT)


def _read(generation: Path) -> CertificateBundle | None:
    from certpush.model import CertificateBundle

    try:
        return CertificateBundle.from_pem(
            (generation / "fullchain.pem").read_bytes(),
            (generation / "key.pem").read_bytes(),
            (generation / "roots.pem").read_bytes(),
        )
    except (OSError, BundleInvalid):
        return None  # a damaged generation is as good as none: a new certificate is obtained
