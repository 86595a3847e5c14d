"""What a plugin can be asked in its process, verb by verb: its declaration, its settings, its targets, its observers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any

from certpush.errors import ConfigError
from certpush.kit.memory import Memory
from certpush.kit.settings import Settings, convert
from certpush.kit.tls import utc_now
from certpush.model import CertificateBundle, CertificateRequest, Endpoint, Expected, Finding, Identity, Installed, Secret, Staged
from certpush.observer import Observer, Run
from certpush.plugins.admission import Admission
from certpush.plugins.isolation import crossing, declaring, hearsay
from certpush.plugins.isolation.crossing import Plain, Unreadable
from certpush.plugins.offers import GROUP, Claim, Offer, Role
from certpush.records import record
from certpush.target import Footprint, Member, Target

_PLACE = "settings"


@dataclass
class Loaded:
    """The plugin, once it was asked to be loaded."""

    admission: Admission = field(default_factory=Admission)
    kind: Any = None


@dataclass
class Lane:
    """One target or observer in the plugin's hands; nothing until it is opened."""

    opened: Any = None


@record(frozen=True)
class Asked:
    """One request, with what it is asked of."""

    plugin: Loaded
    lane: Lane
    request: Plain

    def __getitem__(self, key: str) -> Any:
        return self.request[key]

    @property
    def kind(self) -> Any:
        """The plugin's kind."""
        return self.plugin.kind

    @property
    def opened(self) -> Any:
        """The target or observer of this lane."""
        return self.lane.opened

    @property
    def settings(self) -> Settings:
        """The settings that came along. References were resolved where the configuration is read: here, a text is the secret."""
        wanted: type[Settings] = self.kind.settings
        try:
            return convert(self["table"], wanted, path=_PLACE, read_secret=Secret)
        except ConfigError as error:
            raise ConfigError(error.message.removeprefix(_PLACE).lstrip(".: "), hint=error.hint) from None

    @property
    def wanted(self) -> CertificateRequest:
        """The certificate that is wanted."""
        return crossing.request_in(self["request"])

    @property
    def bundle(self) -> CertificateBundle:
        """The certificate to put there."""
        return crossing.bundle_in(self["bundle"])

    @property
    def staged(self) -> Staged:
        """What was staged before."""
        return crossing.staged_in(self["staged"])


def answer(plugin: Loaded, lane: Lane, request: Plain) -> Plain:
    """Do what is asked; raises whatever the plugin does."""
    try:
        return {"value": _VERBS[request["verb"]](Asked(plugin, lane, request))}
    except Unreadable as odd:
        return {"odd": str(odd)}


# --- the plugin ----------------------------------------------------------------------------------


def _load(asked: Asked) -> Plain:
    admission = asked.plugin.admission
    claim = Claim(Offer(*asked["offer"]), EntryPoint(asked["entry"][0], asked["entry"][1], GROUP))
    if asked["role"] == Role.OBSERVER:
        asked.plugin.kind = admission.observer(claim)
        return declaring.observer_out(asked.kind)
    asked.plugin.kind = admission.target(claim)
    return declaring.target_out(asked.kind, overhears=bool(admission.listeners()))


def _check(asked: Asked) -> None:
    asked.settings  # noqa: B018 - what is wrong with them is raised


def _members(asked: Asked) -> list[Plain]:
    found = asked.kind.members(asked.settings, asked.wanted)
    if not isinstance(found, tuple) or not all(isinstance(one, Member) and isinstance(one.settings, asked.kind.settings) for one in found):
        raise Unreadable("no tuple of members")
    return [{"name": one.name, "table": crossing.table_of(one.settings), "names": [str(name) for name in one.names]} for one in found]


def _footprint(asked: Asked) -> Plain:
    found = _one(asked.kind.footprint(asked.settings), Footprint)
    return {"directories": list(found.directories), "commands": found.commands}


def _overhear(asked: Asked) -> None:
    event = hearsay.event_in(asked["event"])
    for _, listener in asked.plugin.admission.listeners():
        listener(event)


# --- targets -------------------------------------------------------------------------------------


def _open(asked: Asked) -> None:
    asked.lane.opened = _one(asked.kind.open(asked.settings), Target)


def _activate(asked: Asked) -> None:
    asked.opened.activate(asked.staged, asked.bundle)


def _rollback(asked: Asked) -> Plain:
    staged = None if asked["staged"] is None else asked.staged
    previous = None if asked["previous"] is None else crossing.bundle_in(asked["previous"])
    found = _one(asked.opened.rollback(crossing.installed_in(asked["to"]), staged, previous), Expected)
    return {"after": found.after, "fingerprint": found.fingerprint}


# --- observers -----------------------------------------------------------------------------------


def _attend(asked: Asked) -> None:
    run = asked["run"]
    told = Run(name=run["name"], command=run["command"], targets=run["targets"], memory=Memory(Path(run["memory"])), clock=utc_now)
    asked.lane.opened = _one(asked.kind.open(asked.settings, told), Observer)


# --- answers -------------------------------------------------------------------------------------


def _one(found: object, wanted: type) -> Any:
    if not isinstance(found, wanted):
        raise Unreadable(f"no {wanted.__name__}")
    return found


def _all(found: Any, wanted: type) -> list[Any]:
    return [_one(one, wanted) for one in found]


def _records(found: Any, wanted: type) -> list[Plain]:
    return [crossing.record_out(one) for one in _all(found, wanted)]


_VERBS: Mapping[str, Callable[[Asked], object]] = {
    "load": _load,
    "check": _check,
    "members": _members,
    "identify": lambda asked: _records(asked.kind.identify(asked.settings), Identity),
    "footprint": _footprint,
    "observer-preflight": lambda asked: _records(asked.kind.preflight(asked.settings), Finding),
    "writes": lambda asked: _all(asked.kind.writes(asked.settings), str),
    "overhear": _overhear,
    "open": _open,
    "inspect": lambda asked: crossing.installed_out(_one(asked.opened.inspect(), Installed)),
    "preflight": lambda asked: _records(asked.opened.preflight(asked.wanted), Finding),
    "changes": lambda asked: _all(asked.opened.changes(asked.wanted), str),
    "csr": lambda asked: _one(asked.opened.csr(asked.wanted), bytes).decode("ascii"),
    "stage": lambda asked: crossing.staged_out(_one(asked.opened.stage(asked.bundle), Staged)),
    "activate": _activate,
    "confirm": lambda asked: asked.opened.confirm(asked.staged),
    "rollback": _rollback,
    "endpoints": lambda asked: _records(asked.opened.endpoints(), Endpoint),
    "tidy": lambda asked: asked.opened.tidy(frozenset(asked["keep"])),
    "attend": _attend,
    "hear": lambda asked: asked.opened.hear(hearsay.event_in(asked["event"])),
    "test": lambda asked: _one(asked.opened.test(), str),
    "close": lambda asked: asked.opened.close() if asked.opened is not None else None,
}
