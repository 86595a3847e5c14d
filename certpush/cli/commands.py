"""The commands, as help, completion and the documentation show them, and how one is found among the words of a line. Imports nothing."""

from __future__ import annotations

from collections.abc import Sequence

GROUPS: tuple[tuple[str, tuple[tuple[str, str], ...]], ...] = (
    (
        "Start here",
        (
            ("demo", "the whole story on this machine: deploy, verify, break one, roll it back"),
            ("init", "ask a few questions, trust the CA by its fingerprint, write a configuration"),
        ),
    ),
    (
        "Deploy",
        (
            ("deploy", "plan, then rotate targets; --plan shows and changes nothing"),
            ("renew", "what a timer runs: rotate what is due, push again what is not served"),
            ("status", "look at every endpoint now: what is served, days left, drift; --watch, --html FILE"),
            ("check", "for monitoring: one line, and an exit code that says how bad it is"),
            ("rollback", "back to the previous certificate, verified"),
            ("resolve", "end by hand what no run could: accept what is served, or finish the way back"),
            ("forget", "stop managing a target; --clean leaves it as it was before certpush"),
            ("history", "what was deployed, when, and how it ended"),
            ("doctor", "check the CA and every target; each finding with its fix"),
            ("trust", "first contact: show who answers, and pin it once a person compared it"),
        ),
    ),
    (
        "Unattended",
        (
            ("schedule", "install, status, remove: the system's timer that does all this by itself"),
            ("daemon", "the same as one process, for containers: health file, sd_notify, reload"),
        ),
    ),
    (
        "Certificates and the CA",
        (
            ("issue", "a certificate to files"),
            ("inspect", "what is in a certificate file, or served at HOST[:PORT]"),
            ("revoke", "keep a superseded certificate from being renewed"),
            ("ca", "health, root, bootstrap, provisioners, advise: what the CA says"),
        ),
    ),
    (
        "About",
        (
            ("state", "backup, check, restore: what certpush remembers, as one file"),
            ("config", "check the configuration, or print its JSON Schema"),
            ("targets", "the kinds of target that can be configured, with their settings"),
            ("observer", "the kinds of observer: metrics, notices; try one that is configured"),
            ("plugins", "where each kind comes from, and conflicts"),
            ("plugin", "new, install, remove: a plugin of your own, or somebody else's"),
            ("conformance", "try an installed kind against the contract; prints a report card"),
            ("completion", "the completion script for bash, zsh or fish"),
        ),
    ),
)
COMMANDS: dict[str, str] = {name: summary for _, commands in GROUPS for name, summary in commands}
_VALUE_OPTIONS = ("--config", "--output", "--log-format")  # they take the next word with them


def split(words: Sequence[str]) -> tuple[str | None, list[str]]:
    """Find the command among options that may stand before it; gives it and all other words."""
    takes_value = False
    for position, word in enumerate(words):
        if takes_value:
            takes_value = False
        elif not word.startswith("-"):
            return word, [*words[:position], *words[position + 1 :]]
        else:
            takes_value = word in _VALUE_OPTIONS
    return None, list(words)
