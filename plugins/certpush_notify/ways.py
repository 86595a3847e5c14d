"""The ways to a person, made from the settings: a webhook, apprise, or a command."""

from __future__ import annotations

import importlib.util
import shutil
from collections.abc import Iterator
from typing import Protocol

from certpush import Finding, Severity
from certpush.errors import ConfigError, ObserverFailed, TargetError
from certpush.kit.command import SEARCH_PATH, escaped, run
from certpush_notify.message import Message
from certpush_notify.settings import NotifySettings
from certpush_notify.webhook import SECRET_HOSTS, Webhook

_APPRISE_MISSING = "the extra for apprise is not installed"
_INSTALL_APPRISE = "pip install 'certpush[notify]'"


class Way(Protocol):
    """Brings a message to somebody; ``where`` says to whom, without a secret."""

    where: str

    def send(self, message: Message) -> None:
        """Send it; ObserverFailed where it did not arrive, as far as can be known."""
        ...


def way_of(settings: NotifySettings) -> Way:
    """The way that the settings name; asks nobody anything.

    Raises:
        ConfigError: it cannot be used.

    """
    if settings.command:
        return Command(settings)
    return Apprise(settings) if settings.apprise else Webhook(settings)


class Command:
    """A command of the administrator: the message on its standard input, its title in the first line."""

    def __init__(self, settings: NotifySettings) -> None:
        self._command, self._within = settings.command, settings.timeout
        self.where = f"the command {escaped(settings.command[0])}"

    def send(self, message: Message) -> None:
        """Run it, and wait for its end."""
        try:
            ended = run(self._command, within=self._within, given=f"{message.title}\n\n{message.text}\n".encode())
        except TargetError as error:
            raise ObserverFailed(error.message, hint="run it by hand; timeout gives it longer") from None
        if ended.status != 0:
            said = ended.tail(3)
            raise ObserverFailed(
                f"{self.where} ended with {ended.status}{f': {said}' if said else ''}", hint="run it by hand as the same user"
            )


class Apprise:
    """One of the hundred services that apprise knows; imported when something is sent."""

    def __init__(self, settings: NotifySettings) -> None:
        if importlib.util.find_spec("apprise") is None:
            raise ConfigError(_APPRISE_MISSING, hint=_INSTALL_APPRISE)
        self._addresses = settings.apprise
        self.where = f"apprise ({len(settings.apprise)} {'address' if len(settings.apprise) == 1 else 'addresses'})"

    def send(self, message: Message) -> None:
        """Have apprise send it; what apprise would log may hold an address, which is a secret."""
        import logging

        import apprise

        logging.getLogger("apprise").disabled = True
        services = apprise.Apprise()
        for number, address in enumerate(self._addresses, 1):
            if not services.add(address.reveal()):
                raise ObserverFailed(
                    f"apprise cannot use its address number {number}", hint="https://github.com/caronc/apprise/wiki tells how they look"
                )
        level = {"critical": apprise.NotifyType.FAILURE, "warning": apprise.NotifyType.WARNING}.get(
            message.severity, apprise.NotifyType.INFO
        )
        if not services.notify(title=message.title, body=message.text, notify_type=level, body_format=apprise.NotifyFormat.TEXT):
            raise ObserverFailed("apprise could not send to all of its addresses", hint="try each with `apprise -v` by hand")


def what_is_wrong(settings: NotifySettings) -> tuple[Finding, ...]:
    """Look whether the way could be used; sends nothing."""
    try:
        way = way_of(settings)
    except ConfigError as error:
        return (Finding(Severity.ERROR, "way", error.message, error.hint),)
    return (*_doubts(settings), Finding(Severity.OK, "way", f"messages go to {way.where}"))


def _doubts(settings: NotifySettings) -> Iterator[Finding]:
    if settings.command and shutil.which(settings.command[0], path=SEARCH_PATH) is None:
        yield Finding(Severity.ERROR, "command", f"there is no command {escaped(settings.command[0])}", "name it by its full path")
    host = next((one for one in SECRET_HOSTS if settings.url and one in settings.url), None)
    if host:
        yield Finding(
            Severity.WARNING, "secret", f"who knows an address of {host} can write there, and this one stands in the configuration",
            'move it into a file that only you can read, and write url_from = "file:/path/of/it"',
        )  # fmt: skip
