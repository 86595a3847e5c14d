"""certpush ca root: the CA's root, to print, to keep, or for this machine to trust."""

from __future__ import annotations

import argparse
import os
from collections.abc import Iterator, Sequence

from cryptography import x509

from certpush.cli.ca.stores import Stores
from certpush.cli.certificate_view import certificate_document, subject, validity
from certpush.cli.console import Console, safe
from certpush.cli.exits import OK
from certpush.cli.pair_files import absolute_file
from certpush.cli.trust_store import Machine, find
from certpush.cli.which_ca import configuration_for, open_public, public_settings, talking
from certpush.errors import ConfigError, IssuerUnreachable, RootMismatch
from certpush.kit.escaping import escaped
from certpush.kit.files import write_file
from certpush.kit.tls import utc_now
from certpush.model import fingerprint, to_pem
from certpush.stepca.address import CaAddress, normalised_fingerprint
from certpush.stepca.bootstrap import read_root_file, user_path
from certpush.stepca.settings import CaSettings

_SUDO = "under sudo root's configuration is read: add --config FILE, or --ca-url URL --fingerprint SHA256"


def run(arguments: argparse.Namespace, console: Console) -> int:
    """Get the roots from the CA, whose own certificate leads to one that is known, and do with them what was asked for."""
    try:
        address, roots = _known_and_asked(arguments, console) if arguments.remove else _asked(arguments)
    except ConfigError as error:
        if os.environ.get("SUDO_USER") and not arguments.config:
            raise ConfigError(error.message, hint=f"{error.hint}; {_SUDO}") from None
        raise
    console.document.update(url=str(address), roots=[_document(one) for one in roots])
    if arguments.install:
        return Stores.here(console, address).install(roots)
    if arguments.remove:
        return Stores.here(console, address).remove(roots)
    if arguments.file is None:
        console.result(to_pem(*roots).decode().rstrip("\n"))
        _tell(console, roots)
        return OK
    _write(console, arguments.file, roots, force=arguments.force)
    return OK


def _asked(arguments: argparse.Namespace) -> tuple[CaAddress, tuple[x509.Certificate, ...]]:
    """The roots that are trusted here, and those that the CA announces beside them."""
    with talking(arguments) as ca:
        return ca.address, tuple(dict.fromkeys((*ca.roots, *ca.all_roots())))


def _known_and_asked(arguments: argparse.Namespace, console: Console) -> tuple[CaAddress, tuple[x509.Certificate, ...]]:
    """Likewise; a CA that is gone, or has retired this root, must not keep it in the stores."""
    configuration = configuration_for(arguments, os.environ)
    with open_public(public_settings(configuration, arguments.ca), os.environ) as issuer:
        address, known = issuer.address, tuple(_known(issuer.settings))
    try:
        _, asked = _asked(arguments)
    except (IssuerUnreachable, RootMismatch) as error:
        if not known:
            raise
        console.warn(f"{error.message}; only the root that is known here is taken out")
        asked = ()
    return address, tuple(dict.fromkeys((*known, *asked)))


def _known(settings: CaSettings) -> Iterator[x509.Certificate]:
    if settings.root is not None:
        yield from read_root_file(user_path(settings.root), settings.fingerprint)
    if settings.fingerprint is not None:
        found = find(normalised_fingerprint(settings.fingerprint), Machine.here(os.environ))
        yield from (found,) if found else ()


def _write(console: Console, named: str, roots: Sequence[x509.Certificate], *, force: bool) -> None:
    path, pem = absolute_file(named), to_pem(*roots)
    try:
        there = path.read_bytes() if path.exists() else None
        if there is not None and there != pem and not force:
            raise ConfigError(f"{escaped(str(path))} is there already, and holds something else", hint="name another file, or add --force")
        if there != pem:
            write_file(str(path), pem, mode=0o644)
    except OSError as error:
        raise ConfigError(
            f"{escaped(str(path))} cannot be written: {error.strerror}", hint="see that the directory is there and that you may write to it"
        ) from None
    console.result(f"{escaped(str(path))}  {'as it was' if there == pem else 'written'}")
    console.document["file"] = str(path)
    _tell(console, roots)


def _tell(console: Console, roots: Sequence[x509.Certificate]) -> None:
    for one in roots:
        console.note(f"{fingerprint(one)}  {safe(subject(one))}, {validity(one, utc_now())}")


def _document(root: x509.Certificate) -> dict[str, object]:
    return {**certificate_document(root, utc_now()), "pem": to_pem(root).decode()}
