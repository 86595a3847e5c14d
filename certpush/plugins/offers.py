"""What the installed distributions offer, read from their metadata: nothing of them is imported."""

from __future__ import annotations

import enum
import importlib
import logging
import re
import sys
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING

from certpush._version import __version__
from certpush.errors import PluginConflict
from certpush.plugins.strangers import strangers_may_offer
from certpush.records import record

if TYPE_CHECKING:  # where only certpush itself offers anything, nobody's metadata is read
    from importlib.metadata import EntryPoint

_log = logging.getLogger(__name__)

GROUP = "certpush"
OWN_DISTRIBUTION = "certpush"
_OWN: Mapping[str, str] = {
    "file": "certpush_file",
    "metrics": "certpush_metrics",
    "notify": "certpush_notify",
    "opnsense": "certpush_opnsense",
    "pfsense": "certpush_pfsense.pfsense",
    "proxmox": "certpush_proxmox.ve",
    "proxmox-backup": "certpush_proxmox.backup",
    "proxmox-datacenter": "certpush_proxmox.datacenter",
    "proxmox-mail": "certpush_proxmox.mail",
    "recipe": "certpush_recipe",
    "ssh": "certpush_ssh",
}
"""The kinds that come with certpush, and their modules: as its own entry points say."""
RESERVED_NAMES = frozenset(_OWN)
"""Only certpush itself may offer these: a configuration that says ``ssh`` never gets anybody else's code."""
_OWN_OBSERVERS = frozenset({"metrics", "notify"})


class Role(enum.StrEnum):
    """What a plugin is asked to be; one may be both."""

    TARGET = "target"
    OBSERVER = "observer"


@record(frozen=True, slots=True)
class Offer:
    """A plugin that a distribution offers under a name; read without importing anything of it.

    ``conflict`` says in words why the name cannot be used, and is empty where it can.
    """

    name: str
    distribution: str
    version: str
    module: str
    conflict: str = ""

    @property
    def built_in(self) -> bool:
        """Whether it comes with certpush."""
        return _normal(self.distribution) == OWN_DISTRIBUTION

    @property
    def own_target(self) -> bool:
        """Whether it is a kind of target that comes with certpush. What others offer is known only once it was asked."""
        return self.built_in and self.name not in _OWN_OBSERVERS

    @property
    def own_observer(self) -> bool:
        """Whether it is a kind of observer that comes with certpush."""
        return self.built_in and self.name in _OWN_OBSERVERS

    @property
    def author(self) -> str:
        """Who answers for it: distribution and version."""
        return f"{self.distribution} {self.version}"


@record(frozen=True, slots=True)
class OwnEntryPoint:
    """A module of certpush, as an entry point has it."""

    name: str
    value: str
    dist: None = None

    def load(self) -> object:
        """The module."""
        return importlib.import_module(self.value)


@record(frozen=True, slots=True)
class Claim:
    """An offer with the entry point that loads it."""

    offer: Offer
    entry_point: EntryPoint | OwnEntryPoint

    @property
    def identity(self) -> tuple[str, str, str, str]:
        """What makes two claims the same."""
        return (self.offer.name, _normal(self.offer.distribution), self.offer.version, self.offer.module)


def read_claims() -> tuple[Claim, ...]:
    """Read every claim to a name; one that stands twice on sys.path, as an editable install can, counts once."""
    if not strangers_may_offer(GROUP, own=OWN_DISTRIBUTION, path=sys.path, finders=sys.meta_path):
        return tuple(
            Claim(Offer(name, OWN_DISTRIBUTION, __version__, module), OwnEntryPoint(name, module)) for name, module in _OWN.items()
        )
    unlike = {claim.identity: claim for claim in reversed([*_each_claim()])}
    return tuple(sorted(unlike.values(), key=lambda claim: (claim.offer.name, claim.offer.distribution, claim.offer.version)))


def _each_claim() -> Iterator[Claim]:
    from importlib import metadata

    for distribution in metadata.distributions():
        try:
            if f"[{GROUP}]" not in (distribution.read_text("entry_points.txt") or ""):
                continue  # nearly all: reading the rest of their metadata would take longer than looking at an endpoint
            told = distribution.metadata
            name, version = str(told["Name"]), str(told["Version"])
            entry_points = distribution.entry_points.select(group=GROUP)
        except Exception as error:  # noqa: BLE001 - another project's damaged metadata must not stop a rotation
            _log.info("passed over a distribution whose metadata cannot be read: %s", type(error).__name__)
            continue
        for one in entry_points:
            yield Claim(Offer(shown(one.name), shown(name), shown(version), shown(one.value)), one)


def claims_of(name: str, claims: Iterable[Claim]) -> list[Claim]:
    """All claims to one name."""
    return [claim for claim in claims if claim.offer.name == name]


def conflict_of(rivals: list[Claim]) -> PluginConflict | None:
    """Say why this name cannot be used: pluggy would silently take the first and hide the others."""
    offers = [claim.offer for claim in rivals]
    strangers = [offer for offer in offers if not offer.built_in]
    if strangers and strangers[0].name in RESERVED_NAMES:
        return PluginConflict(
            f"{_list(strangers)} claims the name {strangers[0].name!r}, which belongs to certpush itself",
            hint=f"{_uninstall(strangers)}; its authors must choose another name",
        )
    if len(offers) < 2:
        return None
    if len({_normal(offer.distribution) for offer in offers}) == 1:
        return PluginConflict(
            f"{_list(offers)} claim the name {offers[0].name!r}: one of them is a leftover",
            hint=f"install it anew: pip install --force-reinstall {offers[0].distribution}",
        )
    return PluginConflict(f"{_list(offers)} claim the name {offers[0].name!r}", hint=f"keep one: {_uninstall(offers)}")


def _list(offers: list[Offer]) -> str:
    return " and ".join(dict.fromkeys(offer.author for offer in offers))


def _uninstall(offers: list[Offer]) -> str:
    return " or ".join(dict.fromkeys(f"pip uninstall {offer.distribution}" for offer in offers))


def _normal(distribution: str) -> str:
    return re.sub(r"[-_.]+", "-", distribution).lower()  # PEP 503: Acme_NAS and acme-nas are one


def shown(text: str) -> str:
    """Cut and escape what somebody else wrote, so that it cannot play tricks on a terminal or a log."""
    return "".join(char if char.isprintable() else ascii(char)[1:-1] for char in text[:300])
