"""certpush inspect: what is in a certificate file, or served at a host."""

from __future__ import annotations

import argparse
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from certpush.errors import ConfigError

if TYPE_CHECKING:  # help and completion need none of it
    from cryptography import x509

    from certpush.cli.console import Console
    from certpush.cli.verdict import Verdict
    from certpush.model import Endpoint

_FILE_ENDINGS = (".pem", ".crt", ".cer", ".cert", ".der", ".key", ".p12", ".pfx")
_COLOUR = {True: "green", False: "red", None: "yellow"}


def configure(parser: argparse.ArgumentParser) -> None:
    """The options of this command."""
    parser.add_argument("what", metavar="FILE|HOST[:PORT]", help="a certificate file (PEM or DER, - for stdin), or a TLS server (port 443)")
    parser.add_argument("--server-name", metavar="NAME", help="the name to ask the server for (SNI), and to check")


def run(arguments: argparse.Namespace, console: Console) -> int:
    """Show it; the exit code says that it could be looked at, not that it is good."""
    from certpush.cli.certificate_file import read_certificate_file
    from certpush.cli.served_chain import served_chain
    from certpush.cli.verdict import judge
    from certpush.kit.tls import utc_now

    endpoint = None if _is_file(arguments.what) else _endpoint(arguments.what, arguments.server_name)
    if endpoint is None:
        if arguments.server_name:
            raise ConfigError("--server-name goes with a host", hint="certpush inspect HOST:PORT --server-name NAME")
        read = read_certificate_file(arguments.what)
        certificates, key = read.certificates, read.key
    else:
        certificates, key = served_chain(endpoint), ""
    verdict = judge(certificates, endpoint, arguments.config, os.environ, utc_now())
    _show(console, certificates, key, verdict)
    source = {"file": arguments.what} if endpoint is None else {"endpoint": str(endpoint), "server_name": endpoint.name}
    console.document.update(_document(certificates, key, verdict) | source)
    return 0


def _is_file(what: str) -> bool:
    """A file where there is one, or where it is written like one: nobody means a host by ``./x`` or ``x.crt``."""
    if what == "-" or "/" in what or what.startswith("~") or what.lower().endswith(_FILE_ENDINGS):
        return True
    try:
        return Path(what).exists()
    except ValueError:  # a NUL character
        return False


def _endpoint(what: str, server_name: str | None) -> Endpoint:
    from certpush.kit.escaping import escaped
    from certpush.kit.settings import parse_endpoint, parse_host
    from certpush.model import Endpoint

    try:
        at = parse_endpoint(f"[{what}]" if what.count(":") > 1 and "[" not in what else what, 443)
    except ConfigError as error:
        raise ConfigError(f"{escaped(what)[:120]} is neither a file nor HOST:PORT", hint=error.hint) from None
    return Endpoint(at.host, at.port, parse_host(server_name) if server_name else at.server_name)


def _show(console: Console, certificates: tuple[x509.Certificate, ...], key: str, verdict: Verdict) -> None:
    from certpush.cli.certificate_view import Line, certificate_lines, chain_line
    from certpush.kit.escaping import escaped
    from certpush.kit.tls import utc_now

    now = utc_now()
    leaf, *above = certificates
    lines = [*certificate_lines(leaf, now), *([Line("private key", key)] if key else [])]
    lines += [Line(f"chain {position}", chain_line(one, now)) for position, one in enumerate(above, 1)]
    for line in lines:
        console.result(str(line))
    if not above:
        console.result(str(Line("chain", "nothing above it was given")))
    label, text = str(Line("verified", "")), escaped(verdict.text)
    console.result(f"{label}{console.paint(text, _COLOUR[verdict.good])}")


def _document(certificates: tuple[x509.Certificate, ...], key: str, verdict: Verdict) -> dict[str, Any]:
    from certpush.cli.certificate_view import certificate_document, chain_documents
    from certpush.kit.tls import utc_now

    now = utc_now()
    return {
        "certificate": certificate_document(certificates[0], now),
        "chain": chain_documents(certificates[1:], now),
        "private_key": key or None,
        "verified": verdict.good,
        "verdict": verdict.text,
    }
