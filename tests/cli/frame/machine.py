"""A machine whose certificate is renewed under strace: a TLS server, its files as a target, and what must be true afterwards."""

from __future__ import annotations

import contextlib
import shlex
import stat
from collections.abc import Iterator
from typing import Any

import pytest

from certpush import Fleet, Outcome
from certpush.cli.exits import OK, code_of_receipt
from certpush.kit.tls import look, utc_now
from certpush.model import Endpoint, read_certificates
from cli.frame.conftest import Place, file_target
from cli.frame.traced import Traced

ALWAYS = 'renew_at = "1/1000000"'
"""What is due at each run."""


class Machine:
    """A TLS server whose files are a target, and certpush beside it: killed, and then called as a timer would."""

    def __init__(self, place: Place, server, traced: Traced) -> None:
        self.place, self.server, self.traced = place, server, traced
        self.roots, self.reload = read_certificates(place.ca.root_pem), place.directory / "reload"
        self.reload.write_text(f"#!/bin/sh\nexec {shlex.join(server.reload_command)}\n")
        self.reload.chmod(stat.S_IRWXU)
        self.configure(ALWAYS)

    def configure(self, more: str) -> None:
        self.place.targets = file_target(self.place.directory, "wiki", port=self.server.port, reload=[str(self.reload)], more=more)

    def renew(self):
        with Fleet.load(self.place.configuration, environ={"HOME": str(self.place.directory)}) as fleet:
            (receipt,) = fleet.renew()
        return receipt

    def traced_renew(self, calls: str, **how: Any) -> int:
        """A run that finds a new certificate due."""
        self.configure(ALWAYS)
        return self.traced.run(["--config", str(self.place.configuration), "renew", "wiki"], calls, **how)

    @property
    def served(self) -> str:
        """What a client sees, with its whole chain."""
        seen = look(Endpoint("127.0.0.1", self.server.port), self.roots, utc_now())
        assert seen.chain_ok, seen.problem
        return seen.fingerprint

    def a_plain_run_converges(self, point: str) -> None:
        assert self.served, point
        self.configure("")
        receipt = self.renew()
        assert code_of_receipt(receipt) == OK, (point, receipt.error)
        assert receipt.now == self.served, point
        assert self.renew().outcome is Outcome.UNCHANGED, point
        assert self.litter() == [], point
        open_to_others = [path for path in (self.place.directory / "state").rglob("*") if stat.S_IMODE(path.stat().st_mode) & 0o077]
        assert open_to_others == [], point

    def litter(self) -> list[str]:
        """What is beside the certificate that should not be there after a good run; a kept copy may."""
        found = [path.name for path in self.place.directory.glob(".certpush/*") if path.suffix != ".old"]
        return found + [path.name for path in self.place.directory.glob(".wiki*")]


@pytest.fixture
def machine(place, serve, tmp_path) -> Iterator[Machine]:
    with contextlib.closing(Traced(tmp_path)) as traced:
        made = Machine(place, serve("wiki"), traced)
        assert made.renew().outcome is Outcome.ROTATED
        yield made
