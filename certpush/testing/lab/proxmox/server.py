"""A PVE node's API on its port."""

from __future__ import annotations

from dataclasses import replace

from certpush.testing.lab.proxmox.admission import Doorkeeper, Unknown, api_path
from certpush.testing.lab.proxmox.http import Head, Response, plain
from certpush.testing.lab.proxmox.machine import Machine
from certpush.testing.lab.proxmox.parameters import Unreadable, read_parameters
from certpush.testing.lab.proxmox.routes import Routes
from certpush.testing.lab.proxmox.service import Request


class NodeApi:
    """Admits callers and answers them, for one node."""

    def __init__(self, machine: Machine, routes: Routes, doorkeeper: Doorkeeper) -> None:
        self._machine = machine
        self._routes = routes
        self._doorkeeper = doorkeeper

    def admit(self, head: Head) -> str | Response:
        """Who the caller is; a refusal comes late, and says nothing in its body."""
        if not head.path.startswith("/api2"):
            return ""
        if not api_path(head)[0]:
            return plain(501, "no such uri")
        try:
            return self._doorkeeper.admit(head)
        except Unknown as error:
            return Response(401, str(error), delay=self._machine.timing.refusal)

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
        return replace(response, delay=self._machine.timing.refusal) if response.status == 401 else response
