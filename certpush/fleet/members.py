"""What a target stands for: mostly itself, or the members of a cluster, each with its settings and its certificate."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import field, replace
from typing import Any

from certpush.config import TargetSpec
from certpush.errors import ConfigError, TargetBug
from certpush.kit.settings import Settings
from certpush.model import CertificateSpec, DnsName, IpName
from certpush.records import record
from certpush.rotation.calling import calling
from certpush.target import Member, TargetKind

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")  # part of file names, as the target's own name is


@record(frozen=True, slots=True)
class MemberSpec:
    """One thing that is rotated: ``name`` is the target's own, or ``TARGET/MEMBER``."""

    name: str
    settings: Settings = field(repr=False)
    certificate: CertificateSpec


def expand(spec: TargetSpec, kind: TargetKind[Any], settings: Settings) -> tuple[MemberSpec, ...]:
    """The target's members in the order that they are rotated; the target itself where the kind knows of none.

    Raises:
        ConfigError: the configuration says something of the target that its members cannot share.
        TargetError: the device was asked for its members, and did not tell.

    """
    members = _told(spec, kind, settings)
    if not members:
        return (MemberSpec(spec.name, settings, spec.certificate),)
    _refuse_common_endpoints(spec, members)
    _refuse_to_split_what_is_shared(spec, members)
    return tuple(MemberSpec(f"{spec.name}/{one.name}", one.settings, _certificate(spec, one)) for one in members)


def one_of(members: Sequence[MemberSpec], spec: TargetSpec, name: str) -> MemberSpec:
    """The one member of this name, ``TARGET/MEMBER``; where there is only one, the target's own name means it.

    Raises:
        ConfigError: there are several and it is none of them, so that nobody takes one for all.

    """
    if name == spec.name and len(members) == 1:
        return members[0]
    for one in members:
        if one.name == name:
            return one
    several = f"{name} has {len(members)} members, and one of them is meant"
    raise ConfigError(
        several if name == spec.name else f"{name[:140]!a} is no member of {spec.name}",
        hint=f"name one of: {', '.join(one.name for one in members)}",
    )


def _told(spec: TargetSpec, kind: TargetKind[Any], settings: Settings) -> tuple[Member[Any], ...]:
    if kind.members is None:
        return ()
    with calling(kind.name, spec.name, "members"):
        answer: object = kind.members(settings, spec.certificate.request)
    if not isinstance(answer, tuple) or not all(_is_one(member, kind) for member in answer):
        raise _bug(spec, kind, "with something that is no tuple of its members")
    names = [member.name for member in answer]
    odd = next((name for name in names if not _NAME.fullmatch(name) or names.count(name) > 1), None)
    if odd is not None:
        raise _bug(spec, kind, f"with the name {odd[:80]!a}, which no member can have, or which two have")
    return answer


def _is_one(member: object, kind: TargetKind[Any]) -> bool:
    if not isinstance(member, Member):
        return False
    name: object = member.name
    names: tuple[object, ...] = tuple(member.names)
    return isinstance(name, str) and isinstance(member.settings, kind.settings) and all(isinstance(one, DnsName | IpName) for one in names)


def _bug(spec: TargetSpec, kind: TargetKind[Any], what: str) -> TargetBug:
    return TargetBug(
        f"the plugin for {kind.name} answered members {what}",
        hint="report it to the plugin's authors; nothing was begun",
        target=spec.name,
        phase="members",
    )


def _refuse_common_endpoints(spec: TargetSpec, members: Sequence[Member[Any]]) -> None:
    if spec.endpoints:
        raise ConfigError(
            f"{spec.path}: endpoints cannot say where {_counted(members)} of {spec.name} are served",
            hint="leave endpoints out: each member is looked at at its own address",
        )


def _refuse_to_split_what_is_shared(spec: TargetSpec, members: Sequence[Member[Any]]) -> None:
    own = next((one.name for one in members if one.names), None)
    if spec.shared and own is not None:
        raise ConfigError(
            f"{spec.path}: {spec.name}/{own} would have a certificate of its own, but [certificate.{spec.certificate.name}] is one for all",
            hint=f"write names in [{spec.path}] instead of certificate, or let its members share one",
        )


def _counted(members: Sequence[Member[Any]]) -> str:
    return f"the {len(members)} members" if len(members) > 1 else "the one member"


def _certificate(spec: TargetSpec, member: Member[Any]) -> CertificateSpec:
    """The member's own certificate where it has names of its own; else the target's."""
    common = spec.certificate
    if not member.names:
        return common
    try:
        return replace(common, name=f"{common.name}/{member.name}", request=replace(common.request, names=tuple(member.names)))
    except ConfigError as error:
        raise ConfigError(f"{spec.path}: {member.name}: {error.message}", hint=error.hint) from None
