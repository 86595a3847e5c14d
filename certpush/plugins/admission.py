"""Import a plugin into this process, ask it for its kind, and check what it says: every failure names the distribution at fault."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias, TypeVar

import pluggy

from certpush import hookspecs
from certpush.errors import PluginBroken
from certpush.model import Event
from certpush.observer import ObserverKind
from certpush.plugins.checks import broken, hooks_hint, import_hint, in_short, kind_from, observer_from, try_hint
from certpush.plugins.offers import GROUP, Claim, Offer
from certpush.target import TargetKind

T = TypeVar("T")
Listener: TypeAlias = Callable[[Event], None]


class Admission:
    """The plugins that are imported here."""

    def __init__(self) -> None:
        self._hooks = pluggy.PluginManager(GROUP)
        self._hooks.add_hookspecs(hookspecs)

    def target(self, claim: Claim) -> TargetKind[Any]:
        """The kind of target that the plugin declares.

        Raises:
            PluginBroken: it cannot be imported, or is not what it must be.

        """
        self._register(claim)
        return self._admit(claim.offer, "certpush_target", kind_from)

    def observer(self, claim: Claim) -> ObserverKind[Any]:
        """The kind of observer that the plugin declares; checked and refused like a target's."""
        self._register(claim)
        return self._admit(claim.offer, "certpush_observer", observer_from)

    def listeners(self) -> list[tuple[str, Listener]]:
        """The plugins that implement ``certpush_observe``, by their names."""

        def listener(plugin: object) -> Listener:
            def hear(event: Event) -> None:
                self._ask_only(plugin, "certpush_observe", event=event)

            return hear

        implementations = self._hooks.hook.certpush_observe.get_hookimpls()
        return [(one.plugin_name, listener(one.plugin)) for one in implementations]

    def _register(self, claim: Claim) -> None:
        name = claim.offer.name
        if self._hooks.has_plugin(name):
            return
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


def _import(claim: Claim) -> object:
    # Not pluggy's load_setuptools_entrypoints: it reads all metadata anew and takes what comes first.
    # This loads exactly the entry point that was checked.
    try:
        return claim.entry_point.load()
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # noqa: BLE001 - an import may raise anything, SystemExit too
        broken(claim.offer, f"cannot be imported: {in_short(error)}", hint=import_hint(claim.offer, error), cause=error)
