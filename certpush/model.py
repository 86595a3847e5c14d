"""The domain types: names, keys, certificates, and what is known about a target.

Everything here is frozen, knows nothing of the network, and can be reasoned about alone.
Secrets cannot be printed or pickled by accident: only ``reveal`` methods give them out.
"""

from __future__ import annotations

import enum
import ipaddress
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from fractions import Fraction
from functools import cached_property
from typing import NoReturn, Self, TypeAlias

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

from certpush.errors import BundleInvalid, CertpushError, ConfigError

JsonValue: TypeAlias = "str | int | float | bool | list[JsonValue] | dict[str, JsonValue] | None"
Handle: TypeAlias = Mapping[str, JsonValue]
"""What a target writes down to find its way back; JSON, never a secret."""

MAX_PEM_BYTES = 64 * 1024  # a chain is a few KiB; anything larger is not a certificate chain
MAX_KEY_BYTES = 16 * 1024
_PEM_CERTIFICATE = re.compile(rb"-----BEGIN CERTIFICATE-----.+?-----END CERTIFICATE-----", re.DOTALL)
_DNS_LABEL = re.compile(r"(?!-)[a-z0-9_-]{1,63}(?<!-)")
_NUMBER_LABEL = re.compile(r"[0-9]+|0x[0-9a-f]*")
_LONGEST_NAME = 255  # 253 and a wildcard's two; what is longer is not worth decoding


# --- names ---------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, order=True)
class DnsName:
    """A DNS name as it stands in a certificate: lower case, IDNA-encoded, perhaps ``*.`` in front."""

    value: str

    def __str__(self) -> str:
        return self.value


@dataclass(frozen=True, slots=True)
class IpName:
    """An IP address as it stands in a certificate."""

    value: ipaddress.IPv4Address | ipaddress.IPv6Address

    def __str__(self) -> str:
        return str(self.value)


Name: TypeAlias = DnsName | IpName


def parse_name(text: str) -> Name:
    """Read one certificate name; refuse all that step-ca would take and no client would match.

    step-ca turns ``pve.lan:8006`` into a URI and ``10.0.0.0/24`` into a DNS name without a
    word, so names are checked before anything is asked for.

    Raises:
        ConfigError: naming the offending text and what to write instead.

    """
    shown = ascii(text if len(text) <= 80 else text[:77] + "...")
    if not text or text != text.strip():
        raise ConfigError(f"{shown} is not a name for a certificate", hint="remove the white space around it")
    if len(text) > _LONGEST_NAME:
        raise ConfigError(f"{shown} is not a host name: it is {len(text)} characters long", hint="a host name has at most 253 characters")
    try:
        return IpName(_plain_address(text))
    except ValueError:
        pass
    if re.fullmatch(r"[\d.]+", text) or re.search(r"[:/@\[\]%]", text):
        raise ConfigError(
            f"{shown} is not a name for a certificate",
            hint="write a host name or an IP address alone: no port, scheme, brackets, zone or prefix length",
        )
    return DnsName(_dns_name(text, shown))


def _plain_address(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address:
    address = ipaddress.ip_address(text)
    if isinstance(address, ipaddress.IPv6Address):
        if address.scope_id is not None:
            raise ValueError(text)
        # The CA would silently turn it into IPv4; do it here so that the answer compares equal.
        return address.ipv4_mapped or address
    return address


def _dns_name(text: str, shown: str) -> str:
    wildcard, _, rest = text.rpartition("*.")
    if wildcard or not rest:
        raise ConfigError(f"{shown} is not a name for a certificate", hint="a wildcard is the first label only: *.example.com")
    try:
        ascii_name = rest.lower() if rest.isascii() else _idna(rest)
    except ValueError as error:
        raise ConfigError(f"{shown} is not a host name: {error}", hint="use the name that the browser shows") from error
    ascii_name = ascii_name.removesuffix(".")
    labels = ascii_name.split(".")
    if len(ascii_name) > 253 or not all(_DNS_LABEL.fullmatch(label) for label in labels):
        raise ConfigError(
            f"{shown} is not a host name",
            hint="letters, digits and hyphens, labels of at most 63 characters, 253 in all",
        )
    if _NUMBER_LABEL.fullmatch(labels[-1]):
        # Browsers read a name that ends in a number as an IPv4 address (WHATWG URL, "ends in a number"), so it would match nothing.
        raise ConfigError(f"{shown} is neither a host name nor an IP address", hint="write an IPv4 address as four decimal numbers")
    return ascii_name if rest == text else f"*.{ascii_name}"


def _idna(text: str) -> str:
    import idna  # a table of 10 ms, needed for few names only

    try:
        return idna.encode(text.lower(), uts46=True).decode("ascii")
    except idna.IDNAError as error:
        raise ValueError(str(error)) from error


def name_covers(names: tuple[Name, ...], host: str) -> bool:
    """Whether a client that connects to ``host`` accepts a certificate with these names (RFC 6125: one label a wildcard)."""
    wanted = parse_name(host)
    if wanted in names:
        return True
    if not isinstance(wanted, DnsName) or "." not in wanted.value:
        return False
    parent = wanted.value.split(".", 1)[1]
    return DnsName(f"*.{parent}") in names


# --- keys ----------------------------------------------------------------------------------


class KeySpec(enum.StrEnum):
    """The kinds of private key that can be asked for, in the words of the configuration."""

    EC_P256 = "ec-p256"
    EC_P384 = "ec-p384"
    EC_P521 = "ec-p521"
    RSA_2048 = "rsa-2048"
    RSA_3072 = "rsa-3072"
    RSA_4096 = "rsa-4096"
    ED25519 = "ed25519"


_CURVES: Mapping[KeySpec, type[ec.EllipticCurve]] = {
    KeySpec.EC_P256: ec.SECP256R1,
    KeySpec.EC_P384: ec.SECP384R1,
    KeySpec.EC_P521: ec.SECP521R1,
}
_RSA_BITS: Mapping[KeySpec, int] = {KeySpec.RSA_2048: 2048, KeySpec.RSA_3072: 3072, KeySpec.RSA_4096: 4096}

SigningKey: TypeAlias = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey | ed25519.Ed25519PrivateKey


class PrivateKey:
    """A private key that cannot be printed, compared or pickled; ``reveal_*`` is the only way out."""

    __slots__ = ("_key",)

    def __init__(self, key: SigningKey) -> None:
        self._key = key

    @classmethod
    def generate(cls, spec: KeySpec) -> Self:
        """Make a new key with the operating system's randomness."""
        if spec in _CURVES:
            return cls(ec.generate_private_key(_CURVES[spec]()))
        if spec in _RSA_BITS:
            return cls(rsa.generate_private_key(public_exponent=65537, key_size=_RSA_BITS[spec]))
        return cls(ed25519.Ed25519PrivateKey.generate())

    @classmethod
    def from_pem(cls, pem: bytes) -> Self:
        """Read an unencrypted PEM key (PKCS#8, SEC1 or PKCS#1).

        Raises:
            BundleInvalid: it is no such key, or larger than 16 KiB. The text never holds the key.

        """
        if len(pem) > MAX_KEY_BYTES:
            raise BundleInvalid("the private key is larger than 16 KiB")
        try:
            key = serialization.load_pem_private_key(pem, password=None)
        except (ValueError, TypeError, UnsupportedAlgorithm) as error:
            raise BundleInvalid(
                "the private key cannot be read",
                hint="give an unencrypted PEM key (PKCS#8, EC or RSA)",
            ) from error
        if not isinstance(key, ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey | ed25519.Ed25519PrivateKey):
            raise BundleInvalid("the private key is of a type that certificates here do not use", hint="use EC, RSA or Ed25519")
        return cls(key)

    @property
    def spec(self) -> str:
        """What kind of key it is, in the words of the configuration where it has one (``ec-p256``)."""
        return describe_public_key(self._key.public_key())

    @property
    def public_spki(self) -> bytes:
        """The public half, DER SubjectPublicKeyInfo: what two keys are compared by."""
        return _spki(self._key.public_key())

    def reveal_key(self) -> SigningKey:
        """Give out the key object, to sign with it."""
        return self._key

    def reveal_pem(self, *, traditional: bool = False) -> bytes:
        """Give out the PEM text: PKCS#8, or SEC1/PKCS#1 when ``traditional`` (old appliances)."""
        wanted = serialization.PrivateFormat.TraditionalOpenSSL if traditional else serialization.PrivateFormat.PKCS8
        if isinstance(self._key, ed25519.Ed25519PrivateKey):
            wanted = serialization.PrivateFormat.PKCS8  # it has no older form
        return self._key.private_bytes(serialization.Encoding.PEM, wanted, serialization.NoEncryption())

    def __repr__(self) -> str:
        return "PrivateKey(<redacted>)"

    def __reduce__(self) -> NoReturn:
        raise TypeError("a PrivateKey is never pickled; hand over reveal_pem() through a pipe instead")


class Secret:
    """A password or token that cannot be printed or pickled; ``reveal()`` is the only way out."""

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> str:
        """Give out the secret text."""
        return self._value

    def __repr__(self) -> str:
        return "Secret(<redacted>)"

    __str__ = __repr__

    def __reduce__(self) -> NoReturn:
        raise TypeError("a Secret is never pickled; hand over reveal() through a pipe instead")


def describe_public_key(key: object) -> str:
    """Name a public key as the configuration would (``ec-p256``, ``rsa-2048``), else by its type."""
    if isinstance(key, ec.EllipticCurvePublicKey):
        # Only the NIST curves: secp256k1 has 256 bits too, and is another thing.
        return f"ec-p{key.curve.key_size}" if re.fullmatch(r"secp\d+r1", key.curve.name) else f"ec-{key.curve.name}"
    if isinstance(key, rsa.RSAPublicKey):
        return f"rsa-{key.key_size}"
    if isinstance(key, ed25519.Ed25519PublicKey):
        return "ed25519"
    return type(key).__name__


def _spki(public_key: ec.EllipticCurvePublicKey | rsa.RSAPublicKey | ed25519.Ed25519PublicKey) -> bytes:
    return public_key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)


# --- certificates --------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class CertificateRequest:
    """What a certificate should be: its names (the first is the CN), its key, how long it lives (None: the CA's default)."""

    names: tuple[Name, ...]
    key: KeySpec = KeySpec.EC_P256
    lifetime: timedelta | None = None

    def __post_init__(self) -> None:
        if not self.names:
            raise ConfigError("a certificate needs at least one name", hint='add names = ["host.example.com"]')
        if len(set(self.names)) != len(self.names):
            raise ConfigError("a name stands twice in the list of names", hint="remove the second one")
        if self.lifetime is not None and self.lifetime <= timedelta(0):
            raise ConfigError("the lifetime of a certificate is more than nothing", hint='write it as "24h" or "30d"')


DEFAULT_RENEW_AT = Fraction(2, 3)
DEFAULT_DANGER_LEFT = Fraction(1, 6)


@dataclass(frozen=True, slots=True, kw_only=True)
class CertificateSpec:
    """One certificate as configured: what to ask for, of which CA, and when to replace it.

    ``renew_at`` is the part of the lifetime after which it is due, ``danger_left`` the part
    left from which a person should know.
    """

    name: str
    request: CertificateRequest
    ca: str
    reuse_key: bool = False
    renew_at: Fraction = DEFAULT_RENEW_AT
    danger_left: Fraction = DEFAULT_DANGER_LEFT
    allow_short_chain: bool = False


def fingerprint(certificate: x509.Certificate) -> str:
    """SHA-256 of the DER form, lower-case hex without separators: how certpush names a certificate."""
    return certificate.fingerprint(hashes.SHA256()).hex()


def certificate_names(certificate: x509.Certificate) -> tuple[Name, ...]:
    """DNS names and IP addresses of the SAN extension, in the certificate's order.

    Raises:
        BundleInvalid: the certificate's extensions cannot be read.

    """
    try:
        san = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return ()
    except (ValueError, x509.DuplicateExtension, x509.UnsupportedGeneralNameType) as error:
        # cryptography reads extensions when they are first asked for, so a malformed one shows up here.
        raise BundleInvalid("the extensions of the certificate cannot be read") from error
    names: list[Name] = []
    for entry in san:
        if isinstance(entry, x509.DNSName):
            names.append(DnsName(entry.value.lower()))
        elif isinstance(entry, x509.IPAddress) and isinstance(entry.value, ipaddress.IPv4Address | ipaddress.IPv6Address):
            names.append(IpName(entry.value))
    return tuple(names)


def read_certificates(pem: bytes) -> tuple[x509.Certificate, ...]:
    """Read every certificate of a PEM text, in order; other blocks and comments are passed over.

    Raises:
        BundleInvalid: larger than 64 KiB, no certificate in it, or one that cannot be read.

    """
    if len(pem) > MAX_PEM_BYTES:
        raise BundleInvalid("the certificate text is larger than 64 KiB")
    try:
        found = tuple(x509.load_pem_x509_certificate(block) for block in _PEM_CERTIFICATE.findall(pem))
    except ValueError as error:
        raise BundleInvalid("a certificate in the PEM text cannot be read") from error
    if not found:
        raise BundleInvalid("there is no certificate in the PEM text")
    return found


def to_pem(*certificates: x509.Certificate) -> bytes:
    """PEM text of the certificates, clean and in the given order, each ending with a newline."""
    return b"".join(one.public_bytes(serialization.Encoding.PEM) for one in certificates)


@dataclass(frozen=True)
class CertificateBundle:
    """A leaf with its key, the intermediates above it (leaf's issuer first), and the roots they lead to.

    Validated when it is made: the key is the leaf's, and each certificate is signed by the next.

    Raises:
        BundleInvalid: the parts do not belong together.

    """

    leaf: x509.Certificate
    chain: tuple[x509.Certificate, ...]
    roots: tuple[x509.Certificate, ...]
    key: PrivateKey = field(repr=False)

    def __post_init__(self) -> None:
        if leaf_spki(self.leaf) != self.key.public_spki:
            raise BundleInvalid("the private key does not belong to the certificate")
        for child, parent in zip((self.leaf, *self.chain), self.chain, strict=False):
            if not issued_by(child, parent):
                raise BundleInvalid("the chain is out of order: a certificate is not signed by the one after it")

    @classmethod
    def from_pem(cls, fullchain: bytes, key: bytes, roots: bytes = b"") -> Self:
        """Read a bundle from PEM texts: leaf first, then intermediates; a root at its end moves to ``roots``."""
        leaf, *rest = read_certificates(fullchain)
        given_roots = read_certificates(roots) if roots.strip() else ()
        chain = tuple(one for one in rest if one.subject != one.issuer)
        own_roots = tuple(one for one in rest if one.subject == one.issuer and one not in given_roots)
        return cls(leaf, chain, (*given_roots, *own_roots), PrivateKey.from_pem(key))

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 of the leaf, lower-case hex."""
        return fingerprint(self.leaf)

    @property
    def serial(self) -> int:
        """The leaf's serial number."""
        return self.leaf.serial_number

    @property
    def not_before(self) -> datetime:
        """From when the leaf is valid, UTC."""
        return self.leaf.not_valid_before_utc

    @property
    def not_after(self) -> datetime:
        """Until when the leaf is valid, UTC."""
        return self.leaf.not_valid_after_utc

    @property
    def names(self) -> tuple[Name, ...]:
        """The leaf's DNS names and IP addresses."""
        return certificate_names(self.leaf)

    @property
    def leaf_pem(self) -> bytes:
        """The leaf alone."""
        return to_pem(self.leaf)

    @property
    def chain_pem(self) -> bytes:
        """The intermediates alone, the leaf's issuer first."""
        return to_pem(*self.chain)

    @property
    def fullchain_pem(self) -> bytes:
        """Leaf and intermediates, as a server sends them; no root."""
        return to_pem(self.leaf, *self.chain)

    @property
    def roots_pem(self) -> bytes:
        """The roots, for a trust store."""
        return to_pem(*self.roots)


def leaf_spki(certificate: x509.Certificate) -> bytes:
    """The certificate's public key, DER SubjectPublicKeyInfo.

    Raises:
        BundleInvalid: the key is damaged, or of a kind that nobody here knows.

    """
    try:
        public_key = certificate.public_key()
    except (ValueError, UnsupportedAlgorithm) as error:
        raise BundleInvalid("the public key of the certificate cannot be read") from error
    return public_key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)


def issued_by(child: x509.Certificate, parent: x509.Certificate) -> bool:
    """Whether ``parent`` names and signed ``child``."""
    try:
        child.verify_directly_issued_by(parent)
    except (ValueError, TypeError, InvalidSignature, UnsupportedAlgorithm):
        return False
    return True


# --- what is seen, and what is known --------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where a certificate is served: a TCP address, the name asked for (SNI), and STARTTLS where plain text comes first."""

    host: str
    port: int
    server_name: str | None = None
    starttls: str | None = None

    @property
    def name(self) -> str:
        """The name that the certificate must cover: ``server_name`` where given, else the host."""
        return self.server_name or self.host

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}"


@dataclass(frozen=True, slots=True)
class Served:
    """What one fresh connection to an endpoint showed.

    ``chain_ok`` says that the handshake verified up to a pinned root with what the server sent
    and that the endpoint's name is covered; ``problem`` says in words why it did not.
    """

    endpoint: Endpoint
    fingerprint: str
    not_after: datetime
    chain_ok: bool
    not_before: datetime | None = None
    subject: str = ""
    issuer: str = ""
    problem: str = ""


@dataclass(frozen=True, slots=True)
class Installed:
    """What a target has installed now, and (``handle``) the way back to it. Never a secret.

    ``device_default`` says that it is the certificate that the device made for itself, which
    nobody misses and which needs no permission to be replaced.
    """

    fingerprint: str | None
    handle: Handle = field(default_factory=dict)
    device_default: bool = False


@dataclass(frozen=True, slots=True)
class Staged:
    """What ``stage`` put on the device, so that any later process can activate, confirm or remove it."""

    handle: Handle = field(default_factory=dict)


class After(enum.StrEnum):
    """What must be seen after a way back was taken."""

    LEAF = "leaf"
    DEVICE_DEFAULT = "device-default"
    NOTHING = "nothing"


@dataclass(frozen=True, slots=True)
class Expected:
    """What must be served once ``rollback`` is done: the old leaf, the device's own certificate, or none of ours."""

    after: After
    fingerprint: str | None = None

    @classmethod
    def leaf(cls, fingerprint: str | None) -> Expected:
        """The certificate with this fingerprint; with None, nothing was installed before."""
        return cls(After.LEAF, fingerprint) if fingerprint else cls(After.NOTHING)

    @classmethod
    def device_default(cls) -> Expected:
        """The device's own certificate, whose fingerprint is not known beforehand."""
        return cls(After.DEVICE_DEFAULT)

    @classmethod
    def nothing(cls) -> Expected:
        """Nothing was installed before: it is enough that the new certificate is gone."""
        return cls(After.NOTHING)


class WayBackKind(enum.StrEnum):
    """How good a way back is."""

    EXACT = "exact"
    FALLBACK = "fallback"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class WayBack:
    """The way back that a plan names before anything changes."""

    kind: WayBackKind
    text: str


class Action(enum.StrEnum):
    """What a plan is going to do."""

    NOTHING = "nothing"
    OBTAIN = "obtain"
    PUSH = "push"
    ACTIVATE = "activate"
    REFUSE = "refuse"


@dataclass(frozen=True, slots=True)
class Plan:
    """What would be done to a target, why, what changes there, and the way back."""

    action: Action
    why: str
    changes: tuple[str, ...] = ()
    way_back: WayBack = field(default_factory=lambda: WayBack(WayBackKind.NONE, ""))
    hint: str = ""


class Phase(enum.StrEnum):
    """How far a deployment has come. The journal writes a phase down before it is entered."""

    INTENT = "intent"
    STAGED = "staged"
    ACTIVATING = "activating"
    ACTIVATED = "activated"
    VERIFIED = "verified"
    CONFIRMED = "confirmed"
    ROLLING_BACK = "rolling-back"
    ROLLED_BACK = "rolled-back"
    STRANDED = "stranded"

    @property
    def settled(self) -> bool:
        """Whether nothing is left to be done about a deployment in this phase."""
        return self in (Phase.CONFIRMED, Phase.ROLLED_BACK)


class Outcome(enum.StrEnum):
    """How a rotation ended."""

    UNCHANGED = "unchanged"
    ROTATED = "rotated"
    ROLLED_BACK = "rolled-back"
    REFUSED = "refused"
    FAILED = "failed"
    STRANDED = "stranded"


@dataclass(frozen=True, slots=True)
class Deployment:
    """One certificate on its way to one target: the journal's record of it."""

    id: str
    target: str
    certificate: str
    before: Installed
    wanted: str
    """Fingerprint of the certificate that is being deployed."""
    phase: Phase
    way_back: WayBack
    served_before: Mapping[str, str] = field(default_factory=dict)
    """Endpoint (``host:port``) to the fingerprint it served before; missing where nothing answered."""
    staged: Staged | None = None
    started: datetime | None = None
    finished: datetime | None = None
    why: str = ""
    outcome: Outcome | None = None
    error: str = ""
    not_after: datetime | None = None


class Severity(enum.StrEnum):
    """How bad a finding is: an error stops a rotation before it starts."""

    OK = "ok"
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


@dataclass(frozen=True, slots=True)
class Finding:
    """What a check found, and (``hint``) what to do about it."""

    severity: Severity
    code: str
    message: str
    hint: str = ""


@dataclass(frozen=True, slots=True)
class Identity:
    """What a device shows before anyone logs in, for a person to compare: an SSH host key or a TLS leaf.

    ``setting`` is the settings field that pins it, ``value`` what to put there.
    """

    setting: str
    value: str
    shown: tuple[str, ...]
    compare: str


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened to a target; observers get it, and it never carries a key."""

    phase: str
    target: str
    at: datetime
    message: str = ""
    deployment: Deployment | None = None


@dataclass(frozen=True, slots=True)
class Receipt:
    """How one rotation ended, with the evidence: what every endpoint served at the end.

    ``was`` and ``now`` are the fingerprint before and after (None: nothing, or not known);
    ``seen`` is False where there is no endpoint to look at ("installed, not seen").
    """

    target: str
    outcome: Outcome
    plan: Plan
    was: str | None = None
    now: str | None = None
    not_after: datetime | None = None
    served: tuple[Served, ...] = ()
    seen: bool = True
    error: CertpushError | None = None
    deployment: str | None = None
    findings: tuple[Finding, ...] = ()


class Standing(enum.StrEnum):
    """How a target stands, as ``status`` shows it."""

    OK = "ok"
    DUE = "due"
    DANGER = "danger"
    EXPIRED = "expired"
    DRIFTED = "drifted"
    """Another certificate is served than the one that was deployed last."""
    FOREIGN = "foreign"
    """Never deployed by certpush, and somebody else's certificate is served."""
    NEW = "new"
    """Never deployed, nothing in the way."""
    UNREACHABLE = "unreachable"
    STRANDED = "stranded"


@dataclass(frozen=True, slots=True)
class TargetStatus:
    """What a look at one target showed, beside what the journal knows."""

    target: str
    kind: str
    standing: Standing
    served: tuple[Served, ...] = ()
    problems: tuple[str, ...] = ()
    not_after: datetime | None = None
    due: datetime | None = None
    last: Deployment | None = None
