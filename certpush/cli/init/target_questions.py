"""The questions about one target: what it is, how it is reached, which files, and where it is looked at."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from typing import Any, TypeVar

from certpush.cli.asking import Question
from certpush.cli.console import safe
from certpush.cli.init.asking import Asking
from certpush.cli.init.login_questions import API_SECRET, ask_login
from certpush.cli.init.ssh_questions import ask_ssh, identity_question, something, takes_ssh
from certpush.cli.init.text import NewTarget, Value
from certpush.cli.init.values import holds_words, read_value
from certpush.config import TargetKeys
from certpush.errors import ConfigError
from certpush.fleet.fitting import names_fit
from certpush.fleet.opening import keys_of
from certpush.kit.description import describe
from certpush.kit.settings import Settings, key_names, parse_endpoint, parse_host
from certpush.kit.trust import takes_trust
from certpush.model import Name, Severity, name_covers, parse_name
from certpush.plugins import PluginLoader
from certpush.target import TargetKind

T = TypeVar("T")
Table = dict[str, Value]

_OF_A_KIND = ("host", "user", "identity", "sudo", "fullchain", "key_file", "directory", "reload")
_WITH_OWN_FLAG = {"kind": "--kind", "names": "--names", "endpoints": "--endpoint", "verify": "--endpoint none"}
_NOWHERE = "none"
_KNOW_THEIR_PORT = frozenset({"pfsense"})
_PLACES = frozenset({"fullchain", "cert", "key_file", "combined", "pkcs12", "directory"})
_CORE = frozenset(key_names(TargetKeys))


def ask_target(asking: Asking, name: str, loader: PluginLoader) -> tuple[NewTarget, type[Settings]]:
    """Ask for everything that a target of its kind must be told; gives it with the settings class of its kind.

    Raises:
        ConfigError: an answer is missing or will not do.
        PluginError: there is no such kind.

    """
    kind = asking.ask("kind", _kind_question(asking, loader))
    names = asking.ask("names", _names_question())
    core: Table = {"kind": kind.name, "names": [str(one) for one in names]}
    own: Table = {}
    told = dict(_set(word, kind.settings) for word in asking.sets())
    own |= _required(asking, kind, names, told)
    if takes_trust(kind.settings):
        own |= ask_login(asking, kind, keys_of(kind), name, {key: value for key, value in {**told, **own}.items() if key not in _CORE})
    own |= ask_ssh(asking, kind, told) if takes_ssh(kind.settings) else {}
    own |= _placed(asking, str({**told, **own}.get("host", "this machine")), told) if _has_files(kind) else {}
    own |= _not_asked(asking, kind)
    own |= {key: value for key, value in told.items() if key not in _CORE}
    core |= {key: value for key, value in told.items() if key in _CORE}
    core |= _looked_at(asking, kind, names, str(own.get("host", names[0])))
    if kind.name not in ("file", "ssh"):
        asking.interview.say(f"  `certpush targets {safe(kind.name)}` shows what else it can be told.")
    return NewTarget(name, core, own), kind.settings


def _kind_question(asking: Asking, loader: PluginLoader) -> Question[TargetKind[Any]]:
    usual = "ssh" if asking.given("host") else "file"
    text = (
        "Kind: ssh (a machine that is reached by SSH), file (this machine), proxmox or pfsense (its web UI), or one of `certpush targets`"
    )
    return Question("its kind", "--kind KIND", loader.load_kind, text, default=usual, suggestion="ssh")


def _names_question() -> Question[tuple[Name, ...]]:
    def read(text: str) -> tuple[Name, ...]:
        names = tuple(dict.fromkeys(parse_name(one) for one in re.split(r"[,\s]+", text) if one))
        if not names:
            raise ConfigError("a certificate has at least one name", hint="type host names or IP addresses, with commas between")
        return names

    text = "Names in its certificate, with commas (host names, IP addresses)"
    return Question("the target's names", "--names NAME,NAME", read, text)


def _set(word: str, settings: type[Settings]) -> tuple[str, Value]:
    key, equals, text = word.partition("=")
    if not equals or not key:
        raise ConfigError(f"--set {word[:40]!a} is not KEY=VALUE", hint="such as --set port=2222")
    if key in _WITH_OWN_FLAG:
        raise ConfigError(f"--set {key}: this key has an option of its own", hint=f"use {_WITH_OWN_FLAG[key]}")
    try:
        return key, read_value(key, text, TargetKeys if key in _CORE else settings)
    except ConfigError as error:
        raise ConfigError(f"--set {key[:40]}: {error.message}", hint=error.hint) from None


def _required(asking: Asking, kind: TargetKind[Any], names: Sequence[Name], given: Collection[str]) -> Table:
    """Whatever a kind must be told, but for what its login asks for."""
    found: Table = {}
    for field in describe(kind.settings):
        if field.required and field.key not in {*given, API_SECRET}:
            found[field.key] = asking.ask(field.key, _required_question(field.key, field.text, kind, names))
    return found | _own_port(kind, str(found["host"]), given) if "host" in found else found


def _own_port(kind: TargetKind[Any], host: str, given: Collection[str]) -> Table:
    """HOST:PORT as the two keys of a kind that is reached by SSH."""
    if takes_trust(kind.settings) or host.count(":") != 1:
        return {}
    at = parse_endpoint(host)
    if "port" in given:
        raise ConfigError(f"the port is said twice, by --host {host} and by --set port", hint="leave one of them out")
    return {"host": at.host, "port": at.port}


def _required_question(key: str, about: str, kind: TargetKind[Any], names: Sequence[Name]) -> Question[Value]:
    if key == "host":
        first = next((str(one) for one in names if "*" not in str(one)), None)
        read = _host_perhaps_with_port if takes_trust(kind.settings) or takes_ssh(kind.settings) else parse_host
        return Question("the host", "--host HOST", read, "Host to reach it at (HOST:PORT where it is not the usual port)", default=first)
    return Question(f"{key}{f': {about}' if about else ''}", f"--set {key}=VALUE", lambda text: _value(key, text, kind.settings))


def _host_perhaps_with_port(text: str) -> str:
    return parse_host(text) if text.count(":") != 1 else str(parse_endpoint(text))


def _value(key: str, text: str, settings: type[Settings]) -> Value:
    return read_value(key, something(text), settings)


def _placed(asking: Asking, where: str, given: Collection[str]) -> Table:
    """Which files, and what tells the service."""
    found: Table = {}
    if not _PLACES & set(given):
        found |= _files(asking, where)
    if "reload" not in given:
        text = "Command that makes the service take them up (empty: none), such as systemctl reload nginx"
        command = asking.ask("reload", Question("the reload command", "--reload COMMAND", holds_words, text, default=""))
        found |= {"reload": command} if command else {}
    return found


def _files(asking: Asking, where: str) -> Table:
    directory = asking.given("directory")
    if directory is None or asking.given("fullchain"):
        must = None if not asking.interview.person else ""
        text = f"File for certificate and chain on {where} (empty: a directory that certpush looks after)"
        flags = "--fullchain FILE and --key-file FILE, or --directory DIR"
        fullchain = asking.ask("fullchain", Question("where the certificate goes", flags, str, text, default=must))
        if fullchain:
            key = Question("the key's file", "--key-file FILE", something, "File for the private key", suggestion=_key_beside(fullchain))
            return {"fullchain": fullchain, "key_file": asking.ask("key_file", key)}
    return {
        "directory": asking.ask(
            "directory", Question("the directory", "--directory DIR", something, "That directory, such as /etc/ssl/wiki")
        )
    }


def _key_beside(fullchain: str) -> str:
    folder, _, name = fullchain.rpartition("/")
    stem = name.rpartition(".")[0] or name
    return f"{folder}/{'privkey.pem' if name == 'fullchain.pem' else f'{stem}.key'}"


def _not_asked(asking: Asking, kind: TargetKind[Any]) -> Table:
    """What a flag says that no question asked for: taken where the kind knows the key."""
    found: Table = {}
    known = keys_of(kind)
    for key in _OF_A_KIND:
        text = asking.given(key)
        if text is None or key in asking.asked:
            continue
        if key not in known:
            raise ConfigError(f"--{key.replace('_', '-')}: a target of kind {kind.name} has no such key", hint="leave it out")
        found |= identity_question().read(text) if key == "identity" else {key: read_value(key, text, kind.settings)}
    return found


def is_appliance(kind: str, settings: type[Settings]) -> bool:
    """Whether targets of this kind know by themselves where they are looked at: where their API or web UI is."""
    return takes_trust(settings) or kind in _KNOW_THEIR_PORT


def _has_files(kind: TargetKind[Any]) -> bool:
    return "fullchain" in keys_of(kind)


def _looked_at(asking: Asking, kind: TargetKind[Any], names: Sequence[Name], host: str) -> Table:
    """Where certpush looks for itself: the certificate must cover that name."""
    must = kind.name in ("file", "ssh")
    if is_appliance(kind.name, kind.settings) and asking.given("endpoint") is None:
        return {}  # it is looked at where its web UI is

    def read(text: str) -> list[str]:
        endpoints = [one for one in re.split(r"[,\s]+", text) if one and one != _NOWHERE]
        for one in endpoints:
            refuse_uncovered(one, names)
        return endpoints

    text = "Where it is served, to look whether it is: HOST:PORT (or: none, to look at the files only)"
    suggestion = _usual_endpoint(names, host) if must else None
    question = Question(
        "where it is served",
        "--endpoint HOST:PORT, or --endpoint none",
        read,
        text,
        default=None if must else "",
        suggestion=suggestion,
    )
    endpoints = asking.ask("endpoint", question)
    if endpoints:
        return {"endpoints": endpoints}
    return {"verify": "files"} if must else {}


def _usual_endpoint(names: Sequence[Name], host: str) -> str | None:
    at = f"[{host}]:443" if ":" in host else f"{host}:443"
    if name_covers(tuple(names), host):
        return at
    plain = next((str(one) for one in names if "*" not in str(one)), None)
    return f"{at}#{plain}" if plain else None


def refuse_uncovered(text: str, names: Sequence[Name]) -> None:
    """Refuse an endpoint that a certificate with these names would not cover.

    Raises:
        ConfigError: with what to do about it.

    """
    for finding in names_fit(names, (parse_endpoint(text),)):
        if finding.severity is Severity.ERROR:
            raise ConfigError(finding.message, hint=finding.hint)
