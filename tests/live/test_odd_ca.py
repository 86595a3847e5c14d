"""A real step-ca whose templates or own certificates are set up badly: what it signs is refused before anybody uses it."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import ip_network
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes

from certpush import Fleet
from certpush.errors import BundleInvalid, CertpushError
from certpush.model import CertificateRequest, parse_name
from certpush.stepca.refusal import CaRefusal
from certpush.testing.authority import JwkProvisioner, Pki
from certpush.testing.lab.step_ca import RealCa
from conftest import FAST_P2C

pytestmark = [pytest.mark.live("step-ca"), pytest.mark.filterwarnings("ignore:Parsed a serial number")]


def template(*members: str) -> str:
    return "{" + ", ".join(members) + "}"


NAMED = '"subject": {{ toJson .Subject }}, "sans": {{ toJson .SANs }}'
SIGNS, SERVES = '"keyUsage": ["digitalSignature"]', '"extKeyUsage": ["serverAuth"]'
ODD = '"extensions": [{"id": "1.2.3.4", "critical": true, "value": "BQA="}]'

# the provisioner's template, and what is said of the certificate that the CA makes by it
SIGNED_BADLY = {
    "no-uses": (template(NAMED), "it is not made for servers (no serverAuth)"),
    "clients-only": (template(NAMED, SIGNS, '"extKeyUsage": ["clientAuth"]'), "it is not made for servers (no serverAuth)"),
    "no-digital-signature": (template(NAMED, SERVES, '"keyUsage": ["keyEncipherment"]'), "its key may not sign"),
    "a-ca": (template(NAMED, SIGNS, SERVES, '"basicConstraints": {"isCA": true, "maxPathLen": 0}'), "it is a CA certificate"),
    "no-names": (template('"subject": {{ toJson .Subject }}', SIGNS, SERVES), "it lacks DNS:web.lan"),
    "a-name-more": (template('"dnsNames": ["web.lan", "more.lan"]', SIGNS, SERVES), "it has DNS:more.lan"),
    "sha1": (template(NAMED, SIGNS, SERVES, '"signatureAlgorithm": "ECDSA-SHA1"'), "signed with SHA-1"),
    "serial-0": (template(NAMED, SIGNS, SERVES, '"serialNumber": "0"'), "its serial number is not positive"),
    "odd-extension": (template(NAMED, SIGNS, SERVES, ODD), "a critical extension that TLS clients do not know"),
}
# the template, and what is said of the CA's refusal
REFUSED = {
    "in-its-own-words": ('{{ fail "only for hosts of the lab" }}', "only for hosts of the lab"),
    "no-json": (template('"subject": '), "the CA failed to make the certificate"),
    "no-template": ("{{ .Nope.x.y", "the CA failed"),
    "unknown-use": (template(NAMED, '"keyUsage": ["nonsense"]'), "the CA failed to make the certificate"),
}
PROVISIONERS = {name: JwkProvisioner.make(name, p2c=FAST_P2C) for name in (*SIGNED_BADLY, *REFUSED)}


def with_template(name: str, text: str) -> dict[str, object]:
    return {**PROVISIONERS[name].configuration(), "options": {"x509": {"template": text}}}


def limited(pki: Pki) -> Pki:
    """The same CA, whose intermediate may sign for the lab's names only."""
    old, limits = (
        pki.intermediate,
        x509.NameConstraints(
            [x509.DNSName("localhost"), x509.DNSName("lan"), x509.IPAddress(ip_network("127.0.0.0/8"))], [x509.DNSName("evil.lan")]
        ),
    )
    builder = x509.CertificateBuilder(
        old.issuer, old.subject, old.public_key(), x509.random_serial_number(), old.not_valid_before_utc, old.not_valid_after_utc
    ).add_extension(limits, critical=True)
    for extension in old.extensions:
        builder = builder.add_extension(extension.value, critical=extension.critical)
    return replace(pki, intermediate=builder.sign(pki.root_key, hashes.SHA256()))


@pytest.fixture(scope="module")
def odd_ca():
    templates = {**SIGNED_BADLY, **REFUSED}
    provisioners = [with_template(name, text) for name, (text, _) in templates.items()]
    with RealCa(pki=limited(Pki.make("Odd")), admin=JwkProvisioner.make(p2c=FAST_P2C), provisioners=provisioners) as ca:
        yield ca


@pytest.fixture
def issue(odd_ca, tmp_path: Path):
    def ask(name: str, provisioner: JwkProvisioner = odd_ca.admin):
        password = tmp_path / "password"
        password.touch(0o600)
        password.write_text(provisioner.password)
        table = {
            "url": odd_ca.url,
            "fingerprint": odd_ca.fingerprint,
            "provisioner": provisioner.name,
            "password": f"file:{password}",
        }
        with Fleet.from_tables({"ca": table, "state": {"directory": str(tmp_path / "state")}}, environ={}) as fleet:
            return fleet.issue(CertificateRequest((parse_name(name),)))

    return ask


@pytest.mark.parametrize(("name", "why"), [(name, why) for name, (_, why) in SIGNED_BADLY.items()], ids=SIGNED_BADLY)
def test_what_a_bad_template_makes_is_refused_in_words(issue, name, why):
    with pytest.raises(BundleInvalid) as refused:
        issue("web.lan", PROVISIONERS[name])
    assert why in refused.value.message


@pytest.mark.parametrize(("name", "why"), [(name, why) for name, (_, why) in REFUSED.items()], ids=REFUSED)
def test_a_template_that_refuses_or_is_broken_is_told_with_where_to_look(issue, name, why):
    with pytest.raises(CaRefusal) as refused:
        issue("web.lan", PROVISIONERS[name])
    assert why in refused.value.message
    assert "CA's log" in refused.value.hint
    assert refused.value.request_id in refused.value.message


@pytest.mark.parametrize("name", ["web.lan", "*.lan", "127.0.0.7"])
def test_names_that_the_ca_may_sign_for_are_signed(issue, name):
    assert [str(one) for one in issue(name).names] == [name]


@pytest.mark.parametrize("name", ["web.example.com", "x.evil.lan", "192.0.2.7"])
def test_names_that_the_ca_may_not_sign_for_are_told(issue, name):
    with pytest.raises(CertpushError, match="do not let it sign for") as refused:
        issue(name)
    assert name in refused.value.message
    assert "name constraints" in refused.value.message
