"""The site has every page, and its menu leads to pages; building it is `make site`."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from docs.reading import ROOT, name_of

SCRIPT = ROOT / "docs" / "site.py"


@pytest.fixture(scope="module")
def site() -> Any:
    spec = importlib.util.spec_from_file_location("pages_of_the_site", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


class _Loader(yaml.SafeLoader):
    """Takes the tag by which a function of Python is named for what it is: words."""


_Loader.add_multi_constructor("tag:yaml.org,2002:python/", lambda loader, suffix, node: suffix)
MENU = yaml.load((ROOT / "mkdocs.yml").read_text(), _Loader)


def pages_in(menu: Any) -> Iterator[str]:
    if isinstance(menu, str):
        yield menu
    for one in menu if isinstance(menu, list) else menu.values() if isinstance(menu, dict) else ():
        yield from pages_in(one)


def test_every_page_of_docs_is_reached_from_the_readme(site) -> None:
    reached = {str(path) for path in site.reached(ROOT / "README.md")}
    wanted = [
        *ROOT.glob("docs/*.md"),
        *ROOT.glob("docs/reference/*.md"),
        *ROOT.glob("docs/decisions/*.md"),
        *ROOT.glob("plugins/*/README.md"),
    ]
    assert [name_of(page) for page in wanted if name_of(page) not in reached] == []


def test_the_menu_leads_to_pages_each_once(site) -> None:
    menu = [*pages_in(MENU["nav"])]
    reached = {str(path) for path in site.reached(ROOT / "README.md")}
    assert [page for page in menu if page not in reached] == []
    assert len(menu) == len(set(menu))


def test_pages_keep_their_places_and_what_they_link_to_comes_along(site, tmp_path: Path) -> None:
    (tmp_path / "pages").mkdir()
    (tmp_path / "pages" / "old.md").touch()
    site.main(tmp_path / "pages")
    assert not (tmp_path / "pages" / "old.md").exists()
    assert (tmp_path / "pages" / "docs" / "status.png").exists()
    assert (tmp_path / "pages" / "docs" / "tutorial.md").read_text() == (ROOT / "docs" / "tutorial.md").read_text()
