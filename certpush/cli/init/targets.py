"""Adding targets: as many as the person wants, or the one that the flags describe."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from certpush.cli.asking import Interview, Question
from certpush.cli.init.asking import Asking
from certpush.cli.init.reference import unread
from certpush.cli.init.target_questions import ask_target, is_appliance
from certpush.cli.init.text import NewTarget
from certpush.config import TargetKeys
from certpush.config.loading import check_table_name
from certpush.errors import ConfigError
from certpush.kit.settings import Settings, convert, parse_endpoint
from certpush.model import name_covers, parse_name
from certpush.plugins import PluginLoader

FLAGS = ("kind", "names", "host", "user", "identity", "sudo", "fullchain", "key_file", "directory", "reload", "endpoint", "set")


def add_targets(interview: Interview, arguments: argparse.Namespace, folder: Path) -> tuple[NewTarget, ...]:
    """The target that the flags describe; or as many as the person wants, perhaps none. ``folder`` is where the configuration will be.

    Raises:
        ConfigError: an answer is missing or will not do.
        PluginError: there is no such kind.

    """
    loader = PluginLoader()
    if arguments.target is not None:
        return (_add(Asking(interview, arguments, folder), arguments.target, _name_question(()), loader),)
    if stray := [flag for flag in FLAGS if getattr(arguments, flag)]:
        raise ConfigError(f"--{stray[0].replace('_', '-')} belongs to a target", hint="add --target NAME")
    found: list[NewTarget] = []
    interview.say()
    interview.say(interview.strong("Targets") + ": what serves a certificate, such as a web server. More can be added to the file later.")
    while interview.person:
        name = interview.answer(_name_question([one.name for one in found]))
        if not name:
            break
        found.append(_add(Asking(interview, arguments, folder), name, _name_question(()), loader))
    return tuple(found)


def _name_question(taken: Sequence[str]) -> Question[str]:
    def read(text: str) -> str:
        if text:
            check_table_name("target", text)
        if text in taken:
            raise ConfigError(f"there is a target {text!r} already", hint="give this one another name")
        return text

    text = "Name for another target (empty: no more)" if taken else "Name for a target, such as wiki (empty: none now)"
    return Question("a target", "--target NAME", read, text, default="")


def _add(asking: Asking, given: str, name: Question[str], loader: PluginLoader) -> NewTarget:
    """Ask for everything; what does not fit together is explained, and asked again with the answers so far."""
    slug = asking.interview.answer(name, given)
    if not slug:
        raise ConfigError("--target: a target has a name", hint="add --target NAME")
    while True:
        target, settings = ask_target(asking, slug, loader)
        try:
            _check(target, settings)
        except ConfigError as error:
            if not asking.asked_person:
                raise
            asking.interview.explain(error)
            asking.begin_again()
        else:
            return target


def _check(target: NewTarget, settings: type[Settings]) -> None:
    path = f"target.{target.name}"
    convert(target.core, TargetKeys, path=path, read_secret=unread)
    convert(target.own, settings, path=path, read_secret=unread)
    if is_appliance(target.kind, settings):
        _check_covered(target)


def _check_covered(target: NewTarget) -> None:
    """An appliance is looked at where its API is, unless the table says by which name, or that it is a cluster."""
    names = target.core["names"]
    if {"server_name", "nodes", "peers"} & target.own.keys() or "endpoints" in target.core or not isinstance(names, list):
        return
    host = str(target.own.get("host", ""))
    where = parse_endpoint(f"[{host}]" if host.count(":") > 1 and not host.startswith("[") else host, default_port=443)
    if not name_covers(tuple(map(parse_name, names)), where.name):
        raise ConfigError(
            f"the certificate would not cover {where.name}, where {target.name} is looked at",
            hint=f'add "{where.name}" to its names, or {_way_out(target.kind)} with one that it has',
        )


def _way_out(kind: str) -> str:
    return "--endpoint HOST:PORT#NAME" if kind == "pfsense" else "--set server_name=NAME"
