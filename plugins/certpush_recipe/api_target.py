"""Recipes with an API: the verbs of the Target contract, made of the recipe's calls."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime

from certpush import CertificateBundle, CertificateRequest, Endpoint, Expected, Finding, Installed, Staged, Target
from certpush.errors import NoWayBack, TargetDrifted, TargetError, TargetRefused, TargetUnreachable
from certpush.kit import findings as found
from certpush.kit.https import AnswerLost
from certpush.kit.soundness import check_clock, check_dates, check_pair
from certpush.model import Handle, JsonValue
from certpush_recipe.about import endpoints_of, note_of
from certpush_recipe.api import Api, Names, Sight
from certpush_recipe.checking_calls import METHODS
from certpush_recipe.recipe import ApiRecipe
from certpush_recipe.settings import ApiSettings

_LOST_SECONDS = 12.0


class ApiTarget(Target):
    """The certificate of an appliance, by the calls that its recipe names."""

    def __init__(self, recipe: ApiRecipe, settings: ApiSettings, *, pause: Callable[[float], None] = time.sleep) -> None:
        self._recipe = recipe
        self._settings = settings
        self._api = Api(recipe, settings)
        self._pause = pause

    def inspect(self) -> Installed:
        """Ask which certificate is active, and what undo would select again."""
        sight = self._api.look()
        return Installed(sight.fingerprint, {"remembered": dict(sight.remembered)})

    def preflight(self, request: CertificateRequest) -> tuple[Finding, ...]:
        """Log in and look; change nothing."""
        self._api.look()
        skew = () if self._api.date is None else found.clock_skew((self._api.date - datetime.now(UTC)).total_seconds())
        return (*found.key_type(request), *skew, *note_of(self._settings), found.ok("login", "the API answers, and knows who asks"))

    def changes(self, request: CertificateRequest) -> tuple[str, ...]:  # noqa: ARG002 - the same for every request
        """Name the calls that change something."""
        calls = (*self._recipe.stage, *self._recipe.activate)
        return tuple(f"{self._api.where}: {one.upper()} {getattr(call, one)}" for call in calls for one in METHODS if getattr(call, one))

    def stage(self, bundle: CertificateBundle) -> Staged:
        """Try the pair, and put it there if the appliance keeps what is not active."""
        check_dates(bundle, datetime.now(UTC))
        check_pair(bundle)
        sight = self._api.look()
        check_clock(bundle, self._api.date, self._api.where, hint="set its clock right")
        return Staged(self._put(bundle, sight))

    def activate(self, staged: Staged, bundle: CertificateBundle) -> None:
        """Have the new certificate served; the appliance may be recognised by the old and by the new one from here on."""
        self._api.trust(bundle.fingerprint, roots=bundle.roots_pem.decode("ascii"))
        self._make_active(bundle, self._api.look(), _table(staged.handle, "kept"))

    def rollback(self, to: Installed, staged: Staged | None, previous: CertificateBundle | None) -> Expected:
        """Go back as the recipe says: select the old one, send the old pair, or take the certificate off."""
        new = staged.handle.get("fingerprint") if staged else None
        self._api.trust(to.fingerprint, str(new) if new else None, *(() if previous is None else (previous.fingerprint,)))
        now = self._api.look()
        if now.fingerprint not in (to.fingerprint, new, None):
            raise TargetDrifted(
                f"{self._api.where}: another certificate was installed there since (sha256 {str(now.fingerprint)[:16]})",
                hint=f"`certpush inspect {self._api.where}` shows it; it is left alone",
            )
        expected = self._back(to, now, previous)
        if staged is not None and self._recipe.undo.remove and new != to.fingerprint:
            self._api.perform(self._recipe.undo.remove, now, staged=_table(staged.handle, "kept"))
        return expected

    def endpoints(self) -> tuple[Endpoint, ...]:
        """Where the recipe says, or the API itself."""
        return endpoints_of(self._settings)

    def close(self) -> None:
        """End the connection."""
        self._api.close()

    # --- details

    def _put(self, bundle: CertificateBundle, sight: Sight) -> Handle:
        self._api.perform(self._recipe.check, sight, bundle=bundle)
        kept = self._api.perform(self._recipe.stage, sight, bundle=bundle)
        return {"fingerprint": bundle.fingerprint, "kept": dict(kept)}

    def _back(self, to: Installed, now: Sight, previous: CertificateBundle | None) -> Expected:
        then = Sight(to.fingerprint, _table(to.handle, "remembered"), now.answer)
        if now.fingerprint == to.fingerprint:
            return Expected.leaf(to.fingerprint)
        if to.fingerprint is None:
            self._api.perform(self._recipe.undo.clear, then)
            return Expected.nothing()
        if self._recipe.undo.how == "select" and self._selected(then, to.fingerprint):
            return Expected.leaf(to.fingerprint)
        if previous is not None and previous.fingerprint == to.fingerprint:
            check_pair(previous)
            self._make_active(previous, now, self._api.perform(self._recipe.stage, now, bundle=previous))
            return Expected.leaf(to.fingerprint)
        if not self._recipe.undo.fallback:
            raise NoWayBack(f"{self._api.where}: the old pair is not in our hands", hint="install the old certificate by hand")
        self._api.perform(self._recipe.undo.clear, then)
        return Expected.device_default(None)

    def _selected(self, then: Sight, fingerprint: str) -> bool:
        """Whether what was active before could be made active again; it may have been removed there."""
        try:
            self._api.perform(self._recipe.activate, then, staged=then.remembered)
            return self._api.look().fingerprint == fingerprint
        except (TargetRefused, AnswerLost):
            return self._settled(fingerprint)

    def _make_active(self, bundle: CertificateBundle, sight: Sight, kept: Names) -> None:
        try:
            self._api.perform(self._recipe.activate, sight, bundle=bundle, staged=kept)
        except AnswerLost as error:
            if not self._settled(bundle.fingerprint):
                raise TargetUnreachable(
                    f"{error.message}; it has not become active", hint="run again; if it lasts, look at the network in between"
                ) from error

    def _settled(self, fingerprint: str) -> bool:
        """Whether it is active after all: an answer was lost, so nothing is sent twice, and what is there tells."""
        until = time.monotonic() + _LOST_SECONDS
        while True:
            try:
                if self._api.look().fingerprint == fingerprint:
                    return True
            except TargetError:
                """It may be restarting."""
            if time.monotonic() > until:
                return False
            self._pause(0.5)


def _table(handle: Handle, key: str) -> dict[str, JsonValue]:
    found_there = handle.get(key)
    return dict(found_there) if isinstance(found_there, dict) else {}
