"""Which kinds ship their contract test; read from metadata, without importing anything of a plugin."""

from __future__ import annotations

import re
from importlib import metadata
from typing import TYPE_CHECKING

from certpush.errors import PluginConflict, PluginError, PluginNotFound

if TYPE_CHECKING:
    from certpush.plugins import Offer

GROUP = "certpush.conformance"


def shipped() -> dict[str, str]:
    """The module with the cases of each kind that ships some."""
    return {one.name: one.module for offer in _distributions() for one in offer.entry_points.select(group=GROUP)}


def offer_of(kind: str) -> Offer:
    """Who offers this kind.

    Raises:
        PluginNotFound: nobody does.
        PluginConflict: more than one does, or a name of certpush is claimed.

    """
    from certpush.plugins import available

    offers = [one for one in available() if one.name == kind]
    if not offers:
        raise PluginNotFound(f"no installed plugin offers the kind {kind[:80]!a}", hint="`certpush plugins` lists them")
    if offers[0].conflict:
        raise PluginConflict(offers[0].conflict, hint="`certpush plugins` shows who is involved")
    return offers[0]


def cases_of(offer: Offer) -> str:
    """The module with the cases of this kind, out of the distribution that offers it: no other may speak for it.

    Raises:
        PluginError: it ships none.

    """
    for distribution in _distributions():
        if _normal(distribution.metadata["Name"]) == _normal(offer.distribution):
            for one in distribution.entry_points.select(group=GROUP, name=offer.name):
                return one.module
    if offer.own_observer:
        raise PluginError(f"{offer.name} is an observer: the contract suite is for targets", hint="`certpush targets` lists those")
    raise PluginError(
        f"{offer.author} ships no conformance case for the kind {offer.name!r}",
        hint=f'its authors add one: [project.entry-points."{GROUP}"] {offer.name} = "MODULE"; docs/testing-plugins.md shows how',
    )


def _distributions() -> list[metadata.Distribution]:
    return [one for one in metadata.distributions() if f"[{GROUP}]" in (one.read_text("entry_points.txt") or "")]


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()  # PEP 503
