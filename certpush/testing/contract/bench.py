"""The bench on which the contract suite tries a target: opens it, watches it, sees what is served."""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import cache
from typing import Any, Generic, TypeAlias, TypeVar

import msgspec
import pytest

from certpush.errors import TargetUnreachable
from certpush.kit.settings import Settings
from certpush.kit.tls import look, utc_now
from certpush.kit.trust import Trust
from certpush.model import (
    After,
    CertificateBundle,
    Endpoint,
    Expected,
    Handle,
    Installed,
    KeySpec,
    PrivateKey,
    Served,
    Staged,
)
from certpush.plugins.isolation.crossing import secrets_in
from certpush.target import Reversible
from certpush.testing.authority import Authority
from certpush.testing.contract.case import TargetCase
from certpush.testing.contract.demands import not_tried
from certpush.testing.contract.watched import Watched

S = TypeVar("S", bound=Settings)
_SHORTEST_SECRET = 6  # a shorter one stands in many a word; the case may name it all the same


@dataclass(frozen=True)
class Deployed:
    """A certificate that was deployed through the target, and what the core would have written down of it."""

    bundle: CertificateBundle
    before: Installed
    staged: Staged


class Bench(Generic[S]):
    """One case on trial. Every instance that it opens is a fresh one, given what a dead one would have written down."""

    def __init__(self, case: TargetCase[S], authority: Authority) -> None:
        self.case = case
        self.kind = case.kind
        self.minted: list[CertificateBundle] = []
        self._authority = authority
        self._opened: list[Watched] = []
        self._endpoints: tuple[Endpoint, ...] = ()

    # --- making things --------------------------------------------------------------------

    def mint(self, spec: KeySpec | None = None, *, intermediate: bool = True) -> CertificateBundle:
        """Make a new certificate with the kind of key that the target accepts, or with this one."""
        return self._note(self._authority.issue(*self.case.names, key=_new_key(spec or self._usual_key()), intermediate=intermediate))

    def mint_expired(self) -> CertificateBundle:
        """Make a certificate that ended an hour ago."""
        return self._note(self._authority.expired(*self.case.names, key=_new_key(self._usual_key())))

    def _note(self, bundle: CertificateBundle) -> CertificateBundle:
        self.minted.append(bundle)
        return bundle

    def _usual_key(self) -> KeySpec:
        return next(spec for spec in KeySpec if spec in self.kind.accepted_keys)

    def open(self, settings: S | None = None) -> Watched:
        """Make a fresh instance."""
        chosen = self._recognising(self.case.settings if settings is None else settings)
        opened = Watched(lambda: self.kind.open(chosen), self.case.patience)
        self._opened.append(opened)
        return opened

    def _recognising(self, settings: S) -> S:
        """As the core does: let an appliance that is trusted by a pin be recognised by the certificates that were given to it."""
        trust = getattr(settings, "trust", None)
        if not isinstance(trust, Trust):
            return settings
        wider = trust.also(*(bundle.fingerprint for bundle in self.minted))
        recognising: S = msgspec.structs.replace(settings, trust=wider)  # type: ignore[type-var] # a Struct, to msgspec
        return recognising

    def end(self) -> None:
        """Close what was opened."""
        for one in self._opened:
            with contextlib.suppress(Exception, pytest.fail.Exception):  # the tests of close() judge it
                if not one.closed:
                    one.close()
            one.end()

    @property
    def secrets(self) -> tuple[str, ...]:
        """What the case names as secret, and what is one in its settings."""
        found = (one for one in secrets_in(self.case.settings) if len(one) >= _SHORTEST_SECRET)
        return tuple(dict.fromkeys((*(self.case.secrets or ()), *found)))

    @property
    def keys(self) -> list[PrivateKey]:
        """Every key that was given to the target."""
        return [bundle.key for bundle in self.minted]

    # --- the core's part --------------------------------------------------------------------

    def inspect(self) -> Installed:
        """What a fresh instance says is installed, as the journal would give it back."""
        return self.recall(self.open().inspect())

    def stage(self, bundle: CertificateBundle) -> Staged:
        """Stage on a fresh instance; the answer comes as the journal would give it back."""
        return Staged(self.through_json("stage()", self.open().stage(bundle).handle))

    def switch(self, bundle: CertificateBundle) -> Deployed:
        """Inspect, stage and activate, each on a fresh instance."""
        before, staged = self.inspect(), self.stage(bundle)
        self.open().activate(staged, bundle)
        return Deployed(bundle, before, staged)

    def deploy(self, bundle: CertificateBundle | None = None) -> Deployed:
        """Do as a healthy run does: all on one instance, seen to be served, confirmed, and closed."""
        new = bundle or self.mint()
        target = self.open()
        before = self.recall(target.inspect())
        staged = Staged(self.through_json("stage()", target.stage(new).handle))
        target.activate(staged, new)
        self.expect_served(new.fingerprint, "after stage() and activate(), the new certificate is not served")
        target.confirm(staged)
        target.close()
        return Deployed(new, before, staged)

    def recall(self, installed: Installed) -> Installed:
        """Give back what the journal would, after it was written down as JSON."""
        return replace(installed, handle=self.through_json("inspect()", installed.handle))

    def through_json(self, verb: str, handle: Handle) -> Handle:
        """Write the handle down and read it again, as the journal does."""
        try:
            text = json.dumps(handle, allow_nan=False)
        except (TypeError, ValueError) as error:
            pytest.fail(f"the handle of {verb} is not JSON ({error}); a later process must be able to read it", pytrace=False)
        again: dict[str, Any] = json.loads(text)
        changed = ", ".join(repr(key) for key, value in handle.items() if key not in again or again[key] != value)
        assert again == handle, f"the handle of {verb} comes back changed from JSON (a tuple, or a key that is no text?), at {changed}"
        assert len(text) <= 16 * 1024, f"the handle of {verb} is larger than 16 KiB; keep names of things, not the things"
        return again

    def previous(self, old: Deployed) -> CertificateBundle | None:
        """The former pair, where the kind says that it cannot go back without."""
        return old.bundle if self.kind.reversible is Reversible.NEEDS_PREVIOUS else None

    # --- saying that something could not be tried -------------------------------------------

    def need_a_snapshot(self) -> None:
        """Pass over what only a snapshot shows; what shows without one was judged before."""
        if self.case.snapshot is None:
            not_tried("give TargetCase.snapshot: all that a rotation could change on the device")

    @property
    def knows_the_secrets(self) -> bool:
        """Whether it is known what must not show, be it nothing."""
        return self.case.secrets is not None or bool(self.secrets)

    # --- looking ----------------------------------------------------------------------------

    def endpoints(self) -> tuple[Endpoint, ...]:
        """Where the device serves; asked once, because a rotation changes what is served and not where."""
        self._endpoints = self._endpoints or self.case.endpoints or self.open().endpoints()
        return self._endpoints

    def served(self) -> str | None:
        """What is served now, seen on a fresh connection."""
        if self.case.served:
            return self.case.served()
        for endpoint in self.endpoints()[:1]:
            try:
                return look(endpoint, (), utc_now(), timeout=5).fingerprint
            except TargetUnreachable:
                return None
        return self.open().inspect().fingerprint

    def look_for(self, bundle: CertificateBundle, endpoint: Endpoint) -> Served:
        """Look as a client that knows the root alone, until all is well or time is up.

        An old worker may answer once more after a reload, even between the two handshakes of one look.
        """
        until = self._deadline()
        while True:
            seen = look(endpoint, bundle.roots, utc_now(), timeout=5)
            if (seen.fingerprint == bundle.fingerprint and seen.chain_ok) or time.monotonic() > until:
                return seen
            time.sleep(0.05)

    def snapshot(self) -> object:
        """The state of the device, as far as the case lets us see it."""
        return self.case.snapshot() if self.case.snapshot else (self.served(), self.open().inspect())

    def expect_served(self, fingerprint: str | None, complaint: str) -> None:
        """Wait until it is seen three times in a row: a reload may answer before the old workers have gone."""
        seen = _last_of(self._looks(), lambda last: last[-3:] == [fingerprint] * 3)
        assert seen[-1] == fingerprint, f"{complaint} (served: {_short(seen[-1])}, wanted: {_short(fingerprint)})"

    def expect_gone(self, fingerprint: str, complaint: str) -> None:
        """Wait until it is not seen any more, three times in a row."""
        seen = _last_of(self._looks(), lambda last: len(last) >= 3 and fingerprint not in last[-3:])
        assert seen[-1] != fingerprint, complaint

    def expect(self, expected: Expected, new: CertificateBundle, complaint: str) -> None:
        """See what ``rollback`` said must be served."""
        if expected.after is After.LEAF:
            self.expect_served(expected.fingerprint, complaint)
        else:
            self.expect_gone(new.fingerprint, complaint)

    def _deadline(self) -> float:
        return time.monotonic() + min(self.kind.deadline, self.case.patience).total_seconds()

    def _looks(self) -> Iterator[str | None]:
        until = self._deadline()
        for _ in range(3):
            yield self.served()
        while time.monotonic() < until:
            time.sleep(0.05)
            yield self.served()


AnyBench: TypeAlias = Bench[Any]
BENCH = pytest.StashKey[AnyBench]()
"""Where a test keeps its bench, for whoever tells how it went."""


@cache
def _slow_key(spec: KeySpec) -> PrivateKey:
    return PrivateKey.generate(spec)


def _new_key(spec: KeySpec) -> PrivateKey:
    # RSA takes up to seconds; another certificate for the same key is as good a test.
    return _slow_key(spec) if spec.startswith("rsa") else PrivateKey.generate(spec)


def _last_of(looks: Iterator[str | None], enough: Callable[[list[str | None]], bool]) -> list[str | None]:
    seen: list[str | None] = []
    for one in looks:
        seen.append(one)
        if enough(seen):
            break
    return seen


def _short(fingerprint: str | None) -> str:
    return fingerprint[:12] if fingerprint else "nothing"
