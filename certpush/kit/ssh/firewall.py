"""What the firewalls with a config.xml have in common: how PHP on them is given a program, and words for what it says.

``firewall.php`` is what such a program begins with; the kind's own follows it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from importlib import resources
from typing import Any, TypeAlias

from certpush.errors import CertpushError, RescueFired, SafetyRefusal, TargetDrifted, TargetRefused
from certpush.kit.command import escaped
from certpush.kit.ssh.session import Told
from certpush.records import record

Words: TypeAlias = Mapping[str, tuple[type[CertpushError], str, str]]
"""By the word of a trouble: the error, what happened, and the next step."""

_BEGINNING = resources.files(__package__).joinpath("firewall.php").read_text(encoding="ascii")


class Changed(TargetDrifted):
    """Somebody else wrote the configuration between our look and our write; nothing of ours was written."""


@record(frozen=True, slots=True)
class Program:
    """What PHP on the firewall runs: one text, all of it by standard input."""

    own: str
    """The kind's own part."""

    @property
    def text(self) -> str:
        """All of it."""
        return _BEGINNING + self.own.removeprefix("<?php\n")

    def told(self, task: Mapping[str, Any]) -> str:
        """How long the program is, the program, and its task behind it, as `loader` in steps.sh takes them apart."""
        return f"{len(self.text)}\n{self.text}{json.dumps(task)}\n"


def words(*, chosen_under: str, backups: str, timer_in: str) -> dict[str, tuple[type[CertpushError], str, str]]:
    """The troubles that both have: with the page where the web GUI's certificate is chosen, that of the backups, and the timer's place."""
    return {
        "changed": (
            Changed,
            "the configuration was changed by somebody else again and again; nothing was switched",
            "run again when nobody saves pages of the web GUI",
        ),
        "pointer": (
            TargetDrifted,
            "the web GUI was given another certificate meanwhile; it is left alone",
            f"look under {chosen_under} who chose it, then run again",
        ),
        "unreadable": (SafetyRefusal, "config.xml cannot be used", f"look at it on the console; {backups} has former ones"),
        "arm": (
            TargetRefused,
            "the timer that brings the old certificate back could not be started; nothing was switched",
            f"see that {timer_in} can be written to, and that processes may stay after the login",
        ),
        "rescued": (
            RescueFired,
            "it went back to its former certificate by itself before the new one was confirmed",
            "see why the run took so long, or give it longer with rescue_after",
        ),
    }


def explain(told: Told, where: str, known: Words) -> CertpushError:
    """Make the error for what a step said."""
    trouble, detail = (escaped(" ".join(told.of(word)[-1:])) for word in ("fail", "detail"))
    if trouble not in known:
        return TargetRefused(f"{where}: a step failed for an unknown reason ({trouble})")
    maker, message, hint = known[trouble]
    return maker(f"{where}: {message}" + (f" ({detail})" if detail else ""), hint=hint)
