"""The text of certpush.toml: written for people, so with comments, and by hand; every value is quoted strictly.

A line that begins with ``# `` explains; one that begins with ``#`` alone is a setting, switched off.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import field
from typing import TypeAlias

from certpush.errors import ConfigError
from certpush.records import record

Value: TypeAlias = str | bool | int | float | list[str]

_BARE = re.compile(r"[A-Za-z0-9_-]+")
_ESCAPES = {"\\": "\\\\", '"': '\\"', "\b": "\\b", "\t": "\\t", "\n": "\\n", "\f": "\\f", "\r": "\\r"}


@record(frozen=True, slots=True)
class NewTarget:
    """A target as it will stand in the file: keys of the core, and those of its kind."""

    name: str
    core: Mapping[str, Value]
    own: Mapping[str, Value] = field(default_factory=dict)

    @property
    def kind(self) -> str:
        """The word for its plugin."""
        return str(self.core["kind"])

    @property
    def table(self) -> dict[str, Value]:
        """All keys, in the order in which a person reads them: what it is, where it is, where it is looked at."""
        last = [key for key in ("endpoints", "verify") if key in self.core]
        return {**{key: value for key, value in self.core.items() if key not in last}, **self.own, **{key: self.core[key] for key in last}}


# --- values -----------------------------------------------------------------------------------


def quoted(text: str) -> str:
    r"""A text as TOML has it; all that a terminal or an eye could mistake is escaped (``\u202e``).

    Raises:
        ConfigError: it holds bytes that are no text, which no TOML can.

    """
    return f'"{"".join(map(_letter, text))}"'


def written(value: Value) -> str:
    """A value as TOML has it.

    Raises:
        ConfigError: it cannot stand in TOML.

    """
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list):
        return f"[{', '.join(map(quoted, value))}]"
    if isinstance(value, str):
        return quoted(value)
    if not math.isfinite(value):
        raise ConfigError(f"{value} is not a number that a configuration can hold", hint="write it in digits")
    return repr(value)


def key(name: str) -> str:
    """A key, or a part of a table's name: a dot in it would mean a table in a table."""
    return name if _BARE.fullmatch(name) else quoted(name)


def _letter(letter: str) -> str:
    if letter in _ESCAPES:
        return _ESCAPES[letter]
    if "\ud800" <= letter <= "\udfff":
        raise ConfigError("an answer holds bytes that are no text in this terminal's encoding", hint="write it in UTF-8")
    if letter.isprintable():
        return letter
    return f"\\u{ord(letter):04x}" if ord(letter) <= 0xFFFF else f"\\U{ord(letter):08x}"


# --- the file ---------------------------------------------------------------------------------


def configuration_text(ca: Mapping[str, Value], lifetime: str, targets: Sequence[NewTarget]) -> str:
    """The whole file."""
    parts = [_HEAD, *_ca(ca), _DEFAULTS.format(lifetime=quoted(lifetime))]
    parts += [_TARGETS, *map(_target, targets)] if targets else [_EXAMPLES]
    return "\n".join(parts)


def _ca(table: Mapping[str, Value]) -> Iterator[str]:
    yield "[ca]"
    for name, value in table.items():
        if name in _ABOUT:
            yield f"# {_ABOUT[name]}"
        yield f"{name} = {written(value)}"
    yield ""


def _target(target: NewTarget) -> str:
    lines = [f"[target.{key(target.name)}]"]
    for name, value in target.table.items():
        lines += [f"# {_ABOUT_LOGIN[name]}"] if name in _ABOUT_LOGIN else []
        lines.append(f"{key(name)} = {written(value)}")
    if "reload" in target.own and "check" not in target.own:
        lines += ["# A command that must succeed before the service is told:", '#check = ["nginx", "-t"]']
    lines += [] if set(target.table) & _SAID_OF_IT.get(target.kind, set()) else _MORE.get(target.kind, ())
    return "\n".join([*lines, ""])


_ABOUT = {
    "fingerprint": "The root that the CA must have. On the CA: step certificate fingerprint $(step path)/certs/root_ca.crt",
    "root": "The file with the root that the CA must have.",
    "password": "Where the provisioner's password is; never the password itself.",
}

_ABOUT_LOGIN = {
    "token_id": "USER@REALM!NAME, as the web UI shows it. docs/proxmox.md has the commands that make user, role and token.",
    "token": "Where the token's secret is; never the secret itself.",
    "api_secret": "Where the secret of the API key is; never the secret itself.",
    "password": "Where the password is; never the password itself.",
}

_MORE: Mapping[str, Sequence[str]] = {
    "proxmox": (
        "# A cluster: its nodes one after the other, the one that host leads to last; and a certificate of its own for each.",
        '#nodes = "all"',
        "#per_node = true",
    ),
    "proxmox-backup": (
        "# Whoever pins its present certificate (storages, remotes, clients) refuses the new one: docs/proxmox.md, before the first.",
        '#pinned_by = ["the storage backup of pve1"]',
    ),
    "pfsense": (
        "# What else uses the old certificate stays on it, unless it is named, by the words of the plan:",
        '#also = ["captiveportal", "haproxy"]',
    ),
    "proxmox-mail": ("# The mail server, too; its first certificate switches TLS on for it.", '#services = ["api", "smtp"]'),
}
"""What is worth knowing of a kind, as settings that are switched off."""

_SAID_OF_IT = {"proxmox": {"nodes", "node"}, "proxmox-backup": {"pinned_by"}, "proxmox-mail": {"services"}, "pfsense": {"also"}}
"""Keys with which a table says that already, or the opposite."""

_HEAD = """\
# The configuration of certpush: one CA, and the targets that get certificates from it.
#
# `certpush config check` reads this file as a run would. `certpush targets KIND` shows every key of a kind.
# Secrets stand here as references only: "file:/path", "cred:NAME", "env:NAME", "cmd:COMMAND" or "keyring:SERVICE/USER".
# A line that begins with # and no space is a setting, switched off: remove the # to switch it on.
"""

_DEFAULTS = """\
# What certificates have unless their target says otherwise.
[defaults]
lifetime = {lifetime}
#key = "ec-p256"
# The part of the lifetime after which a certificate is replaced:
#renew_at = "2/3"
"""

_TARGETS = """\
# --- targets: what serves a certificate --------------------------------------------------------
"""

_EXAMPLES = """\
# --- targets: what serves a certificate --------------------------------------------------------
#
# There is none yet. Four examples, to be switched on and changed:

# A web server that is reached by SSH. `certpush trust wiki` pins its host key before the first login.
#[target.wiki]
#kind = "ssh"
# The first name is the subject; all of them are in the certificate.
#names = ["wiki.example.com", "192.168.10.7"]
#host = "wiki.example.com"
#user = "deploy"
#sudo = true
#identity = "file:~/.ssh/certpush_ed25519"
#fullchain = "/etc/nginx/tls/wiki.crt"
#key_file = "/etc/nginx/tls/wiki.key"
# A command that must succeed before the service is told, and the one that tells it:
#check = ["nginx", "-t"]
#reload = ["systemctl", "reload", "nginx"]
# Where certpush looks for itself whether the new certificate is served:
#endpoints = ["wiki.example.com:443"]

# A Proxmox, by its API. `certpush trust proxmox` pins its certificate before the token is sent.
#[target.proxmox]
#kind = "proxmox"
#names = ["pve.example.com", "192.168.10.2"]
#host = "pve.example.com"
# docs/proxmox.md has the commands that make user, role and token.
#token_id = "certpush@pve!deploy"
#token = "file:~/.config/certpush/proxmox-token"

# A pfSense firewall, by SSH. `certpush trust firewall` pins its host key before the first login; docs/pfsense.md has the rest.
#[target.firewall]
#kind = "pfsense"
#names = ["firewall.example.com", "192.168.10.1"]
#host = "firewall.example.com"
#identity = "file:~/.ssh/certpush_ed25519"
# Each certificate is a revision of its configuration, of which pfSense keeps 30; the CA must allow 30 days.
#lifetime = "30d"

# A service on this machine. certpush keeps /etc/ssl/service/current/fullchain.pem and privkey.pem up to date.
#[target.service]
#kind = "file"
#names = ["service.example.com"]
#directory = "/etc/ssl/service"
#reload = ["systemctl", "reload", "service"]
# Nothing serves it by TLS yet, so the files are looked at; else: endpoints = ["service.example.com:8443"]
#verify = "files"
"""
