"""Plugins are written against public names only: those of the template, the tutorial and the guide stand in the reference."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import certpush
from certpush import errors, testing
from docs.reading import ROOT, blocks

TEMPLATE = ROOT / "certpush" / "cli" / "plugin" / "project-template"
REFERENCE = {page.stem: page.read_text() for page in (ROOT / "docs" / "reference").glob("*.md")}
SOURCES = {
    **{str(path.relative_to(TEMPLATE)): path.read_text() for path in TEMPLATE.rglob("*.py")},
    **{
        f"{page} {number}": text
        for page in ("tutorial", "plugins")
        for number, text in enumerate(blocks(ROOT / f"docs/{page}.md", "python"))
    },
    **{path.name: path.read_text() for path in (ROOT / "tests" / "typing").glob("*.py")},
}


def imported(source: str) -> Iterator[tuple[str, str]]:
    """Names taken from certpush, with the module they were taken from."""
    try:
        tree = ast.parse(source)
    except IndentationError:  # a few lines out of the middle
        return
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module and node.module.partition(".")[0] == "certpush":
            yield from ((node.module, one.name) for one in node.names)


def public(module: str) -> set[str]:
    """What the reference has of a module."""
    if module == "certpush":
        return set(certpush.__all__)
    if module == "certpush.errors":
        return {name for name in vars(errors) if f"| `{name}` |" in REFERENCE["types"]}
    if module == "certpush.testing":
        return set(testing.__all__)
    page = REFERENCE["testing" if module.startswith("certpush.testing") else "kit"]
    section = re.search(rf"^## {re.escape(module)}$(.*?)(?=^## |\Z)", page, re.DOTALL | re.MULTILINE)
    return set(re.findall(r"^### (\w+)$", section[1], re.MULTILINE)) if section else set()


@pytest.mark.parametrize("name", sorted(SOURCES))
def test_only_public_names_are_used(name: str) -> None:
    assert [(module, one) for module, one in imported(SOURCES[name]) if one not in public(module)] == []


def test_every_public_name_of_certpush_stands_in_the_reference() -> None:
    text = "\n".join(REFERENCE.values())
    missing = [name for name in certpush.__all__ if f"### {name}\n" not in text and f"| `{name}` |" not in text]
    assert missing == ["__version__", "hookimpl"]
    assert [name for name in testing.__all__ if f"### {name}\n" not in REFERENCE["testing"]] == []


def test_the_promise_names_the_modules_that_the_reference_has() -> None:
    row = next(line for line in (ROOT / "docs" / "stability.md").read_text().splitlines() if "`certpush.kit`" in line)
    kit = re.findall(r"^## certpush\.kit\.(\w+)$", REFERENCE["kit"], re.MULTILINE)
    assert sorted(kit) == sorted(re.findall(r"`(\w+)`", row))


def test_the_template_is_there() -> None:
    assert any(Path(name).name == "target.py" for name in SOURCES)
