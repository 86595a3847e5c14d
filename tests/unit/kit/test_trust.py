"""Whom to trust: a pin in any usual spelling, or a PEM file; what is neither is told."""

from __future__ import annotations

import msgspec
import pytest

from certpush.errors import ConfigError
from certpush.kit.trust import Trust, read_pin, with_colons
from certpush.model import read_certificates
from certpush.testing.authority import Authority

HEX = "0d7d3834cf18" + "ab" * 26
OTHER = "cd" * 32
AUTHORITY = Authority()


@pytest.mark.parametrize("text", [f"sha256:{HEX}", f"sha256:{HEX.upper()}", f"SHA256:{with_colons(HEX)}", f"sha256: {with_colons(HEX)} "])
def test_a_pin_is_read_in_every_usual_spelling(text):
    assert Trust.parse(text) == Trust(pins=(HEX,))


@pytest.mark.parametrize("text", ["sha256:", "sha256:abc", f"sha256:{HEX}0", f"sha256:{'g' * 64}", "sha256:" + "/" * 43])
def test_a_malformed_pin_is_refused_with_how_to_write_it(text):
    with pytest.raises(ConfigError, match="no SHA-256 fingerprint") as refused:
        Trust.parse(text)
    assert "64 hex digits" in refused.value.hint


def test_a_fingerprint_without_its_word_is_not_taken_for_a_path():
    with pytest.raises(ConfigError) as refused:
        Trust.parse(with_colons(HEX))
    assert 'write "sha256:" before it' in refused.value.hint


def test_a_pem_file_gives_its_certificates_and_nothing_else(tmp_path):
    bundle = AUTHORITY.issue("pve.lan")
    path = tmp_path / "all.pem"
    path.write_bytes(b"a comment\n" + AUTHORITY.root_pem + bundle.key.reveal_pem() + bundle.chain_pem)
    trust = Trust.parse(str(path))
    assert read_certificates(trust.roots.encode()) == (AUTHORITY.root, AUTHORITY.intermediate)
    assert "PRIVATE KEY" not in trust.roots
    assert trust.pins == ()


def test_a_home_is_expanded(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "root.pem").write_bytes(AUTHORITY.root_pem)
    assert Trust.parse("~/root.pem").roots == AUTHORITY.root_pem.decode()


@pytest.mark.parametrize("path", ["/nowhere/root.pem", "~nobody-has-this-name/root.pem", "a\0b", "/"])
def test_a_file_that_cannot_be_read_is_told_with_the_next_step(path):
    with pytest.raises(ConfigError, match="cannot be read") as refused:
        Trust.parse(path)
    assert "PEM file" in refused.value.hint
    assert "\0" not in refused.value.message


@pytest.mark.parametrize("content", [b"", b"\xff\xfe", b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", b"x" * 70_000])
def test_a_file_without_a_certificate_is_told(tmp_path, content):
    path = tmp_path / "root.pem"
    path.write_bytes(content)
    with pytest.raises(ConfigError, match=r"root\.pem: "):
        Trust.parse(str(path))


def test_more_can_be_trusted_beside():
    root, other = AUTHORITY.root_pem.decode(), Authority("Other").root_pem.decode()
    trust = Trust(pins=(HEX,)).also(with_colons(OTHER), HEX, roots=root)
    assert trust == Trust(pins=(HEX, OTHER), roots=root)
    assert trust.also(roots=root) == trust
    assert trust.also() == trust
    assert trust.also(roots=other).roots == root + other


def test_nothing_that_could_never_match_or_load_is_kept():
    with pytest.raises(ConfigError):
        Trust(pins=(HEX.upper(),))
    with pytest.raises(ConfigError):
        Trust(roots="no PEM")
    with pytest.raises(ConfigError):
        Trust().also("short")


def test_it_is_empty_until_somebody_is_trusted():
    assert Trust().empty
    assert not Trust(pins=(HEX,)).empty
    assert not Trust(roots=AUTHORITY.root_pem.decode()).empty


def test_it_crosses_a_process_boundary_as_json():
    trust = Trust(pins=(HEX, OTHER), roots=AUTHORITY.root_pem.decode())
    assert msgspec.json.decode(msgspec.json.encode(trust), type=Trust) == trust


def test_a_fingerprint_is_shown_as_appliances_print_it():
    assert with_colons(HEX).startswith("0D:7D:38:34:CF:18:AB:")
    assert read_pin(with_colons(HEX)) == HEX
