"""Asking a person. Never guess whether one is there: both ends must be a terminal."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from typing import Generic, TypeVar

from certpush.cli.console import Console, safe
from certpush.errors import CertpushError, ConfigError, Interrupted
from certpush.records import record

T = TypeVar("T")


def can_ask() -> bool:
    """Whether a person sits there to be asked."""
    return sys.stdin is not None and sys.stdin.isatty() and sys.stderr.isatty()


def agreed(console: Console, question: str) -> bool:
    """Ask a question that only the word yes agrees to; the end of the input is a no."""
    print(f"{question} [yes/no] ", end="", file=console.err, flush=True)
    answer = sys.stdin.readline()
    if not answer.endswith("\n"):
        print(file=console.err)  # the input ended: the shell's prompt belongs on a line of its own
    return answer.strip().lower() == "yes"


def chosen(console: Console, question: str, words: Sequence[str]) -> str:
    """Ask for one of these words, again until one comes; the end of the input is the last of them."""
    while True:
        print(f"{question} [{'/'.join(words)}] ", end="", file=console.err, flush=True)
        answer = sys.stdin.readline()
        if answer.strip().lower() in words:
            return answer.strip().lower()
        if not answer.endswith("\n"):
            print(file=console.err)
            return words[-1]


@record(frozen=True, slots=True)
class Question(Generic[T]):
    """What is asked for, the flag that answers it for a script, and how an answer is read.

    ``text`` is how a person is asked, where ``what`` does not say enough. ``read`` raises a
    CertpushError on an answer that will not do. No answer means ``suggestion`` to a person and
    ``default`` to anybody; where there is neither, there must be an answer.
    """

    what: str
    flag: str
    read: Callable[[str], T]
    text: str = ""
    default: str | None = None
    suggestion: str | None = None
    hint: str = ""


class Interview:
    """Puts questions to whoever is there. What a flag answered is not asked; without a person, defaults are taken."""

    def __init__(self, console: Console, *, person: bool) -> None:
        self._console = console
        self.person = person

    def answer(self, question: Question[T], given: str | None = None) -> T:
        """The answer that was ``given`` by a flag, or else the person's; asked again until it will do.

        Raises:
            ConfigError: the flag's answer will not do, or nobody is there to give one.
            Interrupted: the input ended.

        """
        if given is not None:
            return _read_flag(question, given)
        if self.person:
            return self._asked(question)
        if question.default is None:
            raise ConfigError(
                f"{question.what} is not given, and nobody is here to be asked",
                hint=f"add {question.flag}{f'; {question.hint}' if question.hint else ''}",
            )
        return question.read(question.default)

    def secret(self, text: str, read: Callable[[str], T]) -> T:
        """Ask for something that is not shown while it is typed."""
        import getpass

        def typed() -> str:
            try:
                return getpass.getpass(f"  {safe(text)}, not shown: ", stream=self._console.err)
            except EOFError:
                raise _ended() from None

        return self._until_it_will_do(lambda: read(typed()))

    def agrees(self, text: str) -> bool:
        """Ask the person a question that only the word yes agrees to; nobody there is a no."""
        return self.person and agreed(self._console, f"  {safe(text)}")

    def say(self, text: str = "") -> None:
        """Tell the person something between two questions; on stderr, where the questions are."""
        if self.person:
            print(text, file=self._console.err, flush=True)

    def found(self, text: str) -> None:
        """Tell the person what was found to be well."""
        self.say(f"  {self._painted('ok', '32')}  {text}")

    def strong(self, text: str) -> str:
        """What the person should look at."""
        return self._painted(text, "1")

    def explain(self, error: CertpushError) -> None:
        """Say why something will not do."""
        self._console.error(error)

    def _painted(self, text: str, code: str) -> str:
        return f"\x1b[{code}m{text}\x1b[0m" if self._console.colour_errors else text

    def _asked(self, question: Question[T]) -> T:
        usual = question.default if question.suggestion is None else question.suggestion
        brackets = f" [{safe(usual)}]" if usual else ""
        prompt = f"  {safe(question.text or question.what)}{brackets}: "
        return self._until_it_will_do(lambda: question.read(self._line(prompt) or usual or ""))

    def _until_it_will_do(self, ask: Callable[[], T]) -> T:
        while True:
            try:
                return ask()
            except Interrupted:
                raise
            except UnicodeDecodeError:
                self.explain(ConfigError("that was no text in this terminal's encoding", hint="type it again"))
            except CertpushError as error:
                self.explain(error)

    def _line(self, prompt: str) -> str:
        print(prompt, end="", file=self._console.err, flush=True)
        typed = sys.stdin.readline()
        if not typed.endswith("\n"):
            print(file=self._console.err)
            raise _ended()
        if not typed.strip().isprintable():
            raise ConfigError("a control character, such as an arrow key's, got into the answer", hint="type it again")
        return typed.strip()


def yes_or_no(text: str) -> bool:
    """Read an answer that is yes or no.

    Raises:
        ConfigError: it is neither.

    """
    meant = {"yes": True, "y": True, "no": False, "n": False}.get(text.lower())
    if meant is None:
        raise ConfigError(f"{text[:40]!a} is neither yes nor no", hint="type yes or no")
    return meant


def _read_flag(question: Question[T], given: str) -> T:
    try:
        return question.read(given)
    except ConfigError as error:
        raise ConfigError(f"{question.flag.split()[0]}: {error.message}", hint=error.hint) from None


def _ended() -> Interrupted:
    return Interrupted("the input ended before the last question was answered")
