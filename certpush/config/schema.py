"""The JSON Schema of a whole configuration: editors complete and check by it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from certpush.config.tables import CertificateKeys, DefaultKeys, FleetKeys, ObserverKeys, StateKeys, TargetKeys
from certpush.kit.description import schema_of
from certpush.kit.settings import Settings
from certpush.model import JsonValue
from certpush.stepca.settings import CaSettings

_DRAFT_7 = "http://json-schema.org/draft-07/schema#"
"""The name of the dialect; nobody fetches it."""


def configuration_schema(kinds: Mapping[str, type[Settings]], observers: Mapping[str, type[Settings]]) -> dict[str, JsonValue]:
    """The schema; targets of the ``kinds`` and these ``observers`` are described key by key, others as far as the core knows them."""
    return {
        "$schema": _DRAFT_7,
        "title": "certpush.toml",
        "type": "object",
        "additionalProperties": False,
        "properties": {
            "ca": {"anyOf": [schema_of(CaSettings), _named(schema_of(CaSettings))], "description": "the CA; several as [ca.NAME]"},
            "defaults": schema_of(DefaultKeys),
            "fleet": schema_of(FleetKeys),
            "state": schema_of(StateKeys),
            "certificate": _named(schema_of(CertificateKeys)),
            "target": _named(_one_of(kinds, TargetKeys)),
            "observer": _named(_one_of(observers, ObserverKeys)),
        },
    }


def _named(table: dict[str, JsonValue]) -> dict[str, JsonValue]:
    return {"type": "object", "additionalProperties": table}


def _one_of(kinds: Mapping[str, type[Settings]], core_keys: type[Settings]) -> dict[str, JsonValue]:
    known: list[JsonValue] = [_of_kind(name, settings, core_keys) for name, settings in kinds.items()]
    core = schema_of(core_keys)
    properties = {**_properties(core), "kind": {"type": "string", "not": {"enum": [*kinds]}}}
    return {"oneOf": [*known, {**core, "properties": properties, "additionalProperties": True}]}


def _of_kind(name: str, settings: type[Settings], core_keys: type[Settings]) -> dict[str, JsonValue]:
    """A table has the core's keys and its kind's; where both know one, the core's text stands."""
    core, own = schema_of(core_keys), schema_of(settings)
    properties: dict[str, Any] = {**_properties(own), **_properties(core), "kind": {"const": name}}
    required = sorted({"kind", *_required(own)})
    return {"title": name, "type": "object", "properties": properties, "required": [*required], "additionalProperties": False}


def _properties(schema: Mapping[str, Any]) -> dict[str, Any]:
    return dict(schema["properties"])


def _required(schema: Mapping[str, Any]) -> list[str]:
    return list(schema.get("required", ()))
