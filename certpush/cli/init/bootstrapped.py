"""Taking over an existing ``step ca bootstrap``: a person compared that root once already."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from certpush.cli.asking import Interview, Question, yes_or_no
from certpush.cli.console import safe
from certpush.cli.init.authority import Trusted, fingerprint_question, see, url_question
from certpush.errors import CertpushError
from certpush.stepca.address import CaAddress, normalised_fingerprint
from certpush.stepca.bootstrap import StepDefaults, read_steppath, with_defaults
from certpush.stepca.settings import CaSettings


def taken_over(interview: Interview, arguments: argparse.Namespace, environ: Mapping[str, str]) -> Trusted | None:
    """The CA that ``step`` was set up for; None where it was not, where another one is meant, or where a person wants another.

    Raises:
        ConfigError: what step left there cannot be read.
        CertpushError: that CA does not answer, or is another by now.

    """
    flags = arguments.ca_url is not None or arguments.fingerprint is not None
    try:
        known = _known(arguments, environ)
        settings = _completed(interview, arguments, known) if known else None
        if not known or not settings or (arguments.ca_url is None and not _wanted(interview, settings)):
            return None
        provisioners = see(settings)
    except CertpushError as error:
        if not interview.person or flags or arguments.step_context is not None:
            raise
        interview.explain(error)  # a bootstrap of long ago is no reason to give up
        return None
    interview.found(f"{settings.url} answers, and its certificate leads to that root")
    password_file = known.password_file.absolute() if known.password_file else None
    return Trusted(settings, provisioners, known.provisioner, password_file)


def _known(arguments: argparse.Namespace, environ: Mapping[str, str]) -> StepDefaults | None:
    if arguments.ca_url is not None and arguments.fingerprint is not None:
        return None
    return read_steppath(environ, Path(environ.get("HOME") or Path.home()).absolute(), arguments.step_context)


def _completed(interview: Interview, arguments: argparse.Namespace, known: StepDefaults) -> CaSettings | None:
    """What the flags say, completed; the defaults of another CA are not mixed in."""
    url = interview.answer(url_question(), arguments.ca_url) if arguments.ca_url is not None else None
    wanted = interview.answer(fingerprint_question(person=False), arguments.fingerprint) if arguments.fingerprint is not None else None
    found = with_defaults(CaSettings(url=str(url) if url else None, fingerprint=wanted), replace(known, password_file=None))
    if found.url is None or (found.fingerprint is None and found.root is None):
        return None
    address = str(CaAddress.parse(found.url))
    if found.fingerprint is not None:  # enough by itself, and still there when the file is not
        return CaSettings(url=address, fingerprint=normalised_fingerprint(found.fingerprint))
    return CaSettings(url=address, root=str(Path(found.root or "").absolute()))


def _wanted(interview: Interview, settings: CaSettings) -> bool:
    interview.say(f"  `step ca bootstrap` was done here for {interview.strong(safe(str(settings.url)))},")
    interview.say(f"  root {safe(settings.fingerprint or str(settings.root))}")
    return interview.answer(Question("Use that CA, yes or no", "--ca-url URL", yes_or_no, default="yes"))
