"""A command for the machine that has the files, with what it reads and what it must say."""

from __future__ import annotations

from certpush.records import record


@record(frozen=True, slots=True)
class Content:
    """The lines of a file that is in place on that machine, without empty ones. A key in it comes from there, and goes no further."""

    path: str


@record(frozen=True, slots=True)
class Order:
    """A list of words, never a shell; ``expects`` is for programs whose exit status says nothing."""

    words: tuple[str, ...]
    given: tuple[str | Content, ...] = ()
    """What it reads on its standard input."""
    expects: str = ""
    """A text that its output must have."""

    @property
    def in_words(self) -> str:
        """As a shell would write it."""
        import shlex

        return shlex.join(self.words)

    @property
    def in_full(self) -> str:
        """The same, with what it reads; of a file its path."""
        given = "".join(f"[{one.path}]" if isinstance(one, Content) else one for one in self.given)
        return f"{self.in_words}, which reads: {' '.join(given.split())}" if given else self.in_words
