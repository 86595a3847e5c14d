"""Remembering a CA as ``step ca bootstrap`` does: its root and its address in $STEPPATH, for certpush and for ``step``."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from cryptography import x509

from certpush.errors import BundleInvalid, ConfigError
from certpush.kit.escaping import escaped
from certpush.kit.files import write_file
from certpush.model import fingerprint, read_certificates, to_pem
from certpush.records import record
from certpush.stepca.address import CaAddress, normalised_fingerprint
from certpush.stepca.bootstrap import authority_folder, current_context, read_table, read_texts, step_base

_CONTEXT = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:-]{0,127}")  # it becomes the name of a folder


@record(frozen=True, slots=True)
class StepPlace:
    """Where ``step`` keeps one CA: the folder with config/defaults.json and certs/root_ca.crt; ``context`` where it uses such."""

    base: Path
    folder: Path
    context: str | None = None

    @classmethod
    def find(cls, environ: Mapping[str, str], home: Path, context: str | None = None) -> StepPlace:
        """The place of the context that is named, or in use; the plain one where ``step`` uses none.

        Raises:
            ConfigError: the name cannot be a context's, or step's files cannot be read.

        """
        base = step_base(environ, home)
        name = context or environ.get("STEP_CONTEXT") or current_context(base)
        if name is None:
            return cls(base, base)
        if not _CONTEXT.fullmatch(name):
            raise ConfigError(f"{escaped(name)[:80]!r} cannot be the name of a step context", hint="letters, digits, dots and hyphens")
        return cls(base, authority_folder(base, name, read_table(base / "contexts.json").get(name)), name)

    @property
    def defaults(self) -> Path:
        """The file with address and fingerprint."""
        return self.folder / "config" / "defaults.json"

    @property
    def root(self) -> Path:
        """The file with the root, or with all of them while they are rotated."""
        return self.folder / "certs" / "root_ca.crt"


@record(frozen=True, slots=True)
class Remembered:
    """Which files were written, and which copies of replaced ones were kept; none of either where all was there already."""

    written: tuple[Path, ...] = ()
    kept: tuple[Path, ...] = ()


def remember(place: StepPlace, address: CaAddress, roots: Sequence[x509.Certificate], *, force: bool = False) -> Remembered:
    """Write down where the CA is and what it is recognised by: the first root's fingerprint, and all roots.

    What stands there of this very CA is kept (its provisioner, say); with ``force`` another
    CA's goes, and a copy of it stays.

    Raises:
        ConfigError: another CA is remembered there, or the files cannot be read or written.

    """
    before = read_texts(place.defaults)
    same = not before or _is_this(before, place, address, roots)
    if not same and not force:
        raise ConfigError(
            f"{escaped(str(place.folder))} remembers another CA: {escaped(before.get('ca-url', 'one without a url'))}",
            hint="--context NAME keeps this one beside it; --force replaces it, and keeps a copy",
        )
    try:
        kept = () if same else tuple(_keep(path) for path in (place.defaults, place.root) if path.exists())
        return Remembered(tuple(_write(place, address, roots, before if same else {})), kept)
    except OSError as error:
        raise ConfigError(
            f"{escaped(str(error.filename or place.folder))} cannot be written: {error.strerror}",
            hint="set STEPPATH to a directory that you may write to",
        ) from None


def _is_this(before: Mapping[str, str], place: StepPlace, address: CaAddress, roots: Sequence[x509.Certificate]) -> bool:
    """Whether this very CA is remembered: it is its root that makes it, wherever it answers now."""
    known = (
        {_normalised(before["fingerprint"])} if "fingerprint" in before else _fingerprints(place.folder / before.get("root", place.root))
    )
    if known:
        return not known.isdisjoint(map(fingerprint, roots))
    return "ca-url" not in before or _address(before["ca-url"]) == address


def _normalised(text: str) -> str:
    try:
        return normalised_fingerprint(text)
    except ConfigError:
        return text


def _address(url: str) -> CaAddress | None:
    try:
        return CaAddress.parse(url)
    except ConfigError:
        return None


def _fingerprints(path: Path) -> set[str]:
    try:
        return {fingerprint(one) for one in read_certificates(path.read_bytes())}
    except (OSError, BundleInvalid):
        return set()


def _write(place: StepPlace, address: CaAddress, roots: Sequence[x509.Certificate], before: Mapping[str, str]) -> list[Path]:
    """The root first, and what makes ``step`` look at it last: killed in between, the next call completes it."""
    after = {"redirect-url": "", **before, "ca-url": str(address), "fingerprint": fingerprint(roots[0]), "root": str(place.root)}
    wanted = {place.root: to_pem(*roots), place.defaults: _json(after)}
    if "ca-config" in before and _fingerprints(place.root):
        del wanted[place.root]  # on the CA itself its own configuration names this file
    if place.context is not None:
        contexts = read_table(place.base / "contexts.json")
        contexts.setdefault(place.context, {"authority": place.context, "profile": place.context})
        wanted[place.base / "contexts.json"] = _json(contexts)
        wanted[place.base / "current-context.json"] = _json({"context": place.context})
    return [path for path, text in wanted.items() if _put(path, text)]


def _put(path: Path, text: bytes) -> bool:
    """Whether the file had to be written."""
    if path.is_file() and path.read_bytes() == text:
        return False
    for folder in reversed([one for one in path.parents if not one.exists()]):
        folder.mkdir(mode=0o700)
    write_file(str(path), text, mode=0o644)  # all of it is public; the folders are the owner's
    return True


def _keep(path: Path) -> Path:
    copy = path.with_name(f"{path.name}.before")
    write_file(str(copy), path.read_bytes(), mode=0o644)
    return copy


def _json(table: Mapping[str, object]) -> bytes:
    return (json.dumps(table, indent=2) + "\n").encode()
