"""Reading the guides: their blocks, the commands in them, their links."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGES = sorted(
    page
    for pattern in (
        "*.md",
        "docs/*.md",
        "docs/decisions/*.md",
        "docs/reference/*.md",
        "plugins/*/README.md",
        "changelog/*.md",
        "benchmarks/*.md",
        "fixtures/*/*.md",
    )
    for page in ROOT.glob(pattern)
    if page.name != "CHANGELOG.md"
)
_BLOCK = re.compile(r"^(?P<indent> *)```(?P<language>\w*)\n(?P<text>.*?)^(?P=indent)```$", re.DOTALL | re.MULTILINE)
_INLINE = re.compile(r"`([^`\n]+)`")
_OWN_FILE = re.compile(r"(?:\.ci|benchmarks|certpush|changelog|docs|fixtures|plugins|tests)/[\w./-]*\w/?")
_ENDS_A_COMMAND = {";", "|", "||", "&&", "&", ">", ">>", "<", "(", ")"}


@dataclass(frozen=True)
class Command:
    """A command line of certpush as a page has it: its words without ``certpush``, and whether a reader would type it as it is."""

    page: str
    words: tuple[str, ...]
    typed: bool

    def __str__(self) -> str:
        return f"{self.page}: certpush {shlex.join(self.words)}"


def name_of(page: Path) -> str:
    return str(page.relative_to(ROOT))


def blocks(page: Path, language: str) -> list[str]:
    """The fenced blocks of this language, without the indentation of a list around them."""
    found = (match for match in _BLOCK.finditer(page.read_text()) if match["language"] == language)
    return [re.sub(rf"^{match['indent']}", "", match["text"], flags=re.MULTILINE) for match in found]


def commands(page: Path) -> Iterator[Command]:
    """Every command line of certpush: what is typed at a prompt or runs from a unit, and what stands in a sentence."""
    name = name_of(page)
    for block in blocks(page, "console"):
        for line in block.replace("\\\n", " ").splitlines():
            if line.startswith(("$ ", "# ")):
                yield from (Command(name, words, typed=True) for words in _calls(line[2:]))
    for block in blocks(page, "ini"):
        for line in re.findall(r"^Exec\w+=(.*)$", block, re.MULTILINE):
            yield from (Command(name, words, typed=True) for words in _calls(line))
    for text in _INLINE.findall(_BLOCK.sub("", page.read_text())):
        if text.startswith("certpush ") and "<Tab>" not in text:
            yield from (Command(name, words, typed=False) for words in _calls(text))


def shell_commands(page: Path) -> list[str]:
    """Every command that a page has at a prompt, whole: continued lines and loops belong to it, what is printed does not."""
    found: list[str] = []
    open_ended = False
    for line in (line for block in blocks(page, "console") for line in block.splitlines()):
        prompt = line.startswith(("$ ", "# "))
        if not prompt and not open_ended:
            continue
        if prompt:
            found.append(line[2:])
        else:
            found[-1] += f"\n{line}"
        open_ended = line.endswith("\\") or (" do\n" in f"{found[-1]}\n" and line.strip() != "done")
    return found


def named_files(page: Path) -> list[str]:
    """Files and folders of the project that a page names in a sentence or a table."""
    texts = (text for text in _INLINE.findall(_BLOCK.sub("", page.read_text())))
    return [text for text in texts if _OWN_FILE.fullmatch(text)]


def _calls(line: str) -> Iterator[tuple[str, ...]]:
    """The words after ``certpush`` wherever a command of the line begins with it, or with sudo before it."""
    lexer = shlex.shlex(line, posix=True, punctuation_chars=True)
    lexer.whitespace_split = True
    command: list[str] = []
    for word in [*lexer, ";"]:
        if word not in _ENDS_A_COMMAND:
            command.append(word)
            continue
        if command[:1] == ["sudo"]:
            del command[0]
        if command and command[0].rpartition("/")[2] == "certpush":
            yield tuple(command[1:])
        command = []


def links(page: Path) -> list[str]:
    """Links to other files and headings of the project."""
    found = re.findall(r"\]\(([^)\s]+)\)", _BLOCK.sub("", page.read_text()))
    return [link for link in found if "://" not in link]


def anchors(page: Path) -> set[str]:
    """The anchors of a page's headings, as repository hosts make them."""
    headings = re.findall(r"^#+ (.*)$", _BLOCK.sub("", page.read_text()), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}
