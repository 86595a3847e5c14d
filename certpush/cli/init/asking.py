"""Asks for one target's keys, one after the other, and knows what was answered before."""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

from certpush.cli.asking import Interview, Question

T = TypeVar("T")


class Asking:
    """Asks for one target's keys: a flag's answer first, then the person's, with the earlier one offered the second time."""

    def __init__(self, interview: Interview, arguments: argparse.Namespace, folder: Path) -> None:
        self.interview = interview
        self.folder = folder
        """Where a secret that is yet to be put into a file would stand."""
        self.asked_person = False
        self.asked: set[str] = set()
        self._arguments = arguments
        self._texts: dict[str, str] = {}
        self._again = False

    def begin_again(self) -> None:
        """Offer the answers so far instead of taking them."""
        self._again = True
        self.asked.clear()

    def given(self, key: str) -> str | None:
        """What the flag of that name says."""
        value = getattr(self._arguments, key, None)
        if isinstance(value, bool):
            return "yes" if value else "no"
        return ",".join(value) if isinstance(value, list) else value

    def sets(self) -> list[str]:
        """What ``--set`` says, word by word."""
        return list(self._arguments.set)

    def ask(self, key: str, question: Question[T]) -> T:
        """The answer for one key."""

        def read(text: str) -> T:
            answer = question.read(text)
            self._texts[key] = text
            return answer

        self.asked.add(key)
        given = None if self._again else self.given(key)
        self.asked_person |= self.interview.person and given is None
        before = self._texts.get(key) if self._again else None
        suggestion = question.suggestion if before is None else before
        return self.interview.answer(replace(question, read=read, suggestion=suggestion), given)
