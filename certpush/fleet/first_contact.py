"""Who answers at a target, or at one member of it, before anybody trusts it."""

from __future__ import annotations

from certpush.config import TargetSpec
from certpush.errors import ConfigError
from certpush.fleet.members import one_of
from certpush.fleet.opening import Opener
from certpush.kit.settings import Settings
from certpush.model import Identity
from certpush.rotation.calling import calling


def identities(spec: TargetSpec, name: str, opener: Opener) -> tuple[Identity, ...]:
    """What the target, or its member ``TARGET/MEMBER``, shows to a stranger; nothing secret is sent to who is asked.

    Raises:
        ConfigError: this kind has nothing to compare, or there is no such member.
        CertpushError: the target did not tell its members; it has to be trusted first.

    """
    kind = opener.kind(spec)
    if kind.identify is None:
        raise ConfigError(f"{name}: a target of kind {kind.name} shows no identity", hint="there is nothing to pin")
    settings: Settings = opener.settings(spec, kind, ask_ca=False) if name == spec.name else _member(spec, name, opener)
    with calling(kind.name, name, "identify"):
        return kind.identify(settings)


def _member(spec: TargetSpec, name: str, opener: Opener) -> Settings:
    return one_of(opener.members(spec), spec, name).settings
