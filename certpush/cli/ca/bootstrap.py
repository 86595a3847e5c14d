"""certpush ca bootstrap: trust a CA by its root's fingerprint, and remember it for every later command."""

from __future__ import annotations

import argparse
import contextlib
import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from cryptography import x509

from certpush.cli.asking import agreed, can_ask
from certpush.cli.ca.stores import Stores
from certpush.cli.certificate_view import certificate_document, subject, validity
from certpush.cli.console import Console, safe
from certpush.cli.exits import OK
from certpush.cli.which_ca import open_public, public_settings
from certpush.config import load, locate
from certpush.errors import CertpushError, ConfigError, RootMismatch
from certpush.kit.allowance import allowing
from certpush.kit.escaping import escaped
from certpush.kit.tls import utc_now
from certpush.model import fingerprint
from certpush.stepca.address import CaAddress, normalised_fingerprint
from certpush.stepca.client import StepCa
from certpush.stepca.contact import IN_DOCKER, ON_THE_CA, explaining_distrust, fetch_root, root_in_use
from certpush.stepca.issuer import OPERATION_SECONDS
from certpush.stepca.remembering import Remembered, StepPlace, remember


def run(arguments: argparse.Namespace, console: Console) -> int:
    """Find the root, have it confirmed, ask the CA for all its roots, and write them down."""
    address = CaAddress.parse(_url(arguments))
    place = StepPlace.find(os.environ, Path(os.environ.get("HOME") or Path.home()), arguments.context)
    root = _root(address, arguments.fingerprint, console)
    roots = _all_roots(address, root)
    remembered = remember(place, address, roots, force=arguments.force)
    _show(console, address, place, roots, remembered)
    _warn_where_outdone(console, address, arguments.config)
    return Stores.here(console, address).install(roots) if arguments.install else OK


def _url(arguments: argparse.Namespace) -> str:
    given = [one for one in (arguments.url, arguments.ca_url) if one is not None]
    if len(given) != 1:
        message = "two addresses of a CA are given" if given else "nothing says where the CA is"
        raise ConfigError(message, hint="certpush ca bootstrap https://HOST:PORT --fingerprint SHA256")
    text: str = given[0]
    return text


def _root(address: CaAddress, wanted: str | None, console: Console) -> x509.Certificate:
    # No time limit around a person: each request has its own.
    if wanted is not None:
        return fetch_root(address, normalised_fingerprint(wanted), utc_now)
    claimed = root_in_use(address, utc_now)
    console.document["claimed"] = [certificate_document(claimed, utc_now())]
    _show_claim(console, address, claimed)
    _refuse_unless_compared(console, address, claimed)
    return claimed


def _show_claim(console: Console, address: CaAddress, root: x509.Certificate) -> None:
    console.result(f"{address} shows this root, and nothing vouches for it yet:")
    console.result(f"  {console.paint(fingerprint(root), 'bold')}")
    console.result(f"  {escaped(subject(root))}, {validity(root, utc_now())}")
    console.line("  compare it on the CA, never through this connection:")
    for command in (ON_THE_CA, IN_DOCKER):
        console.line(f"    {command}")


def _refuse_unless_compared(console: Console, address: CaAddress, claimed: x509.Certificate) -> None:
    if not can_ask() or console.json:
        raise ConfigError(
            f"{address}: nobody is here to compare the fingerprint",
            hint=f"certpush ca bootstrap {address} --fingerprint SHA256, with the value that the CA itself shows: {ON_THE_CA}",
        )
    if not agreed(console, f"Does the CA show {fingerprint(claimed)[:16]}..., the same to the last digit?"):
        raise RootMismatch(f"{address}: not trusted; nothing was written", hint="find out who answers there before you go on")


def _all_roots(address: CaAddress, root: x509.Certificate) -> tuple[x509.Certificate, ...]:
    """Every root of the CA, the one compared first; only a CA whose own certificate leads to that one is asked."""
    ca = StepCa(str(address), (root,))
    with contextlib.closing(ca), allowing(seconds=OPERATION_SECONDS), explaining_distrust(address, ca.roots, utc_now):
        return tuple(dict.fromkeys((root, *ca.all_roots())))


def _show(console: Console, address: CaAddress, place: StepPlace, roots: Sequence[x509.Certificate], remembered: Remembered) -> None:
    for one in roots:
        console.line(f"{console.paint('trusted', 'green')}  {safe(subject(one))}, {validity(one, utc_now())}, {fingerprint(one)}")
    for label, paths in (("written", remembered.written), ("kept", remembered.kept)):
        for path in paths:
            console.result(f"{label:<7}  {safe(str(path))}")
    if not remembered.written:
        console.result(f"{address} was known already: {safe(str(place.folder))}")
    console.line("Next: certpush ca health")
    console.document.update(
        url=str(address),
        roots=[certificate_document(one, utc_now()) for one in roots],
        steppath=str(place.folder),
        context=place.context,
        written=[str(path) for path in remembered.written],
        kept=[str(path) for path in remembered.kept],
    )


def _warn_where_outdone(console: Console, address: CaAddress, config: str | None) -> None:
    """A configuration and STEP_* variables come first; whoever set them may have forgotten."""
    for other in _outdoing(address, config):
        console.warn(f"the configuration, or a variable STEP_..., names {other}; that one is used, not this one")


def _outdoing(address: CaAddress, config: str | None) -> Iterator[CaAddress]:
    with contextlib.suppress(CertpushError):  # a broken configuration is found when it is used
        settings = open_public(public_settings(load(locate(config, os.environ), os.environ), None), os.environ).settings
        if settings.url is not None and CaAddress.parse(settings.url) != address:
            yield CaAddress.parse(settings.url)
