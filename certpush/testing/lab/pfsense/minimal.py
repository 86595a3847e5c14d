"""A config.xml of the least that a box needs, until that of fixtures/pfsense is there."""

from __future__ import annotations

import base64
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes

from certpush.model import KeySpec, PrivateKey, to_pem
from certpush.testing.lab.pfsense.releases import RELEASES


@dataclass(frozen=True)
class Filled:
    """A config.xml ready for use."""

    text: bytes
    refids: dict[str, str] = field(default_factory=dict)


def _pair() -> tuple[bytes, bytes]:
    key = PrivateKey.generate(KeySpec.EC_P256)
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "pfSense-64b1c2d3e4f5a")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder(name, name, key.reveal_key().public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=397))
        .sign(key.reveal_key(), hashes.SHA256())
    )
    return to_pem(certificate), key.reveal_pem()


def filled(version: str, condition: str = "default", *, port: int = 443) -> Filled:
    """Give the config.xml of a box that is fresh from its installer."""
    crt, prv = (base64.b64encode(one).decode() for one in _pair())
    ha = {"ha-primary": "<hasync><synchronizetoip>127.0.0.1</synchronizetoip><synchronizecerts>on</synchronizecerts></hasync>"}.get(
        condition, ""
    )
    protocol = "http" if condition == "http" else "https"
    text = f"""<?xml version="1.0"?>
<pfsense>
	<version>{RELEASES[version].config_version}</version>
	<system>
		<hostname>pfSense</hostname>
		<domain>home.arpa</domain>
		<dnsserver></dnsserver>
		<webgui>
			<protocol>{protocol}</protocol>
			<port>{port}</port>
			<ssl-certref>64b1c2d3e4f5a</ssl-certref>
		</webgui>
	</system>
	{ha}
	<revision>
		<time>1700000000</time>
		<description><![CDATA[(system): Generated new self-signed SSL/TLS certificate for HTTPS (64b1c2d3e4f5a)]]></description>
		<username><![CDATA[(system)]]></username>
	</revision>
	<cert>
		<refid>64b1c2d3e4f5a</refid>
		<descr><![CDATA[GUI default (64b1c2d3e4f5a)]]></descr>
		<type>server</type>
		<crt>{crt}</crt>
		<prv>{prv}</prv>
	</cert>
</pfsense>
"""
    return Filled(text.encode(), {"webgui": "64b1c2d3e4f5a"})


def filled_text(template: bytes, port: int = 443) -> Filled:
    """Fill in the port."""
    return Filled(template.replace(b"{{PORT}}", str(port).encode()))
