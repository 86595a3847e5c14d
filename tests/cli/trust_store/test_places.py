"""Whose browsers are meant: those of who runs certpush, or of who called sudo."""

from __future__ import annotations

import os
import pwd
from pathlib import Path

import pytest

from certpush.cli.trust_store import Deed, Machine, Report


@pytest.fixture
def as_root(monkeypatch):
    monkeypatch.setattr(os, "geteuid", lambda: 0)


def test_without_sudo_it_is_the_home_of_who_runs_it():
    assert Machine.here({"HOME": "/home/ada"}) == Machine(Path("/"), Path("/home/ada"))


@pytest.mark.parametrize("name", ["SUDO_USER", "DOAS_USER"])
def test_under_sudo_it_is_the_home_of_who_called_it(as_root, name):
    user = pwd.getpwnam("nobody")
    found = Machine.here({"HOME": "/root", name: "nobody"})
    assert (found.home, found.account) == (Path(user.pw_dir), "nobody")


@pytest.mark.parametrize("caller", ["root", "no-such-account", "", "a\0b"])
def test_a_caller_who_is_root_or_gone_changes_nothing(as_root, caller):
    assert Machine.here({"HOME": "/root", "SUDO_USER": caller}) == Machine(Path("/"), Path("/root"))


def test_a_left_over_variable_means_nothing_to_who_is_not_root(monkeypatch):
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    assert Machine.here({"HOME": "/home/ada", "SUDO_USER": "nobody"}).account is None


@pytest.mark.parametrize("deed", list(Deed))
def test_only_a_failure_and_a_missing_right_are_not_fine(deed):
    assert Report("somewhere", deed).fine is (deed not in (Deed.FAILED, Deed.NEEDS_ROOT))
