"""certpush revoke: keep what was superseded, or one serial number, from being renewed."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from certpush.cli.console import Console

# RFC 5280, 5.3.1; 7 is unused, and 8 (removeFromCRL) takes a revocation back, which step-ca cannot.
REASONS = {
    "unspecified": 0,
    "key-compromise": 1,
    "ca-compromise": 2,
    "affiliation-changed": 3,
    "superseded": 4,
    "cessation-of-operation": 5,
    "certificate-hold": 6,
    "privilege-withdrawn": 9,
    "aa-compromise": 10,
}


def configure(parser: argparse.ArgumentParser) -> None:
    """The options of this command."""
    parser.add_argument(
        "what",
        metavar="TARGET|SERIAL",
        help="a target, its member as TARGET/MEMBER, a certificate, or a serial number: decimal, or hexadecimal with 0x",
    )
    parser.add_argument("--reason", choices=tuple(REASONS), default="superseded", metavar="REASON", help=_reasons())
    parser.add_argument("--ca", metavar="NAME", help="whose serial number it is: the [ca.NAME], where there are several")
    parser.add_argument("--yes", action="store_true", help="do not ask before a serial number is revoked")
    parser.epilog = (
        "A name revokes what its newer certificates superseded, never what is in use. The revocation is passive: the CA renews\n"
        "the certificate no more; whoever reads no revocation list accepts it until it ends."
    )


def run(arguments: argparse.Namespace, console: Console) -> int:
    """Revoke, and say what was revoked."""
    from certpush.fleet.fleet import Fleet
    from certpush.fleet.revoking import is_a_name

    with Fleet.load(arguments.config) as fleet:
        if not is_a_name(arguments.what, fleet.configuration):
            _make_sure(arguments.what, console, sure=arguments.yes)
        serials = fleet.revoke(arguments.what, ca=arguments.ca, reason=arguments.reason, reason_code=REASONS[arguments.reason])
    for serial in serials:
        console.result(f"revoked  {serial}  (0x{serial:x})")
    if not serials:
        console.line(f"nothing to revoke: {arguments.what} has no superseded certificate that is not in use")
    console.document["revoked"] = [str(serial) for serial in serials]
    return 0


def _make_sure(what: str, console: Console, *, sure: bool) -> None:
    """A CA takes any serial number, also a mistyped one, and never gives it back."""
    from certpush.cli.asking import agreed, can_ask
    from certpush.errors import Interrupted

    if sure or console.json or not can_ask() or not what[:1].isdigit():
        return
    if not agreed(console, f"The CA will never renew {what[:80]!a} again, and this cannot be undone. Revoke it?"):
        raise Interrupted("nothing was revoked", hint="certpush inspect shows a certificate's serial number")


def _reasons() -> str:
    return f"why: {', '.join(REASONS)} (default superseded)"
