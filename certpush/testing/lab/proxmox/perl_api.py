"""The API of PVE and the Mail Gateway on its port: who is let in, and how answers look."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Protocol

from certpush.model import JsonValue
from certpush.testing.lab.proxmox.admission import Unknown, api_path
from certpush.testing.lab.proxmox.http import JSON, Head, Response, plain, to_json
from certpush.testing.lab.proxmox.parameters import Parameter, Parameters, Unreadable, check, read_parameters
from certpush.testing.lab.proxmox.perl_http import PerlHttp
from certpush.testing.lab.proxmox.refusals import Refused, bad_parameters
from certpush.testing.lab.proxmox.routes import Routes
from certpush.testing.lab.proxmox.service import Request


class Doors(Protocol):
    """Who lets callers in."""

    def admit(self, head: Head) -> str:
        """The full name of the caller; empty where the call needs none.

        Raises:
            Unknown: the caller is not let in.

        """


class PerlApi:
    """Admits callers and answers them; ``delay`` is how late a 401 comes, in seconds."""

    def __init__(self, routes: Routes, doors: Doors, *, delay: float) -> None:
        self.manner = PerlHttp()
        self._routes = routes
        self._doors = doors
        self._delay = delay

    def admit(self, head: Head) -> str | Response:
        """Who the caller is; a refusal comes late, and says nothing in its body."""
        if not head.path.startswith("/api2"):
            return ""
        if not api_path(head)[0]:
            return plain(501, "no such uri")
        try:
            return self._doors.admit(head)
        except Unknown as error:
            return Response(401, str(error), delay=self._delay)

    def answer(self, request: Request) -> Response:
        """Make the call."""
        form, path = api_path(request.head)
        if not form:
            return plain(500, f"no such file '{request.head.path}'\n")
        if form != "json":
            return plain(501, f"no formatter for uri {path}, {form}")
        try:
            given = read_parameters(request.head, request.body)
        except Unreadable as error:
            return plain(500, str(error))
        request.recorded.parameters = given
        response = self._routes.answer(path, given, request)
        return replace(response, delay=self._delay) if response.status == 401 else response


@dataclass(frozen=True)
class PerlHabits:
    """How calls are checked and refused; ``twice`` says what is wrong with a parameter that stands in path and body."""

    twice: str = "duplicate parameter (already defined in URI) with conflicting values!"
    even_if_equal: bool = False

    def check(self, given: Parameters, schema: Mapping[str, Parameter]) -> None:
        """Refuse parameters that are not as they should be, each with its own reason."""
        check(given, schema)

    def check_path(self, in_path: Mapping[str, str], given: Parameters) -> None:
        """Refuse parameters that stand in the path too: with another value, or at all."""
        errors = {name: self.twice for name in in_path if name in given and (self.even_if_equal or given[name] != in_path[name])}
        if errors:
            raise bad_parameters(errors)

    def refusal(self, refused: Refused) -> Response:
        """Say it as JSON, and in the status line."""
        told: dict[str, JsonValue] = {"data": None, "message": refused.message}
        if refused.errors:
            told["errors"] = dict(refused.errors)
        return Response(refused.status, refused.message, to_json(told), JSON)

    def missing(self, method: str, path: str) -> Response:
        """Say it as a method that is not implemented."""
        return self.refusal(Refused(501, f"Method '{method} {path}' not implemented"))
