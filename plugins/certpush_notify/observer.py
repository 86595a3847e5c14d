"""Hears a run, and tells a person what is news of it: in one message, and once."""

from __future__ import annotations

import platform

import msgspec

from certpush import Event, Observer, Run
from certpush_notify.ledger import Heard, Ledger
from certpush_notify.message import Message, message_of, test_message
from certpush_notify.settings import NotifySettings
from certpush_notify.ways import way_of


class Notify(Observer):
    """Keeps how each target ended, and at the end says what of that a person does not know yet."""

    def __init__(self, settings: NotifySettings, run: Run) -> None:
        self._settings = settings
        self._run = run
        self._begun = run.clock()
        self._heard: dict[str, Event] = {}

    def hear(self, event: Event) -> None:
        """Keep how a target ended."""
        self._heard[event.target] = event

    def close(self) -> str:
        """Write down what is to be told, send it, and write down that it was sent.

        What is not sent stays written down for the next run. A process that ends between
        sending and writing tells it twice: better than never.
        """
        ledger = self._run.memory.read_as(Ledger)
        before = msgspec.json.encode(ledger)
        heard = Heard(self._run.command, self._begun, self._run.clock(), tuple(self._heard.values()))
        ledger.take(heard, danger_every=self._settings.danger_every, on=self._settings.on)
        ledger.forget({*self._run.targets, *(name.partition("/")[0] for name in self._heard)})
        if msgspec.json.encode(ledger) != before:
            self._remember(ledger)
        return self._tell(ledger) if ledger.unsent else "nothing to tell"

    def test(self) -> str:
        """Send a message that says that it is a test."""
        return self._send(test_message(host=platform.node()))

    def _tell(self, ledger: Ledger) -> str:
        done = self._send(message_of(ledger.unsent.values(), host=platform.node(), now=self._run.clock()))
        ledger.sent()
        self._remember(ledger)
        return done

    def _send(self, message: Message) -> str:
        way = way_of(self._settings)
        way.send(message)
        return f"told {way.where}: {message.title.partition(': ')[2]}"

    def _remember(self, ledger: Ledger) -> None:
        self._run.memory.write(msgspec.to_builtins(ledger))
