"""Load plugins by name, and ask them."""

from __future__ import annotations

import difflib
import threading
from collections.abc import Callable
from typing import Any, TypeAlias, TypeVar

import pluggy

from certpush import hookspecs
from certpush.errors import PluginBroken, PluginNotFound
from certpush.model import Event
from certpush.observer import ObserverKind
from certpush.plugins.checks import broken, hooks_hint, import_hint, in_short, kind_from, observer_from, try_hint
from certpush.plugins.offers import GROUP, Claim, Offer, claims_of, conflict_of, read_claims, shown
from certpush.target import TargetKind

T = TypeVar("T")
Listener: TypeAlias = Callable[[Event], None]


class PluginLoader:
    """Loads what it is asked for by name, once, and answers for it: every failure names the distribution at fault."""

    def __init__(self) -> None:
        self._hooks = pluggy.PluginManager(GROUP)
        self._hooks.add_hookspecs(hookspecs)
        self._claims: tuple[Claim, ...] | None = None
        self._kinds: dict[str, TargetKind[Any]] = {}
        self._observers: dict[str, ObserverKind[Any]] = {}
        self._lock = threading.RLock()

    def load_kind(self, name: str) -> TargetKind[Any]:
        """Give the kind of target that is called ``name``; nothing else is imported.

        Raises:
            PluginNotFound: nobody offers it; the hint names the nearest one.
            PluginConflict: two distributions claim the name, or one claims a name of certpush.
            PluginBroken: it cannot be imported, or is not what it must be.

        """
        with self._lock:
            if name not in self._kinds:
                offer = self._register(name, lambda one: not one.own_observer)
                self._kinds[name] = self._admit(offer, "certpush_target", kind_from)
            return self._kinds[name]

    def load_observer(self, name: str) -> ObserverKind[Any]:
        """Give the kind of observer that is called ``name``; checked and refused like ``load_kind``."""
        with self._lock:
            if name not in self._observers:
                offer = self._register(name, lambda one: not one.own_target)
                self._observers[name] = self._admit(offer, "certpush_observer", observer_from)
            return self._observers[name]

    def listeners(self) -> list[tuple[str, Listener]]:
        """The loaded plugins that implement ``certpush_observe``, by their names."""

        def listener(plugin: object) -> Listener:
            def hear(event: Event) -> None:
                self._ask_only(plugin, "certpush_observe", event=event)

            return hear

        with self._lock:
            implementations = self._hooks.hook.certpush_observe.get_hookimpls()
            return [(one.plugin_name, listener(one.plugin)) for one in implementations]

    def _register(self, name: str, may_be_meant: Callable[[Offer], bool]) -> Offer:
        claim = self._find(name, may_be_meant)
        if self._hooks.has_plugin(name):
            return claim.offer
        plugin = _import(claim)
        try:
            self._hooks.register(plugin, name=name)
            self._hooks.check_pending()  # a misspelt hook registers without a word; only this finds it
        except pluggy.PluginValidationError as error:
            self._put_out(name)
            broken(claim.offer, f"does not fit the hooks of certpush: {in_short(error)}", hint=hooks_hint(claim.offer))
        except Exception as error:  # noqa: BLE001 - pluggy looks at every attribute, and one module may stand behind two names
            self._put_out(name)
            broken(claim.offer, f"cannot be registered: {in_short(error)}", hint="each kind needs a module of its own", cause=error)
        return claim.offer

    def _find(self, name: str, may_be_meant: Callable[[Offer], bool]) -> Claim:
        if self._claims is None:
            self._claims = read_claims()
        rivals = claims_of(name, self._claims)
        conflict = conflict_of(rivals)
        if conflict:
            raise conflict
        if not rivals:
            raise _not_found(name, sorted({claim.offer.name for claim in self._claims if may_be_meant(claim.offer)}))
        return rivals[0]

    def _admit(self, offer: Offer, hook: str, check: Callable[[list[Any], Offer], T]) -> T:
        """Ask the plugin for its declaration and check it; one that fails is put out again, and hears of nothing."""
        try:
            return check(self._ask(offer, hook), offer)
        except PluginBroken:
            self._put_out(offer.name)
            raise

    def _ask(self, offer: Offer, hook: str) -> list[Any]:
        try:
            return self._ask_only(self._hooks.get_plugin(offer.name), hook)
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # noqa: BLE001 - a plugin must not end the program, not even by SystemExit
            broken(offer, f"failed in {hook}(): {in_short(error)}", hint=try_hint(offer), cause=error)

    def _ask_only(self, plugin: object, hook: str, **arguments: object) -> list[Any]:
        """Ask one plugin alone, so that the answer has an author and no other plugin sees the question."""
        others = [one for one in self._hooks.get_plugins() if one is not plugin]
        answers: list[Any] = self._hooks.subset_hook_caller(hook, others)(**arguments)
        return answers

    def _put_out(self, name: str) -> None:
        if self._hooks.has_plugin(name):
            self._hooks.unregister(name=name)
        self._kinds.pop(name, None)
        self._observers.pop(name, None)


def _import(claim: Claim) -> object:
    # Not pluggy's load_setuptools_entrypoints: it reads all metadata anew and takes what comes first.
    # This loads exactly the entry point that was checked.
    try:
        return claim.entry_point.load()
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # noqa: BLE001 - an import may raise anything, SystemExit too
        broken(claim.offer, f"cannot be imported: {in_short(error)}", hint=import_hint(claim.offer, error), cause=error)


def _not_found(name: str, known: list[str]) -> PluginNotFound:
    near = difflib.get_close_matches(name, known, n=1)
    suggestion = f"did you mean {near[0]!r}? " if near else ""
    return PluginNotFound(
        f"no installed plugin offers the kind {shown(name[:80])!r}",
        hint=f"{suggestion}kinds here: {', '.join(known) or 'none'}",
    )
