"""Settings of a kind: one class gives parsing, the JSON Schema, the reference table and errors with their path."""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Self, TypeVar, cast, dataclass_transform

import msgspec

from certpush.errors import ConfigError
from certpush.model import Endpoint, Secret, parse_name

SecretReader = Callable[[str], Secret]
"""Turns a reference such as ``file:/etc/certpush/token`` into the secret; see ``certpush.config``."""


if TYPE_CHECKING:
    # To type checkers every subclass is a frozen, keyword-only dataclass, without each having to say so.
    @dataclass_transform(frozen_default=True, kw_only_default=True, field_specifiers=(msgspec.field,))
    class Settings:
        """Base of every kind's settings: immutable, keyword-only, unknown keys refused."""
else:

    class Settings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
        """Base of every kind's settings: immutable, keyword-only, unknown keys refused.

        A field's text in the reference is the string in ``Annotated[type, Doc("...")]``.
        """


S = TypeVar("S", bound=Settings)


def fields_of(settings: type[Settings]) -> tuple[msgspec.structs.FieldInfo, ...]:
    """The fields of a settings class, as msgspec describes them."""
    return msgspec.structs.fields(cast("type[msgspec.Struct]", settings))


class Doc(str):
    """What a field is for, as ``Annotated[str, Doc("host name of the box")]``: shown in the schema and the reference."""

    __slots__ = ()


class Duration(timedelta):
    """A length of time, written ``90s``, ``10m``, ``24h``, ``30d``, or several together: ``1h30m``."""

    _PART = re.compile(r"(\d+)(d|h|m|s)")
    _UNITS: Mapping[str, str] = {"d": "days", "h": "hours", "m": "minutes", "s": "seconds"}

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read ``text``.

        Raises:
            ConfigError: it is no such length of time.

        """
        parts = cls._PART.findall(text)
        if not parts or "".join(number + unit for number, unit in parts) != text:
            raise ConfigError(f"{text!r} is not a length of time", hint="write it as 90s, 10m, 24h, 30d or 1h30m")
        total = timedelta()
        for number, unit in parts:
            if len(number) > 9:
                raise ConfigError(f"{text!r} is too long a time")
            total += timedelta(**{cls._UNITS[unit]: int(number)})
        return cls(seconds=total.total_seconds())

    def __str__(self) -> str:
        return format_duration(self)


def format_duration(length: timedelta) -> str:
    """Write a length of time as ``Duration.parse`` reads it, largest units first (``395d``, ``24h``, ``1h30m``)."""
    seconds = int(length.total_seconds())
    if seconds and seconds % 86400 == 0 and seconds > 86400:
        return f"{seconds // 86400}d"
    hours, rest = divmod(seconds, 3600)
    minutes, seconds = divmod(rest, 60)
    parts = [f"{value}{unit}" for value, unit in ((hours, "h"), (minutes, "m"), (seconds, "s")) if value]
    return "".join(parts) or "0s"


_HOST_PORT = re.compile(r"(?:\[(?P<v6>[0-9A-Fa-f:.]+)\]|(?P<host>[^\[\]:]+))(?::(?P<port>\d{1,5}))?")


def parse_endpoint(text: str, default_port: int | None = None) -> Endpoint:
    """Read ``host:port`` (``[::1]:443`` for IPv6), with ``#name`` behind it where another name is asked for (SNI).

    Raises:
        ConfigError: it is no such address.

    """
    address, _, server_name = text.partition("#")
    match = _HOST_PORT.fullmatch(address)
    port = int(match["port"]) if match and match["port"] else default_port
    if not match or port is None or not 0 < port < 65536:
        raise ConfigError(
            f"{text[:120]!a} is not an endpoint",
            hint='write "host:port", "[ipv6]:port", or "address:port#name" to ask for another name',
        )
    host = str(parse_name(match["v6"] or match["host"]))
    return Endpoint(host, port, str(parse_name(server_name)) if server_name else None)


def convert(table: Mapping[str, Any], into: type[S], *, path: str, read_secret: SecretReader) -> S:
    """Check a configuration table against a settings class and make an instance of it.

    ``path`` is where the table stands (``target.proxmox``), for the error. ``read_secret``
    resolves secret references; it is called for fields of type ``Secret`` only.

    Raises:
        ConfigError: with the path of the wrong key, and the nearest known key for an unknown one.

    """

    def decode(wanted: type, value: Any) -> Any:
        if not isinstance(value, str):
            raise ConfigError(f"{path}: expected a text, found {type(value).__name__}")
        if wanted is Secret:
            return read_secret(value)
        if wanted is Duration:
            return Duration.parse(value)
        if wanted is Endpoint:
            return parse_endpoint(value)
        raise NotImplementedError(f"settings field of type {wanted.__name__}")

    try:
        return msgspec.convert(dict(table), into, dec_hook=decode)
    except msgspec.ValidationError as error:
        cause = error.__cause__
        if isinstance(cause, ConfigError):
            raise ConfigError(f"{_path_of(error, path)}: {cause.message}", hint=cause.hint) from None
        raise _explained(error, into, path) from None


def _path_of(error: msgspec.ValidationError, path: str) -> str:
    found = re.search(r"at `\$\.?([^`]*)`", str(error))
    return f"{path}.{found[1]}" if found and found[1] else path


def _explained(error: msgspec.ValidationError, into: type[Settings], path: str) -> ConfigError:
    text = re.sub(r" - at `[^`]*`", "", str(error))
    where = _path_of(error, path)
    unknown = re.search(r"unknown field `([^`]*)`", text)
    if unknown:
        known = [field.encode_name for field in fields_of(into)]
        near = difflib.get_close_matches(unknown[1], known, n=1)
        hint = f"did you mean {near[0]!r}?" if near else f"known keys: {', '.join(sorted(known))}"
        return ConfigError(f"{where}.{unknown[1]}: unknown key", hint=hint)
    missing = re.search(r"missing required field `([^`]*)`", text)
    if missing:
        return ConfigError(f"{where}: the key {missing[1]!r} is missing", hint=f"add {missing[1]} = ... to [{path}]")
    return ConfigError(f"{where}: {text[0].lower()}{text[1:]}", hint="`certpush targets` lists each key with its type")
