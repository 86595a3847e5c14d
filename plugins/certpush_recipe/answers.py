"""Find in an answer what a recipe points to. An answer is a stranger's text: whatever it holds, the worst is a refusal."""

from __future__ import annotations

import base64
import binascii
import json
import re
from typing import Any

from certpush.errors import BundleInvalid, ConfigError, TargetRefused
from certpush.model import JsonValue, fingerprint, read_certificates

_SEGMENT = re.compile(r"\[(?P<key>[^=\[\]]+)=(?P<value>[^\[\]]*)\]")
_FINGERPRINT = re.compile(r"[0-9a-f]{64}")


def check_pointer(pointer: str) -> None:
    """Refuse what is no JSON pointer (RFC 6901; also ``[key=value]`` for the item of a list that has this).

    Raises:
        ConfigError: it does not begin with a slash.

    """
    if pointer and not pointer.startswith("/"):
        raise ConfigError(f"{pointer[:80]!a} is no JSON pointer", hint='write it from the root: "/data/certificate"')


def pointed(answer: JsonValue, pointer: str) -> JsonValue:
    """What stands there; None where nothing does."""
    found: Any = answer
    for raw in pointer.split("/")[1:]:
        found = _step(found, raw.replace("~1", "/").replace("~0", "~"))
    there: JsonValue = found
    return there


def _step(found: Any, segment: str) -> Any:
    if isinstance(found, dict):
        return found.get(segment)
    if not isinstance(found, list):
        return None
    chosen = _SEGMENT.fullmatch(segment)
    if chosen:
        return next((one for one in found if isinstance(one, dict) and str(one.get(chosen["key"])) == chosen["value"]), None)
    return found[int(segment)] if segment.isdecimal() and len(segment) < 9 and int(segment) < len(found) else None


def parsed(where: str, body: bytes) -> JsonValue:
    """The answer's JSON.

    Raises:
        TargetRefused: it is none.

    """
    try:
        answer: JsonValue = json.loads(body)
    except (ValueError, RecursionError):
        raise TargetRefused(
            f"{where}: the answer is no JSON", hint="does something else answer at this address, such as a proxy or a login page?"
        ) from None
    return answer


def leaf_in(where: str, found: JsonValue, encoding: str) -> str | None:
    """The fingerprint of the first certificate in it; None where nothing stands there.

    Raises:
        TargetRefused: it cannot be read as a certificate.

    """
    if found is None or found == "":
        return None
    try:
        return fingerprint(read_certificates(_pem(str(found), encoding))[0])
    except (BundleInvalid, binascii.Error) as error:
        raise TargetRefused(
            f"{where}: the active certificate cannot be read where the recipe points to ({error})",
            hint="is it the product and version that the recipe is for?",
        ) from None


def read_fingerprint(where: str, found: JsonValue) -> str | None:
    """A SHA-256 fingerprint, with or without colons; None where nothing stands there.

    Raises:
        TargetRefused: it is something else.

    """
    if found is None or found == "":
        return None
    bare = str(found).lower().replace(":", "").replace(" ", "").removeprefix("sha256")
    if not _FINGERPRINT.fullmatch(bare):
        raise TargetRefused(
            f"{where}: what stands where the recipe points to is no SHA-256 fingerprint",
            hint="is it the product and version of the recipe?",
        )
    return bare


def _pem(text: str, encoding: str) -> bytes:
    if encoding == "pem":
        return text.encode()
    content = base64.b64decode(text, validate=True)
    if content.lstrip().startswith(b"-----BEGIN"):
        return content
    lines = base64.encodebytes(content).decode("ascii")
    return f"-----BEGIN CERTIFICATE-----\n{lines}-----END CERTIFICATE-----\n".encode()
