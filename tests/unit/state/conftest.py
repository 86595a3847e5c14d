"""A state directory in which something has happened, without any target."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from certpush.model import CertificateBundle, Deployment, Installed, KeySpec, Outcome, Phase, WayBack, WayBackKind, parse_name
from certpush.state.directory import open_state_directory
from certpush.state.escrow import Escrow
from certpush.state.journal import Journal
from certpush.state.roots import LearnedRoots
from certpush.testing.minting import minter

NOW = datetime(2026, 11, 27, 12, tzinfo=UTC)


@dataclass
class Remembered:
    """A state directory, and how to make something happen in it."""

    directory: Path
    bundles: list[CertificateBundle]

    def deployed(self, target: str, number: int = 0, *, before: str | None = None, phase: Phase = Phase.CONFIRMED) -> CertificateBundle:
        """The certificate of that number was deployed to the target; with another ``phase`` the run stopped there."""
        bundle = self.bundles[number]
        Escrow(self.directory / "certificates").store(target, bundle)
        record = Deployment(
            id=f"{target}-{number}".replace("/", "-"),
            target=target,
            certificate=target,
            before=Installed(before),
            wanted=bundle.fingerprint,
            phase=Phase.INTENT,
            way_back=WayBack(WayBackKind.EXACT, "kept"),
            started=NOW,
        )
        journal = Journal(self.directory / "journal.sqlite3")
        journal.begin(record)
        if phase is not Phase.INTENT:
            outcome = {Phase.CONFIRMED: Outcome.ROTATED, Phase.STRANDED: Outcome.STRANDED}.get(phase)
            journal.enter(replace(record, phase=phase, outcome=outcome), NOW)
        journal.close()
        return bundle

    def everything(self, below: Path | None = None) -> dict[str, bytes]:
        """What is remembered, by path: the journal by what is in it, for its file may differ."""
        below = below or self.directory
        files = {str(path.relative_to(below)): path.read_bytes() for path in sorted((below / "certificates").rglob("*.pem"))}
        journal = Journal(below / "journal.sqlite3")
        files["journal"] = repr(journal.history()).encode()
        journal.close()
        return files


@pytest.fixture(scope="session")
def bundles() -> list[CertificateBundle]:
    mint = minter()
    return [mint((parse_name(f"box{number}.lan"),), KeySpec.EC_P256) for number in range(3)]


@pytest.fixture
def state(tmp_path: Path, bundles) -> Remembered:
    """Two targets, of which one has a second certificate; what an observer remembers, and by which roots the CA is known."""
    made = Remembered(open_state_directory(tmp_path / "state"), bundles)
    first = made.deployed("wiki", 0)
    made.deployed("wiki", 1, before=first.fingerprint)
    made.deployed("fw/one", 2)
    LearnedRoots(made.directory / "roots", "default").remember(first.roots)
    (made.directory / "notified.json").touch(mode=0o600)
    (made.directory / "notified.json").write_text("{}")
    return made
