"""The core's tables, as a person writes them: parsing, schema and reference come from these classes."""

# No annotations from __future__: msgspec would have to compile the text of each one, in every process.

from typing import Annotated, Literal

import msgspec

from certpush.kit.settings import Doc, Duration, Settings
from certpush.model import KeySpec


class EndpointTable(Settings):
    """An endpoint in full, where ``"host:port"`` does not say enough."""

    host: str
    port: int
    server_name: Annotated[str | None, Doc("the name to ask for (SNI) and to check, when it is not the host")] = None
    starttls: Annotated[Literal["smtp", "imap", "pop3", "postgres"] | None, Doc("the plain-text protocol that TLS starts in")] = None


class CertificateKeys(Settings):
    """What a certificate is: stands in ``[certificate.NAME]``, ``[defaults]``, or in the target that has its own."""

    names: Annotated[list[str], Doc("DNS names and IP addresses; the first is the CN, and all are SANs")] = msgspec.field(
        default_factory=list
    )
    ca: Annotated[str | None, Doc("which [ca.NAME] signs it, where there are several")] = None
    lifetime: Annotated[Duration | None, Doc("how long it lives: 24h, 30d, 395d; the CA's default when left out")] = None
    key: Annotated[KeySpec | None, Doc("the kind of key")] = None
    reuse_key: Annotated[bool | None, Doc("keep the key when the certificate is replaced (default: a new key each time)")] = None
    renew_at: Annotated[str | None, Doc("the part of the lifetime after which it is replaced: 2/3, 66%")] = None
    danger_at: Annotated[str | None, Doc("the part of the lifetime left from which it is in danger: 1/6")] = None
    allow_short_chain: Annotated[bool | None, Doc("take a certificate although an intermediate ends before it")] = None


class TargetKeys(CertificateKeys):
    """What every target has, whatever its kind."""

    kind: Annotated[str, Doc("which plugin: `certpush targets` lists them")]
    certificate: Annotated[str | None, Doc("push the certificate of this [certificate.NAME] instead of one of its own")] = None
    tags: Annotated[list[str], Doc("words to select targets by: certpush deploy @edge")] = msgspec.field(default_factory=list)
    endpoints: Annotated[list[str | EndpointTable], Doc('where the certificate is served: "host:port", "address:port#name"')] = (
        msgspec.field(default_factory=list)
    )
    verify: Annotated[Literal["handshake", "files"], Doc("files: nothing serves it, look at what is installed")] = "handshake"
    trust: Annotated[
        str,
        Doc(
            'whom an appliance\'s API is trusted by: "ca" (the one that signs here), a PEM path, or "sha256:..."; no effect on file and ssh'
        ),
    ] = "ca"
    window: Annotated[
        str | None, Doc("when `certpush renew` may rotate it, in local time: Sat 02:00-05:00, Mon-Fri 22:00-04:00, 02:00-05:00")
    ] = None
    pinned_by: Annotated[list[str], Doc("who pins this certificate and must be told; named in the plan")] = msgspec.field(
        default_factory=list
    )
    adopt: Annotated[bool, Doc("take over a certificate that certpush did not deploy, the first time")] = False
    enabled: Annotated[bool, Doc("false: left alone")] = True
    rescue_after: Annotated[Duration | None, Doc("after how long the device puts the old certificate back unless confirmed")] = None


class DefaultKeys(Settings):
    """``[defaults]``: what certificates and targets have when they do not say otherwise."""

    ca: Annotated[str | None, Doc("which [ca.NAME] signs")] = None
    lifetime: Annotated[Duration | None, Doc("how long certificates live")] = None
    key: Annotated[KeySpec | None, Doc("the kind of key")] = None
    reuse_key: Annotated[bool | None, Doc("keep keys when certificates are replaced")] = None
    renew_at: Annotated[str | None, Doc("the part of the lifetime after which certificates are replaced")] = None
    danger_at: Annotated[str | None, Doc("the part of the lifetime left from which certificates are in danger")] = None
    rescue_after: Annotated[Duration | None, Doc("the devices' own timer")] = None
    workers: Annotated[int, msgspec.Meta(ge=1, le=1024), Doc("how many targets at once (also in [fleet])")] | None = None


class FleetKeys(Settings):
    """``[fleet]``: many targets at once."""

    workers: Annotated[int, msgspec.Meta(ge=1, le=1024), Doc("how many targets at once")] | None = None
    canary: Annotated[
        int,
        msgspec.Meta(ge=0),
        Doc("how many targets go first, as they stand here; when one of them fails, no other is begun (0: all together)"),
    ] = 0
    stop_after: Annotated[int, msgspec.Meta(ge=0), Doc("after how many failures no further target is begun (0: go on)")] = 0
    ca_rate: Annotated[float, msgspec.Meta(ge=0), Doc("certificates asked of one CA in a second at most (0: no limit)")] = 0.0


class ObserverKeys(Settings):
    """``[observer.NAME]``: what every observer has, whatever its kind."""

    kind: Annotated[str, Doc("which plugin: `certpush observer kinds` lists them")]
    enabled: Annotated[bool, Doc("false: hears nothing")] = True
    deadline: Annotated[
        Duration, Doc("how long the end of a run waits for it; then it is left behind, and the run ends as it would have")
    ] = Duration(seconds=30)


class StateKeys(Settings):
    """``[state]``: where certpush remembers."""

    directory: Annotated[str | None, Doc("where the journal, the escrow and the locks are")] = None
