"""certpush deploy: plan, then rotate."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from certpush.cli.console import Console
    from certpush.cli.progress import Progress
    from certpush.config import TargetSpec
    from certpush.fleet.fleet import Fleet
    from certpush.model import CertificateBundle


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
    from certpush.cli.progress import Progress
    from certpush.errors import ConfigError
    from certpush.fleet.fleet import Fleet

    if arguments.previous and not arguments.adopt:
        raise ConfigError("--previous goes with --adopt", hint="certpush deploy NAME --adopt --previous CERT KEY")
    progress = Progress(console)
    with Fleet.load(arguments.config, observe=progress.observe) as fleet:
        return _plan(arguments, console, fleet, progress) if arguments.plan else _deploy(arguments, console, fleet, progress)


def _plan(arguments: argparse.Namespace, console: Console, fleet: Fleet, progress: Progress) -> int:
    from certpush.cli.exits import code_of_receipt, worst
    from certpush.cli.receipts import in_order, show_plans
    from certpush.kit.tls import utc_now

    specs, previous = targets_meant(arguments, fleet), _previous(arguments.previous) if arguments.previous else None
    receipts = []
    with progress.shown(len(specs)):
        for receipt in fleet.plan(arguments.targets, force=arguments.force, adopt=arguments.adopt, previous=previous):
            progress.ended(receipt.target)
            receipts.append(receipt)
    show_plans(console, in_order(receipts, fleet), wanted_texts(specs), utc_now())
    return worst(code_of_receipt(one) for one in receipts)


def _deploy(arguments: argparse.Namespace, console: Console, fleet: Fleet, progress: Progress) -> int:
    from certpush.cli.exits import code_of_receipt, worst
    from certpush.cli.receipts import in_order, show_receipts
    from certpush.cli.stopping import stoppable
    from certpush.kit.tls import utc_now

    previous = _previous(arguments.previous) if arguments.previous else None
    specs, receipts = targets_meant(arguments, fleet), []
    with stoppable(console) as stop:
        with progress.shown(len(specs)):
            for receipt in fleet.deploy(arguments.targets, force=arguments.force, adopt=arguments.adopt, previous=previous, stop=stop):
                progress.ended(receipt.target)
                receipts.append(receipt)
        # Inside: who is stopped now still says what was done.
        show_receipts(console, in_order(receipts, fleet), utc_now())
    return worst(code_of_receipt(one) for one in receipts)


def targets_meant(arguments: argparse.Namespace, fleet: Fleet) -> tuple[TargetSpec, ...]:
    """Those that the words mean; none at all is an error."""
    from certpush.errors import ConfigError

    specs = fleet.select(arguments.targets)
    if not specs:  # silence would look like success
        raise ConfigError(
            why_nobody_is_meant(fleet), hint="add a [target.NAME] table, or name a disabled target; `certpush targets` lists the kinds"
        )
    return specs


def why_nobody_is_meant(fleet: Fleet) -> str:
    """Why no words, or words that mean all, mean no target."""
    return "every target is disabled" if fleet.configuration.targets else "there is no target yet"


def _previous(paths: Sequence[str]) -> CertificateBundle:
    from pathlib import Path

    from certpush.errors import BundleInvalid, ConfigError
    from certpush.model import CertificateBundle
    from certpush.references import read_private_file

    certificate, key = (Path(one).expanduser() for one in paths)
    try:
        return CertificateBundle.from_pem(certificate.read_bytes(), read_private_file(key).encode())
    except OSError as error:
        raise ConfigError(f"{certificate} cannot be read: {error.strerror}", hint="give the certificate in use now, PEM") from None
    except BundleInvalid as error:
        raise ConfigError(f"--previous: {error.message}", hint="give the certificate in use now and its key, both PEM") from None


def wanted_texts(specs: Iterable[TargetSpec]) -> dict[str, str]:
    """What each target is to get, in the plan's words, by the target's name."""
    return {spec.name: _wanted(spec) for spec in specs}


def _wanted(spec: TargetSpec) -> str:
    from certpush.kit.settings import format_duration

    request = spec.certificate.request
    lifetime = format_duration(request.lifetime) if request.lifetime else "the CA's default lifetime"
    return f"{lifetime}, {request.key}"
