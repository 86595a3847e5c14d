"""Which versions of certpush a distribution is made for, as its metadata says: checked before anything of it is run."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from certpush._version import __version__
from certpush.plugins.checks import broken
from certpush.plugins.offers import Claim, shown

if TYPE_CHECKING:
    from importlib.metadata import Distribution

    from packaging.requirements import Requirement


def refuse_misfit(claim: Claim) -> None:
    """Refuse a plugin that is made for another certpush.

    Raises:
        PluginBroken: its distribution requires another version of certpush than this.

    """
    misfit = misfit_of(claim)
    if misfit:
        broken(
            claim.offer, misfit, hint=f"install a version of {claim.offer.distribution} for this certpush, or the certpush that it needs"
        )


def misfit_of(claim: Claim) -> str:
    """What the distribution requires, where this certpush is none of it; empty where it fits, or says nothing.

    pip heeds it when the plugin is installed, and only warns when certpush is updated later.
    """
    distribution = None if claim.offer.built_in else claim.entry_point.dist
    wanted = _missed(distribution, __version__) if distribution else ""
    return f"requires {wanted}, and this is certpush {__version__}" if wanted else ""


def _missed(distribution: Distribution, version: str) -> str:
    wanted = [one for one in _on_certpush(distribution) if not one.specifier.contains(version, prereleases=True)]
    return shown(", ".join(f"certpush{one.specifier}" for one in wanted))


def _on_certpush(distribution: Distribution) -> Iterator[Requirement]:
    stated = [text for text in distribution.requires or () if text.lower().startswith("certpush")]
    if not stated:
        return
    from packaging.requirements import InvalidRequirement, Requirement
    from packaging.utils import canonicalize_name

    for text in stated:
        try:
            one = Requirement(text)
        except InvalidRequirement:  # pip would not have installed it
            continue
        if canonicalize_name(one.name) == "certpush" and (one.marker is None or one.marker.evaluate({"extra": ""})):
            yield one
