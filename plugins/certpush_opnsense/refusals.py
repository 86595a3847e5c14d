"""What the API answers when it says no, as certpush's errors: what happened, where, and what to do."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from certpush.errors import TargetAuthFailed, TargetRefused, TargetUnreachable
from certpush.kit.command import escaped

if TYPE_CHECKING:
    import requests

_MOST = 400  # characters of a stranger's text that a message quotes
PRIVILEGES = {
    "/api/trust/cert/": "System: Certificate Manager",
    "/api/trust/ca/": "System: CA Manager",
    "/api/core/service/": "Status: Services",
}


class RightsMissing(TargetRefused):
    """Logged in, and not allowed to call this."""


class NoSuchCall(TargetRefused):
    """This version of OPNsense does not have the call."""


def understood(where: str, response: requests.Response) -> Any:
    """The JSON of an answer that is a success; raise what any other one means.

    Raises:
        TargetError: the API said no, or something else than the API answered.

    """
    asked = f"{where}: {response.request.method} {(response.request.path_url or '').partition('?')[0]}"
    answer = _json(response.content)
    if response.status_code >= 400:
        raise _refusal(where, asked, response.status_code, answer)
    if response.status_code != 200 or not isinstance(answer, dict | list):
        raise TargetRefused(
            f"{asked}: what answered is not the API of OPNsense (status {response.status_code})",
            hint="does something else answer at this address, such as a reverse proxy? Write the firewall's own address",
        )
    return answer


def _refusal(where: str, asked: str, status: int, answer: Any) -> Exception:
    if status == 401:
        return TargetAuthFailed(
            f"{where}: the API key was refused",
            hint="do api_key and api_secret belong together, and is their user there and enabled? System > Access > Users",
        )
    if not isinstance(answer, dict):
        hint = "a reverse proxy, perhaps, that cannot reach the firewall; or see System > Log Files > Backend there"
        return TargetUnreachable(f"{asked}: answered {status} with something else than JSON", hint=hint)
    said = escaped(" ".join(str(answer.get("errorMessage") or answer.get("message") or "").split()))[:_MOST]
    if status == 403:
        privilege = next((name for path, name in PRIVILEGES.items() if path in asked), "a privilege")
        return RightsMissing(
            f"{asked}: not allowed", hint=f"give the API's user the privilege '{privilege}': System > Access > Users > Assigned Privileges"
        )
    if status == 404:
        return NoSuchCall(f"{asked}: there is no such call", hint="update OPNsense: certificates have an API since 24.7")
    return TargetRefused(f"{asked}: refused ({status}): {said or 'without a word'}", hint=_hint(said))


def _hint(said: str) -> str:
    if "user-config-readonly" in said:
        return "take the privilege 'System: Deny config write' from the API's user"
    return "see System > Log Files > Backend on the firewall"


def refused_fields(asked: str, answer: Any) -> TargetRefused:
    """The error for an answer that names fields which are wrong, or says that nothing was saved."""
    wrong = answer.get("validations") if isinstance(answer, dict) else None
    fields = "; ".join(f"{escaped(str(key))}: {escaped(str(why))[:_MOST]}" for key, why in wrong.items()) if isinstance(wrong, dict) else ""
    return TargetRefused(f"{asked}: nothing was saved" + (f": {fields}" if fields else ""), hint="see System > Log Files > Backend there")


def _json(body: bytes) -> Any:
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        return None
