"""What a killed run left half-written in the escrow goes with the next one, and nothing else does."""

from __future__ import annotations

import pytest

from certpush.state.escrow import Escrow


@pytest.fixture
def home(tmp_path):
    home = tmp_path / "certificates" / "wiki"
    home.mkdir(parents=True)
    return home


@pytest.fixture
def prune(home):
    return lambda: Escrow(home.parent).prune("wiki", frozenset())


def leftover(home, name="x"):
    half = home / f".unfinished-{name}"
    half.mkdir()
    (half / "key.pem").write_text("half of a key")
    return half


def test_half_a_generation_is_removed(home, prune):
    leftover(home)
    prune()
    assert list(home.iterdir()) == []


def test_what_else_somebody_put_there_goes_with_it(home, prune):
    (leftover(home) / "folder" / "in it").mkdir(parents=True)
    prune()
    assert list(home.iterdir()) == []


def test_a_link_leads_nowhere(home, prune, tmp_path):
    elsewhere = leftover(tmp_path, "elsewhere")
    (home / ".unfinished-link").symlink_to(elsewhere)
    (leftover(home) / "link").symlink_to(elsewhere)
    prune()
    assert [one.name for one in home.iterdir()] == [".unfinished-link"]
    assert (elsewhere / "key.pem").exists()


def test_a_certificate_that_was_never_kept_has_no_leftovers(tmp_path):
    Escrow(tmp_path / "certificates").prune("wiki", frozenset())
    assert list(tmp_path.iterdir()) == []
