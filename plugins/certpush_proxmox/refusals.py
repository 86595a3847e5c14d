"""What the API answers when it says no, as certpush's errors: what happened, where, and what to do.

proxmoxer drops the ``message`` of an answer, gives bytes where there is no JSON, and takes a login
page for success. So each answer is judged here before proxmoxer sees it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from certpush.errors import TargetAuthFailed, TargetError, TargetRefused, TargetUnreachable
from certpush.kit.command import escaped

if TYPE_CHECKING:
    import requests

_MOST = 400  # characters of a stranger's text that a message quotes


class LoginRefused(TargetAuthFailed):
    """Token, ticket or password were not accepted."""


class RightsMissing(TargetRefused):
    """Logged in, and not allowed to do this."""


class Refused(TargetRefused):
    """The API understood and said no; ``text`` is what it said, ``status`` the HTTP status."""

    def __init__(self, message: str, *, hint: str, text: str, status: int, retryable: bool = False) -> None:
        super().__init__(message, hint=hint, retryable=retryable)
        self.text = text
        self.status = status


class ReloadFailed(Refused):
    """The files are written, and the service was not brought to take them up."""


class Proxied(TargetUnreachable):
    """The node that was asked could not reach the one that was meant; ``status`` is 595 to 599, AnyEvent::HTTP's own."""

    def __init__(self, message: str, *, hint: str, status: int) -> None:
        super().__init__(message, hint=hint)
        self.status = status


def judge(where: str, response: requests.Response, who: str = "") -> None:
    """Let an answer pass that is JSON with data in it; raise what any other one means.

    Raises:
        TargetError: the API said no, or something else than the API answered.

    """
    body = response.content[: 1024 * 1024]
    asked = f"{where}: {response.request.method} {(response.request.path_url or '').partition('?')[0].removeprefix('/api2/json')}"
    if response.status_code >= 400:
        raise refusal(where, asked, response.status_code, _reason(response), body, who=who)
    table = _table(body)
    if response.status_code not in (200, 201, 202) or table is None or "data" not in table:
        raise TargetRefused(
            f"{asked}: what answered is not the API of Proxmox (status {response.status_code}, {_kind(response)})",
            hint="does something else answer at this address, such as a reverse proxy or a login page? Write the node's own address",
        )


def refusal(where: str, asked: str, status: int, reason: str, body: bytes, *, who: str = "") -> TargetError:
    """The error for an answer that is no success."""
    table = _table(body)
    errors = table.get("errors") if table else None
    text = _said(table, reason, body)
    if status == 401:
        return _login_refused(where, text, who)
    if status == 403:
        return RightsMissing(f"{asked}: not allowed: {text}", hint=_GRANT)
    if 595 <= status <= 599:
        return _proxied(asked, status, text)
    if isinstance(errors, dict) and errors:
        fields = "; ".join(f"{escaped(str(key))}: {escaped(str(why).strip())[:_MOST]}" for key, why in errors.items())
        return Refused(f"{asked}: refused: {fields}", hint=_REPORT, text=text, status=status)
    if table is None and status >= 500 and b"<html" in body[:2048].lower():
        return TargetUnreachable(
            f"{asked}: answered {status} with a web page",
            hint="a reverse proxy answers, and cannot reach the API: write the device's own address as host",
        )
    return _known(asked, status, text)


def _login_refused(where: str, text: str, who: str) -> LoginRefused:
    if "csrf" in text.lower():
        return LoginRefused(f"{where}: the login was refused for writing: {text}", hint="run again; report it if it happens again")
    for_tokens = "is the secret right, and are token and user enabled and not expired?"
    for_users = "are user, realm, password and second factor right, and is the user enabled?"
    return LoginRefused(
        f"{where}: the login was refused" + (f" for {who}" if who else "") + (f" ({text})" if text else ""),
        hint=for_tokens if "!" in who else for_users if who else f"for a token: {for_tokens} for a user: {for_users}",
    )


def _proxied(asked: str, status: int, text: str) -> Proxied:
    if status == 595:
        return Proxied(
            f"{asked}: the node cannot be reached by the one that was asked ({text})",
            hint="is the node switched on, and does the cluster network work? `pvecm status` shows it",
            status=status,
        )
    if _OTHER_CERTIFICATE.search(text):
        return Proxied(
            f"{asked}: the node that was asked does not know the other one's certificate yet ({text})",
            hint="after a new certificate nodes need a minute to talk again; if it lasts, there: systemctl reload pveproxy",
            status=status,
        )
    return Proxied(
        f"{asked}: the node that was asked lost the other one before it had its answer ({text})",
        hint="is the node switched on and not overloaded, and does the cluster network work? `pvecm status` shows it",
        status=status,
    )


def _known(asked: str, status: int, text: str) -> TargetError:
    for pattern, message, hint in _WORDS:
        if found := pattern.search(text):
            return Refused(
                f"{asked}: {message.format(*found.groups())}: {text}", hint=hint, text=text, status=status, retryable=hint is _AGAIN
            )
    if _RELOAD.search(text):
        return ReloadFailed(f"{asked}: the web server could not be reloaded: {text}", hint=_LOG, text=text, status=status)
    return Refused(f"{asked}: refused ({status}): {text or 'without a word'}", hint=_REPORT, text=text, status=status)


_GRANT = "`certpush doctor` names the right that is missing, and the commands that give it"
_REPORT = "look at the task log and journal of the device; `certpush doctor` looks for the usual reasons"
_LOG = "on the device: systemctl status, and journalctl -n 50, of the service that is named"
_AGAIN = "somebody else is changing the certificate at the moment; run again"
_OTHER_CERTIFICATE = re.compile(r"certificate|fingerprint|\bssl\b|\btls\b", re.IGNORECASE)
_RELOAD = re.compile(r"reload-or-restart|(?:reload|restart)\S* .*failed|failed to reload", re.IGNORECASE)
_NO_QUORUM = r"no quorum|not quorate|cluster not ready|read-only file system|/etc/pve/.*(?:permission denied|input/output error)"
_WORDS: tuple[tuple[re.Pattern[str], str, str], ...] = (
    (
        re.compile(r"hostname lookup '?([^' ]{1,80})'? failed"),
        "there is no node {0}",
        "write the node's name as the web UI shows it, or leave node out",
    ),
    (
        re.compile(r"force flag is not set"),
        "a certificate is there, and was not to be replaced",
        "report it: certpush always says that it is to be",
    ),
    (re.compile(r"key does not match"), "the key was not taken for the certificate's; the old files were put back", _REPORT),
    (re.compile(r"unable to read certificate"), "the certificate could not be read there", _REPORT),
    (re.compile(r"can't (?:lock|aquire|acquire)|got timeout|lock.*timeout", re.IGNORECASE), "the files are locked", _AGAIN),
    (
        re.compile(_NO_QUORUM, re.IGNORECASE),
        "nothing can be written, because the cluster has no quorum",
        "bring enough nodes back: `pvecm status` shows which are missing",
    ),
    (re.compile(r"too large"), "more was sent than it takes", _REPORT),
)


def _said(table: Mapping[str, Any] | None, reason: str, body: bytes) -> str:
    """What it said, shortened and escaped: the message of JSON, a plain text, or the status line's reason."""
    message = table.get("message") if table else None
    plain = "" if table is not None or b"<html" in body[:2048].lower() else body.decode("utf-8", "replace")
    text = next((one.strip() for one in (str(message or ""), plain, reason) if one.strip()), "")
    return escaped(" ".join(text.split()))[:_MOST]


def _reason(response: requests.Response) -> str:
    reason: object = response.reason
    return reason.decode("latin-1") if isinstance(reason, bytes) else str(reason or "")


def _table(body: bytes) -> Mapping[str, Any] | None:
    try:
        found = json.loads(body)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def _kind(response: requests.Response) -> str:
    return escaped(response.headers.get("Content-Type", "no content type"))[:80]
