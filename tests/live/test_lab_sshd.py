"""The lab's real sshd: who may log in, as whom, with what."""

import os
from pathlib import Path

import paramiko
import pytest

from certpush.testing.lab.process import wait_until

pytestmark = pytest.mark.live("sshd")


@pytest.fixture
def connect(tmp_path):
    clients = []

    def connect(server, user=None, **more):
        known = tmp_path / f"known_hosts-{server.port}"
        known.write_text("".join(f"{line}\n" for line in server.known_hosts_lines))
        client = paramiko.SSHClient()
        clients.append(client)
        client.load_host_keys(str(known))
        login = more or {"key_filename": str(server.client_key_path)}
        client.connect(server.host, server.port, user or server.user, allow_agent=False, look_for_keys=False, timeout=10, **login)
        return client

    yield connect
    for client in clients:
        client.close()


def run(client, command):
    _, out, err = client.exec_command(command, timeout=10)
    return out.read().decode(), err.read().decode(), out.channel.recv_exit_status()


def test_the_user_of_the_tests_logs_in_and_has_sftp(sshd, connect):
    client = connect(sshd)
    out, _, status = run(client, "id -u; exit 3")
    assert (out.strip(), status) == (str(os.geteuid()), 3)
    with client.open_sftp() as sftp:
        assert sftp.normalize(".") == str(sshd.home)


def test_the_fingerprint_is_that_of_the_host_key_shown(sshd, connect):
    shown = connect(sshd).get_transport().get_remote_server_key()
    assert shown.fingerprint == sshd.host_key_fingerprint
    assert sshd.host_key_fingerprint.startswith("SHA256:")


def test_the_client_key_is_for_nobody_else(sshd):
    assert sshd.client_key_path.stat().st_mode & 0o777 == 0o600


def test_a_new_host_key_after_restart_is_noticed(start_sshd, connect):
    server = start_sshd()
    connect(server)
    before = server.host_key_fingerprints
    old_lines = server.known_hosts_lines
    server.restart(new_host_key=True)
    assert not set(before) & set(server.host_key_fingerprints)
    client = paramiko.SSHClient()
    for line in old_lines:
        client.get_host_keys().add(*host_entry(line))
    with client, pytest.raises(paramiko.BadHostKeyException):
        client.connect(
            server.host, server.port, server.user, key_filename=str(server.client_key_path), allow_agent=False, look_for_keys=False
        )


def host_entry(line):
    entry = paramiko.hostkeys.HostKeyEntry.from_line(line)
    return entry.hostnames[0], entry.key.get_name(), entry.key


def test_an_unprivileged_user_exists_for_this_server_alone(start_sshd, connect):
    server = start_sshd(user="deploy-lab")
    out, _, status = run(connect(server), "id -un; pwd; cat /etc/shadow")
    assert out.split() == ["deploy-lab", str(server.home)]
    assert status == 1
    assert "deploy-lab" not in Path("/etc/passwd").read_text()
    assert run(connect(server, "root"), "id -un")[0] == "root\n"


def test_sudo_works_without_password_where_asked_for(start_sshd, connect):
    if not Path("/usr/bin/sudo").exists():
        pytest.skip("not run: sudo is missing")
    allowed, refused = start_sshd(user="deploy-lab", sudo=True), start_sshd(user="deploy-lab")
    assert run(connect(allowed), "sudo -n id -u") == ("0\n", "", 0)
    out, err, status = run(connect(refused), "sudo -n id -u")
    assert (out, status) == ("", 1)
    assert "password is required" in err


def test_a_password_logs_in_and_a_wrong_one_does_not(start_sshd, connect):
    server = start_sshd(user="deploy-lab", password="pass word")
    assert run(connect(server, password="pass word"), "id -un")[0] == "deploy-lab\n"
    with pytest.raises(paramiko.AuthenticationException):
        connect(server, password="password")


def test_the_shim_is_sudo_for_the_user_who_may_anyway(start_sshd, connect):
    server = start_sshd(sudo=True)
    out, _, status = run(
        connect(server), f"{server.directory}/bin/sudo -n -u root -- sh -c 'echo $1' - 'a b'; {server.directory}/bin/sudo -x"
    )
    assert (out, status) == ("a b\n", 1)


def test_options_win_over_the_labs_own(start_sshd, connect):
    server = start_sshd(options=["Ciphers aes128-ctr", "UseDNS no"], host_keys=["rsa"])
    transport = connect(server).get_transport()
    assert transport.remote_cipher == "aes128-ctr"
    assert transport.get_remote_server_key().get_name() == "ssh-rsa"


def test_stopping_ends_sessions_too(start_sshd, connect):
    server = start_sshd()
    transport = connect(server).get_transport()
    channel = transport.open_session()
    channel.exec_command("echo $$; exec sleep 1000")
    pid = int(channel.recv(100))
    server.stop()
    wait_until(lambda: not transport.is_active(), "the session ends", 10)
    wait_until(lambda: not running(pid), "the command ends", 10)


def running(pid) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False
