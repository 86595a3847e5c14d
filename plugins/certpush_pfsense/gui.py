"""The web GUI from the box's own side: restart it, see what it serves, and say why it does not serve ours."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from datetime import timedelta

from certpush.errors import CertpushError, TargetRefused, TargetUnreachable
from certpush.kit.ssh.inside import TunnelsProhibited, leaf_inside
from certpush.kit.ssh.session import Steps
from certpush.model import fingerprint
from certpush_pfsense.box import Box
from certpush_pfsense.config_xml.reading import Config, Entry

_log = logging.getLogger(__name__)
_PAUSE_SECONDS = 0.25
_LONGEST = timedelta(seconds=60)
_ON_ITS_WAY = timedelta(seconds=3)
# The descriptions that pfSense gives to certificates it makes for its web GUI, up to 2.6 and since 2.7.
_OF_THE_BOX = ("webConfigurator default", "GUI default")


def ask_to_restart(steps: Steps, *, by_script: bool = False) -> None:
    """Add the step that restarts the web GUI: by event as pfSense itself does, or by its script."""
    steps.step("restart_by_script" if by_script else "restart_by_event")


def made_by_the_box(entry: Entry | None) -> bool:
    """Whether pfSense made this certificate for its web GUI by itself."""
    return entry is not None and entry.descr.startswith(_OF_THE_BOX)


class Gui:
    """The web GUI of one box."""

    def __init__(self, box: Box, host: str, rescue_after: timedelta) -> None:
        self._box = box
        self._host = host
        self._patience = min(_LONGEST, rescue_after * 2 / 3)

    def served(self, config: Config) -> str | None:
        """The fingerprint of what it serves now, seen from the box itself; None where it does not answer.

        Raises:
            TunnelsProhibited: the SSH server lets nobody look through it.

        """
        try:
            return fingerprint(leaf_inside(self._box.connection, config.webgui.port, self._host))
        except TunnelsProhibited:
            raise
        except TargetUnreachable:
            if self._box.connection.alive:
                return None
            raise

    def bring(self, wanted: str, config: Config) -> None:
        """Wait until it serves ``wanted``; restart it once more, by its script, where the first restart did not bring that.

        Raises:
            TargetRefused: it does not; the message says what is there instead.

        """
        if self._comes(lambda served: served == wanted, config):
            return
        steps = Steps()
        ask_to_restart(steps, by_script=True)
        self._box.perform(steps)
        if not self._comes(lambda served: served == wanted, config):
            raise self.explained(wanted)

    def comes_by_itself(self, wanted: str, config: Config) -> bool:
        """Whether it serves ``wanted``, at once or when a restart that is on its way is over: a second one would be in its way."""
        return self._comes(lambda served: served == wanted, config, within=_ON_ITS_WAY)

    def await_gone(self, unwanted: str, config: Config) -> None:
        """Wait until it serves anything else; what that is may be nobody's business to know beforehand."""
        self._comes(lambda served: served not in (None, unwanted), config)

    def _comes(self, fits: Callable[[str | None], bool], config: Config, *, within: timedelta | None = None) -> bool:
        until = time.monotonic() + (within or self._patience / 2).total_seconds()
        while True:
            try:
                if fits(self.served(config)):
                    return True
            except TunnelsProhibited as error:
                _log.warning("%s; the web GUI is looked at from outside only", error.message)
                return True
            if time.monotonic() > until:
                return False
            time.sleep(_PAUSE_SECONDS)

    def explained(self, wanted: str) -> CertpushError:
        """What is the matter when ``wanted`` is not served though the configuration was written."""
        sight = self._box.look()
        where = self._box.connection.where
        if replaced(sight.config, wanted):
            return TargetRefused(
                f"{where}: pfSense did not like the certificate and made a self-signed one of its own for its web GUI",
                hint="it does that for keys and certificates that it cannot use, such as those signed with SHA-1",
            )
        served = self.served(sight.config)
        if served is None:
            return TargetRefused(
                f"{where}: the web GUI did not come back after its restart",
                hint="see System Logs > System > GUI Service; menu 11 on the console restarts it",
            )
        return TargetRefused(
            f"{where}: the web GUI serves another certificate still (sha256 {served[:16]}, not {wanted[:16]})",
            hint="restart it with menu 11 on the console",
        )


def replaced(config: Config, wanted: str) -> bool:
    """Whether pfSense put one of its own in the place of the certificate that was chosen."""
    entry = config.cert(config.webgui.certref)
    return entry is not None and made_by_the_box(entry) and entry.sha256 != wanted
