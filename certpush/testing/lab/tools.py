"""Which real servers this machine has, and what brings the missing ones."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from certpush.testing.lab.process import find_program
from certpush.testing.lab.step_ca import GO_PACKAGE, find_step_ca


@dataclass(frozen=True, slots=True)
class Tool:
    """A program that the lab uses where it is there, and the command that brings it."""

    name: str
    brings: str
    find: Callable[[], Path | None]


def find_sshd() -> Path | None:
    """Find OpenSSH's server."""
    return find_program("sshd")


def find_nginx() -> Path | None:
    """Find nginx."""
    return find_program("nginx")


TOOLS = (
    Tool("step-ca", f"go install {GO_PACKAGE}", find_step_ca),
    Tool("sshd", "apt-get install openssh-server", find_sshd),
    Tool("nginx", "apt-get install nginx-light", find_nginx),
)


def missing_tools() -> tuple[Tool, ...]:
    """Name the real servers that are not on this machine."""
    return tuple(tool for tool in TOOLS if tool.find() is None)


def find_tool(name: str) -> Path | None:
    """Find a tool of the lab by its name, or any other program."""
    for tool in TOOLS:
        if tool.name == name:
            return tool.find()
    return find_program(name)
