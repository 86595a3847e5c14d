"""Calls of the API: which there are, who may make them, what they take, and what they do; in PVE's order of checks."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

from certpush.model import JsonValue
from certpush.testing.lab.proxmox.accounts import Accounts
from certpush.testing.lab.proxmox.http import Response, data, refusal
from certpush.testing.lab.proxmox.parameters import Parameter, Parameters, check
from certpush.testing.lab.proxmox.refusals import Refused, bad_parameters, not_permitted
from certpush.testing.lab.proxmox.service import Request


@dataclass(frozen=True)
class Call:
    """One call: its parameters, also those of the path, and what it came with."""

    given: Parameters
    caller: str
    request: Request


Deed: TypeAlias = Callable[[Call], JsonValue]
Forwarding: TypeAlias = Callable[[str, Call], Response | None]
"""Hand a call on to that node; None where it is this one."""


@dataclass(frozen=True)
class Route:
    """One call that there is.

    ``right`` is a path, which may name parameters, and the privileges needed there; None: any
    caller may. ``to_node``: the call is for the node that its parameter names.
    """

    method: str
    path: str
    deed: Deed
    parameters: Mapping[str, Parameter] = field(default_factory=dict)
    right: tuple[str, Sequence[str]] | None = None
    to_node: bool = False
    tokens: bool = True

    def match(self, method: str, path: str) -> dict[str, str] | None:
        """The parameters in the path; None where it is another call."""
        pattern = "/".join(f"(?P<{part[1:-1]}>[^/]+)" if part.startswith("{") else re.escape(part) for part in self.path.split("/"))
        found = re.fullmatch(pattern, re.sub("/+", "/", path).rstrip("/") or "/")
        return found.groupdict() if found and method == self.method else None


class Routes:
    """All calls of one machine."""

    def __init__(self, routes: Sequence[Route], accounts: Accounts, forward: Forwarding) -> None:
        self._routes = routes
        self._accounts = accounts
        self._forward = forward

    def answer(self, path: str, given: Parameters, request: Request) -> Response:
        """Make a call, and give its answer, whatever it is."""
        method = request.head.method
        for route in self._routes:
            in_path = route.match(method, path)
            if in_path is not None:
                return self._make(route, path, in_path, Call({**in_path, **given}, request.caller, request))
        return refusal(Refused(501, f"Method '{method} {path}' not implemented"))

    def _make(self, route: Route, path: str, in_path: Mapping[str, str], call: Call) -> Response:
        try:
            _refuse_conflicts(in_path, call.given)
            if not route.tokens and "!" in call.caller:
                raise not_permitted(f"URI '{path}' not available with API token, need proper ticket.\n")
            self._check_right(route, call)
            if route.to_node and (elsewhere := self._forward(in_path["node"], call)):
                return elsewhere
            check(call.given, route.parameters)
            return data(route.deed(call))
        except Refused as refused:
            return refusal(refused)

    def _check_right(self, route: Route, call: Call) -> None:
        if route.right:
            path, privileges = route.right
            self._accounts.require(call.caller, path.format_map(call.given), *privileges)


def _refuse_conflicts(in_path: Mapping[str, str], given: Parameters) -> None:
    wrong = "duplicate parameter (already defined in URI) with conflicting values!"
    errors = {name: wrong for name, value in in_path.items() if given[name] != value}
    if errors:
        raise bad_parameters(errors)
