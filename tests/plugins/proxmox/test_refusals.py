"""Each answer of the API that is no success, and what a person reads then. The wire itself is tried in test_wire.py."""

from __future__ import annotations

import json
from types import SimpleNamespace

import pytest

from certpush.errors import TargetAuthFailed, TargetRefused, TargetUnreachable
from certpush_proxmox.refusals import LoginRefused, Proxied, Refused, ReloadFailed, RightsMissing, judge

CUSTOM = "/api2/json/nodes/pve1/certificates/custom"


def answer(status: int, reason: str = "", body: object = b"", *, content_type: str = "application/json"):
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    request = SimpleNamespace(method="POST", path_url=f"{CUSTOM}?x=1")
    return SimpleNamespace(status_code=status, reason=reason, content=content, request=request, headers={"Content-Type": content_type})


def told(*args, **more):
    with pytest.raises((TargetRefused, TargetUnreachable, TargetAuthFailed)) as caught:
        judge("pve1:8006", answer(*args, **more))
    return caught.value


@pytest.mark.parametrize(
    ("status", "reason", "body", "kind", "message", "hint"),
    [
        (401, "Authentication failed!", b"", LoginRefused, "the login was refused (Authentication failed!)", "for a token"),
        (401, "No ticket", b"", LoginRefused, "the login was refused (No ticket)", "for a token"),
        (401, "Permission denied - invalid csrf token", b"", LoginRefused, "refused for writing", "run again"),
        (401, "authentication failure", {"data": None, "message": "authentication failure\n"}, LoginRefused, "(authentication failure)", "realm"),
        (403, "Permission check failed (/nodes/pve1, Sys.Modify)", {"data": None}, RightsMissing, "Sys.Modify", "certpush doctor"),
        (595, "No route to host", b"", Proxied, "cannot be reached by the one that was asked (No route to host)", "pvecm status"),
        (596, "error:0A000086:SSL routines::certificate verify failed", b"", Proxied, "does not know the other one's", "nodes need a minute"),
        (596, "Connection timed out", b"", Proxied, "lost the other one before it had its answer (Connection timed out)", "not overloaded"),
        (597, "Connection reset by peer", b"", Proxied, "lost the other one before it had its answer", "pvecm status"),
        (599, "Too many redirections", b"", Proxied, "lost the other one before it had its answer", "pvecm status"),
        (
            400, "Parameter verification failed.", {"data": None, "errors": {"key": "invalid format - not a valid PEM-formatted string.\n"}},
            Refused, "refused: key: invalid format - not a valid PEM-formatted string.", "task log",
        ),
        (500, "Custom certificate file exists but force flag is not set.", {"data": None}, Refused, "was not to be replaced", "report it"),
        (
            500, "Setting certificate files failed - unable to read certificate from '/etc/pve/nodes/pve1/pveproxy-ssl.pem'", {"data": None},
            Refused, "the certificate could not be read there", "task log",
        ),
        (
            500, "Setting certificate files failed - 1: key does not match the certificate (chain) (x)", {"data": None},
            Refused, "the old files were put back", "task log",
        ),
        (
            500, "command 'systemctl reload-or-restart pveproxy' failed: exit code 1", {"data": None},
            ReloadFailed, "the web server could not be reloaded", "journalctl",
        ),
        (500, "hostname lookup 'pve9' failed - failed to get address info for: pve9", {"data": None}, Refused, "there is no node pve9", "web UI"),
        (500, "can't lock file '/var/lock/pve-cert.lock' - got timeout", {"data": None}, Refused, "the files are locked", "run again"),
        (500, "cluster not ready - no quorum?", {"data": None}, Refused, "no quorum", "pvecm status"),
        (501, "for data too large", b"", Refused, "more was sent than it takes", ""),
        (502, "Bad Gateway", b"<html><body>nginx</body></html>", TargetUnreachable, "answered 502 with a web page", "reverse proxy"),
        (200, "OK", b"<html>Please log in</html>", TargetRefused, "what answered is not the API of Proxmox", "reverse proxy"),
        (200, "OK", [1, 2], TargetRefused, "what answered is not the API of Proxmox", "login page"),
        (200, "OK", {"errors": 1}, TargetRefused, "what answered is not the API of Proxmox", "login page"),
        (204, "No Content", b"", TargetRefused, "what answered is not the API of Proxmox (status 204", "login page"),
        (400, "Bad Request", b"permission check failed", Refused, "refused (400): permission check failed", "task log"),
        (418, "", b"", Refused, "refused (418): without a word", "task log"),
    ],
)  # fmt: skip
def test_each_refusal_in_its_own_words(status, reason, body, kind, message, hint):
    error = told(status, reason, body)
    assert type(error) is kind
    assert error.message.startswith("pve1:8006: ")
    assert message in error.message
    assert hint in error.hint


def test_an_answer_with_data_passes():
    for status in (200, 201, 202):
        judge("pve1:8006", answer(status, "OK", {"data": None}))


def test_the_message_of_the_body_counts_more_than_the_reason_and_is_shown_whole_but_escaped():
    error = told(500, "short", {"data": None, "message": "first line\nsecond \x1b[31mline"})
    assert "first line second \\x1b[31mline" in error.message


def test_what_a_stranger_says_is_shortened():
    assert len(told(500, "x" * 10_000).message) < 600


def test_what_was_asked_is_named_without_the_query():
    assert told(418).message.startswith("pve1:8006: POST /nodes/pve1/certificates/custom: ")


def test_only_what_somebody_elses_lock_stopped_may_be_tried_again():
    assert told(500, "can't lock file '/x' - got timeout").retryable
    assert not told(500, "key does not match").retryable
