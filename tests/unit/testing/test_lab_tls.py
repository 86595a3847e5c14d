"""The lab's own TLS server serves what its files say, and misbehaves as asked."""

import socket
import ssl
import subprocess
import threading

import pytest
from cryptography import x509

from certpush.model import fingerprint
from certpush.testing.authority import Authority
from certpush.testing.lab import LabError
from certpush.testing.lab.process import wait_until
from certpush.testing.lab.tls import TlsServer


def served(server) -> tuple[str, bool]:
    """The served leaf, and whether it verified."""
    context = ssl.create_default_context(cadata=AUTHORITY.root_pem.decode())
    try:
        return _leaf(server, context), True
    except ssl.SSLCertVerificationError:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        return _leaf(server, context), False


def _leaf(server, context) -> str:
    with (
        socket.create_connection((server.host, server.port), timeout=5) as plain,
        context.wrap_socket(plain, server_hostname="127.0.0.1") as secured,
    ):
        secured.sendall(b"GET / HTTP/1.1\r\n\r\n")
        assert secured.recv(1000).endswith(b"lab\n")
        return fingerprint(x509.load_der_x509_certificate(secured.getpeercert(binary_form=True)))


AUTHORITY = Authority()


@pytest.fixture
def files(tmp_path):
    def write(bundle):
        (tmp_path / "crt").write_bytes(bundle.fullchain_pem)
        (tmp_path / "key").write_bytes(bundle.key.reveal_pem())
        return tmp_path / "crt", tmp_path / "key"

    return write


@pytest.fixture
def two():
    return AUTHORITY.issue("127.0.0.1"), AUTHORITY.issue("127.0.0.1")


def run(command):
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=20)


def test_new_files_are_served_after_the_reload_command_and_not_before(files, two):
    old, new = two
    with TlsServer(*files(old)) as server:
        files(new)
        assert served(server) == (old.fingerprint, True)
        assert run(server.check_command).returncode == 0
        assert served(server) == (old.fingerprint, True)
        assert run(server.reload_command).returncode == 0
        assert served(server) == (new.fingerprint, True)


def test_a_key_that_does_not_belong_fails_check_and_reload_and_changes_nothing(files, two):
    old, new = two
    with TlsServer(*files(old)) as server:
        _, key = files(new)
        key.write_bytes(old.key.reveal_pem())
        for command in (server.check_command, server.reload_command):
            ended = run(command)
            assert ended.returncode == 1
            assert "cannot be served" in ended.stderr
        assert served(server) == (old.fingerprint, True)


def test_reload_does_nothing_says_that_it_reloaded(files, two):
    old, new = two
    with TlsServer(*files(old)) as server:
        server.faults.reload_does_nothing = True
        files(new)
        server.reload()
        assert served(server) == (old.fingerprint, True)


def test_reload_fails_says_so(files, two):
    with TlsServer(*files(two[0])) as server:
        server.faults.reload_fails = True
        assert run(server.reload_command).returncode == 1
        with pytest.raises(LabError, match="reload failed"):
            server.reload()


def test_dies_at_reload_closes_the_port_until_started_again(files, two):
    old, new = two
    with TlsServer(*files(old)) as server:
        port = server.port
        server.faults.dies_at_reload = True
        server.reload()
        assert not server.running
        with pytest.raises(ConnectionRefusedError):
            served(server)
        files(new)
        server.start()
        assert server.port == port
        assert served(server) == (new.fingerprint, True)


def test_alternates_shows_both_certificates_in_turn(files, two):
    old, new = two
    with TlsServer(*files(old)) as server:
        files(new)
        server.reload()
        server.faults.alternates = True
        assert {served(server)[0], served(server)[0]} == {old.fingerprint, new.fingerprint}


def test_without_intermediate_the_leaf_is_right_and_does_not_verify(files, two):
    old, new = two
    with TlsServer(*files(old)) as server:
        files(new)
        server.faults.without_intermediate = True
        server.reload()
        assert served(server) == (new.fingerprint, False)


def test_stalls_never_shakes_hands(files, two):
    with TlsServer(*files(two[0])) as server:
        server.faults.stalls = True
        with socket.create_connection((server.host, server.port), timeout=0.2) as plain, pytest.raises(TimeoutError):
            ssl.create_default_context().wrap_socket(plain, server_hostname="127.0.0.1")


def test_closing_leaves_no_thread_and_no_port(files, two):
    before = threading.active_count()
    server = TlsServer(*files(two[0])).start()
    connection = socket.create_connection((server.host, server.port), timeout=5)
    wait_until(lambda: server.connections == 1, "the server accepts")
    server.close()
    assert connection.recv(10) == b""
    connection.close()
    assert threading.active_count() == before
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection((server.host, server.port), timeout=5)
