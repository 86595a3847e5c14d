"""Write the steps down as a script, and run them on the other machine in one go."""

# ruff: noqa: D102 - placement.Hands says what each step promises

from __future__ import annotations

import shlex
from collections.abc import Collection, Mapping
from datetime import timedelta

from certpush.kit.order import Content, Order
from certpush.kit.placement import PRIVATE, Rights, Was, digest
from certpush.kit.ssh.session import SLACK
from certpush.kit.trouble import Trouble


class RemoteHands:
    """Hands on the other machine. A step is a line of a script; nothing happens before ``Shell.perform`` runs it."""

    def __init__(self, limits: Mapping[Trouble, timedelta]) -> None:
        self._limits = limits
        self.lines: list[str] = []
        self.files: dict[str, bytes] = {}
        self.orders: list[Order] = []
        self.within = SLACK

    def step(self, verb: str, *arguments: str) -> None:
        """Add a step of ``steps.sh``."""
        self.lines.append(shlex.join([verb, *arguments]))

    def give(self, trouble: Trouble, order: Order) -> tuple[str, ...]:
        """Give the script the time that this command may take; the arguments of the step that runs it."""
        self.orders.append(order)
        self.within += self._limits[trouble]
        given = [f"file:{one.path}" if isinstance(one, Content) else f"text:{one}" for one in order.given]
        return (str(len(self.orders) - 1), order.expects, str(len(given)), *given, *order.words)

    # --- the steps

    def private(self, directory: str) -> None:
        self.step("private", directory)

    def keep(self, path: str, was: Was) -> None:
        self.step("keep", path, was.state, was.kept)

    def put(self, staged: str, text: bytes, rights: Rights) -> None:
        name = f"{len(self.files)}.new"
        self.files[name] = text
        owner = f"{rights.owner}:{rights.group}" if rights.group else rights.owner
        self.step("put", name, staged, digest(text), f"{rights.mode:04o}", owner)

    def link(self, staged: str, target: str) -> None:
        self.step("link", staged, target)

    def make(self, directory: str) -> None:
        self.step("make", directory)

    def ready(self, path: str, staged: str, new: str, was: Was) -> None:
        self.step("ready", path, staged, new, was.state, was.kept)

    def intact(self, path: str, state: str) -> None:
        self.step("intact", path, state)

    def mark(self, marker: str, directories: Collection[str] = ()) -> None:
        self.step("mark", marker, *(each for one in directories for each in (f"{one}/{PRIVATE}", one)))

    def swap(self, staged: str, path: str) -> None:
        self.step("swap", staged, path)

    def unstage(self, staged: str) -> None:
        self.step("unstage", staged)

    def guard(self, path: str, was: Was, behind: Was) -> None:
        self.step("guard", path, was.state, behind.kept, behind.state)

    def restore(self, path: str, was: Was, new: str, marker: str) -> None:
        self.step("restore", path, was.state, was.kept, new, marker)

    def command(self, label: str, order: Order) -> None:
        self.step("run", label, *self.give(Trouble(label), order))

    def reload_if(self, marker: str, order: Order, *, must: bool) -> None:
        self.step("reload_if", marker, "1" if must else "0", *self.give(Trouble.RELOAD, order))

    def remove(self, path: str) -> None:
        self.step("remove", path)

    def drop(self, directory: str, generation: str) -> None:
        self.step("drop", directory, generation)

    def leave(self, directory: str) -> None:
        self.step("leave", directory)

    def tidy(self, directory: str, name: str, keep: Collection[str]) -> None:
        self.step("tidy", directory, name, *keep)

    def tidy_generations(self, directory: str, keep: Collection[str]) -> None:
        self.step("tidy_generations", directory, *keep)
