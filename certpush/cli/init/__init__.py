"""certpush init: a few questions (or flags), the CA trusted by its fingerprint, and a configuration with comments."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from certpush.cli.console import Console

_EPILOG = """\
On a terminal certpush asks for what no option says. Elsewhere all must be given, for example:

  certpush init --ca-url https://ca.example.com:9000 --fingerprint 0d7d3834... --password-file /etc/certpush/ca-password \\
    --target wiki --kind ssh --host wiki.example.com --names wiki.example.com,192.168.10.7 \\
    --identity /etc/certpush/id_ed25519 --fullchain /etc/nginx/tls/wiki.crt --key-file /etc/nginx/tls/wiki.key \\
    --reload "systemctl reload nginx" --endpoint wiki.example.com:443

or, for the API of a Proxmox:

    --target proxmox --kind proxmox --host pve.example.com --names pve.example.com,192.168.10.2 \\
    --set token_id='certpush@pve!deploy' --set token=file:/etc/certpush/proxmox-token

After `step ca bootstrap` neither URL nor fingerprint is needed. A CA with one provisioner needs no --provisioner.
Writes /etc/certpush/certpush.toml for root, ~/.config/certpush/certpush.toml for others, or what --config names."""


def configure(parser: argparse.ArgumentParser) -> None:
    """The options of this command."""
    parser.add_argument("--force", action="store_true", help="replace a configuration that is there; it is kept beside the new one (.bak)")
    ca = parser.add_argument_group("the CA")
    ca.add_argument("--ca-url", metavar="URL", help="https://HOST:PORT")
    ca.add_argument("--fingerprint", metavar="SHA256", help="of its root, as `step certificate fingerprint root_ca.crt` prints it there")
    ca.add_argument("--step-context", metavar="NAME", help="take over this context of `step`, not the current one")
    ca.add_argument("--provisioner", metavar="NAME", help="the provisioner to use; the only one when left out")
    password = ca.add_mutually_exclusive_group()
    password.add_argument("--password-file", metavar="PATH", help="with the provisioner's password; only you may read it")
    password.add_argument(
        "--password", metavar="REFERENCE", help="where it is instead: cred:NAME, cmd:COMMAND, env:NAME, keyring:SERVICE/USER"
    )
    ca.add_argument("--lifetime", metavar="TIME", help="how long certificates live: 24h (default), 30d, 395d")
    _configure_target(parser.add_argument_group("a target; more can be added to the file later"))
    parser.epilog = _EPILOG


def _configure_target(group: argparse._ArgumentGroup) -> None:
    group.add_argument("--target", metavar="NAME", help="your name for it, such as wiki")
    group.add_argument("--kind", metavar="KIND", help="ssh, file, proxmox ... (`certpush targets`); ssh when --host is given, else file")
    group.add_argument("--names", action="append", metavar="NAME,NAME", help="host names and IP addresses in its certificate")
    group.add_argument("--host", metavar="HOST", help="where it is reached; the first of its names when left out")
    group.add_argument("--user", metavar="USER", help="who logs in there (ssh: root)")
    group.add_argument("--identity", metavar="PATH", help="private key to log in with, or the word agent")
    group.add_argument("--sudo", action=argparse.BooleanOptionalAction, default=None, help="do everything through sudo there, or not")
    group.add_argument("--fullchain", metavar="FILE", help="file there for certificate and chain")
    group.add_argument("--key-file", metavar="FILE", help="file there for the private key")
    group.add_argument("--directory", metavar="DIR", help="instead of files: a directory there that certpush looks after")
    group.add_argument("--reload", metavar="COMMAND", help="makes the service take the files up, such as 'systemctl reload nginx'")
    group.add_argument("--endpoint", action="append", metavar="HOST:PORT", help="where it is served, to look; none: look at the files only")
    group.add_argument(
        "--set", action="append", default=[], metavar="KEY=VALUE", help="any other key of its kind: port=2222, check='nginx -t'"
    )


def run(arguments: argparse.Namespace, console: Console) -> int:
    """Ask, try, write; until all is known nothing is written."""
    from certpush.cli.init.story import tell

    return tell(arguments, console)
