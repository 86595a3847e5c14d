"""Which CA, and why it is trusted: a fingerprint from elsewhere, or a comparison that a person made."""

from __future__ import annotations

import argparse
from pathlib import Path

from certpush.cli.asking import Interview, Question
from certpush.errors import CertpushError, RootMismatch
from certpush.kit.allowance import allowing
from certpush.kit.shown import subject_of
from certpush.kit.tls import utc_now
from certpush.model import fingerprint
from certpush.records import record
from certpush.stepca.address import CaAddress, normalised_fingerprint
from certpush.stepca.contact import IN_DOCKER, ON_THE_CA, explaining_distrust, root_in_use, shown_roots
from certpush.stepca.issuer import OPERATION_SECONDS, StepCaIssuer
from certpush.stepca.settings import CaSettings
from certpush.stepca.wire import Provisioner


@record(frozen=True, slots=True)
class Trusted:
    """A CA that was seen with the root that it must have, and what ``step`` knows of it beside that."""

    settings: CaSettings
    provisioners: tuple[Provisioner, ...]
    provisioner: str | None = None
    password_file: Path | None = None

    @property
    def address(self) -> CaAddress:
        """Where it is."""
        return CaAddress.parse(self.settings.url or "")


def see(settings: CaSettings) -> tuple[Provisioner, ...]:
    """Connect to a CA, its root known and checked; gives its provisioners.

    Raises:
        TrustError: it is not that CA; nothing secret was sent.
        IssuerError: it does not answer, or is no step-ca.

    """
    with StepCaIssuer(settings) as issuer, allowing(seconds=OPERATION_SECONDS):
        ca = issuer.connect()
        with explaining_distrust(ca.address, ca.roots, utc_now):
            ca.health()
        return ca.provisioners()


def by_questions(interview: Interview, arguments: argparse.Namespace) -> Trusted:
    """Ask until a CA answers that has the root; what a flag says is not asked.

    Raises:
        ConfigError: an answer is missing or will not do.
        TrustError: it is not that CA, or nobody vouches for it; nothing secret was sent.
        IssuerError: it does not answer, or is no step-ca.

    """
    url = arguments.ca_url
    while True:
        address = interview.answer(url_question(look=interview.person), url)
        wanted = interview.answer(fingerprint_question(person=interview.person), arguments.fingerprint)
        settings = CaSettings(url=str(address), fingerprint=wanted or _compared(interview, address))
        try:
            trusted = Trusted(settings, see(settings))
        except CertpushError as error:
            if not interview.person or arguments.fingerprint is not None:
                raise
            interview.explain(error)
            url = None  # it may be the address that is wrong
        else:
            interview.found(f"{address} answers, and its certificate leads to that root")
            return trusted


def url_question(*, look: bool = False) -> Question[CaAddress]:
    """Where the CA is; with ``look`` somebody must answer there."""

    def read(text: str) -> CaAddress:
        address = CaAddress.parse(text)
        if look:
            shown_roots(address, utc_now)
        return address

    text = "URL of the CA, such as https://ca.example.com:9000"
    return Question("the URL of the CA", "--ca-url URL", read, text, hint="or do `step ca bootstrap` first")


def fingerprint_question(*, person: bool) -> Question[str]:
    """Which root the CA must have; a person may not know it, and is shown what there is."""

    def read(text: str) -> str:
        return "" if person and not text else normalised_fingerprint(text)

    text = "Fingerprint of its root" + (" (empty: show me what the CA shows)" if person else "")
    return Question("the fingerprint of the CA's root", "--fingerprint SHA256", read, text, hint=f"on the CA: {ON_THE_CA}")


# --- no fingerprint is known ------------------------------------------------------------------


def _compared(interview: Interview, address: CaAddress) -> str:
    """The fingerprint that a person compared with the CA's own and found to be right."""
    root = root_in_use(address, utc_now)
    interview.say()
    interview.say(f"  Whoever answers at {address} shows this root. It is NOT trusted yet:")
    interview.say(f"    {interview.strong(fingerprint(root))}")
    interview.say(f"    {subject_of(root)}, until {root.not_valid_after_utc:%Y-%m-%d}")
    interview.say("  Compare it, letter by letter, with what one of these prints:")
    interview.say(f"    on the CA:         {ON_THE_CA}")
    interview.say(f"    the CA in Docker:  {IN_DOCKER}")
    if not interview.agrees("Is it the same there? Only the word yes trusts it"):
        raise RootMismatch(
            f"{address}: its root is not trusted; nothing secret was sent, and nothing was written",
            hint="when it is not the same, somebody else answers at this address",
        )
    return fingerprint(root)
