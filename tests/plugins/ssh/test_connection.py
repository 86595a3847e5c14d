"""Reaching a machine: the right one, by the configured way, with every wait bounded."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import signal
import socket
import subprocess
import threading
import time
from datetime import timedelta
from pathlib import Path

import paramiko
import pytest
from cryptography.hazmat.primitives import serialization

from certpush.errors import ConfigError, HostKeyMismatch, TargetAuthFailed, TargetRefused, TargetUnreachable, TrustError
from certpush.kit.settings import Duration
from certpush.kit.ssh import SshSettings, connect, identify
from certpush.model import Secret
from certpush.testing.lab.chaos import Chaos, ChaosProxy
from certpush.testing.lab.sshd import Sshd
from certpush_ssh.settings import SshTargetSettings

pytestmark = pytest.mark.live("sshd")
SECOND = timedelta(seconds=1)


def login(sshd: Sshd, **more) -> SshSettings:
    usual = {
        "host": sshd.host,
        "port": sshd.port,
        "user": sshd.user,
        "identity": Secret(sshd.client_key_path.read_text()),
        "host_key": sshd.host_key_fingerprint,
        "connect_timeout": Duration(seconds=10),
    }
    return SshSettings(**(usual | more))


def works(settings: SshSettings) -> bool:
    with contextlib.closing(connect(settings)) as connection:
        return connection.run("echo $((6 * 7))\n", within=timedelta(seconds=20)).output == b"42\n"


def logins(sshd: Sshd) -> list[str]:
    """Everything that sshd saw of attempts to log in."""
    return [line for line in sshd.log().splitlines() if re.match(r"(Accepted (?!key)|Failed|Postponed|Invalid user|userauth)", line)]


@pytest.fixture
def own_sshd(not_run):
    """Start a server of one's own."""
    with contextlib.ExitStack() as stack:
        yield lambda **options: stack.enter_context(Sshd(**options))


# --- is it the right machine? -----------------------------------------------------------------------------


def test_a_changed_host_key_is_refused_before_anything_is_offered(own_sshd):
    sshd = own_sshd()
    settings = login(sshd)
    assert works(settings)
    seen = len(logins(sshd))
    old = sshd.host_key_fingerprint
    sshd.restart(new_host_key=True)
    with pytest.raises(HostKeyMismatch, match="nothing was sent to it") as raised:
        connect(settings)
    assert old in raised.value.message
    assert sshd.host_key_fingerprint in raised.value.message
    assert f'host_key = "{sshd.host_key_fingerprint}"' in raised.value.hint
    assert "certpush trust" in raised.value.hint
    assert len(logins(sshd)) == seen


def test_an_unknown_host_key_is_refused_before_anything_is_offered(own_sshd):
    sshd = own_sshd()
    with pytest.raises(HostKeyMismatch, match="which nobody has confirmed yet") as raised:
        connect(login(sshd, host_key=()))
    assert f'host_key = "{sshd.host_key_fingerprint}"' in raised.value.hint
    assert logins(sshd) == []


def test_the_pin_may_be_of_any_of_the_servers_keys_and_another_type_shown_first_is_no_lie(own_sshd):
    sshd = own_sshd(host_keys=("ed25519", "ecdsa", "rsa"))
    for shown in sshd.host_key_fingerprints:
        assert works(login(sshd, host_key=shown))
    assert works(login(sshd, host_key=("SHA256:" + "A" * 43, sshd.host_key_fingerprints[2])))
    with pytest.raises(HostKeyMismatch) as raised:
        connect(login(sshd, host_key="SHA256:" + "A" * 43))
    assert all(one in raised.value.message for one in sshd.host_key_fingerprints)


def test_a_pin_may_be_the_whole_public_key(root_sshd):
    assert works(login(root_sshd, host_key=root_sshd.known_hosts_line.split(" ", 1)[1]))


def test_known_hosts_counts_when_named(root_sshd, tmp_path):
    path = tmp_path / "known_hosts"

    def known(*lines: str) -> SshSettings:
        path.write_text("# a comment\n\nnonsense\n" + "\n".join(lines) + "\n")
        return login(root_sshd, host_key=(), known_hosts=str(path))

    names, key = root_sshd.known_hosts_line.split(" ", 1)
    assert works(known(root_sshd.known_hosts_line))
    assert works(known(f"other,{names} {key}"))
    assert works(known(f"[127.0.0.?]:* {key}"))
    for line in (
        f"127.0.0.1 {key}",  # another port is another server
        f"[127.0.0.*]:*,!{names} {key}",
        f"@cert-authority {names} {key}",
        f"{names} ssh-ed25519 not-base64!",
        f"|1|nonsense {key}",
        f"|1|bm9uc2Vuc2U=|bm9uc2Vuc2U= {key}",
    ):
        with pytest.raises(HostKeyMismatch):
            connect(known(line))
    with pytest.raises(HostKeyMismatch, match="revoked"):
        connect(known(root_sshd.known_hosts_line, f"@revoked * {key}"))


def test_hashed_names_in_known_hosts_are_understood(root_sshd, tmp_path):
    from paramiko import HostKeys

    path = tmp_path / "known_hosts"
    names, key = root_sshd.known_hosts_line.split(" ", 1)
    path.write_text(f"{HostKeys.hash_host(names)} {key}\n")
    assert works(login(root_sshd, host_key=(), known_hosts=str(path)))


def test_known_hosts_of_another_type_than_the_usual_is_asked_for_first(own_sshd, tmp_path):
    sshd = own_sshd(host_keys=("ed25519", "rsa"))
    path = tmp_path / "known_hosts"
    path.write_text(sshd.known_hosts_lines[1] + "\n")
    assert works(login(sshd, host_key=(), known_hosts=str(path)))
    assert sshd.log().count("Connection from") <= 2  # the lab's own look whether it listens, and ours


def test_a_known_hosts_file_that_cannot_be_read_is_said_so(root_sshd, tmp_path):
    with pytest.raises(ConfigError, match="known_hosts"):
        connect(login(root_sshd, known_hosts=str(tmp_path / "none")))


def test_identify_shows_the_host_key_without_logging_in(own_sshd):
    sshd = own_sshd()
    (identity,) = identify(login(sshd, host_key=()))
    assert (identity.setting, identity.value) == ("host_key", sshd.host_key_fingerprint)
    assert "ssh_host_ed25519_key.pub" in identity.compare
    assert logins(sshd) == []


# --- algorithms --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "named"),
    [
        ({"options": ["KexAlgorithms diffie-hellman-group1-sha1,diffie-hellman-group14-sha1"]}, "key exchange diffie-hellman-group1-sha1"),
        ({"options": ["Ciphers 3des-cbc,aes128-cbc"]}, "cipher 3des-cbc"),
        ({"options": ["Ciphers aes128-ctr", "MACs hmac-md5,hmac-sha1"]}, "MAC hmac-md5"),
        ({"options": ["HostKeyAlgorithms ssh-rsa"], "host_keys": ("rsa",)}, "host key ssh-rsa"),
    ],
)
def test_a_server_with_weak_algorithms_only_is_refused_and_the_algorithm_named(own_sshd, options, named):
    sshd = own_sshd(**options)
    with pytest.raises(TrustError, match=named):
        connect(login(sshd))
    with pytest.raises(TrustError, match=named):
        identify(login(sshd))
    assert logins(sshd) == []


def test_a_server_with_one_good_algorithm_among_weak_ones_uses_the_good_one(own_sshd):
    options = [
        "Ciphers 3des-cbc,aes256-ctr",
        "MACs hmac-md5,hmac-sha2-256",
        "KexAlgorithms diffie-hellman-group1-sha1,curve25519-sha256@libssh.org",
    ]
    with contextlib.closing(connect(login(own_sshd(options=options)))) as connection:
        assert connection.algorithms == "ssh-ed25519, aes256-ctr"


@pytest.mark.parametrize(
    "says",
    [b"", b"HTTP/1.1 400 Bad Request\r\n\r\n", b"SSH-2.0-x\r\n", b"SSH-2.0-x\r\n" + b"\xff" * 40, b"x" * 9000, b"noise\r\n" * 70],
)
def test_what_is_no_ssh_server_ends_in_one_clear_error(says):
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            with contextlib.suppress(OSError):
                for _ in range(3):
                    peer, _ = listener.accept()
                    with peer:
                        peer.sendall(says)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        settings = SshSettings(
            host="127.0.0.1",
            port=listener.getsockname()[1],
            identity=Secret("x"),
            host_key="SHA256:" + "A" * 43,
            connect_timeout=Duration(seconds=2),
        )
        with pytest.raises((TargetUnreachable, TrustError)):
            connect(settings)


# --- logging in, once, by the configured way ------------------------------------------------------------------


def test_a_password_is_used_when_it_is_what_is_configured(user_sshd):
    assert works(login(user_sshd, identity=None, password=Secret("correct horse")))


def test_a_wrong_password_is_tried_once(user_sshd):
    seen = len(logins(user_sshd))
    with pytest.raises(TargetAuthFailed, match="password was not accepted"):
        connect(login(user_sshd, identity=None, password=Secret("wrong")))
    assert len(logins(user_sshd)) == seen + 1


def test_a_key_that_the_server_does_not_know_is_tried_once(root_sshd, own_sshd):
    other = own_sshd()
    with pytest.raises(TargetAuthFailed, match="public key was not accepted"):
        connect(login(other, identity=Secret(root_sshd.client_key_path.read_text())))
    assert len(logins(other)) == 1


def test_a_way_that_the_server_does_not_take_is_said_so(root_sshd):
    with pytest.raises(TargetAuthFailed, match=r"does not take a password, only: publickey"):
        connect(login(root_sshd, identity=None, password=Secret("x")))


def test_a_server_that_wants_two_things_is_said_so(own_sshd):
    sshd = own_sshd(user="deploy", password="x", options=["AuthenticationMethods publickey,password"])
    with pytest.raises(TargetAuthFailed, match="wants also: password"):
        connect(login(sshd))


@pytest.mark.parametrize("form", [serialization.PrivateFormat.OpenSSH, serialization.PrivateFormat.PKCS8])
def test_an_encrypted_key_opens_with_its_passphrase_only(root_sshd, form):
    key = serialization.load_ssh_private_key(root_sshd.client_key_path.read_bytes(), None)
    encryption = serialization.BestAvailableEncryption(b"open sesame")
    text = Secret(key.private_bytes(serialization.Encoding.PEM, form, encryption).decode())
    if form is serialization.PrivateFormat.OpenSSH:  # paramiko reads Ed25519 in OpenSSH's own form only
        assert works(login(root_sshd, identity=text, identity_passphrase=Secret("open sesame")))
    with pytest.raises(ConfigError, match="cannot be opened with identity_passphrase"):
        connect(login(root_sshd, identity=text, identity_passphrase=Secret("wrong")))
    with pytest.raises(ConfigError, match="has a passphrase"):
        connect(login(root_sshd, identity=text))


@pytest.mark.parametrize("text", ["", "garbage", "-----BEGIN OPENSSH PRIVATE KEY-----\nAAAA\n-----END OPENSSH PRIVATE KEY-----"])
def test_what_is_no_key_is_said_so_without_showing_it(root_sshd, text):
    with pytest.raises(ConfigError, match="cannot be read") as raised:
        connect(login(root_sshd, identity=Secret(text or " ")))
    assert "AAAA" not in raised.value.message


def test_a_passphrase_for_a_key_that_has_none_does_no_harm(root_sshd):
    assert works(login(root_sshd, identity_passphrase=Secret("unused")))


@pytest.fixture
def agent(tmp_path, monkeypatch, not_run):
    """An SSH agent with six keys."""
    if not shutil.which("ssh-agent"):
        not_run("ssh-agent is missing")
    path = tmp_path / "agent"
    with subprocess.Popen(["ssh-agent", "-D", "-a", path], stdout=subprocess.DEVNULL) as process:
        while not path.exists():
            time.sleep(0.01)
        monkeypatch.setenv("SSH_AUTH_SOCK", str(path))
        for number in range(5):
            subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", tmp_path / str(number)], check=True)
            subprocess.run(["ssh-add", "-q", tmp_path / str(number)], check=True)
        yield process
        process.terminate()


def test_the_agent_is_not_asked_unless_configured(own_sshd, agent):
    sshd = own_sshd()
    assert works(login(sshd))
    assert len(logins(sshd)) == 1


def test_the_agents_key_is_used_when_configured_and_only_the_one_named(own_sshd, agent):
    sshd = own_sshd()
    subprocess.run(["ssh-add", "-q", sshd.client_key_path], check=True)
    listed = subprocess.run(["ssh-add", "-l"], capture_output=True, text=True, check=True).stdout
    mine = listed.splitlines()[-1].split()[1]
    assert works(login(sshd, identity=None, agent=True, agent_key=mine))
    assert len(logins(sshd)) == 1
    with pytest.raises(TargetAuthFailed, match="exactly one key"):
        connect(login(sshd, identity=None, agent=True))
    with pytest.raises(TargetAuthFailed, match="exactly one key"):
        connect(login(sshd, identity=None, agent=True, agent_key="SHA256:" + "A" * 43))
    assert len(logins(sshd)) == 1


# --- through another machine ----------------------------------------------------------------------------------


def test_a_jump_host_is_used_and_its_own_key_checked(user_sshd, root_sshd, own_sshd):
    inner = own_sshd(options=[f"AuthorizedKeysFile {user_sshd.directory / 'authorized_keys'}"])
    jump = f"{user_sshd.user}@127.0.0.1:{user_sshd.port}"
    identity = Secret(user_sshd.client_key_path.read_text())
    settings = login(inner, identity=identity, jump=jump, jump_host_key=user_sshd.host_key_fingerprint)
    assert works(settings)
    (identity_shown,) = identify(settings)
    assert identity_shown.value == inner.host_key_fingerprint
    unknown = login(inner, identity=identity, jump=jump)
    with pytest.raises(HostKeyMismatch, match="nobody has confirmed") as raised:
        connect(unknown)
    assert f'jump_host_key = "{user_sshd.host_key_fingerprint}"' in raised.value.hint
    (jump_shown,) = identify(unknown)
    assert (jump_shown.setting, jump_shown.value) == ("jump_host_key", user_sshd.host_key_fingerprint)
    with pytest.raises(HostKeyMismatch):
        connect(
            login(
                inner, identity=identity, jump=jump, jump_host_key=user_sshd.host_key_fingerprint, host_key=root_sshd.host_key_fingerprint
            )
        )


def test_a_jump_host_that_does_not_let_us_through_is_said_so(own_sshd):
    sshd = own_sshd(options=["AllowTcpForwarding no"])
    with pytest.raises(TargetUnreachable, match="through"):
        connect(login(sshd, jump=f"{sshd.user}@127.0.0.1:{sshd.port}", jump_host_key=sshd.host_key_fingerprint))


# --- every wait is bounded ----------------------------------------------------------------------------------------


def said_until_login(sshd: Sshd) -> int:
    """How many bytes the server sends; on a busy machine its other host keys, which it tells after the login, may be among them."""
    with ChaosProxy(sshd.host, sshd.port) as proxy, contextlib.closing(connect(login(sshd, port=proxy.port))):
        return proxy.bytes_down


@pytest.mark.parametrize("percent", [0, 1, 10, 70, 85])
@pytest.mark.parametrize("way", ["stall", "cut"])
def test_a_server_that_falls_silent_while_we_connect_is_given_up(root_sshd, percent, way):
    down = min(said_until_login(root_sshd) for _ in range(3)) * percent // 100  # servers have more or less to say, by their version
    with ChaosProxy(root_sshd.host, root_sshd.port) as proxy:
        proxy.chaos = Chaos(stall_after_down=down) if way == "stall" else Chaos(cut_after_down=down)
        started = time.monotonic()
        with pytest.raises((TargetUnreachable, TargetAuthFailed)):
            connect(login(root_sshd, port=proxy.port, connect_timeout=Duration(seconds=1)))
        assert time.monotonic() - started < 25


@pytest.mark.parametrize("deed", [connect, identify])
def test_a_server_that_hangs_up_right_after_the_handshake_is_unreachable(root_sshd, monkeypatch, deed):
    handshake = paramiko.Transport.start_client

    def and_the_end(transport, *args, **more):
        handshake(transport, *args, **more)
        transport.close()

    monkeypatch.setattr(paramiko.Transport, "start_client", and_the_end)
    with pytest.raises(TargetUnreachable, match=f"{root_sshd.host}:{root_sshd.port}: No existing session"):
        deed(login(root_sshd))


@pytest.mark.parametrize("chaos", [Chaos(black_hole=True), Chaos(trickle=0.05), Chaos(stall_after_up=300)])
def test_a_server_that_is_endlessly_slow_is_given_up(root_sshd, chaos):
    with ChaosProxy(root_sshd.host, root_sshd.port) as proxy:
        proxy.chaos = chaos
        started = time.monotonic()
        with pytest.raises(TargetUnreachable, match="took longer than"):
            connect(login(root_sshd, port=proxy.port, connect_timeout=Duration(seconds=1)))
        assert time.monotonic() - started < 25


def test_a_machine_that_falls_silent_while_a_script_runs_is_given_up(own_sshd):
    sshd = own_sshd()
    with contextlib.closing(connect(login(sshd))) as connection:
        found = connection.run("echo $PPID\n", within=timedelta(seconds=20)).output  # this connection's other end
        try:
            with pytest.raises(TargetUnreachable, match="did not end within 1 s, and the machine does not answer any more"):
                connection.run("kill -STOP $PPID; sleep 30\n", within=SECOND)
        finally:
            os.kill(int(found), signal.SIGKILL)


def test_a_script_that_does_not_end_is_given_up_and_the_connection_still_works(user_sshd):
    with contextlib.closing(connect(login(user_sshd))) as connection:
        with pytest.raises(TargetRefused, match="did not end within 1 s"):
            connection.run("sleep 30\n", within=SECOND)
        with pytest.raises(TargetRefused, match="did not end within 1 s"):
            connection.run("yes\n", within=SECOND)
        assert connection.run("echo still here\n", within=timedelta(seconds=10)).output == b"still here\n"


def test_a_script_that_leaves_something_running_with_its_output_open_is_not_waited_for(user_sshd):
    with contextlib.closing(connect(login(user_sshd))) as connection:
        started = time.monotonic()
        answer = connection.run("sleep 30 &\necho done\nexit 3\n", within=timedelta(seconds=60))
        assert (answer.status, answer.output) == (3, b"done\n")
        assert time.monotonic() - started < 25


def test_output_is_kept_up_to_a_mebibyte_of_each_kind_and_the_status_comes_through(user_sshd):
    script = "head -c 3000000 /dev/zero; head -c 3000000 /dev/zero >&2; exit 9\n"
    with contextlib.closing(connect(login(user_sshd))) as connection:
        answer = connection.run(script, within=timedelta(seconds=30))
    assert (answer.status, len(answer.output), len(answer.errors)) == (9, 1024 * 1024, 1024 * 1024)


def test_a_script_ended_by_a_signal_is_no_success(user_sshd):
    """Some login shells stay beside the script's, and make an exit status of the signal; others make way for it."""
    with contextlib.closing(connect(login(user_sshd))) as connection:
        try:
            said = str(connection.run("kill -9 $$\n", within=timedelta(seconds=20)).status)
        except TargetRefused as refused:
            said = refused.message
    assert said == str(128 + signal.SIGKILL) or "signal" in said


def test_a_connection_that_breaks_while_a_script_runs_is_no_success(own_sshd):
    sshd = own_sshd()
    with contextlib.closing(connect(login(sshd))) as connection:
        threading.Timer(0.5, sshd.stop).start()
        with pytest.raises(TargetUnreachable, match=r"broke|Server connection|closed"):
            connection.run("sleep 20\n", within=timedelta(seconds=20))
        assert not connection.alive
        with pytest.raises(TargetUnreachable):
            connection.run("true\n", within=SECOND)
        with pytest.raises(TargetUnreachable):
            connection.upload("x", {"a": b""}, within=SECOND)


def test_nobody_there_is_unreachable():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        settings = SshSettings(host="127.0.0.1", port=taken.getsockname()[1], identity=Secret("x"))
        with pytest.raises(TargetUnreachable, match="Connection refused"):
            connect(settings)
    with pytest.raises(TargetUnreachable, match="name is not known"):
        connect(SshSettings(host="no-such-host.invalid", identity=Secret("x")))


def test_a_dead_address_before_a_living_one_is_passed_over(root_sshd, monkeypatch):
    alive = (socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", root_sshd.port))
    dead = (socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.2", 1))
    real = socket.getaddrinfo
    monkeypatch.setattr(
        socket, "getaddrinfo", lambda host, *args, **more: [dead, alive] if host == "localhost" else real(host, *args, **more)
    )
    assert works(login(root_sshd, host="localhost"))


# --- handing over files --------------------------------------------------------------------------------------------


def test_files_arrive_whole_in_a_directory_that_only_the_user_can_enter(user_sshd):
    content = os.urandom(200_000)
    with contextlib.closing(connect(login(user_sshd))) as connection:
        for _ in range(2):
            place = Path(connection.upload("hand-over", {"a": content, "b": b""}, within=timedelta(seconds=20)))
        assert (place / "a").read_bytes() == content
        assert place.stat().st_mode & 0o777 == 0o700
        connection.discard("hand-over", within=timedelta(seconds=20))
        connection.discard("hand-over", within=timedelta(seconds=20))
        assert not place.exists()


def test_without_a_home_the_files_go_to_tmp(user_sshd):
    user_sshd.home.chmod(0o500)
    os.chown(user_sshd.home, 0, 0)
    folder = f"hand-over-{os.getpid()}"
    try:
        with contextlib.closing(connect(login(user_sshd))) as connection:
            place = Path(connection.upload(folder, {"a": b"1"}, within=timedelta(seconds=20)))
            assert place.parent == Path("/tmp")
            connection.discard(folder, within=timedelta(seconds=20))
            assert not place.exists()
            Path("/tmp", folder).mkdir(mode=0o700)  # somebody else has the name already
            Path("/tmp", folder, "theirs").touch()
            with pytest.raises(TargetRefused, match="nowhere to hand over"):
                connection.upload(folder, {"a": b"1"}, within=timedelta(seconds=20))
    finally:
        os.chown(user_sshd.home, 54321, 54321)
        user_sshd.home.chmod(0o700)
        shutil.rmtree(f"/tmp/{folder}", ignore_errors=True)


@pytest.mark.parametrize("plant", ["link", "directory"])
def test_what_others_planted_under_the_name_is_left_alone_and_stops_nobody_from_going_back(root_sshd, user_sshd, tmp_path, plant):
    """/tmp is everybody's: a link there must not lead us to files elsewhere, and a directory of another user must not be in the way."""
    folder = Path(f"/tmp/hand-over-{os.getpid()}-{plant}")
    (tmp_path / "precious").touch()
    if plant == "link":
        folder.symlink_to(tmp_path)
        os.lchown(folder, 12345, 12345)
    else:
        folder.mkdir(mode=0o700)
        (folder / "theirs").touch()
        os.chown(folder, 12345, 12345)
    try:
        for sshd in (root_sshd, user_sshd):
            with contextlib.closing(connect(login(sshd))) as connection:
                connection.discard(folder.name, within=timedelta(seconds=20))
                place = Path(connection.upload(folder.name, {"a": b"1"}, within=timedelta(seconds=20)))
                assert place.parent == (sshd.home if sshd is user_sshd else Path.home())
                connection.discard(folder.name, within=timedelta(seconds=20))
                assert not place.exists()
        assert [one.name for one in folder.iterdir()] == ["precious" if plant == "link" else "theirs"]
    finally:
        folder.unlink() if plant == "link" else shutil.rmtree(folder)


def test_a_server_without_sftp_is_said_so(own_sshd):
    with contextlib.closing(connect(login(own_sshd(options=["Subsystem sftp /bin/false"])))) as connection:
        with pytest.raises(TargetRefused, match="there is no SFTP"):
            connection.upload("x", {"a": b"1"}, within=timedelta(seconds=20))
        assert connection.alive


def test_a_server_whose_sftp_falls_silent_is_given_up(own_sshd):
    with (
        contextlib.closing(connect(login(own_sshd(options=["Subsystem sftp sleep 30"])))) as connection,
        pytest.raises(TargetUnreachable, match="handing over files took longer than 1 s"),
    ):
        connection.upload("x", {"a": b"1"}, within=SECOND)


def subsystem(script: Path, text: str) -> list[str]:
    """The option of sshd that makes a script its SFTP; quotes on that line mean other things in other versions."""
    script.write_text(f"#!/bin/sh\n{text}\n")
    script.chmod(0o755)
    return [f"Subsystem sftp {script}"]


@pytest.mark.parametrize("said", ["Welcome back", "", "\\0\\0\\0\\2ab"])
def test_a_login_script_that_prints_is_said_to_spoil_sftp(own_sshd, tmp_path, said):
    """OpenSSH starts its SFTP server through the login shell, and what that prints comes first."""
    spoilt = own_sshd(options=subsystem(tmp_path / "sftp", f"printf '{said}\\n'; exec /usr/lib/openssh/sftp-server"))
    with contextlib.closing(connect(login(spoilt))) as connection:
        with pytest.raises(TargetRefused, match="there is no SFTP") as raised:
            connection.upload("x", {"a": b"1"}, within=timedelta(seconds=20))
        assert "login scripts must print nothing" in raised.value.hint
        assert connection.alive


def test_a_disk_that_is_full_while_handing_over_is_said_so(own_sshd, tmp_path):
    small = own_sshd(options=subsystem(tmp_path / "sftp", "ulimit -f 8; trap '' XFSZ; exec /usr/lib/openssh/sftp-server"))
    with contextlib.closing(connect(login(small))) as connection:
        with pytest.raises(TargetRefused, match="handing over files failed"):
            connection.upload("certpush-test-small", {"a": b"x" * 100_000}, within=timedelta(seconds=20))
        connection.discard("certpush-test-small", within=timedelta(seconds=20))


# --- settings -----------------------------------------------------------------------------------------------------


GOOD = {"host": "h", "identity": Secret("x")}


@pytest.mark.parametrize(
    ("bad", "named"),
    [
        ({"host": "-oProxyCommand=x"}, "host"),
        ({"host": "a b"}, "host"),
        ({"host": "$(id)"}, "host"),
        ({"host": "h:22"}, "host"),
        ({"host": "*.example.com"}, "host"),
        ({"host": "h\n"}, "host"),
        ({"user": "a b"}, "user"),
        ({"user": "-l"}, "user"),
        ({"user": "a;id"}, "user"),
        ({"user": ""}, "user"),
        ({"identity": None}, "how to log in"),
        ({"password": Secret("x")}, "only one is used"),
        ({"agent": True}, "only one is used"),
        ({"identity": None, "password": Secret("x"), "identity_passphrase": Secret("y")}, "identity_passphrase"),
        ({"agent_key": "SHA256:" + "A" * 43}, "agent_key"),
        ({"identity": None, "agent": True, "agent_key": "mine"}, "agent_key"),
        ({"host_key": "MD5:00:11"}, "host_key"),
        ({"host_key": "SHA256:short"}, "host_key"),
        ({"host_key": "ssh-ed25519 !!"}, "host_key"),
        ({"jump_host_key": "SHA256:" + "A" * 43}, "jump_host_key"),
        ({"jump": "host"}, "jump"),
        ({"jump": "u@h:0"}, "jump"),
        ({"jump": "u@h:99999"}, "jump"),
        ({"jump": "-u@h"}, "jump"),
        ({"jump": "u@-h"}, "jump"),
        ({"identity": None, "password": Secret("x"), "jump": "u@h"}, "jump host and a password"),
        ({"known_hosts": "relative"}, "known_hosts"),
        ({"known_hosts": "/a\nb"}, "known_hosts"),
    ],
)
def test_settings_that_cannot_be_right_are_refused_before_any_network(bad, named):
    with pytest.raises(ConfigError, match=named):
        SshSettings(**(GOOD | bad))


@pytest.mark.parametrize(
    "good",
    [
        {},
        {"host": "192.168.1.1"},
        {"host": "fe80::1"},
        {"user": "DOM\\admin"},
        {"user": "a@corp.example"},
        {"jump": "u@[::1]:2222"},
        {"known_hosts": "~/x"},
    ],
)
def test_settings_that_are_right_are_taken(good):
    assert SshSettings(**(GOOD | good)).port == 22


@pytest.mark.parametrize("seconds", [0, 3601])
def test_the_rescue_comes_after_a_second_at_the_earliest_and_an_hour_at_the_latest(seconds):
    with pytest.raises(ConfigError, match="rescue_after"):
        SshTargetSettings(host="h", identity=Secret("x"), combined="/a", rescue_after=Duration(seconds=seconds))
