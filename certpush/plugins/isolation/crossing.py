"""What crosses between certpush and a plugin's process, as plain data and back: the types of the contract, one pair of functions each."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import timedelta
from enum import Enum
from typing import Any, TypeVar

import msgspec

from certpush.kit.escaping import escaped
from certpush.kit.settings import Settings, fields_of, format_duration
from certpush.kit.shapes import known
from certpush.model import (
    CertificateBundle,
    CertificateRequest,
    Endpoint,
    Expected,
    Finding,
    Identity,
    Installed,
    JsonValue,
    KeySpec,
    Name,
    Secret,
    Staged,
    parse_name,
)
from certpush.plugins.isolation.limits import LONGEST_TEXT
from certpush.target import Footprint

T = TypeVar("T")
Plain = dict[str, Any]


class Unreadable(Exception):
    """What the other side answered is not what was asked for."""


def converted(data: object, into: type[T], *, decode: Callable[[type, Any], Any] | None = None) -> T:
    """Plain data as this type.

    Raises:
        Unreadable: it is none.

    """
    try:
        return msgspec.convert(data, known(into), dec_hook=decode)
    except (msgspec.ValidationError, ValueError, TypeError) as error:
        raise Unreadable(str(error)) from error


def shown(text: str) -> str:
    """Text of a plugin that a person is shown: on one line, cut, and without anything that moves a cursor."""
    lines = (line.strip() for line in text[:LONGEST_TEXT].splitlines())
    return escaped("; ".join(line for line in lines if line))


# --- settings ------------------------------------------------------------------------------------


def table_of(settings: Settings) -> Plain:
    """The table that these settings are made from again, with the secrets in it; what was left out stays so."""
    values = ((one.encode_name, getattr(settings, one.name)) for one in fields_of(type(settings)))
    return {key: plain(value) for key, value in values if value is not None and value is not msgspec.UNSET}


def plain(value: Any) -> Any:
    """A value of settings, as the configuration would have it, with the secret where it has a reference."""
    if isinstance(value, Mapping):
        return {str(key): plain(one) for key, one in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [plain(one) for one in value]
    write = next((write for kind, write in _WRITTEN.items() if isinstance(value, kind)), msgspec.to_builtins)
    return write(value)


_WRITTEN: Mapping[type, Callable[[Any], Any]] = {
    Secret: lambda secret: secret.reveal(),  # into the socket of the plugin whose target it belongs to, and nowhere else
    Settings: table_of,
    Endpoint: lambda endpoint: f"{endpoint}#{endpoint.server_name}" if endpoint.server_name else str(endpoint),
    timedelta: format_duration,
    Enum: lambda word: word.value,
}


def secrets_in(value: object) -> Iterator[str]:
    """Every secret text in settings, for it to be kept out of what the plugin says."""
    if isinstance(value, Secret):
        yield value.reveal()
    elif isinstance(value, Settings):
        for one in fields_of(type(value)):
            yield from secrets_in(getattr(value, one.name))
    elif isinstance(value, Mapping | list | tuple):
        for part in value.values() if isinstance(value, Mapping) else value:
            yield from secrets_in(part)


# --- certificates --------------------------------------------------------------------------------


def bundle_out(bundle: CertificateBundle) -> Plain:
    """A bundle as PEM, with its key."""
    return {
        "fullchain": bundle.fullchain_pem.decode("ascii"),
        "roots": bundle.roots_pem.decode("ascii"),
        "key": bundle.key.reveal_pem().decode("ascii"),  # as above
    }


def key_lines(bundle: CertificateBundle) -> Iterator[str]:
    """What must never be seen of a bundle's key, as it stands in PEM."""
    for traditional in (False, True):
        yield from bundle.key.reveal_pem(traditional=traditional).decode("ascii").splitlines()


def bundle_in(data: Plain) -> CertificateBundle:
    """The same, validated anew."""
    return CertificateBundle.from_pem(data["fullchain"].encode(), data["key"].encode(), data["roots"].encode())


def request_out(request: CertificateRequest) -> Plain:
    """What a certificate should be."""
    lifetime = None if request.lifetime is None else request.lifetime.total_seconds()
    return {"names": [str(one) for one in request.names], "key": str(request.key), "lifetime": lifetime}


def request_in(data: Plain) -> CertificateRequest:
    """The same on the other side."""
    lifetime = None if data["lifetime"] is None else timedelta(seconds=data["lifetime"])
    return CertificateRequest(names_in(data["names"]), KeySpec(data["key"]), lifetime)


def names_in(data: object) -> tuple[Name, ...]:
    """Names of a certificate."""
    return tuple(parse_name(one) for one in converted(data, list[str]))


# --- what a plugin answers -----------------------------------------------------------------------


def record_out(one: object) -> Plain:
    """A finding, an identity, an endpoint: records of texts and numbers."""
    try:
        record: Plain = msgspec.to_builtins(one)
    except (TypeError, ValueError) as error:
        raise Unreadable("a record of texts and numbers") from error
    return record


class _Installed(msgspec.Struct):
    fingerprint: str | None
    handle: dict[str, Any]
    device_default: bool
    own: str | None


def handle_out(handle: Mapping[str, JsonValue]) -> Plain:
    """A handle as the journal would keep it.

    Raises:
        Unreadable: it could not.

    """
    try:
        kept: Plain = json.loads(json.dumps(dict(handle), allow_nan=False))
    except (TypeError, ValueError, RecursionError) as error:
        raise Unreadable("a handle is JSON") from error
    return kept


def installed_out(one: Installed) -> Plain:
    """What is installed."""
    return {"fingerprint": one.fingerprint, "handle": handle_out(one.handle), "device_default": one.device_default, "own": one.own}


def installed_in(data: object) -> Installed:
    """The same on the other side."""
    read = converted(data, _Installed)
    for fingerprint in (read.fingerprint, read.own):
        if fingerprint is not None and not fingerprint.isascii():
            raise Unreadable("a fingerprint is hex")
    return Installed(read.fingerprint, read.handle, read.device_default, read.own)


def staged_out(one: Staged) -> Plain:
    """What was staged."""
    return handle_out(one.handle)


def staged_in(data: object) -> Staged:
    """The same on the other side."""
    return Staged(converted(data, dict[str, Any]))


def expected_in(data: object) -> Expected:
    """What must be served after a way back."""
    return converted(data, Expected)


def endpoints_in(data: object) -> tuple[Endpoint, ...]:
    """Where to look."""
    found = converted(data, tuple[Endpoint, ...])
    if not all(0 < one.port < 65536 and one.host.isprintable() for one in found):
        raise Unreadable("an endpoint has a host and a port")
    return found


def findings_in(data: object) -> tuple[Finding, ...]:
    """What checks found."""
    found = converted(data, tuple[Finding, ...])
    return tuple(Finding(one.severity, shown(one.code), shown(one.message), shown(one.hint)) for one in found)


def identities_in(data: object) -> tuple[Identity, ...]:
    """Who answers."""
    found = converted(data, tuple[Identity, ...])
    return tuple(Identity(shown(one.setting), shown(one.value), texts(one.shown), shown(one.compare)) for one in found)


def footprint_in(data: object) -> Footprint:
    """What is changed on this machine."""
    return converted(data, Footprint)


def texts_in(data: object) -> tuple[str, ...]:
    """Lines for a person."""
    return texts(converted(data, tuple[str, ...]))


def texts(lines: Iterable[str]) -> tuple[str, ...]:
    """Each safe to print."""
    return tuple(shown(one) for one in lines)
