"""Configurations of pfSense for tests and the demo: texts with placeholders, filled with certificates that were made a moment ago.

A template says ``{{CRT:NAME}}`` where a certificate belongs, ``{{PRV:NAME}}`` where its key does,
and ``{{PORT}}`` for the port of the web GUI. What NAME begins with decides what it is:

- ``office-root``, ``office-ca``: the root and the intermediate of an authority named Office; so for any word
- ``office-anything``: a leaf below ``office-ca``
- a name without a hyphen (``webgui``): signed by itself, as the firewall's own is

All of one call are made together, and belong together; ``lab-`` is the authority that is given.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache
from importlib.resources import files
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes

from certpush.model import CertificateBundle, KeySpec, PrivateKey, to_pem
from certpush.testing.authority import Authority

FIXTURES = Path(__file__).resolve().parents[4] / "fixtures" / "pfsense"
"""Only in a checkout; what is installed has ``default`` and those of a pair."""
VERSIONS = ("2.5.2", "2.6.0", "2.7.2", "2.8.0", "2.9-dev", "plus-24.11")

_PLACEHOLDER = re.compile(rb"\{\{(CRT|PRV):([a-z0-9]+)(?:-([a-z0-9-]+))?\}\}")
_ENTRY = re.compile(rb"<refid>([0-9a-f]+)</refid>(?:(?!<refid>).)*?<crt>\{\{CRT:([a-z0-9-]+)\}\}", re.DOTALL)


@dataclass(frozen=True)
class Filled:
    """A config.xml ready for use, and what was made for it: pairs, refids and certificates by the placeholders' names."""

    text: bytes
    pairs: dict[str, CertificateBundle] = field(default_factory=dict)
    refids: dict[str, str] = field(default_factory=dict)
    authorities: dict[str, Authority] = field(default_factory=dict)


def conditions(version: str) -> tuple[str, ...]:
    """What there is for a version, by the conditions that the files are named for."""
    return tuple(sorted(one.name.removeprefix("config.").removesuffix(".xml") for one in (FIXTURES / version).glob("config.*.xml")))


def template(version: str, condition: str = "default") -> bytes:
    """A configuration as it stands in the fixtures, with its placeholders."""
    path = FIXTURES / version / f"config.{condition}.xml"
    shipped = files(__package__).joinpath(f"{condition}.xml")
    return path.read_bytes() if path.exists() or not shipped.is_file() else shipped.read_bytes()


def filled(
    version: str,
    condition: str = "default",
    *,
    port: int = 443,
    lab: Authority | None = None,
    same: Mapping[str, CertificateBundle] | None = None,
) -> Filled:
    """Fill the configuration of a version; ``lab`` is who signed what is named ``lab-...``, ``same`` what another box has as well."""
    return filled_text(template(version, condition), port, lab=lab, same=same)


def filled_text(
    text: bytes, port: int = 443, *, lab: Authority | None = None, same: Mapping[str, CertificateBundle] | None = None
) -> Filled:
    """Fill a configuration of one's own."""
    made = _Made(lab)
    made.pairs |= same or {}
    whole = _PLACEHOLDER.sub(made.fill, text.replace(b"{{PORT}}", str(port).encode()))
    refids = {name.decode(): refid.decode() for refid, name in _ENTRY.findall(text)}
    return Filled(whole, made.pairs, refids, made.authorities)


class _Made:
    """What was made so far for one text."""

    def __init__(self, lab: Authority | None) -> None:
        self.pairs: dict[str, CertificateBundle] = {}
        self.authorities: dict[str, Authority] = {} if lab is None else {"lab": lab}

    def fill(self, placeholder: re.Match[bytes]) -> bytes:
        what, who, which = (one.decode() if one else "" for one in placeholder.groups())
        if which in ("root", "ca"):
            pem = to_pem(self._authority(who).root if which == "root" else self._authority(who).intermediate)
        else:
            pair = self._pair(f"{who}-{which}" if which else who, who, which)
            pem = pair.leaf_pem if what == "CRT" else pair.key.reveal_pem()
        return base64.b64encode(pem)

    def _authority(self, who: str) -> Authority:
        return self.authorities.setdefault(who, _authority(who))

    def _pair(self, name: str, who: str, which: str) -> CertificateBundle:
        if name not in self.pairs:
            self.pairs[name] = self._authority(who).issue(f"{which}.{who}.example") if which else own(name)
        return self.pairs[name]


@cache
def _authority(who: str) -> Authority:
    return Authority(who.capitalize())


def own(name: str) -> CertificateBundle:
    """A certificate that signed itself, as a firewall makes one; for 397 days from yesterday on."""
    key = PrivateKey.generate(KeySpec.EC_P256)
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, f"pfSense-{name}")])
    begins = datetime.now(UTC) - timedelta(days=1)
    certificate = (
        x509.CertificateBuilder(subject, subject, key.reveal_key().public_key(), x509.random_serial_number())
        .not_valid_before(begins)
        .not_valid_after(begins + timedelta(days=397))
        .sign(key.reveal_key(), hashes.SHA256())
    )
    return CertificateBundle(certificate, (), (), key)
