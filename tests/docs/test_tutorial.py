"""docs/tutorial.md is followed: its files over a new project, its contract test, its mistake, its deployments."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from cli.plugin.author import Author
from conftest import once_for_all
from docs.reading import ROOT

pytestmark = pytest.mark.timeout(120)

TUTORIAL = (ROOT / "docs" / "tutorial.md").read_text()
FILES = dict(re.findall(r"^`(src/[\w./]+)`:\n\n```python\n(.*?)^```$", TUTORIAL, re.DOTALL | re.MULTILINE))
MISTAKE = re.search(r"^```python\n(        self\._api\.put.*?)^```$", TUTORIAL, re.DOTALL | re.MULTILINE)


def follow(directory: Path) -> None:
    author = Author(directory, "gate")
    author.write()
    there = {str(path.relative_to(author.project)) for path in author.project.rglob("*.py")}
    assert there == {*FILES, "tests/test_contract.py"}, "the tutorial replaces every module of a new project, and adds none"
    for name, text in FILES.items():
        (author.project / name).write_text(text)
    author.make_environment()
    author.install()


@pytest.fixture(scope="module")
def author(tmp_path_factory) -> Author:
    """Somebody who followed it to the end."""
    return Author(once_for_all(tmp_path_factory, "tutorial", follow), "gate")


def test_its_plugin_keeps_the_contract_as_the_page_says(author):
    ended = author.call(author.python, "-m", "certpush", "conformance", "gate", "-q")
    assert ended.returncode == 0, ended.stdout
    said = re.search(r"^gate keeps the contract: .*", TUTORIAL, re.MULTILINE)
    assert said is not None
    assert said[0] == ended.stdout.strip().splitlines()[-1]
    kept, broken = (re.findall(r"\d+", line) for line in re.findall(r"^gate (?:keeps|is not shown).*", TUTORIAL, re.MULTILINE))
    assert broken == [kept[0], str(int(kept[1]) - 1), "1", kept[2]]


def test_its_tools_have_nothing_to_say(author):
    for words in (
        ["ruff", "check", "--no-cache"],
        ["ruff", "format", "--diff", "--no-cache"],
        ["mypy", "--cache-dir", ROOT / ".mypy_cache"],
    ):
        ended = author.call(Path(sys.executable).with_name(str(words[0])), *words[1:])
        assert ended.returncode == 0, ended.stdout + ended.stderr


def test_its_mistake_is_caught_in_the_words_of_the_page(author, tmp_path):
    assert MISTAKE is not None
    copy = tmp_path / "src"
    subprocess.run(["cp", "-r", author.project / "src", copy], check=True)
    target, wrong = copy / "certpush_gate" / "target.py", MISTAKE[1]
    right = wrong.replace('        self._api.restart("waiting")\n', "")
    assert right in target.read_text()
    target.write_text(target.read_text().replace(right, wrong))
    impatient(copy / "certpush_gate" / "conformance.py")
    test = author.project / "tests" / "test_contract.py"
    words = ["-m", "pytest", "-q", "-p", "no:cacheprovider", "-k", "stage_does_not_change", test]
    ended = author.call(author.python, *words, PYTHONPATH=str(copy))
    assert ended.returncode == 1
    assert "stage() changed what is served; only activate() may" in ended.stdout
    assert "failed  TestGate: stage() changed what is served; only activate() may\n" in TUTORIAL


def test_it_deploys_as_the_page_shows(author):
    with author.stand_in() as variable:

        def certpush(*words: str) -> str:
            ended = author.call(author.python, "-m", "certpush", *words, **variable)
            assert ended.returncode == 0, ended.stderr
            return ended.stdout

        shown = re.findall(r"^\$ certpush (deploy.*|rollback dev)\n((?:(?!\$ |```).+\n)+)", TUTORIAL.partition("## 8.")[2], re.MULTILINE)
        assert [words for words, _ in shown] == ["deploy --plan", "deploy", "deploy --force", "rollback dev"]
        for words, output in shown:
            assert alike(certpush(*words.split())) == alike(output), words


def impatient(conformance: Path) -> None:
    """The suite looks for half a minute before it calls a certificate lost; here a shorter time tells as much."""
    text = conformance.read_text()
    assert "broken_switch=device.broken," in text
    text = text.replace("broken_switch=device.broken,", "broken_switch=device.broken, patience=timedelta(seconds=4),")
    conformance.write_text(text.replace("import pytest\n", "from datetime import timedelta\nimport pytest\n", 1))


def alike(text: str) -> list[list[str]]:
    """The words; fingerprints are anybody's."""
    return [line.split() for line in re.sub(r"\b[0-9a-f]{12}\b", "#", text).strip().splitlines()]
