"""Calls of the API: which there are, who may make them, what they take, and what they do; in PVE's order of checks."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol, TypeAlias

from certpush.model import JsonValue
from certpush.testing.lab.proxmox.accounts import Accounts
from certpush.testing.lab.proxmox.http import Response, data
from certpush.testing.lab.proxmox.parameters import Parameter, Parameters
from certpush.testing.lab.proxmox.refusals import Refused, not_permitted
from certpush.testing.lab.proxmox.service import Request


@dataclass(frozen=True)
class Call:
    """One call: its parameters, also those of the path, and what it came with."""

    given: Parameters
    caller: str
    request: Request


Deed: TypeAlias = "Callable[[Call], JsonValue | Response]"
Right: TypeAlias = Callable[[Accounts, Call], None]
"""Refuse the caller who lacks a right."""
Forwarding: TypeAlias = Callable[[str, Call], Response | None]
"""Hand a call on to that node; None where it is this one."""


class Habits(Protocol):
    """In what a product's answers to calls differ from another's."""

    def check(self, given: Parameters, schema: Mapping[str, Parameter]) -> None:
        """Refuse parameters that are not as they should be."""

    def check_path(self, in_path: Mapping[str, str], given: Parameters) -> None:
        """Refuse parameters that stand in the path too."""

    def refusal(self, refused: Refused) -> Response:
        """Say what a call was refused with."""

    def missing(self, method: str, path: str) -> Response:
        """Say that there is no such call."""


def needs(path: str, *privileges: str) -> Right:
    """A right to all these privileges at a path, which may name parameters."""
    return lambda accounts, call: accounts.require(call.caller, path.format_map(call.given), *privileges)


@dataclass(frozen=True)
class Route:
    """One call that there is.

    ``right`` is what the caller needs; None: nothing. ``to_node``: the call is for the node that
    its parameter names. ``tokens``: whether a token may make it.
    """

    method: str
    path: str
    deed: Deed
    parameters: Mapping[str, Parameter] = field(default_factory=dict)
    right: Right | None = None
    to_node: bool = False
    tokens: bool = True

    def match(self, method: str, path: str) -> dict[str, str] | None:
        """The parameters in the path; None where it is another call."""
        pattern = "/".join(f"(?P<{part[1:-1]}>[^/]+)" if part.startswith("{") else re.escape(part) for part in self.path.split("/"))
        found = re.fullmatch(pattern, re.sub("/+", "/", path).rstrip("/") or "/")
        return found.groupdict() if found and method == self.method else None


class Routes:
    """All calls of one machine."""

    def __init__(
        self, routes: Sequence[Route], accounts: Accounts, habits: Habits, forward: Forwarding = lambda _node, _call: None
    ) -> None:
        self._routes = routes
        self._accounts = accounts
        self._habits = habits
        self._forward = forward

    def answer(self, path: str, given: Parameters, request: Request) -> Response:
        """Make a call, and give its answer, whatever it is."""
        method = request.head.method
        for route in self._routes:
            in_path = route.match(method, path)
            if in_path is not None:
                return self._make(route, path, in_path, Call({**in_path, **given}, request.caller, request))
        return self._habits.missing(method, path)

    def _make(self, route: Route, path: str, in_path: Mapping[str, str], call: Call) -> Response:
        try:
            self._habits.check_path(in_path, call.request.recorded.parameters)
            if not route.tokens and "!" in call.caller:
                raise not_permitted(f"URI '{path}' not available with API token, need proper ticket.\n")
            if route.right:
                route.right(self._accounts, call)
            if route.to_node and (elsewhere := self._forward(in_path["node"], call)):
                return elsewhere
            self._habits.check(call.given, route.parameters)
            told = route.deed(call)
            return told if isinstance(told, Response) else data(told)
        except Refused as refused:
            return self._habits.refusal(refused)
