"""The lab's real nginx."""

import os
import pwd
import shutil
import socket
import ssl
import subprocess
import sys

import pytest
from cryptography import x509

from certpush.model import fingerprint
from certpush.testing.lab import LabError
from certpush.testing.lab.nginx import Nginx
from certpush.testing.lab.process import wait_until

pytestmark = pytest.mark.live("nginx")


@pytest.fixture
def files(tmp_path):
    def write(bundle):
        (tmp_path / "crt").write_bytes(bundle.fullchain_pem)
        (tmp_path / "key").write_bytes(bundle.key.reveal_pem())
        return tmp_path / "crt", tmp_path / "key"

    return write


def served(server, authority) -> str:
    context = ssl.create_default_context(cadata=authority.root_pem.decode())
    with (
        socket.create_connection((server.host, server.port), timeout=5) as plain,
        context.wrap_socket(plain, server_hostname="127.0.0.1") as secured,
    ):
        return fingerprint(x509.load_der_x509_certificate(secured.getpeercert(binary_form=True)))


def run(command):
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=20)


def test_the_reload_command_makes_it_serve_new_files(start_nginx, authority, files):
    old, new = authority.issue("127.0.0.1"), authority.issue("127.0.0.1")
    server = start_nginx(*files(old))
    files(new)
    assert run(server.check_command).returncode == 0
    assert served(server, authority) == old.fingerprint
    assert run(server.reload_command).returncode == 0
    wait_until(lambda: served(server, authority) == new.fingerprint, "the new certificate is served", 10)


def test_a_wrong_key_fails_the_check_and_leaves_the_old_one_served(start_nginx, authority, files):
    old = authority.issue("127.0.0.1")
    server = start_nginx(*files(old))
    _, key = files(authority.issue("127.0.0.1"))
    key.write_bytes(old.key.reveal_pem())
    ended = run(server.check_command)
    assert ended.returncode == 1
    assert "key values mismatch" in ended.stderr
    assert run(server.reload_command).returncode == 1
    assert served(server, authority) == old.fingerprint


def test_what_it_refuses_at_the_start_is_said_with_its_own_words(authority, files, tmp_path):
    certificate, key = files(authority.issue())
    key.write_bytes(b"")
    with pytest.raises(LabError, match=r"nginx ended with status 1[\s\S]*cannot load certificate key"), Nginx(certificate, key):
        pass


def test_nothing_is_left_behind(authority, files):
    with Nginx(*files(authority.issue("127.0.0.1"))) as server:
        pid = server.pid
    assert not server.directory.exists()
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


_AS_ANYBODY = """
import subprocess, sys
from pathlib import Path
from certpush.testing.authority import Authority
from certpush.testing.lab.nginx import Nginx
from certpush.testing.lab.process import NotPossibleHere
from certpush.testing.lab.sshd import Sshd

directory, bundle = Path(sys.argv[1]), Authority().issue("127.0.0.1")
(directory / "crt").write_bytes(bundle.fullchain_pem)
(directory / "key").write_bytes(bundle.key.reveal_pem())
with Nginx(directory / "crt", directory / "key") as nginx:
    subprocess.run(nginx.check_command, check=True, capture_output=True)
    subprocess.run(nginx.reload_command, check=True, capture_output=True)
try:
    Sshd().start()
except NotPossibleHere as why:  # nobody's shell is nologin; the demo has another way then
    assert "nobody can log in as nobody" in str(why), why
else:
    raise AssertionError("a login as nobody is no login")
"""


def test_an_ordinary_user_can_run_nginx_and_is_told_that_nobody_can_log_in(tmp_path):
    if os.geteuid() != 0 or not shutil.which("setpriv") or not pwd.getpwnam("nobody").pw_shell.endswith("nologin"):
        pytest.skip("not run: needs root, setpriv, and nobody as Debian has it")
    tmp_path.chmod(0o777)
    # Reading anything is kept as a right, because the interpreter may live in root's home; nothing else is.
    rights = [
        "--reuid",
        "nobody",
        "--regid",
        "nogroup",
        "--clear-groups",
        "--inh-caps",
        "+dac_read_search",
        "--ambient-caps",
        "+dac_read_search",
    ]
    ended = run(["setpriv", *rights, sys.executable, "-W", "error", "-c", _AS_ANYBODY, str(tmp_path)])
    assert ended.returncode == 0, ended.stderr
