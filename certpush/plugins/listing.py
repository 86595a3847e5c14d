"""What the installed distributions offer, with what stands in the way of each; nothing of them is imported."""

from __future__ import annotations

from dataclasses import replace

from certpush.plugins.offers import Claim, Offer, claims_of, conflict_of, read_claims


def available() -> tuple[Offer, ...]:
    """Tell what the installed distributions offer, by name; import nothing."""
    claims = read_claims()
    return tuple(replace(claim.offer, conflict=_in_the_way(claim, claims)) for claim in claims)


def _in_the_way(claim: Claim, claims: tuple[Claim, ...]) -> str:
    conflict = conflict_of(claims_of(claim.offer.name, claims))
    if conflict:
        return conflict.message
    from certpush.plugins.requirement import misfit_of

    misfit = misfit_of(claim)
    return f"the plugin {claim.offer.name!r} ({claim.offer.author}) {misfit}" if misfit else ""
