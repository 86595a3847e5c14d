"""What was written, and what to do next: each step a command that can be copied."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Sequence

from certpush.cli.console import Console, safe
from certpush.cli.init.place import MODE, Written
from certpush.cli.init.reference import referred_file
from certpush.cli.init.text import NewTarget
from certpush.kit.settings import Duration
from certpush.plugins import PluginLoader
from certpush.records import record
from certpush.stepca.settings import CaSettings

Step = tuple[str, str]
_SECRETS = {"token": "the secret of the API token", "api_secret": "the secret of the API key", "password": "the password"}
_BY_THE_WEB_UI = {
    "pfsense": "System > User Manager, Authorized SSH Keys",
    "opnsense": "System > Access > Users, Authorized keys",
}
"""Where a device wants to be told of a key: what `ssh-copy-id` writes there is gone with the next change of the user."""


@record(frozen=True, slots=True)
class Ending:
    """All that init knows at the end. ``usual``: certpush finds the configuration without being told."""

    written: Written
    ca: CaSettings
    lifetime: Duration
    targets: Sequence[NewTarget]
    usual: bool


def show(console: Console, ending: Ending) -> None:
    """Show the files and the next steps."""
    written = ending.written
    for path in (written.configuration, written.password):
        if path is not None:
            console.result(f"{console.paint('written', 'green')}  {safe(str(path))} ({MODE:04o})")
    for path in written.kept:
        console.result(f"kept     {safe(str(path))}, as it was before")
    steps = [*_next(ending)]
    console.line(f"\n{console.paint('Next', 'bold')}")
    width = max(len(safe(command)) for command, _ in steps)
    for command, why in steps:
        console.line(f"  {console.paint(f'{safe(command):<{width}}', 'cyan')}  {safe(why)}")
    console.document.update(_document(ending, steps))


def _next(ending: Ending) -> Iterator[Step]:
    option = "" if ending.usual else f" --config {shlex.quote(str(ending.written.configuration))}"
    if not ending.targets:
        yield f"${{EDITOR:-vi}} {shlex.quote(str(ending.written.configuration))}", "add a target: four examples are in it"
    for target in ending.targets:
        yield from _first_contact(target, option)
    yield f"certpush doctor{option}", "check the CA and every target; each finding comes with its fix"
    yield f"certpush deploy --plan{option}", "see what would be done; changes nothing"


def _first_contact(target: NewTarget, option: str) -> Iterator[Step]:
    key = referred_file(str(target.own.get("identity", "")))
    if key is not None and not key.exists():
        yield f"ssh-keygen -t ed25519 -N '' -f {shlex.quote(str(key))}", "make the key to log in with"
        yield _let_in(target, shlex.quote(f"{key}.pub"))
    for setting, what in _SECRETS.items():
        place = referred_file(str(target.own.get(setting, "")))
        if place is not None and not place.exists():
            yield f"(umask 077; cat > {shlex.quote(str(place))})", f"paste {what} of {target.name}, then Enter and Ctrl-D"
    pinned = {"host_key", "known_hosts", "trust"} & target.table.keys()
    if PluginLoader().load_kind(target.kind).identify is not None and not pinned:
        yield f"certpush trust {target.name}{option}", "see who answers there, compare, and pin it"


def _let_in(target: NewTarget, public: str) -> Step:
    user = str(target.own.get("user", "root"))
    place = _BY_THE_WEB_UI.get(target.kind)
    if place:
        return f"cat {public}", f"let it in on {target.name}, as {user}: {place}"
    login = shlex.quote(f"{user}@{target.own.get('host', '')}")
    return f"ssh-copy-id -i {public} {login}", f"let it in on {target.name}"


def _document(ending: Ending, steps: Sequence[Step]) -> dict[str, object]:
    written, ca = ending.written, ending.ca
    return {
        "configuration": str(written.configuration),
        "kept": [str(path) for path in written.kept],
        "ca": {"url": ca.url, "fingerprint": ca.fingerprint, "root": ca.root, "provisioner": ca.provisioner},
        "lifetime": str(ending.lifetime),
        "targets": [{"name": one.name, "kind": one.kind, "names": one.core["names"]} for one in ending.targets],
        "next": [{"command": command, "why": why} for command, why in steps],
    }
