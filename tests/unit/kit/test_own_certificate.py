"""A key that lives in memory, shown in TLS, leaves no file behind that anybody could use."""

import os
import ssl
import tempfile
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from certpush.errors import BundleInvalid
from certpush.kit.allowance import PinnedContext
from certpush.kit.own_certificate import show_in_tls
from certpush.model import KeySpec, PrivateKey
from certpush.testing.authority.in_memory import Authority

AUTHORITY = Authority()
KEYS = [KeySpec.EC_P256, KeySpec.EC_P384, KeySpec.RSA_2048, KeySpec.ED25519]


class Recording(ssl.SSLContext):
    """Keeps what the file held while OpenSSL read it."""

    def load_cert_chain(self, certfile, keyfile=None, password=None):
        path = Path(certfile)
        self.path, self.content = path, path.read_bytes()
        self.modes = (path.stat().st_mode & 0o777, path.parent.stat().st_mode & 0o777)
        super().load_cert_chain(certfile, keyfile, password)


def recorded(bundle):
    context = Recording(ssl.PROTOCOL_TLS_CLIENT)
    show_in_tls(context, bundle)
    return context


@pytest.fixture
def open_files():
    def count():
        return len(list(Path("/proc/self/fd").iterdir()))

    return count


@pytest.mark.parametrize("spec", KEYS)
def test_every_kind_of_key_can_be_shown(spec):
    bundle = AUTHORITY.issue("a.lan", key=spec)
    context = recorded(bundle)
    assert b"ENCRYPTED PRIVATE KEY" in context.content
    assert bundle.key.reveal_pem().split(b"\n")[1] not in context.content


def test_in_memory_no_file_is_made_at_all(open_files, monkeypatch):
    monkeypatch.setattr(tempfile, "TemporaryDirectory", None)
    before = open_files()
    context = recorded(AUTHORITY.issue("a.lan"))
    assert str(context.path).startswith("/proc/self/fd/")
    assert open_files() == before
    assert b"CERTIFICATE" in context.content


@pytest.mark.parametrize("without", ["memfd", "proc"])
def test_without_memory_files_a_private_one_is_used_and_gone_at_once(monkeypatch, tmp_path, without):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    if without == "memfd":
        monkeypatch.delattr(os, "memfd_create")
    else:
        monkeypatch.setattr(os, "access", lambda *_: False)
    context = recorded(AUTHORITY.issue("a.lan"))
    assert context.path.is_relative_to(tmp_path)
    assert context.modes == (0o600, 0o700)
    assert b"ENCRYPTED PRIVATE KEY" in context.content
    assert list(tmp_path.iterdir()) == []


def test_nothing_is_left_when_openssl_refuses(monkeypatch, tmp_path):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.delattr(os, "memfd_create")
    bundle = AUTHORITY.issue("a.lan")
    monkeypatch.setattr(PrivateKey, "reveal_key", lambda _: ec.generate_private_key(ec.SECP256R1()))
    with pytest.raises(BundleInvalid, match="cannot be shown in TLS"):
        show_in_tls(PinnedContext.trusting(AUTHORITY.root_pem), bundle)
    assert list(tmp_path.iterdir()) == []
