"""The order of things: a place to write to, the CA, a proof, a lifetime, targets; then the file, and what to do next."""

from __future__ import annotations

import argparse
import os
from collections.abc import Iterable

from certpush.cli.asking import Interview, Question, can_ask
from certpush.cli.console import Console, safe
from certpush.cli.init.authority import by_questions
from certpush.cli.init.bootstrapped import taken_over
from certpush.cli.init.ending import Ending, show
from certpush.cli.init.place import Place
from certpush.cli.init.proof import Proof, prove
from certpush.cli.init.targets import add_targets
from certpush.cli.init.text import Value, configuration_text
from certpush.cli.receipts import finding_document
from certpush.errors import Interrupted
from certpush.kit.settings import Duration
from certpush.model import CertificateRequest, DnsName, Finding, KeySpec, Severity
from certpush.stepca.issuer import StepCaIssuer
from certpush.stepca.settings import CaSettings

_NEVER_ASKED_FOR = DnsName("certpush.invalid")  # a request has a name; this one is not sent
_LIFETIME = "ca-lifetime"  # not in our way: the CA can be told before the first certificate is asked for
_WITHOUT_PASSWORD = ("ca-provisioner", "ca-password")


def tell(arguments: argparse.Namespace, console: Console) -> int:
    """Ask, try, write and show; gives the exit code.

    Raises:
        Interrupted: the person stopped, or the input ended; nothing was written.

    """
    place = Place.choose(arguments.config, os.environ, force=arguments.force, superuser=os.geteuid() == 0)
    place.check()
    try:
        ending = _write(arguments, console, place)
    except (KeyboardInterrupt, Interrupted) as stopped:
        why = stopped.message if isinstance(stopped, Interrupted) else "interrupted"
        if isinstance(stopped, KeyboardInterrupt):
            console.note("")  # the terminal shows ^C where the answer would be
        raise Interrupted(f"{why}; nothing was written", hint="run `certpush init` again when you like") from None
    show(console, ending)
    return 0


def _write(arguments: argparse.Namespace, console: Console, place: Place) -> Ending:
    interview = Interview(console, person=can_ask() and not console.json)
    interview.say(f"This writes {safe(str(place.configuration))}. Enter takes what stands in brackets; Ctrl-C stops, and leaves nothing.")
    interview.say()
    interview.say(interview.strong("The CA"))
    trusted = taken_over(interview, arguments, os.environ) or by_questions(interview, arguments)
    proof = prove(interview, arguments, trusted, place)
    lifetime = interview.answer(_lifetime_question(), arguments.lifetime)
    _advise(console, proof, lifetime)
    targets = add_targets(interview, arguments, place.configuration.parent)
    written = place.write(configuration_text(_table(proof), str(lifetime), targets), proof.to_write)
    interview.say()
    return Ending(written, proof.settings, lifetime, targets, place.usual)


def _lifetime_question() -> Question[Duration]:
    def read(text: str) -> Duration:
        lifetime = Duration.parse(text)
        CertificateRequest((_NEVER_ASKED_FOR,), KeySpec.EC_P256, lifetime)
        return lifetime

    return Question("the lifetime", "--lifetime TIME", read, "How long certificates live (24h, 30d, 395d)", default="24h")


def _advise(console: Console, proof: Proof, lifetime: Duration) -> None:
    """Say now what doctor would say of this CA: above all whether it signs for that long, and how it would."""
    with StepCaIssuer(proof.settings) as issuer:
        found = issuer.check(CertificateRequest((_NEVER_ASKED_FOR,), KeySpec.EC_P256, lifetime))
    shown = [*_worth_saying(found, tried=proof.settings.password is not None)]
    for finding in shown:
        console.note(f"  {'advice' if finding.code == _LIFETIME else finding.severity}: {safe(finding.message)}")
        if finding.hint:
            console.note(f"    -> {safe(finding.hint)}")
    console.document["findings"] = [finding_document(one) for one in shown]


def _worth_saying(found: Iterable[Finding], *, tried: bool) -> Iterable[Finding]:
    for one in found:
        advice = one.code == _LIFETIME and one.hint
        known = not tried and one.code in _WITHOUT_PASSWORD
        if (one.severity in (Severity.WARNING, Severity.ERROR) or advice) and not known:
            yield one


def _table(proof: Proof) -> dict[str, Value]:
    settings: CaSettings = proof.settings
    table = {"url": settings.url, "fingerprint": settings.fingerprint, "root": settings.root, "provisioner": settings.provisioner}
    return {**{key: value for key, value in table.items() if value is not None}, "password": proof.reference}
