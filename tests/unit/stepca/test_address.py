"""Addresses and settings of a CA: what cannot be right is refused before any network."""

import pytest

from certpush.errors import ConfigError, TrustError
from certpush.kit.settings import convert
from certpush.model import Secret
from certpush.stepca.address import CaAddress, normalised_fingerprint
from certpush.stepca.client import StepCa
from certpush.stepca.settings import CaSettings

HEX = "0d7d3834cf187726cf331c40a31aa7ef6b29ba4df601416c9788f6ee01058cf3"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("https://ca.local.lan:9000", "https://ca.local.lan:9000"),
        ("https://ca.local.lan:9000/", "https://ca.local.lan:9000"),
        ("ca.local.lan:9000", "https://ca.local.lan:9000"),
        ("https://CA.Local.Lan", "https://ca.local.lan"),
        ("https://ca.local.lan:443", "https://ca.local.lan"),
        ("https://[::1]:9000", "https://[::1]:9000"),
        ("https://192.0.2.1", "https://192.0.2.1"),
        ("https://bücher.example", "https://xn--bcher-kva.example"),
    ],
)
def test_an_address_is_https_host_and_port(text, shown):
    assert str(CaAddress.parse(text)) == shown


@pytest.mark.parametrize(
    "text",
    [
        "http://ca.local.lan:9000",
        "HTTP://ca.local.lan",
        "ftp://ca",
        "https://ca.local.lan/acme/acme/directory",
        "https://ca.local.lan?x=1",
        "https://ca.local.lan#x",
        "https://user:password@ca.local.lan",
        "https://",
        "",
        "https://ca:99999",
        "https://ca:0",
        "https://ca:port",
        "https://[::1",
        "https://*.lan",
        "https://a b",
        "https://$(id)",
    ],
)
def test_anything_else_is_refused_with_the_form(text):
    with pytest.raises(ConfigError) as refused:
        CaAddress.parse(text)
    assert "https://HOST:PORT" in refused.value.hint


def test_a_login_in_the_url_is_not_repeated():
    with pytest.raises(ConfigError) as refused:
        CaAddress.parse("https://user:hunter2@ca.local.lan")
    assert "hunter2" not in str(refused.value)


def test_an_http_url_met_at_run_time_is_a_trust_error():
    with pytest.raises(TrustError, match="not https"):
        StepCa("http://ca.local.lan:9000", ())


@pytest.mark.parametrize("text", [HEX, HEX.upper(), f"sha256:{HEX}", ":".join(HEX[at : at + 2] for at in range(0, 64, 2)), f" {HEX}\n"])
def test_fingerprints_are_taken_in_the_usual_forms(text):
    assert normalised_fingerprint(text) == HEX


@pytest.mark.parametrize("text", ["", HEX[:-1], HEX + "0", "g" * 64, "x" * 500])
def test_other_fingerprints_are_refused(text):
    with pytest.raises(ConfigError, match="64 hex digits"):
        normalised_fingerprint(text)


@pytest.mark.parametrize(
    ("table", "said"),
    [
        ({"url": "http://ca"}, "not https"),
        ({"fingerprint": "abc"}, "64 hex digits"),
        ({"x5c_key": "/a"}, "belong together"),
        ({"x5c_certificate": "/a"}, "belong together"),
        ({"password": "file:/a", "token": "file:/b"}, "two ways"),
        ({"provisioner_key": "/k", "x5c_certificate": "/a", "x5c_key": "/b"}, "two ways"),
        ({"urk": "https://ca"}, "unknown key"),
    ],
)
def test_settings_that_cannot_be_right_are_refused(table, said):
    with pytest.raises(ConfigError, match=said):
        convert(table, CaSettings, path="ca", read_secret=Secret)


def test_a_password_may_open_a_key_file():
    settings = convert({"password": "file:/p", "provisioner_key": "/k"}, CaSettings, path="ca", read_secret=Secret)
    assert settings.provisioner_key == "/k"
    assert "file:/p" not in repr(settings)
