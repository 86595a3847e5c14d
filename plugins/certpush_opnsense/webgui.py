"""The web GUI as a service: restarted until it has taken its certificate up, and looked at."""

from __future__ import annotations

import logging
import time
from datetime import UTC, datetime

from certpush.errors import TargetRefused, TargetUnreachable
from certpush.kit.https import AnswerLost
from certpush.kit.tls import look
from certpush_opnsense.api import Api
from certpush_opnsense.box import Box
from certpush_opnsense.refusals import NoSuchCall
from certpush_opnsense.settings import OpnsenseSettings

_log = logging.getLogger(__name__)


class WebGui:
    """The web server, which is the API's, too."""

    def __init__(self, settings: OpnsenseSettings, api: Api, box: Box | None) -> None:
        self._endpoint = settings.endpoint
        self._seconds = settings.restart_timeout.total_seconds()
        self._api, self._box = api, box

    def take_up(self, wanted: str) -> None:
        """Restart it until it has taken this certificate up, twice at most; whether it has is for the core to see."""
        if self.serves(wanted):
            return
        self._restart()
        if self.wait_for(wanted):
            return
        # A restart that is going on already makes the next one do nothing.
        _log.warning("%s: the web GUI has not taken up its certificate; restarting it once more", self._api.where)
        if self._box is not None:
            self._box.restart()
        else:
            self._restart()
        self.wait_for(wanted)

    def wait_for(self, wanted: str) -> bool:
        """Wait until this certificate is served; False where it is not within the time."""
        until = time.monotonic() + self._seconds
        while not self.serves(wanted):
            if time.monotonic() > until:
                return False
            time.sleep(0.2)
        return True

    def serves(self, wanted: str) -> bool:
        """Whether this certificate is served now."""
        try:
            return look(self._endpoint, (), datetime.now(UTC), timeout=5).fingerprint == wanted
        except TargetUnreachable:
            return False

    def _restart(self) -> None:
        try:
            self._api.post("core", "service", "restart", "webgui")
        except AnswerLost:
            """The web server that was to answer is what restarts."""
        except NoSuchCall as error:
            if self._box is None:
                raise TargetRefused(error.message, hint="update OPNsense, or let certpush in by SSH") from error
            self._box.restart()
