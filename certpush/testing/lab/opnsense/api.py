"""The REST API: who may call what, and the calls that there are."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from certpush.testing.lab.opnsense import store
from certpush.testing.lab.opnsense.config_file import ConfigFile
from certpush.testing.lab.opnsense.faults import OpnSenseFaults
from certpush.testing.lab.opnsense.store import Invalid, UserError

PRIVILEGES = {
    "page-system-certmanager": "/api/trust/cert/",
    "page-system-camanager": "/api/trust/ca/",
    "page-status-services": "/api/core/service/",
}

_FAILED: dict[str, Any] = {"result": "failed"}


@dataclass(frozen=True, slots=True)
class Call:
    """A request that came in, and how it was answered; ``body`` is what its JSON said."""

    method: str
    path: str
    body: Mapping[str, Any] = field(repr=False)
    status: int


@dataclass(frozen=True, slots=True)
class Answer:
    """A status, and what is sent as JSON."""

    status: int
    value: Any


class Api:
    """The calls. ``restart`` restarts the web GUI, after so many seconds."""

    def __init__(self, config: ConfigFile, faults: OpnSenseFaults, key: str, secret: str, restart: Callable[[float], None]) -> None:
        self.privileges = set(PRIVILEGES)
        self.calls: list[Call] = []
        self._config, self._faults, self._restart = config, faults, restart
        self._login = f"Basic {base64.b64encode(f'{key}:{secret}'.encode()).decode()}"

    def answer(self, method: str, target: str, headers: Mapping[str, str], body: bytes) -> Answer:
        """Do what is asked for, and note it."""
        url = urlsplit(target)
        given, problem = _read(method, headers, url.query, body)
        answer = self._refuse(url.path, headers) or problem or self._do(method, url.path, given)
        self.calls.append(Call(method, url.path, given, answer.status))
        return answer

    def _refuse(self, path: str, headers: Mapping[str, str]) -> Answer | None:
        if headers.get("Authorization") != self._login:
            return Answer(401, {"status": 401, "message": "Authentication Failed"})
        if not any(path.startswith(PRIVILEGES[one]) for one in self.privileges):
            return Answer(403, {"status": 403, "message": "Forbidden"})
        return None

    def _do(self, method: str, path: str, given: Mapping[str, Any]) -> Answer:
        _, _, module, controller, action, *rest = [*path.split("/"), "", "", ""]
        calls = {
            ("trust", "cert"): lambda: self._trust("cert", method, action, rest[0], given),
            ("trust", "ca"): lambda: self._trust("ca", method, action, rest[0], given),
            ("core", "service"): lambda: self._service(method, action, rest[0]),
        }
        try:
            value = calls[module, controller]()
        except KeyError:
            return Answer(404, {"errorMessage": "Endpoint not found"})
        except UserError as error:
            return Answer(500, {"errorMessage": str(error), "errorTitle": error.title})
        return Answer(200, value)

    def _service(self, method: str, action: str, name: str) -> Any:
        if self._faults.no_restart_call or action not in ("search", "restart"):
            raise KeyError(action)
        if action == "search":
            row = {"id": "webgui", "locked": 1, "running": 1, "description": "Web GUI", "name": "webgui"}
            return {"total": 1, "rowCount": 1, "current": 1, "rows": [row]}
        if method != "POST":
            return _FAILED
        if name == "webgui":
            self._restart(self._faults.restart_delay)
        return {"result": "ok"}

    def _trust(self, kind: str, method: str, action: str, uuid: str, given: Mapping[str, Any]) -> Any:
        if action == "search":
            found = store.rows(self._config.read(), kind, str(given.get("searchPhrase", "")))
            return {"rows": found, "rowCount": len(found), "total": len(found), "current": 1}
        if action == "get":
            element = store.find(root := self._config.read(), kind, unquote(uuid))
            return {kind: store.fields(root, element, kind)} if element is not None else []
        change = {"add": self._put, "set": self._put, "del": self._remove}[action]
        if method != "POST" or (action == "set" and not uuid):
            return _FAILED
        return change(kind, "" if action == "add" else unquote(uuid), given)

    def _put(self, kind: str, uuid: str, given: Mapping[str, Any]) -> Any:
        if not isinstance(given.get(kind), dict):
            return _FAILED
        try:
            with self._config.changing("certpush@127.0.0.1", f"/api/trust/{kind} made changes") as root:
                number = store.put(root, kind, uuid, given[kind])
                self._may_write()
        except Invalid as error:
            return {"result": "failed", "validations": {f"{kind}.{name}": why for name, why in error.fields.items()}}
        return {"result": "saved"} if uuid else {"result": "saved", "uuid": number}

    def _remove(self, kind: str, uuid: str, _given: Mapping[str, Any]) -> Any:
        with self._config.changing("certpush@127.0.0.1", f"/api/trust/{kind}/del made changes") as root:
            there = store.remove(root, kind, uuid)
            self._may_write()
        return {"result": "deleted" if there else "not found"}

    def _may_write(self) -> None:
        if self._faults.read_only:
            raise UserError("General access", "User certpush denied for write access (user-config-readonly set)")


def _read(method: str, headers: Mapping[str, str], query: str, body: bytes) -> tuple[Mapping[str, Any], Answer | None]:
    given: dict[str, Any] = {name: texts[-1] for name, texts in parse_qs(query).items()}
    if (headers.get("Content-Type") or "").lower().replace(" ", "").startswith("application/json"):
        if not body:
            return given, Answer(400, {"status": 400, "message": "Invalid JSON syntax"})
        try:
            read = json.loads(body)
        except ValueError:
            read = None
        given |= read if isinstance(read, dict) else {}
    elif method == "POST":
        given |= {name: texts[-1] for name, texts in parse_qs(body.decode("utf-8", "replace")).items()}
    return given, None
