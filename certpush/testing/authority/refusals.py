"""What step-ca answers when it says no: status and text, letter by letter (v0.30.2)."""

from __future__ import annotations

from certpush.model import JsonValue

_SEE_LOGS = "Please see the certificate authority logs for more info."
GENERIC = {
    401: f"The request lacked necessary authorization to be completed. {_SEE_LOGS}",
    404: f"The requested resource could not be found. {_SEE_LOGS}",
    500: f"The certificate authority encountered an Internal Server Error. {_SEE_LOGS}",
    501: f"The requested method is not implemented by the certificate authority. {_SEE_LOGS}",
}


class Refusal(Exception):
    """An answer other than yes. ``reason`` is what only the CA's log says."""

    def __init__(self, status: int, message: str, reason: str = "") -> None:
        super().__init__(message)
        self.status = status
        self.reason = reason or message
        self.body: JsonValue = {"status": status, "message": message}


def bad_request(text: str, reason: str = "") -> Refusal:
    """400 with a text for the client."""
    return Refusal(400, f"The request could not be completed: {text}.", reason)


def forbidden(text: str) -> Refusal:
    """403 with a text for the client."""
    return Refusal(403, f"The request was forbidden by the certificate authority: {text}.")


def not_allowed(text: str) -> Refusal:
    """403 of a name policy: the one text without a full stop."""
    return Refusal(403, f"The request was forbidden by the certificate authority: {text}")


def unauthorized(reason: str) -> Refusal:
    """401 as every failed authentication gets it; the reason is for the log alone."""
    return Refusal(401, GENERIC[401], reason)


def generic(status: int, reason: str) -> Refusal:
    """404, 500 or 501 with the text that says nothing."""
    return Refusal(status, GENERIC[status], reason)


def undecodable(reason: str) -> Refusal:
    """400 for a body that is not what it should be; what is wrong with it stands in the log alone."""
    return bad_request("error decoding json", reason)
