"""How certpush proves itself to the CA: the provisioner and its password, tried on the provisioner's key before anything is written."""

from __future__ import annotations

import argparse
import contextlib
import os
from pathlib import Path

from certpush.cli.asking import Interview, Question
from certpush.cli.console import safe
from certpush.cli.init.authority import Trusted
from certpush.cli.init.place import Place
from certpush.cli.init.reference import file_reference, full_reference
from certpush.errors import CertpushError, ConfigError
from certpush.kit.escaping import escaped
from certpush.kit.tls import utc_now
from certpush.model import Secret
from certpush.records import record
from certpush.references import References, read_private_file
from certpush.stepca.credentials import Situation, credential_for
from certpush.stepca.jwe import WrongPassword
from certpush.stepca.provisioners import choose
from certpush.stepca.settings import CaSettings
from certpush.stepca.wire import printable


@record(frozen=True, slots=True)
class Proof:
    """The provisioner, where its password is, and the password itself where it is still to be written there.

    ``settings`` are complete, or without a password where that can be read by a service only.
    """

    settings: CaSettings
    reference: str
    to_write: Secret | None = None


@record(frozen=True, slots=True)
class _Trial:
    """Opens the provisioner's key with a password, as every run will."""

    trusted: Trusted
    provisioner: str

    def settings(self, password: Secret | None) -> CaSettings:
        known = self.trusted.settings
        return CaSettings(url=known.url, fingerprint=known.fingerprint, root=known.root, provisioner=self.provisioner, password=password)

    def opened(self, password: Secret) -> CaSettings:
        """The settings with this password, which is right.

        Raises:
            IssuerRefused: it is not, or the CA does not hand the key out.

        """
        settings = self.settings(password)
        credential_for(Situation(settings, self.trusted.provisioners, utc_now, str(self.trusted.address)))
        return settings


def prove(interview: Interview, arguments: argparse.Namespace, trusted: Trusted, place: Place) -> Proof:
    """Find the provisioner and a password that opens its key.

    Raises:
        ConfigError: an answer is missing, or a file cannot be read safely.
        IssuerRefused: there is no such provisioner, or the password is wrong.

    """
    trial = _Trial(trusted, _provisioner(interview, arguments, trusted))
    if arguments.password_file is not None:
        return _by_reference(interview, trial, file_reference(arguments.password_file))
    if arguments.password is not None:
        return _by_reference(interview, trial, full_reference(arguments.password))
    for known, ours in ((trusted.password_file, False), (place.password, True)):
        if known is not None and (proof := _by_known_file(interview, trial, known, replaceable=not ours or place.force)):
            return proof
    return _typed(interview, trial, place)


# --- the provisioner --------------------------------------------------------------------------


def _provisioner(interview: Interview, arguments: argparse.Namespace, trusted: Trusted) -> str:
    """The name of a provisioner that takes a password; the only one is taken."""
    whose = str(trusted.address)
    names = list(dict.fromkeys(one.name for one in trusted.provisioners if one.type.casefold() == "jwk"))
    known = trusted.provisioner if trusted.provisioner in names else None
    if arguments.provisioner is not None or len(names) < 2:
        only = choose(trusted.provisioners, arguments.provisioner, "JWK", whose)[0].name
        interview.found(f"provisioner {printable(only)}")
        return only
    interview.say(f"  The CA has {len(names)} provisioners that take a password:")
    for number, name in enumerate(names, start=1):
        interview.say(f"    {number}  {printable(name)}")

    def read(text: str) -> str:
        by_number = {str(number): name for number, name in enumerate(names, start=1)}
        chosen = text if text in names else by_number.get(text, text)
        return choose(trusted.provisioners, chosen, "JWK", whose)[0].name

    there_are = f"the CA has {', '.join(map(printable, names))}"
    return interview.answer(
        Question("the provisioner", "--provisioner NAME", read, "Which of them, by name or number", default=known, hint=there_are)
    )


# --- the password -----------------------------------------------------------------------------


def _by_reference(interview: Interview, trial: _Trial, reference: str) -> Proof:
    if reference.startswith("cred:") and "CREDENTIALS_DIRECTORY" not in os.environ:
        # Only the service gets to see it, so only the service can find out.
        interview.say("  The password cannot be tried here: systemd gives it to the service alone.")
        return Proof(trial.settings(None), reference)
    return Proof(trial.opened(References(os.environ).read(reference)), reference)


def _by_known_file(interview: Interview, trial: _Trial, path: Path, *, replaceable: bool) -> Proof | None:
    """What stands in a file that is there already, where it opens the key; else it is said why not."""
    if not os.path.lexists(path):
        return None
    try:
        settings = trial.opened(Secret(read_private_file(path).rstrip()))
    except CertpushError as error:
        if not replaceable:
            raise ConfigError(
                f"{escaped(str(path))} is there already, and will not do: {error.message}",
                hint="remove it; or --force keeps it beside the new one; or --password-file names another",
            ) from None
        if interview.person:
            interview.explain(error)
        return None
    interview.found(f"the password in {safe(str(path))} opens the provisioner's key")
    return Proof(settings, f"file:{path}")


def _typed(interview: Interview, trial: _Trial, place: Place) -> Proof:
    if not interview.person:
        raise ConfigError(
            "the provisioner's password: not given, and nobody is here to be asked",
            hint="add --password-file PATH of a file that only you can read, or --password REFERENCE",
        )
    with contextlib.suppress(WrongPassword):  # what no password can mend is found before one is asked for
        trial.opened(Secret(""))
    interview.say(f"  The password will be kept in {safe(str(place.password))}, which only you can read.")

    def read(text: str) -> Proof:
        password = Secret(text.rstrip())
        if not password.reveal():
            raise ConfigError("a password has letters", hint="type the password of the provisioner")
        if not password.reveal().isprintable():
            raise ConfigError("a control character, such as an arrow key's, got into the password", hint="type it again")
        return Proof(trial.opened(password), f"file:{place.password}", password)

    proof = interview.secret(f"Password of the provisioner {printable(trial.provisioner)}", read)
    interview.found("the password opens the provisioner's key")
    return proof
