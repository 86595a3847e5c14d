"""The options that say which CA is meant; apart from finding it, so that completion need not load what talks to one."""

from __future__ import annotations

import argparse


def add_ca_options(parser: argparse.ArgumentParser) -> None:
    """Add the options that say which CA is meant."""
    group = parser.add_argument_group("the CA, where it is not the only one of the configuration")
    group.add_argument("--ca", metavar="NAME", help="the [ca.NAME] of the configuration")
    group.add_argument("--ca-url", metavar="URL", help="a CA that is not in the configuration: https://HOST:PORT")
    group.add_argument("--fingerprint", metavar="SHA256", help="of that CA's root")
