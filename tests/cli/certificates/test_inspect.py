"""certpush inspect shows what is there, escapes all of it, and never a key."""

from __future__ import annotations

import io
import os
import socket
import subprocess
import sys
import threading
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import pkcs12
from cryptography.x509.oid import NameOID

from certpush.cli import served_chain
from certpush.cli.step_extension import STEP_PROVISIONER, SignedBy, read_extension, signed_by
from certpush.model import fingerprint, to_pem
from certpush.testing.authority import Authority
from certpush.testing.authority.leaf import provisioner_extension
from certpush.testing.lab.tls import TlsServer


@pytest.fixture
def bundle(authority):
    return authority.issue("wiki.home.example", "10.0.0.7", lifetime=timedelta(days=30))


@pytest.fixture
def pem(bundle, tmp_path) -> Path:
    path = tmp_path / "wiki.pem"
    path.write_bytes(bundle.fullchain_pem)
    return path


@pytest.fixture
def trusting(authority, home) -> Path:
    """A configuration with the authority's root in a file: nothing has to be asked."""
    folder = home / ".config" / "certpush"
    folder.mkdir(parents=True)
    (folder / "root.pem").write_bytes(authority.root_pem)
    path = folder / "certpush.toml"
    path.write_text(f'[ca]\nurl = "https://ca.home.example"\nroot = "{folder}/root.pem"\n')
    return path


def made(*, subject="x", san=("x.example",), extensions=(), issuer=None, key=None, is_ca=False):
    """A certificate with whatever somebody may have put into it."""
    own = ec.generate_private_key(ec.SECP256R1())
    now = Authority().clock()
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, subject)])
    builder = x509.CertificateBuilder(
        issuer.subject if issuer else name, name, own.public_key(), 4711, now - timedelta(days=1), now + timedelta(days=10)
    )
    if san:
        builder = builder.add_extension(x509.SubjectAlternativeName([x509.DNSName(one) for one in san]), critical=False)
    if is_ca:
        builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
    for extension in extensions:
        builder = builder.add_extension(extension, critical=False)
    return builder.sign(key or own, hashes.SHA256())


def step(value: bytes) -> x509.UnrecognizedExtension:
    return x509.UnrecognizedExtension(STEP_PROVISIONER, value)


# --- the view ---------------------------------------------------------------------------------


def test_a_file_is_shown_whole(certpush, pem, bundle, authority):
    shown = certpush("inspect", pem)
    assert shown.code == 0
    assert shown.line("subject") == "CN=wiki.home.example"
    assert shown.line("names") == "wiki.home.example, 10.0.0.7"
    assert shown.line("issuer") == "CN=Test Intermediate CA,O=Test"
    assert shown.line("valid").endswith("UTC (29d left)")
    assert shown.line("key") == "ec-p256"
    assert shown.line("fingerprint") == bundle.fingerprint
    assert shown.line("serial") == f"{bundle.serial} (0x{bundle.serial:x})"
    assert shown.line("chain 1").startswith("CN=Test Intermediate CA,O=Test, ")
    assert shown.line("chain 1").endswith(fingerprint(authority.intermediate))
    assert shown.line("verified") == "not verified: no CA is configured here"


def test_the_document_holds_the_same_and_the_serial_as_text(certpush, pem, bundle, authority):
    document = certpush("inspect", pem, "--output", "json").document
    assert document["certificate"]["names"] == ["wiki.home.example", "10.0.0.7"]
    assert document["certificate"]["serial"] == str(bundle.serial)
    assert document["certificate"]["fingerprint"] == bundle.fingerprint
    assert 29 * 86400 < document["certificate"]["seconds_left"] <= 30 * 86400
    assert [one["fingerprint"] for one in document["chain"]] == [fingerprint(authority.intermediate)]
    assert document["verified"] is None
    assert document["private_key"] is None
    assert document["file"] == str(pem)


def test_der_and_standard_input_are_read_too(certpush, bundle, tmp_path, monkeypatch):
    der = tmp_path / "leaf.cer"
    der.write_bytes(bundle.leaf.public_bytes(serialization.Encoding.DER))
    shown = certpush("inspect", der)
    assert shown.line("fingerprint") == bundle.fingerprint
    assert shown.line("chain") == "nothing above it was given"
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO(bundle.leaf_pem)))
    assert certpush("inspect", "-").line("fingerprint") == bundle.fingerprint


def test_an_expired_and_a_future_certificate_say_so(certpush, authority, tmp_path):
    path = tmp_path / "c.pem"
    path.write_bytes(authority.expired().leaf_pem)
    assert certpush("inspect", path).line("valid").endswith("(EXPIRED)")
    path.write_bytes(authority.not_yet_valid().leaf_pem)
    assert "not valid yet: starts in 59m" in certpush("inspect", path).line("valid")


# --- a key beside it --------------------------------------------------------------------------


@pytest.mark.parametrize(("traditional", "order"), [(False, 1), (True, -1)])
def test_a_key_in_the_file_is_never_printed(certpush, bundle, tmp_path, traditional, order):
    key = bundle.key.reveal_pem(traditional=traditional)
    path = tmp_path / "combined.pem"
    path.write_bytes(b"".join([bundle.fullchain_pem, key][::order]))
    shown, document = certpush("inspect", path, "-vv"), certpush("inspect", path, "--output", "json")
    assert shown.line("private key") == "in the file too, and belongs to it"
    for line in key.decode().splitlines()[1:-1]:
        assert line not in shown.out + shown.err + document.out + document.err


def test_a_foreign_a_sealed_and_a_broken_key_are_told_apart(certpush, bundle, authority, tmp_path):
    path = tmp_path / "combined.pem"
    path.write_bytes(bundle.leaf_pem + authority.issue("other.example").key.reveal_pem())
    assert "DOES NOT belong" in certpush("inspect", path).line("private key")
    sealed = bundle.key.reveal_key().private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.BestAvailableEncryption(b"x")
    )
    path.write_bytes(bundle.leaf_pem + sealed)
    assert "sealed" in certpush("inspect", path).line("private key")
    path.write_bytes(bundle.leaf_pem + b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n")
    assert "cannot be read" in certpush("inspect", path).line("private key")


# --- files that are something else ------------------------------------------------------------


def sorts_of_wrong(bundle):
    key = bundle.key.reveal_key()
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "x")])
    csr = x509.CertificateSigningRequestBuilder(name).sign(key, hashes.SHA256())
    p12 = pkcs12.serialize_key_and_certificates(b"x", key, bundle.leaf, None, serialization.NoEncryption())
    public = key.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    return {
        "a private key and no certificate": bundle.key.reveal_pem(),
        "a signing request": csr.public_bytes(serialization.Encoding.PEM),
        "a public key": public,
        "openssl pkcs12": p12,
        "holds no certificate": b"hello",
        "larger than 64 KiB": bundle.fullchain_pem * 100,
        "cannot be read": b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
        "END line": bundle.leaf_pem[:300],
    }


def test_what_is_no_certificate_is_named_for_what_it_is(certpush, bundle, tmp_path):
    for said, content in sorts_of_wrong(bundle).items():
        path = tmp_path / "file.pem"
        path.write_bytes(content)
        refused = certpush("inspect", path)
        assert refused.code == 2, said
        assert said in refused.err
        assert "hint:" in refused.err
        assert refused.out == ""


def test_a_version_that_does_not_exist_is_no_certificate(certpush, bundle, tmp_path):
    der = bundle.leaf.public_bytes(serialization.Encoding.DER)
    odd = der.replace(bytes.fromhex("a003020102"), bytes.fromhex("a003020142"))
    assert odd != der
    (tmp_path / "odd.der").write_bytes(odd)
    refused = certpush("inspect", tmp_path / "odd.der")
    assert (refused.code, refused.out) == (2, "")
    assert "holds no certificate" in refused.err


def test_missing_unreadable_and_odd_files_end_in_a_hint(certpush, tmp_path, monkeypatch):
    assert "there is no file nowhere.crt" in certpush("inspect", "nowhere.crt").err
    assert "is a directory" in certpush("inspect", tmp_path).err
    fifo = tmp_path / "fifo.pem"
    os.mkfifo(fifo)
    assert "no regular file" in certpush("inspect", fifo).err
    assert "is not a path" in certpush("inspect", "./a\0b").err
    assert "home" not in certpush("inspect", "~nobody-of-this-name/x").out
    (tmp_path / "denied.pem").write_bytes(b"x")
    real = Path.open
    monkeypatch.setattr(Path, "open", lambda self, *more, **options: deny(self, real, *more, **options))
    assert "cannot be read: Permission denied" in certpush("inspect", tmp_path / "denied.pem").err


def deny(path, real, *more, **options):
    if path.name == "denied.pem":
        raise PermissionError(13, "Permission denied")
    return real(path, *more, **options)


def test_neither_file_nor_host_is_said(certpush):
    for odd in ("not a host", "a\0b", "host:99999", "x#"):
        refused = certpush("inspect", odd)
        assert refused.code == 2
        assert "neither a file nor HOST:PORT" in refused.err
    assert "goes with a host" in certpush("inspect", "x.crt", "--server-name", "x").err


# --- hostile certificates ---------------------------------------------------------------------


def test_names_that_would_move_the_cursor_or_fake_a_line_are_escaped(certpush, tmp_path):
    path = tmp_path / "evil.pem"
    path.write_bytes(
        to_pem(made(subject="a\x1b[2Jb\nverified     yes", extensions=[step(provisioner_extension(1, "p\x1b]0;x\x07\u202e", ""))]))
    )
    shown = certpush("inspect", path)
    assert "\x1b" not in shown.out
    assert "\u202e" not in shown.out
    assert "\x07" not in shown.out
    assert len([line for line in shown.out.splitlines() if line.startswith("verified")]) == 1
    assert "\\x1b" in shown.line("subject")


def test_malformed_extensions_are_called_unreadable(certpush, tmp_path):
    path = tmp_path / "odd.pem"
    path.write_bytes(to_pem(made(extensions=[step(b"\x30\x03\x02\x01")])))
    assert certpush("inspect", path).line("provisioner") == "cannot be read"
    broken = x509.UnrecognizedExtension(x509.SubjectAlternativeName.oid, b"\x04\x01")
    path.write_bytes(to_pem(made(san=(), extensions=[broken])))
    shown = certpush("inspect", path)
    assert shown.code == 0
    assert shown.line("names") == "cannot be read"
    assert certpush("inspect", path, "--output", "json").document["certificate"]["names"] == ["cannot be read"]


def test_a_certificate_without_names_and_subject_says_so(certpush, tmp_path):
    own = ec.generate_private_key(ec.SECP256R1())
    now = Authority().clock()
    empty = x509.CertificateBuilder(x509.Name([]), x509.Name([]), own.public_key(), 1, now, now + timedelta(days=1))
    path = tmp_path / "empty.pem"
    path.write_bytes(to_pem(empty.sign(own, hashes.SHA256())))
    shown = certpush("inspect", path)
    assert shown.line("subject") == "(empty)"
    assert shown.line("names").startswith("none")


# --- the provisioner's extension --------------------------------------------------------------


def test_the_provisioner_is_read_as_step_ca_writes_it():
    assert read_extension(provisioner_extension(1, "admin", "kid" * 60)) == SignedBy("JWK", "admin", "kid" * 60)
    assert read_extension(provisioner_extension(6, "acme", "")) == SignedBy("ACME", "acme", "")
    assert read_extension(provisioner_extension(77, "later", "")).type == "type 77"
    assert signed_by(made()) is None


@pytest.mark.parametrize(
    "der",
    [
        b"",
        b"\x30",
        provisioner_extension(1, "admin", "k")[:-1],  # cut off
        provisioner_extension(1, "admin", "k") + b"\0",  # more behind it
        b"\x31" + provisioner_extension(1, "admin", "k")[1:],  # a SET
        b"\x30\x80\x02\x01\x01\x04\x00\x04\x00\x00\x00",  # indefinite length: BER
        b"\x30\x81\x07\x02\x01\x01\x04\x00\x04\x00",  # a long length where a short one does
        b"\x30\x07\x02\x01\x01\x04\x01\xff\x04\x00",  # not UTF-8, and cut off
        b"\x30\x08\x02\x01\x01\x04\x01\xff\x04\x00",  # not UTF-8
        b"\x30\x05\x02\x01\x01\x04\x00",  # no third part
        b"\x30\x84\xff\xff\xff\xff\x00",
    ],
)
def test_anything_else_than_der_of_that_form_is_refused(der):
    with pytest.raises(ValueError):
        read_extension(der)


# --- whom it leads to -------------------------------------------------------------------------


def test_a_certificate_of_the_configured_ca_is_verified_without_asking_anybody(certpush, pem, trusting, authority):
    shown = certpush("inspect", pem)
    assert shown.line("verified") == f"leads to the configured root {authority.fingerprint}"
    assert certpush("inspect", pem, "--output", "json").document["verified"] is True


def test_the_root_itself_is_verified(certpush, authority, trusting, tmp_path):
    path = tmp_path / "root.pem"
    path.write_bytes(authority.root_pem)
    assert certpush("inspect", path).line("verified").startswith("leads to")


def test_what_does_not_lead_to_the_root_says_why(certpush, authority, trusting, tmp_path):
    lone, leaf = tmp_path / "lone.pem", authority.issue("a.example")
    lone.write_bytes(leaf.leaf_pem)
    assert "is an intermediate missing?" in certpush("inspect", lone).line("verified")
    lone.write_bytes(to_pem(made()))
    assert "self-signed" in certpush("inspect", lone).line("verified")
    lone.write_bytes(to_pem(made(issuer=authority.root)))
    assert "another key" in certpush("inspect", lone).line("verified")
    lone.write_bytes(authority.expired().fullchain_pem)
    assert certpush("inspect", lone).line("verified") == "no: it is expired, or not valid yet"
    document = certpush("inspect", lone, "--output", "json").document
    assert document["verified"] is False


def test_an_expired_certificate_above_it_is_named(certpush, authority, trusting, tmp_path):
    key = ec.generate_private_key(ec.SECP256R1())
    now, name = authority.clock(), x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Old Intermediate")])
    old = x509.CertificateBuilder(
        authority.root.subject, name, key.public_key(), 5, now - timedelta(days=9), now - timedelta(days=1)
    ).add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
    above = old.sign(authority.pki.root_key, hashes.SHA256())
    path = tmp_path / "c.pem"
    path.write_bytes(to_pem(made(issuer=above, key=key), above))
    assert certpush("inspect", path).line("verified") == "no: CN=Old Intermediate above it is expired, or not valid yet"


def test_a_server_certificate_cannot_sign_another(certpush, authority, trusting, tmp_path):
    server = authority.issue("server.example")
    forged = made(issuer=server.leaf, key=server.key.reveal_key())
    path = tmp_path / "c.pem"
    path.write_bytes(to_pem(forged, server.leaf, authority.intermediate))
    assert certpush("inspect", path).line("verified").startswith("no: nothing given leads")


def test_a_configuration_that_is_broken_or_a_ca_that_is_away_leaves_it_not_verified(certpush, pem, home):
    folder = home / ".config" / "certpush"
    folder.mkdir(parents=True)
    (folder / "certpush.toml").write_text("[nonsense]")
    shown = certpush("inspect", pem)
    assert shown.code == 0
    assert shown.line("verified").startswith("not verified: ")
    (folder / "certpush.toml").write_text(f'[ca]\nurl = "https://127.0.0.1:1"\nfingerprint = "{"a" * 64}"\n')
    assert "connection refused" in certpush("inspect", pem).line("verified")
    assert certpush("inspect", pem, "--config", folder / "certpush.toml").code == 1


def test_no_secret_of_the_configuration_is_read(certpush, pem, trusting, tmp_path):
    touched = tmp_path / "touched"
    trusting.write_text(trusting.read_text() + f'password = "cmd:touch {touched}"\n')
    assert certpush("inspect", pem).line("verified").startswith("leads to")
    assert not touched.exists()


# --- servers ----------------------------------------------------------------------------------


@pytest.fixture
def server(bundle, tmp_path):
    (tmp_path / "s.crt").write_bytes(bundle.fullchain_pem)
    (tmp_path / "s.key").write_bytes(bundle.key.reveal_pem())
    with TlsServer(tmp_path / "s.crt", tmp_path / "s.key") as running:
        yield running


def test_a_server_is_shown_with_the_chain_it_sends(certpush, server, bundle, authority, trusting):
    at = f"127.0.0.1:{server.port}"
    shown = certpush("inspect", at, "--server-name", "wiki.home.example")
    assert shown.code == 0
    assert shown.line("fingerprint") == bundle.fingerprint
    assert shown.line("chain 1").endswith(fingerprint(authority.intermediate))
    assert shown.line("verified").startswith("leads to")
    assert certpush("inspect", at).line("verified") == "no: it is for other names than 127.0.0.1"
    document = certpush("inspect", f"{at}#wiki.home.example", "--output", "json").document
    assert document["endpoint"] == at
    assert document["server_name"] == "wiki.home.example"
    assert document["verified"] is True


def test_a_certificate_whose_names_cannot_be_read_covers_nothing(certpush, authority, trusting, tmp_path):
    from certpush.cli.verdict import _covers  # a TLS library may refuse to serve such a thing

    assert not _covers(made(san=(), extensions=[x509.UnrecognizedExtension(x509.SubjectAlternativeName.oid, b"\x04\x01")]), "x.example")


def test_the_public_way_to_the_chain_is_used_where_python_has_it():
    class Tls:
        def get_unverified_chain(self):
            return [b"leaf", b"above"]

    assert served_chain._sent(Tls()) == [b"leaf", b"above"]


def test_unreachable_and_unknown_hosts_are_said(certpush):
    refused = certpush("inspect", "127.0.0.1:1")
    assert refused.code == 1
    assert "127.0.0.1:1: connection refused" in refused.err
    assert "this name is not known" in certpush("inspect", "nowhere.home.example").err
    assert "[::1]:443" in certpush("inspect", "::1").err


@pytest.fixture
def answering():
    """A server that answers each connection with some octets."""
    servers = []

    def start(octets: bytes, *, wait: bool = False) -> int:
        listener = socket.create_server(("127.0.0.1", 0))
        ended = threading.Event()

        def serve():
            connection, _ = listener.accept()
            with connection:
                connection.recv(1024)
                connection.sendall(octets)
                if wait:
                    ended.wait(10)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        servers.append((listener, thread, ended))
        return listener.getsockname()[1]

    yield start
    for listener, thread, ended in servers:
        ended.set()
        thread.join(10)
        listener.close()


def test_a_plain_http_port_is_recognised(certpush, answering):
    port = answering(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")
    refused = certpush("inspect", f"127.0.0.1:{port}")
    assert refused.code == 1
    assert "does not speak TLS" in refused.err
    assert "plain http port" in refused.err


def test_a_failed_handshake_and_a_silent_server_are_told_apart(certpush, answering, monkeypatch):
    alert = bytes.fromhex("15030300020228")  # fatal, handshake_failure
    assert "the TLS handshake failed" in certpush("inspect", f"127.0.0.1:{answering(alert)}").err
    monkeypatch.setattr(served_chain.served_chain, "__kwdefaults__", {"timeout": 0.2})
    assert "no answer in time" in certpush("inspect", f"127.0.0.1:{answering(b'', wait=True)}").err


def test_a_certificate_that_cannot_be_read_is_said(certpush, server, monkeypatch):
    monkeypatch.setattr(served_chain, "_sent", lambda _: [b"rubbish"])
    assert "cannot be read" in certpush("inspect", f"127.0.0.1:{server.port}").err


@pytest.mark.live
def test_the_real_ca_is_inspected_and_verified(certpush, real_ca, configured):
    shown = certpush("inspect", real_ca.url.removeprefix("https://"))
    assert shown.code == 0
    assert "127.0.0.1" in shown.line("names")
    assert shown.line("verified") == f"leads to the configured root {real_ca.fingerprint}"


def test_it_runs_as_a_command(pem, bundle, home):
    done = subprocess.run(
        [sys.executable, "-m", "certpush", "inspect", str(pem)], capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL
    )
    assert done.returncode == 0, done.stderr
    assert bundle.fingerprint in done.stdout
    assert done.stderr == ""
