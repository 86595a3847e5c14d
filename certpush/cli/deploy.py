"""certpush deploy: plan, then rotate."""

from __future__ import annotations

import argparse
from pathlib import Path

from certpush.cli.console import Console
from certpush.cli.exits import code_of_receipt, worst
from certpush.cli.progress import Progress
from certpush.cli.receipts import show_plans, show_receipts
from certpush.cli.stopping import stoppable
from certpush.config import TargetSpec
from certpush.errors import ConfigError
from certpush.fleet.fleet import Fleet
from certpush.kit.settings import format_duration
from certpush.kit.tls import utc_now
from certpush.model import CertificateBundle
from certpush.references import read_private_file


def configure(parser: argparse.ArgumentParser) -> None:
    """The options of this command."""
    parser.add_argument("targets", nargs="*", metavar="TARGET", help="a target's name, a kind, or @tag; all targets when left out")
    parser.add_argument("--plan", action="store_true", help="show what would be done; change nothing")
    parser.add_argument("--force", action="store_true", help="replace certificates that are not due")
    parser.add_argument("--adopt", action="store_true", help="take over a certificate that certpush did not deploy")
    parser.add_argument(
        "--previous", nargs=2, metavar=("CERT", "KEY"), help="with --adopt: the pair in use now, which makes the way back exact"
    )


def run(arguments: argparse.Namespace, console: Console) -> int:
    """Plan or rotate."""
    if arguments.previous and not arguments.adopt:
        raise ConfigError("--previous goes with --adopt", hint="certpush deploy NAME --adopt --previous CERT KEY")
    progress = Progress(console)
    with Fleet.load(arguments.config, observe=progress.observe) as fleet:
        return _plan(arguments, console, fleet, progress) if arguments.plan else _deploy(arguments, console, fleet, progress)


def _plan(arguments: argparse.Namespace, console: Console, fleet: Fleet, progress: Progress) -> int:
    with progress.shown():
        receipts = list(fleet.plan(arguments.targets, force=arguments.force, adopt=arguments.adopt))
    order = {spec.name: position for position, spec in enumerate(fleet.select(arguments.targets))}
    receipts.sort(key=lambda one: order.get(one.target.split("/", 1)[0], len(order)))
    wanted = {spec.name: _wanted(spec) for spec in fleet.select(arguments.targets)}
    show_plans(console, receipts, wanted, utc_now())
    return worst(code_of_receipt(one) for one in receipts)


def _deploy(arguments: argparse.Namespace, console: Console, fleet: Fleet, progress: Progress) -> int:
    previous = _previous(arguments.previous) if arguments.previous else None
    receipts = []
    with stoppable(console) as stop, progress.shown():
        for receipt in fleet.deploy(arguments.targets, force=arguments.force, adopt=arguments.adopt, previous=previous, stop=stop):
            progress.ended(receipt.target)
            receipts.append(receipt)
    show_receipts(console, sorted(receipts, key=lambda one: one.target), utc_now())
    return worst(code_of_receipt(one) for one in receipts)


def _previous(paths: tuple[str, str]) -> CertificateBundle:
    certificate, key = (Path(one).expanduser() for one in paths)
    try:
        chain = certificate.read_bytes()
    except OSError as error:
        raise ConfigError(f"{certificate} cannot be read: {error.strerror}", hint="give the certificate in use now, PEM") from None
    return CertificateBundle.from_pem(chain, read_private_file(key).encode())


def _wanted(spec: TargetSpec) -> str:
    request = spec.certificate.request
    lifetime = format_duration(request.lifetime) if request.lifetime else "the CA's default lifetime"
    return f"{lifetime}, {request.key}"
