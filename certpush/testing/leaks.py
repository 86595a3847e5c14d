"""Search texts for keys and passwords, in every shape that they are usually leaked in."""

from __future__ import annotations

import base64
import contextlib
import logging
import re
from collections.abc import Iterable, Iterator

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


class _Ear(logging.Handler):
    def __init__(self) -> None:
        super().__init__(logging.NOTSET)
        self.heard: list[str] = []
        self.setFormatter(logging.Formatter("%(name)s %(levelname)s %(message)s"))

    def emit(self, record: logging.LogRecord) -> None:
        self.heard.append(f"{self.format(record)} {vars(record)!r}")


@contextlib.contextmanager
def everything_logged() -> Iterator[list[str]]:
    """Collect what any logger says at any level, also those that were turned down or cut off."""
    ear = _Ear()
    loggers = [logging.getLogger(), *(one for one in logging.Logger.manager.loggerDict.values() if isinstance(one, logging.Logger))]
    before = [(one, one.level, one.disabled) for one in loggers]
    ears = [one for one in loggers if one.parent is None or not one.propagate]
    for one in loggers:
        one.setLevel(logging.DEBUG)
        one.disabled = False
    for one in ears:
        one.addHandler(ear)
    try:
        yield ear.heard
    finally:
        for one in ears:
            one.removeHandler(ear)
        for one, level, disabled in before:
            one.setLevel(level)
            one.disabled = disabled
