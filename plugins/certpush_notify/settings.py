"""What a ``notify`` observer is told."""

from __future__ import annotations

import re
from typing import Annotated, Literal

import msgspec

from certpush import Doc, Duration, Secret, Settings
from certpush.errors import ConfigError

Occasion = Literal["stranded", "danger", "failure", "recovery"]
OCCASIONS: tuple[Occasion, ...] = ("stranded", "danger", "failure", "recovery")
_HEADER = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,100}")
_ONE_WAY = "one table is one way to a person; several ways are several [observer.NAME] tables"


class NotifySettings(Settings):
    """Keys of ``kind = "notify"``."""

    url: Annotated[str | None, Doc("a webhook that takes JSON by POST: https://..., or http:// on this machine only")] = None
    url_from: Annotated[Secret | None, Doc("the same where the address itself is a secret, as with Slack, Teams and Discord")] = None
    headers: Annotated[dict[str, Secret], Doc("headers for the webhook, each a secret reference: { Authorization = ... }")] = msgspec.field(
        default_factory=dict
    )
    fields: Annotated[
        dict[str, str], Doc('what the webhook gets, where it wants other keys: { content = "{title}\\n{text}" }; {severity} is known, too')
    ] = msgspec.field(default_factory=dict)
    trust: Annotated[str, Doc('whom the webhook is trusted by: "system" (the CAs of this machine), a PEM path, or "sha256:..."')] = "system"
    apprise: Annotated[tuple[Secret, ...], Doc("addresses of apprise, each a secret reference; needs certpush[notify]")] = ()
    command: Annotated[tuple[str, ...], Doc("a command that reads the message on its standard input; run without a shell")] = ()
    on: Annotated[tuple[Occasion, ...], Doc("what is told")] = OCCASIONS
    danger_every: Annotated[Duration, Doc("how often a certificate in danger is told again, while it lasts")] = Duration(hours=24)
    timeout: Annotated[Duration, Doc("how long one sending may take")] = Duration(seconds=20)

    def __post_init__(self) -> None:
        ways = [name for name in ("url", "url_from", "apprise", "command") if getattr(self, name) not in (None, ())]
        if not ways:
            raise ConfigError("nothing says how to reach anybody", hint="add one of url, url_from, apprise, command")
        if len(ways) > 1:
            raise ConfigError(f"{ways[0]} and {ways[1]} are two ways", hint=_ONE_WAY)
        if self.apprise or self.command:
            self._refuse_what_is_for_webhooks(ways[0])
        for name in self.headers:
            if not _HEADER.fullmatch(name):
                raise ConfigError(f"headers: {name[:80]!a} is no name of a header", hint='write it as "X-Token"')
        if self.timeout.total_seconds() <= 0 or self.danger_every.total_seconds() <= 0:
            raise ConfigError("timeout and danger_every are more than nothing", hint='write them as "20s" and "24h"')

    def _refuse_what_is_for_webhooks(self, way: str) -> None:
        given = next((name for name in ("headers", "fields") if getattr(self, name)), "trust" if self.trust != "system" else "")
        if given:
            raise ConfigError(f"{given} is for a webhook, and this table has {way}", hint=f"leave {given} out")
