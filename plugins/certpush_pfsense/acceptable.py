"""What certpush does not begin with: keys that pfSense does not take, and boxes that are not in a state to be changed."""

from __future__ import annotations

from collections.abc import Iterator

from cryptography.hazmat.primitives import hashes

from certpush import CertificateBundle, Finding
from certpush.errors import SafetyRefusal
from certpush.kit import findings as found
from certpush.model import KeySpec
from certpush.model.keys import describe_public_key
from certpush_pfsense.box import Sight
from certpush_pfsense.keys import ACCEPTED
from certpush_pfsense.roles import misplaced
from certpush_pfsense.settings import PfSenseSettings

_KEY_HINT = 'use key = "ec-p256"'


def check_bundle(bundle: CertificateBundle) -> None:
    """Refuse what pfSense would put a self-signed certificate of its own in the place of.

    Raises:
        SafetyRefusal: a key or a signature that it does not use for its web GUI.

    """
    kind = describe_public_key(bundle.leaf.public_key())
    if kind not in {str(one) for one in ACCEPTED} and not _large_rsa(kind):
        raise SafetyRefusal(f"pfSense does not take a {kind} key for its web GUI", hint=_KEY_HINT)
    for one in (bundle.leaf, *bundle.chain[:1]):
        digest = one.signature_hash_algorithm
        if isinstance(digest, hashes.MD5 | hashes.SHA1 | hashes.SHA224):
            raise SafetyRefusal(
                f"pfSense does not start its web GUI with a certificate or an issuer signed with {digest.name}",
                hint="have the CA sign with SHA-256 or better",
            )


def _large_rsa(kind: str) -> bool:
    name, _, bits = kind.partition("-")
    return name == "rsa" and bits.isdecimal() and int(bits) >= 2048


def key_type(spec: KeySpec) -> Iterator[Finding]:
    """The same for a key that is not made yet."""
    if spec not in ACCEPTED:
        yield found.error("key-type", f"pfSense does not take a {spec} key for its web GUI", _KEY_HINT)


def check_config(sight: Sight, settings: PfSenseSettings, where: str) -> None:
    """Refuse a box that must not be changed now.

    Raises:
        SafetyRefusal: naming the reason, and what to do.

    """
    for one in obstacles(sight, settings):
        raise SafetyRefusal(f"{where}: {one.message}", hint=one.hint)


def obstacles(sight: Sight, settings: PfSenseSettings) -> Iterator[Finding]:
    """Why this box must not be changed now."""
    config = sight.config
    if config.product != "pfsense":
        yield found.error("product", f"it is {_title(config.product)}, not pfSense", f'write kind = "{config.product}"')
        return
    if sight.booting:
        yield found.error("booting", "it is starting up", "run again when it is up; /var/run/booting is there until then")
    if config.webgui.protocol != "https":
        yield found.error(
            "protocol",
            "its web GUI speaks plain HTTP, so it shows no certificate",
            "choose HTTPS under System > Advanced > Admin Access; certpush does not switch that over",
        )
    yield from misplaced(config, settings)


def _title(product: str) -> str:
    return {"opnsense": "OPNsense"}.get(product, f"<{product}>")
