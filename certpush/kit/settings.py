"""Settings of a kind: one class gives parsing, the JSON Schema, the reference table and errors with their path."""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Self, TypeVar, cast, dataclass_transform, get_args

import msgspec

from certpush.errors import ConfigError, ContractViolation
from certpush.kit.shapes import known
from certpush.model import Endpoint, Secret, parse_name

SecretReader = Callable[[str], Secret]
"""Turns a reference such as ``file:/etc/certpush/token`` into the secret; see ``certpush.config``."""


if TYPE_CHECKING:
    # To type checkers every subclass is a frozen, keyword-only dataclass, without each having to say so.
    @dataclass_transform(frozen_default=True, kw_only_default=True, field_specifiers=(msgspec.field,))
    class Settings:
        """Base of every kind's settings: immutable, keyword-only, unknown keys refused."""
else:

    class _SettingsClass(type(msgspec.Struct)):
        # msgspec hands down every option of a Struct but kw_only, and nobody should have to remember it. And its classes
        # have one base: the keys of further ones are taken over from them, but not their methods.
        def __new__(cls, name, bases, namespace, **options):  # noqa: ANN001, ANN003, ANN204 - msgspec's own signature
            own = namespace.get("__annotations__", {})
            taken = {one.name: one for base in bases[1:] for one in msgspec.structs.fields(base) if one.name not in own}
            if taken:
                namespace["__annotations__"] = {one.name: one.type for one in taken.values()} | own
            for one in taken.values():
                namespace[one.name] = msgspec.field(default=one.default, default_factory=one.default_factory, name=one.encode_name)
            return super().__new__(cls, name, bases[:1], namespace, **{"kw_only": True, **options})

    class Settings(msgspec.Struct, metaclass=_SettingsClass, frozen=True, forbid_unknown_fields=True):
        """Base of every kind's settings: immutable, keyword-only, unknown keys refused.

        A field's text in the reference is the string in ``Annotated[type, Doc("...")]``. A class with several bases,
        such as ``(LayoutSettings, SshSettings)``, has the keys of all of them, and the methods of the first.
        """


S = TypeVar("S", bound=Settings)


def fields_of(settings: type[Settings]) -> tuple[msgspec.structs.FieldInfo, ...]:
    """The fields of a settings class, as msgspec describes them."""
    return _fields(cast("Any", settings))


def key_names(settings: type[Settings]) -> tuple[str, ...]:
    """The keys of a settings class in their order, without reading its annotations."""
    return cast("tuple[str, ...]", cast("Any", settings).__struct_encode_fields__)


@functools.cache  # each of a thousand targets asks, and reading the annotations takes longer than reading its table
def _fields(settings: Any) -> tuple[msgspec.structs.FieldInfo, ...]:
    return msgspec.structs.fields(settings)


class Doc(str):
    """What a field is for, as ``Annotated[str, Doc("host name of the box")]``: shown in the schema and the reference."""

    __slots__ = ()


class Duration(timedelta):
    """A length of time, written ``90s``, ``10m``, ``24h``, ``30d``, or several together: ``1h30m``."""

    _PART = re.compile(r"([0-9]+)(d|h|m|s)")
    _LONGEST = timedelta(days=36525)  # a hundred years: beyond it, dates run out of range
    _UNITS: Mapping[str, str] = {"d": "days", "h": "hours", "m": "minutes", "s": "seconds"}

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read ``text``.

        Raises:
            ConfigError: it is no such length of time.

        """
        parts = cls._PART.findall(text)
        if not parts or "".join(number + unit for number, unit in parts) != text:
            raise ConfigError(f"{text[:40]!a} is not a length of time", hint="write it as 90s, 10m, 24h, 30d or 1h30m")
        total = timedelta()
        for number, unit in parts:
            if len(number) <= 9:
                total += timedelta(**{cls._UNITS[unit]: int(number)})
            if len(number) > 9 or total > cls._LONGEST:
                raise ConfigError(f"{text[:40]!a} is too long a time", hint="a hundred years are the most")
        return cls(seconds=total.total_seconds())

    def __str__(self) -> str:
        return format_duration(self)


def format_duration(length: timedelta) -> str:
    """Write a length of time as ``Duration.parse`` reads it, largest units first (``395d``, ``24h``, ``1h30m``)."""
    if length < timedelta():
        return f"-{format_duration(-length)}"
    seconds = int(length.total_seconds())
    if seconds and seconds % 86400 == 0 and seconds > 86400:
        return f"{seconds // 86400}d"
    hours, rest = divmod(seconds, 3600)
    minutes, seconds = divmod(rest, 60)
    parts = [f"{value}{unit}" for value, unit in ((hours, "h"), (minutes, "m"), (seconds, "s")) if value]
    return "".join(parts) or "0s"


_HOST_PORT = re.compile(r"(?:\[(?P<v6>[0-9A-Fa-f:.]+)\]|(?P<host>[^\[\]:]+))(?::(?P<port>[0-9]{1,5}))?")


def parse_endpoint(text: str, default_port: int | None = None) -> Endpoint:
    """Read ``host:port`` (``[::1]:443`` for IPv6), with ``#name`` behind it where another name is asked for (SNI).

    Raises:
        ConfigError: it is no such address.

    """
    address, mark, server_name = text.partition("#")
    match = _HOST_PORT.fullmatch(address)
    port = int(match["port"]) if match and match["port"] else default_port
    if not match or port is None or not 0 < port < 65536 or (mark and not server_name) or (match["v6"] and ":" not in match["v6"]):
        raise ConfigError(
            f"{text[:120]!a} is not an endpoint",
            hint='write "host:port", "[ipv6]:port", or "address:port#name" to ask for another name',
        )
    return Endpoint(parse_host(match["v6"] or match["host"]), port, parse_host(server_name) if mark else None)


def parse_host(text: str) -> str:
    """Read a name or address that one can connect to.

    Raises:
        ConfigError: it is none, or a wildcard.

    """
    name = str(parse_name(text))
    if name.startswith("*"):
        raise ConfigError(
            f"{text[:80]!a} is a wildcard, and nothing answers by that name", hint="name one host that serves the certificate"
        )
    return name


_REFERENCE = "`certpush targets` lists each key with its type"


def convert(
    table: Mapping[str, Any],
    into: type[S],
    *,
    path: str,
    read_secret: SecretReader,
    beside: type[Settings] | None = None,
    reference: str = _REFERENCE,
    endpoints: bool = True,
) -> S:
    """Check a configuration table against a settings class and make an instance of it.

    ``path`` is where the table stands (``target.proxmox``), for the error. ``read_secret``
    resolves secret references; it is called for fields of type ``Secret`` only. ``beside`` has
    the keys of the same table that somebody else reads: one of them may have been mistyped.
    ``reference`` is the hint where no nearer one is known: where the keys are listed. Without
    ``endpoints`` the class has no field for one, and is not searched for it.

    Raises:
        ConfigError: with the path of the wrong key, and the nearest known key for an unknown one.

    """

    def decode(wanted: type, value: Any) -> Any:
        try:
            return _decoded(wanted, value, read_secret)
        except ConfigError as error:
            raise _Refused from error

    try:
        return msgspec.convert(_with_endpoints(table, into, path) if endpoints else table, known(into), dec_hook=decode)
    except msgspec.ValidationError as error:
        raise _explained(error, into, path, beside, reference) from None
    except ConfigError as error:  # from a __post_init__, which knows keys but not where the table stands
        message = error.message if error.message.startswith(path) else f"{path}: {error.message}"
        raise ConfigError(message, hint=error.hint) from None


_TOML = {
    "array": 'a list ["..."]',
    "str": 'a text "..."',
    "int": "a whole number",
    "float": "a number",
    "bool": "true or false",
    "object": "a table",
    "null": "nothing",
}


class _Refused(ValueError):
    """Carries a ConfigError through msgspec, which adds the path to a ValueError and to nothing else."""


def _decoded(wanted: type, value: Any, read_secret: SecretReader) -> Any:
    if wanted not in (Secret, Duration):
        raise ContractViolation(
            f"a settings class has a field of type {wanted.__name__}, which no configuration can hold",
            hint="this is for the plugin's authors to mend: use str, int, bool, list, Duration, Endpoint, Secret or Settings",
        )
    if not isinstance(value, str):
        raise ConfigError(f"expected a text, found {type(value).__name__}", hint='write it in double quotes: "..."')
    return read_secret(value) if wanted is Secret else Duration.parse(value)


def _with_endpoints(table: Mapping[str, Any], into: type[Settings], path: str) -> dict[str, Any]:
    """Read endpoints beforehand: msgspec takes a dataclass for a table, and would refuse ``"host:port"``."""
    held = _endpoint_keys(cast("Any", into))
    return {**table, **{key: _endpoints(table[key], f"{path}.{key}") for key in held if key in table}}


@functools.cache
def _endpoint_keys(settings: Any) -> tuple[str, ...]:
    return tuple(one.encode_name for one in _fields(settings) if _holds_endpoints(one.type))


def _holds_endpoints(annotation: Any) -> bool:
    return annotation is Endpoint or any(_holds_endpoints(part) for part in get_args(annotation))


def _endpoints(value: Any, path: str) -> Any:
    if isinstance(value, list):
        return [_endpoints(one, f"{path}[{index}]") for index, one in enumerate(value)]
    if not isinstance(value, str):
        return value
    try:
        return parse_endpoint(value)
    except ConfigError as error:
        raise ConfigError(f"{path}: {error.message}", hint=error.hint) from None


def _path_of(error: msgspec.ValidationError, path: str) -> str:
    found = re.search(r"at `\$\.?([^`]*)`", str(error))
    return f"{path}.{found[1]}" if found and found[1] else path


def _explained(
    error: msgspec.ValidationError, into: type[Settings], path: str, beside: type[Settings] | None, reference: str
) -> ConfigError:
    cause = error.__cause__.__cause__ if isinstance(error.__cause__, _Refused) else None
    if isinstance(cause, ConfigError):
        return ConfigError(f"{_path_of(error, path)}: {cause.message}", hint=cause.hint)
    text = re.sub(r" - at `[^`]*`", "", str(error))
    where = _path_of(error, path)
    unknown = re.search(r"unknown field `([^`]*)`", text)
    if unknown:
        import difflib  # only for a mistyped key

        from certpush.kit.nested import keys_at

        known = keys_at(into, where.removeprefix(path).removeprefix("."))
        others = [field.encode_name for field in fields_of(beside)] if beside and where == path else []
        near = difflib.get_close_matches(unknown[1], [*known, *others], n=1)
        hint = f"did you mean {near[0]!r}?" if near else f"known keys: {', '.join(sorted(known))}" if known else reference
        return ConfigError(f"{where}.{unknown[1]}: unknown key", hint=hint)
    missing = re.search(r"missing required field `([^`]*)`", text)
    if missing:
        there = f"to [{path}]" if where == path else "there"
        return ConfigError(f"{where}: the key {missing[1]!r} is missing", hint=f"add {missing[1]} = ... {there}")
    allowed = _allowed(into, where.removeprefix(f"{path}.")) if text.startswith("Invalid enum value") else ""
    return ConfigError(f"{where}: {_in_toml_words(text)}", hint=f"one of: {allowed}" if allowed else reference)


def _in_toml_words(text: str) -> str:
    """``Expected `array`, got `str``` in the words of who writes TOML."""
    words = re.sub(r"`([\w |]+)`", lambda found: " or ".join(_TOML.get(one, one) for one in found[1].split(" | ")), text)
    return words[0].lower() + words[1:]


def _allowed(settings: type[Settings], key: str) -> str:
    """The words that a key may have, where only some are allowed."""
    from certpush.kit.annotations import words_of

    annotation = next((field.type for field in fields_of(settings) if field.encode_name == key), None)
    return ", ".join(words_of(annotation))
