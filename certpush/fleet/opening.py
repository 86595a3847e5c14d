"""From a target's configuration to a rotation that can run: the kind loaded, its settings read, its members known."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import replace
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING, Any

from certpush.config import TargetKeys, TargetSpec
from certpush.errors import ConfigError, TargetBug
from certpush.fleet.kinds import kind_of
from certpush.kit.settings import SecretReader, Settings, convert, key_names
from certpush.kit.tls import look
from certpush.records import record
from certpush.rotation.calling import calling

if TYPE_CHECKING:  # who only looks at an endpoint opens no target, and has nothing to rotate
    from certpush.fleet.members import MemberSpec
    from certpush.fleet.wishes import Wishes
    from certpush.issuer import Issued, Issuer
    from certpush.kit.trust import Trust
    from certpush.model import CertificateBundle, CertificateRequest, Endpoint, Event
    from certpush.rotation.rotation import Look, Rotation
    from certpush.state.escrow import Escrow
    from certpush.state.journal import Journal
    from certpush.state.lock import Locks
    from certpush.target import Target, TargetKind

_VERIFY_FILES = "files"
_CORE_PINS = {"trust"}  # recorded for the core's key of that name, which is more than a text to the kind


@record(frozen=True, kw_only=True)
class Opener:
    """Opens targets: holds what all rotations of a fleet share."""

    load_kind: Callable[[str], TargetKind[Any]]
    read_secret: SecretReader
    journal: Journal
    escrow: Escrow
    locks: Locks
    issuer: Callable[[str], Issuer]
    clock: Callable[[], datetime]
    pause: Callable[[float], None]
    observe: Callable[[Event], None]
    turn: Callable[[str, threading.Event], None]
    """Waits until the CA of this name may be asked for another certificate."""
    anchors: Callable[[str], frozenset[str]] = lambda _: frozenset()
    """Fingerprints of the roots that the CA of this name is known by, without asking it; empty: not known."""
    look: Look = look

    def kind(self, spec: TargetSpec) -> TargetKind[Any]:
        """The kind of this target, loaded if it is not yet.

        Raises:
            PluginError: there is none, or it cannot be used.
            ConfigError: the target asks for something that the kind does not have.

        """
        return kind_of(spec, self.load_kind)

    def settings(self, spec: TargetSpec, kind: TargetKind[Any], *, ask_ca: bool = True) -> Settings:
        """The kind's settings for this target: its table, what a person pinned, and core keys that the kind also wants.

        ``ask_ca`` False is for what needs to trust nobody: a CA whose root is not known yet is left alone.

        Raises:
            ConfigError: with the path of what is wrong.

        """

        def widened(configured: Trust) -> Trust:
            from certpush.fleet.trusted import Recognition

            return Recognition(self.journal, self.escrow, self.issuer if ask_ca else None).of(spec, configured)

        return read_settings(spec, kind, self.read_secret, self.journal.pins(spec.name), widened)

    def members(self, spec: TargetSpec) -> tuple[MemberSpec, ...]:
        """The target's members in the order they are rotated, ``TARGET/MEMBER``; mostly the target itself alone.

        Raises:
            CertpushError: the kind or its settings cannot be used, or the device did not tell its members.

        """
        from certpush.fleet.members import expand

        kind = self.kind(spec)
        return tuple(self._recognised(one, spec, kind) for one in expand(spec, kind, self.settings(spec, kind)))

    def _recognised(self, member: MemberSpec, spec: TargetSpec, kind: TargetKind[Any]) -> MemberSpec:
        """The member, known also by what a person pinned for it alone, and by what was deployed to it."""
        if member.name == spec.name:
            return member
        from certpush.fleet.trusted import pins_known
        from certpush.kit.trust import takes_trust

        own: Any = member.settings
        pinned = self.journal.pins(member.name)
        known: dict[str, object] = {key: pinned[key] for key in keys_of(kind) - _CORE_PINS - set(spec.table) if key in pinned}
        if takes_trust(kind.settings):
            known["trust"] = own.trust.also(*pins_known(self.journal, member.name))
        return replace(member, settings=_with_core_keys(own, known)) if known else member

    def rotation(self, spec: TargetSpec, member: MemberSpec, wishes: Wishes) -> Rotation:
        """Open the member; nothing is asked of it yet.

        Raises:
            CertpushError: it cannot be opened, or nothing says where to look at it.

        """
        from certpush.rotation.rotation import Rotation

        kind = self.kind(spec)
        target = _open(kind, member.settings, member.name)
        try:
            endpoints = self.endpoints(spec, kind, target, member.name)
        except BaseException:
            with suppress(Exception):  # what went wrong first is what is told
                target.close()
            raise
        return Rotation(
            name=member.name,
            kind=kind,
            target=target,
            spec=member.certificate,
            issuer=_LazyIssuer(self.issuer, spec.certificate.ca, partial(self.turn, spec.certificate.ca, wishes.stop)),
            journal=self.journal,
            escrow=self.escrow,
            locks=self.locks,
            endpoints=endpoints,
            look=self.look,
            clock=self.clock,
            pause=self.pause,
            observe=self.observe,
            stop=wishes.stop,
            rescue_after=spec.rescue_after,
            pinned_by=spec.pinned_by,
            force=wishes.force,
            adopt=wishes.adopt,
            adopt_first=spec.adopt,
            anchors=self.anchors(spec.certificate.ca),
            window=spec.window if wishes.unattended else None,
            at_once=wishes.at_once,
            previous=wishes.previous,
        )

    def endpoints(self, spec: TargetSpec, kind: TargetKind[Any], target: Target, name: str) -> tuple[Endpoint, ...]:
        """Where to look: the configuration's endpoints, else the target's own; none only where that was asked for.

        Raises:
            ConfigError: there is nowhere to look, and nothing says that this is meant.
            TargetError: the target was asked, and could not tell.

        """
        if spec.verify == _VERIFY_FILES:
            return ()
        with calling(kind.name, name, "endpoints"):
            found = spec.endpoints or tuple(target.endpoints())
        if not found:
            raise ConfigError(
                f"{spec.path}: nothing says where the certificate is served",
                hint='add endpoints = ["host:port"]; or verify = "files" where nothing serves it',
            )
        return found


def read_settings(
    spec: TargetSpec,
    kind: TargetKind[Any],
    read_secret: SecretReader,
    pins: Mapping[str, str] | None = None,
    widened: Callable[[Trust], Trust] = lambda configured: configured,
) -> Settings:
    """The kind's settings for this target: ``pins``, then its table, and core keys that the kind also wants.

    A kind that takes ``trust`` as a ``Trust`` gets the one that is configured, as ``widened`` gives it.

    Raises:
        ConfigError: with the path of what is wrong.

    """
    known = keys_of(kind)
    table = {**{setting: value for setting, value in (pins or {}).items() if setting in known - _CORE_PINS}, **spec.table}
    settings: Settings = convert(table, kind.settings, path=spec.path, read_secret=read_secret, beside=TargetKeys)
    core = {"rescue_after": spec.rescue_after, "trust": _trust(spec, kind, widened)}
    try:
        return _with_core_keys(settings, {key: value for key, value in core.items() if key in known})
    except ConfigError as error:
        raise ConfigError(f"{spec.path}: {error.message}", hint=error.hint) from None


def _trust(spec: TargetSpec, kind: TargetKind[Any], widened: Callable[[Trust], Trust]) -> Trust | str:
    from certpush.kit.trust import takes_trust

    if not takes_trust(kind.settings):
        return spec.trust
    from certpush.fleet.trusted import configured_trust

    return widened(configured_trust(spec))


def keys_of(kind: TargetKind[Any]) -> frozenset[str]:
    """The keys that the kind's settings have."""
    return frozenset(key_names(kind.settings))


def _open(kind: TargetKind[Any], settings: Settings, name: str) -> Target:
    from certpush.target import Target

    with calling(kind.name, name, "open"):
        target: object = kind.open(settings)
    if not isinstance(target, Target):
        raise TargetBug(f"the plugin for {kind.name} opened something that is no Target", target=name, phase="open")
    return target


def _with_core_keys(settings: Settings, keys: Mapping[str, object]) -> Settings:
    import msgspec

    replaced: Settings = msgspec.structs.replace(settings, **keys)  # type: ignore[type-var] # a Struct, to msgspec
    return replaced


class _LazyIssuer:
    """The CA is looked up when a certificate is needed, so that pushing one we hold needs no CA; ``turn`` waits for its turn."""

    def __init__(self, find: Callable[[str], Issuer], name: str, turn: Callable[[], None]) -> None:
        self._find = find
        self._name = name
        self._turn = turn

    def sign(self, request: CertificateRequest, csr: bytes) -> Issued:
        self._turn()
        return self._find(self._name).sign(request, csr)

    def rekey(self, current: CertificateBundle, csr: bytes) -> Issued:
        self._turn()
        return self._find(self._name).rekey(current, csr)

    def renew(self, current: CertificateBundle, *, after_expiry: bool = False) -> Issued:
        self._turn()
        return self._find(self._name).renew(current, after_expiry=after_expiry)

    def __getattr__(self, verb: str) -> Any:
        return getattr(self._find(self._name), verb)
