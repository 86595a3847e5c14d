"""certpush trust: first contact. A person compares what a target shows with what it should show; then it is pinned."""

from __future__ import annotations

import argparse
import re
from typing import TYPE_CHECKING, Any

from certpush.records import record

if TYPE_CHECKING:
    from collections.abc import Sequence

    from certpush.cli.console import Console
    from certpush.config import TargetSpec
    from certpush.fleet.fleet import Fleet
    from certpush.model import Identity

_MD5 = re.compile(r"[0-9A-Fa-f]{2}(:[0-9A-Fa-f]{2}){15}")


def configure(parser: argparse.ArgumentParser) -> None:
    """The options of this command."""
    parser.add_argument("target", metavar="TARGET", help="the target's name; of a cluster also one member, TARGET/MEMBER")
    parser.add_argument(
        "--fingerprint",
        metavar="VALUE",
        help="what it must show, known from elsewhere; for scripts: pinned when it matches, exit 4 when not",
    )


def run(arguments: argparse.Namespace, console: Console) -> int:
    """Show who answers, compare, pin."""
    from certpush.fleet.fleet import Fleet

    with Fleet.load(arguments.config) as fleet:
        make_contact(console, fleet, arguments.target, arguments.fingerprint)
    return 0


def make_contact(console: Console, fleet: Fleet, target: str, fingerprint: str | None) -> None:
    """Show who answers, compare it with ``fingerprint`` (None: a person does), and pin it."""
    from certpush.cli.console import safe

    shown = fleet.identities(target)
    whose = _Whose(target, fleet.configuration.targets[target.partition("/")[0]])
    before = fleet.pinned(whose.name)
    console.document["identities"] = [_document(one, before.get(one.setting)) for one in shown]
    console.document["pinned"] = None
    ours = _deployed(fleet, whose.name)
    for one in shown:
        _show(console, one, before.get(one.setting), ours=_plain(one.value) in ours)
    again = next((one for one in shown if before.get(one.setting) == one.value), None)
    if again is not None and fingerprint is None:  # who answers was compared then, and is the same: nobody is asked twice
        _refuse_configured(whose, shown)
        console.document["pinned"] = _pinned(again)
        console.line(console.paint(f"already pinned: {safe(again.value)}", "green"))
        return
    chosen = _compared(console, shown, whose) if fingerprint is None else _matching(shown, fingerprint, whose)
    _pin(console, fleet, whose, chosen)


@record(frozen=True)
class _Whose:
    """A target, or a member of one: ``name`` is the one that a person wrote."""

    name: str
    spec: TargetSpec


def _deployed(fleet: Fleet, name: str) -> frozenset[str]:
    """The certificates by which the target and its members are known, because the last deployment put them there."""
    from certpush.model import Outcome

    newest = {one.target: one for one in reversed(fleet.history(name))}
    return frozenset(one.wanted for one in newest.values() if one.outcome is Outcome.ROTATED)


def _show(console: Console, identity: Identity, before: str | None, *, ours: bool) -> None:
    from certpush.cli.console import safe

    if ours:  # that it is another than a person pinned once is how it should be
        console.line("  certpush deployed this certificate itself: it is known, and needs no pin")
    elif before is not None and before != identity.value:
        console.result(console.paint(f"  this is NOT what was pinned before: {safe(before)}", "red"))
        console.result("  go on only if you know why it changed: the machine was set up anew, or got new keys")
    for line in identity.shown:
        console.line(f"  {console.paint(safe(line), 'bold')}")
    console.line(f"  compare it {safe(identity.compare)}")


def _matching(shown: Sequence[Identity], fingerprint: str, whose: _Whose) -> Identity:
    """The identity that a script expects."""
    from certpush.errors import PinMismatch

    _refuse_other_kinds(fingerprint)
    wanted = _plain(fingerprint)
    for one in shown:
        if wanted == _plain(one.value):
            _refuse_configured(whose, [one])
            return one
    raise PinMismatch(
        f"{whose.name}: what it shows is not {fingerprint[:120]}; nothing was pinned, and nothing secret was sent",
        hint="compare the two on the machine itself: somebody may be in between",
    )


def _plain(fingerprint: str) -> str:
    """As SSH writes it (``SHA256:`` and base64, where case counts), or SHA-256 in hex, where it does not."""
    text = fingerprint.strip()
    digits = text.lower().removeprefix("sha256:").replace(":", "")
    if len(digits) == 64 and not set(digits) - set("0123456789abcdef"):
        return digits
    # A whole line of `ssh-keygen -lf` has the length before it, and a comment behind.
    return next((word for word in text.split() if word.startswith("SHA256:")), text).rstrip("=")


def _refuse_other_kinds(fingerprint: str) -> None:
    """What can match nothing is a slip of whoever wrote it, and no sign of somebody in between."""
    from certpush.errors import ConfigError

    if not fingerprint.strip():
        raise ConfigError("--fingerprint is empty", hint="a variable of the script, perhaps, that has nothing in it")
    if fingerprint.strip().upper().startswith("MD5:") or _MD5.fullmatch(fingerprint.strip()):
        raise ConfigError(f"{fingerprint[:120]!a} is an MD5 fingerprint, which proves nothing", hint="ssh-keygen -E sha256 -lf FILE")


def _compared(console: Console, shown: Sequence[Identity], whose: _Whose) -> Identity:
    """The identity that a person found to be right."""
    from certpush.cli.asking import agreed, can_ask
    from certpush.errors import ConfigError, PinMismatch

    if not can_ask() or console.json:
        raise ConfigError(
            f"{whose.name}: nobody is here to compare what it shows",
            hint=f"certpush trust {whose.name} --fingerprint VALUE, with the value as the machine itself shows it",
        )
    _refuse_configured(whose, shown)  # before a person goes and compares
    for one in shown:
        if agreed(console, "Is it the same there?"):
            return one
    raise PinMismatch(f"{whose.name}: not pinned; nothing secret was sent", hint="find out who answers there before you go on")


def _refuse_configured(whose: _Whose, shown: Sequence[Identity]) -> None:
    """What is configured comes first, so a pin in the state would change nothing and look as if it did."""
    from certpush.errors import ConfigError

    for one in shown:
        if _configured_otherwise(whose, one):
            raise ConfigError(
                f"{whose.spec.path}: {one.setting} stands in the configuration, and what is shown is another: nothing was pinned",
                hint=f'once you compared it: write {one.setting} = "{one.value}" there, or remove it and run this again',
            )


def _configured_otherwise(whose: _Whose, shown: Identity) -> bool:
    """Whether the configuration names the one who must answer, and it is another; a CA or a file that is trusted allows for more."""
    spec = whose.spec
    if shown.setting == "trust":  # a fingerprint in the configuration is the whole cluster's first address; members have others
        return whose.name == spec.name and spec.trust.lower().startswith("sha256:") and _plain(spec.trust) != _plain(shown.value)
    configured = spec.table.get(shown.setting)
    return bool(configured) and shown.value not in (configured if isinstance(configured, list) else [configured])


def _pin(console: Console, fleet: Fleet, whose: _Whose, identity: Identity) -> None:
    from certpush.cli.console import safe

    fleet.pin(whose.name, identity)
    console.document["pinned"] = _pinned(identity)
    console.line(console.paint(f"pinned: {safe(identity.value)}", "green"))
    later = ", and later what certpush deploys to it" if identity.setting == "trust" else ""  # an SSH host key stays
    console.line(f"{whose.name} is talked to only while it shows this{later}. Next: certpush deploy {whose.spec.name} --plan")


def _pinned(identity: Identity) -> dict[str, str]:
    return {"setting": identity.setting, "value": identity.value}


def _document(identity: Identity, before: str | None) -> dict[str, Any]:
    return {
        "setting": identity.setting,
        "value": identity.value,
        "pinned_before": before,
        "shown": list(identity.shown),
        "compare": identity.compare,
    }
