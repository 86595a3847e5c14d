"""What a target of kind ``pfsense`` can be told."""

from __future__ import annotations

import enum
import re
from typing import Annotated, Any, Literal

from certpush.errors import ConfigError
from certpush.kit.settings import Doc, Duration, parse_endpoint
from certpush.kit.ssh import SshSettings, check_rescue
from certpush.kit.ssh.settings import pinned
from certpush.model import Endpoint

_ALSO = re.compile(r"[a-z][a-z0-9_-]*")


class PfSenseSettings(SshSettings):
    """The web GUI of a pfSense box that is reached by SSH."""

    user: Annotated[str, Doc("user to log in as")] = "admin"
    commit: Annotated[
        Literal["php", "xml"],
        Doc('"php": the box itself writes its configuration; "xml": config.xml is edited, for a box whose PHP cannot be used'),
    ] = "php"
    also: Annotated[
        tuple[str, ...],
        Doc('what else shall change over from the old certificate, by the words of the plan: ["captiveportal", "haproxy"]'),
    ] = ()
    store_root: Annotated[bool, Doc("keep the root of the chain among the box's authorities, too; it is not served")] = False
    rescue_after: Annotated[
        Duration, Doc("after how long the box goes back to the old certificate by itself, unless the new one is confirmed before")
    ] = Duration(seconds=180)
    peers: Annotated[
        tuple[str, ...],
        Doc('the secondary of a pair whose primary is host; both get the certificate, the secondary first: ["fw2.local.lan"]'),
    ] = ()
    peer_host_key: Annotated[str | tuple[str, ...], Doc("the secondary's own host key, as host_key")] = ()
    sync_within: Annotated[Duration, Doc("how long a certificate of the primary may take until it is on the secondary")] = Duration(
        seconds=60
    )
    certificates_not_synced: Annotated[
        bool, Doc("this firewall is the second of a pair, and its certificates are not overwritten by the first")
    ] = False

    def __post_init__(self) -> None:
        super().__post_init__()
        self._check_pair()
        for one in self.also:
            if not _ALSO.fullmatch(one) or one in ("webgui", "chain", "other"):
                raise ConfigError(
                    f"also: {one[:40]!a} is nothing that can change over", hint='such as "captiveportal", "haproxy", "openvpn", "unbound"'
                )
        check_rescue(self.rescue_after)
        if not 1 <= self.sync_within.total_seconds() <= 600:
            raise ConfigError("sync_within is not between 1s and 10m", hint='most pairs take less than 30 s: "60s"')

    @property
    def places(self) -> tuple[Endpoint, ...]:
        """Where the peers' SSH servers answer."""
        try:
            return tuple(parse_endpoint(one, self.port) for one in self.peers)
        except ConfigError as error:
            raise ConfigError(f"peers: {error.message}", hint='write "fw2.local.lan", or "fw2.local.lan:2222"') from None

    def _check_pair(self) -> None:
        pinned("peer_host_key", self.peer_host_key)
        if len(self.peers) > 1:
            raise ConfigError(
                "peers: a pair has one secondary", hint="pfSense synchronises to one box; write a target of its own for others"
            )
        if self.peer_host_key and not self.peers:
            raise ConfigError("peer_host_key stands without peers", hint='add peers = ["ADDRESS OF THE SECONDARY"], or leave it out')
        if self.certificates_not_synced and self.peers:
            raise ConfigError(
                "certificates_not_synced and peers do not go together", hint="two boxes that do not share certificates are two targets"
            )
        if any((one.host, one.port) == (self.host, self.port) for one in self.places):
            raise ConfigError("peers: that is the host itself", hint="write the primary as host, and the secondary in peers")


class Role(enum.StrEnum):
    """What a box is in its pair."""

    PRIMARY = "primary"
    SECONDARY = "secondary"


class PairSettings(PfSenseSettings):
    """One box of a pair: ``host`` is itself, ``peers`` the other, and ``peer_host_key`` the other's."""

    role: Role

    @property
    def other(self) -> PairSettings:
        """The same pair as the other box has it."""
        (place,) = self.places
        role = Role.PRIMARY if self.role is Role.SECONDARY else Role.SECONDARY
        return in_pair(self, role, place, Endpoint(self.host, self.port), swapped=True)


def in_pair(settings: PfSenseSettings, role: Role, here: Endpoint, there: Endpoint, *, swapped: bool) -> PairSettings:
    """Settings that lead to ``here``; ``swapped`` says that it is the peer in ``settings``."""
    given: dict[str, Any] = {name: getattr(settings, name) for name in PfSenseSettings.__struct_fields__}  # type: ignore[attr-defined]
    keys = (settings.peer_host_key, settings.host_key) if swapped else (settings.host_key, settings.peer_host_key)
    given |= {"host": here.host, "port": here.port, "peers": (str(there),), "host_key": keys[0], "peer_host_key": keys[1]}
    return PairSettings(**given, role=role)
