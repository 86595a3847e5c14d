"""certpush issue: a certificate to files."""

from __future__ import annotations

import argparse
import os
from collections.abc import Sequence
from typing import TYPE_CHECKING

from certpush.cli.ca_options import add_ca_options
from certpush.errors import ConfigError

if TYPE_CHECKING:  # help and completion need none of it
    from certpush.cli.console import Console
    from certpush.cli.pair_files import PairFiles
    from certpush.model import CertificateBundle, Name

_FILE_ENDINGS = (".crt", ".key", ".pem", ".cer")
KEYS = ("ec-p256", "ec-p384", "ec-p521", "rsa-2048", "rsa-3072", "rsa-4096", "ed25519")
"""The words of model.KeySpec, which would bring cryptography with it; a test keeps the two alike."""


def configure(parser: argparse.ArgumentParser) -> None:
    """The options of this command."""
    parser.add_argument("names", nargs="+", metavar="NAME", help="host names and IP addresses; all are SANs, the first is the CN too")
    parser.add_argument("--san", action="append", default=[], metavar="NAME", help="a further name (the same as one more NAME)")
    parser.add_argument("--lifetime", metavar="TIME", help="24h, 30d, 395d; the CA's default when left out")
    parser.add_argument("--key", choices=KEYS, default=KEYS[0], help="the kind of key (ec-p256)")
    parser.add_argument("--cert", metavar="FILE", help="where certificate and chain go (NAME.crt)")
    parser.add_argument("--key-file", metavar="FILE", help="where the private key goes (NAME.key)")
    parser.add_argument("--force", action="store_true", help="replace files that are there")
    add_ca_options(parser)
    parser.add_argument("--provisioner", metavar="NAME", help="the provisioner to use")
    parser.add_argument("--password-file", metavar="FILE", help="with the provisioner's password; only you may read it")


def run(arguments: argparse.Namespace, console: Console) -> int:
    """Check the files, ask the CA, write; the CA is not asked for what could not be written."""
    from certpush.cli.pair_files import PairFiles
    from certpush.cli.which_ca import ca_name, configuration_for
    from certpush.fleet.fleet import Fleet
    from certpush.kit.settings import Duration
    from certpush.model import CertificateRequest, KeySpec

    names = _names([*arguments.names, *arguments.san])
    lifetime = Duration.parse(arguments.lifetime) if arguments.lifetime is not None else None
    request = CertificateRequest(names, KeySpec(arguments.key), lifetime)
    configuration = configuration_for(arguments, os.environ)
    files = PairFiles.at(arguments.cert, arguments.key_file, str(names[0]))
    files.check(force=arguments.force)
    with Fleet(configuration) as fleet:
        bundle = fleet.issue(request, ca=ca_name(configuration, arguments.ca))
    files.write(bundle, force=arguments.force)
    _show(console, bundle, files)
    return 0


def _names(texts: Sequence[str]) -> tuple[Name, ...]:
    from certpush.kit.escaping import escaped
    from certpush.model import parse_name

    for text in texts[1:]:
        # `step ca certificate NAME CRT KEY` is in people's fingers, and wiki.crt would pass for a host name.
        if text.lower().endswith(_FILE_ENDINGS):
            raise ConfigError(
                f"{escaped(text)[:80]} looks like a file, and names stand here", hint="files are given with --cert FILE and --key-file FILE"
            )
    return tuple(dict.fromkeys(parse_name(text) for text in texts))


def _show(console: Console, bundle: CertificateBundle, files: PairFiles) -> None:
    from certpush.cli.certificate_view import certificate_document, certificate_lines, chain_documents
    from certpush.cli.pair_files import CERTIFICATE_MODE, KEY_MODE
    from certpush.kit.escaping import escaped
    from certpush.kit.tls import utc_now

    now = utc_now()
    console.result(f"{escaped(str(files.certificate))}  certificate and chain ({CERTIFICATE_MODE:04o})")
    console.result(f"{escaped(str(files.key))}  private key ({KEY_MODE:04o})")
    for line in certificate_lines(bundle.leaf, now):
        console.line(str(line))
    console.document.update(
        certificate=certificate_document(bundle.leaf, now),
        chain=chain_documents(bundle.chain, now),
        files={"certificate": str(files.certificate), "key": str(files.key)},
    )
