"""A pfSense box over SSH: run steps there, and read its configuration."""

from __future__ import annotations

import logging
import re
from importlib import resources
from typing import TYPE_CHECKING, NamedTuple

from certpush.errors import TargetRefused
from certpush.kit.ssh import session
from certpush.kit.ssh.session import Session, Steps, Told
from certpush.kit.ssh.settings import FREEBSD
from certpush_pfsense.config_xml.reading import MAX_BYTES, Config, read
from certpush_pfsense.pair import connect
from certpush_pfsense.troubles import failure

if TYPE_CHECKING:
    from certpush.kit.ssh.connection import SshConnection
    from certpush_pfsense.settings import PfSenseSettings

_log = logging.getLogger(__name__)
_STEPS = session.STEPS + resources.files(__package__).joinpath("steps.sh").read_text(encoding="ascii")
_LOOKS = 5
_FACTS = re.compile(r"([0-9a-f]{64}) ([0-9]+) ([0-9]+)")


class Sight(NamedTuple):
    """The configuration at one moment. Its ``sha256`` is the file's, also where the secrets in ``config`` were left behind."""

    config: Config
    sha256: str
    now: int
    """The box's clock, Unix time."""
    booting: bool = False


class Box:
    """The box's shell: one connection, made when it is first needed."""

    def __init__(self, settings: PfSenseSettings) -> None:
        sudo = FREEBSD if settings.sudo else False
        self._session = Session(lambda: connect(settings), user=settings.user, sudo=sudo, folder=".certpush-pfsense")

    @property
    def connection(self) -> SshConnection:
        """The connection, standing as far as is known."""
        return self._session.connection

    def close(self) -> None:
        """End the connection; the next use makes a new one."""
        self._session.close()

    def perform(self, steps: Steps, *, limit: int = MAX_BYTES + (1 << 20)) -> Told:
        """Run the steps in one script.

        Raises:
            CertpushError: a step could not be taken, or the box cannot be reached.

        """
        return self._session.perform(steps, script_of, failure, limit=limit)

    def discard_uploads(self) -> None:
        """Remove what a run that died had handed over."""
        self._session.discard_uploads()

    def look(self, *, whole: bool = False) -> Sight:
        """Read the configuration; without ``whole``, keys and passwords are left on the box.

        Raises:
            SafetyRefusal: it is no configuration that certpush would touch.
            CertpushError: it cannot be read.

        """
        for _ in range(_LOOKS):
            steps = Steps()
            ask_to_look(steps, whole=whole)
            sight = seen_in(self.perform(steps))
            if sight is not None:
                return sight
        raise TargetRefused(
            f"{self.connection.where}: its configuration changes each time it is looked at", hint="see who writes there, then run again"
        )


def ask_to_look(steps: Steps, *, whole: bool = False) -> None:
    """Add the steps that read the configuration."""
    steps.step("look", "whole" if whole else "secrets")


def seen_in(told: Told) -> Sight | None:
    """Understand what they said; None where somebody wrote in the middle of it."""
    facts = [_FACTS.fullmatch(line) for line in told.of("file")]
    body = told.between("config-begin", "config-end")
    if len(facts) != 2 or body is None or facts[0] is None or facts[1] is None or facts[0][1] != facts[1][1]:
        return None
    return Sight(read(body), facts[0][1], int(facts[1][3]), bool(told.of("booting")))


def library() -> str:
    """The steps, defined; nothing is done yet."""
    return _STEPS


def script_of(lines: list[str], tag: str) -> str:
    """The whole text that the remote shell reads; the last line sets it going."""
    return session.script_of(library(), lines, tag)
