"""Gather the pages of the site: what is reached by links from the README, where it stands in the project.

``python docs/site.py DIRECTORY`` copies them; ``make site`` has the site built from there (mkdocs.yml). So every link
is the same on the site, in a checkout, and where the repository is shown.
"""

from __future__ import annotations

import re
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
_BLOCK = re.compile(r"^ *```.*?^ *```$", re.DOTALL | re.MULTILINE)
_LINK = re.compile(r"\]\(([^)\s#]+)(?:#[^)\s]*)?\)")


def main(directory: Path) -> None:
    """Put every page, and every file that one links to, below ``directory``, which is made anew."""
    shutil.rmtree(directory, ignore_errors=True)
    for path in reached(ROOT / "README.md"):
        (directory / path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(ROOT / path, directory / path)


def reached(first: Path) -> list[Path]:
    """All files that links lead to, from page to page, relative to the project."""
    found, waiting = {first}, [first]
    while waiting:
        for link in _links(waiting.pop()):
            if link not in found:
                found.add(link)
                waiting.append(link)
    return sorted(path.relative_to(ROOT) for path in found)


def _links(page: Path) -> Iterator[Path]:
    if page.suffix != ".md":
        return
    for link in _LINK.findall(_BLOCK.sub("", page.read_text(encoding="utf-8"))):
        target = (page.parent / link).resolve()
        if "://" not in link and target.is_file() and target.is_relative_to(ROOT):
            yield target


if __name__ == "__main__":
    main(Path(sys.argv[1]))
