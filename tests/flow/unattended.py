"""One memory device as a timer meets it: what `certpush renew` does to it, each time in fresh instances, at a time of ours."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, timedelta
from typing import Any

from certpush import Receipt, Secret
from certpush.config import TargetSpec, from_tables
from certpush.fleet.cluster import members_of
from certpush.fleet.opening import Opener
from certpush.fleet.renewing import remembering, renewed
from certpush.fleet.wishes import Wishes
from certpush.kit.tls import look
from certpush.rotation.run import rotate
from certpush.state.lock import Locks
from certpush.state.setbacks import Setback
from certpush.target import Target, TargetKind
from certpush.testing.device import TOKEN
from certpush.testing.memory import memory_kind
from flow.conftest import Bench


@dataclass
class Unattended:
    """The bench's device as a configured target, and how often the plugin was opened for it."""

    bench: Bench
    table: dict[str, Any] = field(default_factory=dict)
    more: dict[str, Any] = field(default_factory=dict)
    """Whole tables beside the target's."""
    kind: TargetKind[Any] = field(default_factory=memory_kind)
    wrap: Callable[[Target], Target] = field(default=lambda target: target)
    looks: list[Any] = field(default_factory=list)
    opened: int = 0

    @property
    def spec(self) -> TargetSpec:
        usual = {
            "kind": "memory",
            "names": ["localhost", "127.0.0.1"],
            "lifetime": "24h",
            "endpoints": [f"127.0.0.1:{self.bench.device.port()}"],
            "state": str(self.bench.device.path),
            "token": "env:TOKEN",
        }
        spec = from_tables({"target": {"box": {**usual, **self.table}}, **self.more}, {"HOME": "/nonexistent"}).targets["box"]
        return replace(spec, window=replace(spec.window, zone=UTC) if spec.window else None)

    def opener(self) -> Opener:
        def open_it(settings: Any) -> Target:
            self.opened += 1
            return self.wrap(self.kind.open(settings))

        def counted_look(endpoint: Any, roots: Any, now: Any) -> Any:
            self.looks.append(endpoint)
            return look(endpoint, roots, now)

        return Opener(
            load_kind=lambda _: replace(self.kind, open=open_it, deadline=timedelta(seconds=1)),
            read_secret=lambda _: Secret(TOKEN),
            journal=self.bench.journal,
            escrow=self.bench.escrow,
            locks=Locks(self.bench.directory / "locks"),
            issuer=lambda _: self.bench.issuer,
            clock=self.bench.clock,
            pause=lambda _: None,
            observe=self.bench.events.append,
            turn=lambda ca, stop: None,
            look=counted_look,
        )

    def renew(self, **wishes: Any) -> Receipt:
        (receipt,) = renewed(self.spec, self.opener(), Wishes(unattended=True, **wishes))
        return receipt

    def deploy(self, **wishes: Any) -> Receipt:
        opener = self.opener()
        (receipt,) = remembering(lambda spec: members_of(spec, opener, rotate, Wishes(**wishes)), opener)(self.spec)
        return receipt

    def passes(self, **length: float) -> None:
        self.bench.clock.now += timedelta(**length)

    @property
    def setback(self) -> Setback | None:
        return self.bench.journal.setbacks.of("box")
