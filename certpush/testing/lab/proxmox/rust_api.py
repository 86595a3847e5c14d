"""The API of the Backup Server and the Datacenter Manager on its port: who is let in, and how answers look."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import replace
from urllib.parse import parse_qsl, unquote

from certpush.model import JsonValue
from certpush.testing.lab.proxmox.admission import Unknown
from certpush.testing.lab.proxmox.http import JSON, Head, Response
from certpush.testing.lab.proxmox.parameters import Parameter, Parameters
from certpush.testing.lab.proxmox.refusals import Refused
from certpush.testing.lab.proxmox.routes import Routes
from certpush.testing.lab.proxmox.rust_http import RustHttp
from certpush.testing.lab.proxmox.rust_model import RustMachine
from certpush.testing.lab.proxmox.service import Request

_API = re.compile(r"/api2/+([^/]+)(/.*)?")
_FORMATS = ("json",)
_FORBIDDEN_SECONDS = 0.5


class FormText(str):
    """A value from a form: what it means depends on what is wanted."""

    __slots__ = ()


class RustApi:
    """Admits callers and answers them; every error is a text, most of them with status 400."""

    def __init__(self, machine: RustMachine, routes: Routes) -> None:
        self.manner = RustHttp()
        self._machine = machine
        self._routes = routes

    def admit(self, head: Head) -> str | Response:
        """Who the caller is; a refusal comes late, and does not tell why."""
        if refused := _path_refused(head):
            return refused
        if (head.method, _path(head)) == ("POST", "/access/ticket"):
            return ""
        try:
            return self._known(head)
        except Unknown:
            headers = {"Set-Cookie": self._no_cookie()} if self._machine.model.ticket_in_cookie else {}
            return Response(401, "", b"authentication failed", headers=headers, delay=self._machine.refusal_delay)

    def answer(self, request: Request) -> Response:
        """Make the call."""
        try:
            given = _read(request.head, request.body)
        except Refused as refused:
            return RustHabits().refusal(refused)
        request.recorded.parameters = given
        response = self._routes.answer(_path(request.head), given, request)
        return replace(response, delay=self._machine.refusal_delay) if response.status == 401 else response

    def _no_cookie(self) -> str:
        name = f"__Host-{self._machine.model.prefix}AuthCookie"
        return f"{name}=; Expires=Thu, 01 Jan 1970 00:00:00 GMT; Secure; SameSite=Lax; HttpOnly; Path=/;"

    def _known(self, head: Head) -> str:
        prefix, cookie = self._machine.model.prefix, head.headers.get("cookie", "")
        ticket = _cookie(cookie, f"__Host-{prefix}AuthCookie") or _cookie(cookie, f"{prefix}AuthCookie")
        if ticket:
            return self._by_ticket(ticket, head)
        found = re.fullmatch(rf"{prefix}APIToken[ =](.*)", head.headers.get("authorization", ""))
        if not found:
            raise Unknown
        name, _, secret = found[1].partition(":")
        if not self._machine.accounts.accepts_token(name, unquote(secret), self._machine.clock()):
            raise Unknown
        return name

    def _by_ticket(self, ticket: str, head: Head) -> str:
        tickets, now = self._machine.tickets, self._machine.clock()
        name = tickets.user_of(ticket, now)
        user = self._machine.accounts.users.get(name or "")
        if not name or not user or not user.enabled:
            raise Unknown
        if head.method != "GET" and not tickets.is_csrf_token(head.headers.get("csrfpreventiontoken", ""), name, now):
            raise Unknown
        return name


class RustHabits:
    """How calls are checked and refused."""

    def check(self, given: Parameters, schema: Mapping[str, Parameter]) -> None:
        """Refuse parameters that are not as they should be; missing ones are looked for where the others are right."""
        errors = {name: _wrong(value, schema.get(name)) for name, value in given.items() if _wrong(value, schema.get(name))}
        if not errors:
            missing = [name for name, one in schema.items() if not one.optional and given.get(name) is None]
            errors = dict.fromkeys(missing, "parameter is missing and it is not optional.")
        if errors:
            raise Refused(400, _in_words(errors))

    def check_path(self, in_path: Mapping[str, str], given: Parameters) -> None:
        """Refuse parameters that stand in the path too."""
        errors = {name: "duplicate parameter." for name in in_path if name in given}
        if errors:
            raise Refused(400, _in_words(errors))

    def refusal(self, refused: Refused) -> Response:
        """Say it in plain text, though the header promises JSON; who lacks a right waits, and does not learn which."""
        if refused.status == 403:
            return Response(403, "", b"permission check failed", JSON, delay=_FORBIDDEN_SECONDS)
        return Response(refused.status, "", refused.message.encode(), JSON)

    def missing(self, _method: str, path: str) -> Response:
        """Say it as a path that is not there."""
        return self.refusal(Refused(404, f"Path '/api2/json{path}' not found."))


def _path(head: Head) -> str:
    found = _API.fullmatch(head.path)
    return (found[2] or "/") if found else ""


def _path_refused(head: Head) -> Response | None:
    found = _API.fullmatch(head.path)
    if found:
        return None if found[1] in _FORMATS else Response(400, "", f"Unsupported output format '{found[1]}'.".encode())
    if head.path.strip("/") == "api2":
        return Response(404, "", f"invalid api path '{head.path}'".encode())
    if head.method != "GET":
        return Response(400, "", b"invalid http method for path")
    return Response(404, "", f"no such file: '{head.path.strip('/')}'".encode())


def _read(head: Head, body: bytes) -> dict[str, JsonValue]:
    kind = head.headers.get("content-type", "").partition(";")[0]
    if kind not in ("", "application/json", "application/x-www-form-urlencoded"):
        raise Refused(400, f'unsupported content type Ok("{kind}")')
    if kind != "application/json":
        pairs = parse_qsl(body.decode("utf-8", "replace"), keep_blank_values=True) + parse_qsl(head.query, keep_blank_values=True)
        return {name: FormText(value) for name, value in pairs if name != "_dc"}
    try:
        value = json.loads(body or b"{}")
    except ValueError:
        raise Refused(400, "expected value at line 1 column 1") from None
    if not isinstance(value, dict):
        raise Refused(400, "Expected object - got scalar value.")
    return value


def _cookie(header: str, name: str) -> str:
    found = re.search(rf"(?:^|;)\s*{re.escape(name)}=([^;]*)", header)
    return unquote(found[1]).strip() if found else ""


def _wrong(value: JsonValue, parameter: Parameter | None) -> str:
    return parameter.wrong(value) if parameter else "schema does not allow additional properties."


def _in_words(errors: Mapping[str, str]) -> str:
    if len(errors) == 1:
        ((name, wrong),) = errors.items()
        return f"parameter verification failed - '{name}': {wrong}"
    return "\n".join(["parameter verification failed:", *(f"- '{name}': {wrong}" for name, wrong in errors.items())])


def _wrong_switch(value: JsonValue) -> str:
    if isinstance(value, FormText):
        meant = value.lower() in ("1", "on", "yes", "true", "0", "off", "no", "false")
        return "" if meant else "Unable to parse boolean option."
    return "" if isinstance(value, bool) else "Expected boolean value."


def _wrong_text(value: JsonValue) -> str:
    return "" if isinstance(value, str) else "Expected string value."


def _wrong_node(value: JsonValue) -> str:
    fits = re.fullmatch(r"[a-zA-Z0-9]([a-zA-Z0-9-]*[a-zA-Z0-9])?", str(value))
    return _wrong_text(value) or ("" if fits else "value does not match the regex pattern")


TEXT = Parameter(_wrong_text)
OPTIONAL_TEXT = Parameter(_wrong_text, optional=True)
SWITCH = Parameter(_wrong_switch, optional=True)
NODE = Parameter(_wrong_node)
