"""The programs that look after an environment, and what each is told to add a package to it, or to remove one."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from dataclasses import field
from pathlib import Path
from typing import Protocol

from certpush.cli.plugin.package import Package, normalised
from certpush.cli.plugin.uv_receipt import Receipt
from certpush.records import record


@record(frozen=True, slots=True)
class Order:
    """A command, never run by a shell, and what it needs beside the environment that certpush has."""

    command: tuple[str, ...]
    environ: Mapping[str, str] = field(default_factory=dict)

    def __str__(self) -> str:
        return shlex.join([*(f"{name}={value}" for name, value in self.environ.items()), *self.command])


class Keeper(Protocol):
    """Looks after the environment in which certpush runs."""

    @property
    def name(self) -> str:
        """What people call it."""
        ...

    def adding(self, package: Package) -> Order:
        """How a package comes in, so that it stays when the environment is made anew."""
        ...

    def removing(self, distribution: str) -> Order:
        """How it goes."""
        ...


@record(frozen=True, slots=True)
class Pip:
    """A virtual environment that has pip, or a Python that nobody else looks after."""

    python: str
    name: str = "pip"

    def adding(self, package: Package) -> Order:
        """As on its command line."""
        return Order((self.python, "-m", "pip", "install", "--quiet", package.text))

    def removing(self, distribution: str) -> Order:
        """Without asking: the person has asked us."""
        return Order((self.python, "-m", "pip", "uninstall", "--yes", distribution))


@record(frozen=True, slots=True)
class UvPip:
    """A virtual environment without pip, as uv makes them."""

    python: str
    name: str = "uv pip"

    def adding(self, package: Package) -> Order:
        """Into this environment, whichever is active."""
        return Order(("uv", "pip", "install", "--python", self.python, package.text))

    def removing(self, distribution: str) -> Order:
        """Likewise."""
        return Order(("uv", "pip", "uninstall", "--python", self.python, distribution))


@record(frozen=True, slots=True)
class Pipx:
    """pipx keeps a list of what was injected, and injects it again when it makes the environment anew."""

    environment: str
    options: tuple[str, ...] = ()
    environ: Mapping[str, str] = field(default_factory=dict)
    name: str = "pipx"

    def adding(self, package: Package) -> Order:
        """Inject it."""
        return Order(("pipx", "inject", *self.options, self.environment, package.text), self.environ)

    def removing(self, distribution: str) -> Order:
        """Take it out again."""
        return Order(("pipx", "uninject", *self.options, self.environment, distribution), self.environ)


@record(frozen=True, slots=True)
class UvTool:
    """uv makes a tool's environment of exactly what one call names, so each call names all that is there already."""

    receipt_path: Path
    environ: Mapping[str, str] = field(default_factory=dict)
    name: str = "uv tool"

    def adding(self, package: Package) -> Order:
        """Install certpush again, with what it has and this."""
        receipt = Receipt.read(self.receipt_path)
        return self._order(receipt.without(package.distribution) if package.distribution else receipt, package)

    def removing(self, distribution: str) -> Order:
        """Install certpush again, with what it has but this."""
        return self._order(Receipt.read(self.receipt_path).without(normalised(distribution)), None)

    def _order(self, receipt: Receipt, package: Package | None) -> Order:
        more = ("--with", package.text) if package else ()
        python = ("--python", receipt.python) if receipt.python else ()
        return Order(("uv", "tool", "install", *python, *receipt.main, *receipt.others, *more), self.environ)
