"""A program that does everything once, for ``mypy --strict`` to read and for tests/live to run beside a certpush.toml."""

from __future__ import annotations

import json
import sys

from certpush import Action, CertpushError, Deployment, Event, Fleet, Outcome, Receipt, TargetStatus


class Night:
    """What was heard and done."""

    def __init__(self) -> None:
        self.heard: set[str] = set()

    def observe(self, event: Event) -> None:
        self.heard.add(event.target)


def outcome_of(deployment: Deployment) -> str:
    return deployment.outcome.value if deployment.outcome else deployment.phase.value


def good(receipt: Receipt) -> bool:
    return receipt.error is None and receipt.outcome in (Outcome.ROTATED, Outcome.UNCHANGED)


def standing(status: TargetStatus) -> tuple[str, str]:
    return status.target, status.standing.value


def main(path: str) -> int:
    night = Night()
    with Fleet.load(path, observe=night.observe) as fleet:
        planned = {one.target: one.plan.action.value for one in fleet.plan() if one.plan.action is not Action.NOTHING}
        receipts = sorted(fleet.deploy(), key=lambda one: one.target)
        report = {
            "planned": planned,
            "deployed": {one.target: one.outcome.value for one in receipts},
            "standing": dict(standing(one) for one in fleet.status()),
            "history": sorted((one.target, outcome_of(one)) for one in fleet.history()),
            "heard": sorted(night.heard),
        }
    print(json.dumps(report))
    return 0 if all(good(one) for one in receipts) else 1


if __name__ == "__main__":
    try:
        sys.exit(main("certpush.toml"))
    except CertpushError as error:
        sys.exit(f"{error.message}\n{error.hint}")
