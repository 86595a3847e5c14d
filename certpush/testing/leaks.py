"""Search texts for keys and passwords, in every shape that they are usually leaked in."""

from __future__ import annotations

import base64
import contextlib
import logging
import os
import re
import subprocess
from collections.abc import Iterable, Iterator
from typing import Any
from unittest import mock

from cryptography.hazmat.primitives.asymmetric import ec, rsa

from certpush.model import PrivateKey

_PEM_MARK = "PRIVATEKEY-----"


def find_leak(text: str, *, keys: Iterable[PrivateKey] = (), secrets: Iterable[str] = ()) -> str:
    """Say which key or secret stands in ``text`` (without quoting it), or give an empty text."""
    plain = re.sub(r"\s|\\n|\\r", "", text)  # PEM is broken into lines, and repr() writes the breaks as \n
    if _PEM_MARK in plain:
        return "a private key in PEM"
    for key in keys:
        if any(shape in plain for shape in _shapes_of_key(key)):
            return f"the private part of a key ({key.spec})"
    for number, secret in enumerate(secrets, 1):
        if secret in text or any(shape in plain for shape in _encodings(secret.encode())):
            return f"secret number {number} of the settings"
    return ""


def _shapes_of_key(key: PrivateKey) -> Iterator[str]:
    number = _private_number(key)
    yield str(number)
    yield from _encodings(number.to_bytes((number.bit_length() + 7) // 8, "big"))


def _private_number(key: PrivateKey) -> int:
    """The number that makes the key private; its public half may stand anywhere."""
    inside = key.reveal_key()
    if isinstance(inside, ec.EllipticCurvePrivateKey):
        return inside.private_numbers().private_value
    if isinstance(inside, rsa.RSAPrivateKey):
        return inside.private_numbers().d
    return int.from_bytes(inside.private_bytes_raw(), "big")


def _encodings(secret: bytes) -> Iterator[str]:
    yield secret.hex()
    yield secret.hex().upper()
    for skipped in range(3):  # where base64 begins depends on what stands before
        whole = secret[skipped : skipped + (len(secret) - skipped) // 3 * 3]
        if len(whole) >= 6:
            yield base64.b64encode(whole).decode()
            yield base64.urlsafe_b64encode(whole).decode()


# --- listening to every logger ------------------------------------------------------------------

_FORMAT = logging.Formatter("%(name)s %(levelname)s %(message)s")


@contextlib.contextmanager
def everything_logged() -> Iterator[list[str]]:
    """Collect what any logger says at any level, also those that are turned down or cut off, now or later; filters count."""
    heard: list[str] = []
    is_enabled, handle = logging.Logger.isEnabledFor, logging.Logger.handle

    def listen(logger: logging.Logger, record: logging.LogRecord) -> None:
        if logger.filter(record):
            heard.append(f"{_FORMAT.format(record)} {vars(record)!r}")
        if is_enabled(logger, record.levelno):
            handle(logger, record)

    # A library may pin its logger's level when it is imported, which is often in the middle of a call.
    with mock.patch.multiple(logging.Logger, isEnabledFor=lambda *_: True, handle=listen):
        yield heard


# --- listening to every command -----------------------------------------------------------------


@contextlib.contextmanager
def everything_started() -> Iterator[list[str]]:
    """Collect the words of every command that this process starts, and what stands in its environment and not in ours."""
    heard: list[str] = []
    start, run = subprocess.Popen.__init__, os.system

    def listen(self: subprocess.Popen[Any], args: Any, *more: Any, **named: Any) -> None:
        given = named.get("env") or {}
        heard.append(repr((args, {name: value for name, value in given.items() if os.environ.get(name) != value})))
        start(self, args, *more, **named)

    def listen_to_the_shell(command: str) -> int:
        heard.append(command)
        return run(command)

    with mock.patch.object(subprocess.Popen, "__init__", listen), mock.patch.object(os, "system", listen_to_the_shell):
        yield heard
