"""Who may log in, and what their shells make of a command."""

import pytest

from certpush.testing.lab.process import wait_until
from conftest import need

pytestmark = pytest.mark.live("sshd", "nginx", "php")


@pytest.mark.parametrize("user", ["root", "admin"])
def test_root_and_admin_are_root_and_keep_the_status(box, ssh, user):
    done = ssh(box, "id -u; echo x 2>&1; A=1; echo $(pwd) $A; exit 3", user=user)
    assert (done.stdout.split(), done.returncode) == (["0", "x", "/root", "1"], 3)


def test_admin_without_a_command_gets_the_menu(box, ssh):
    done = ssh(box, text="8\necho from the $((1 + 1))nd shell\nexit\n0\n")
    assert "11) Restart GUI" in done.stdout
    assert "from the 2nd shell" in done.stdout


def test_admin_with_a_terminal_gets_the_menu_instead_of_the_command(box, ssh):
    done = ssh(box, "echo done", options=["-tt"], text="0\n")
    assert "done" not in done.stdout
    assert "Enter an option" in done.stdout


@pytest.mark.parametrize("command", ["echo x 2>&1", "echo $(echo x)", "A=1 echo x"])
def test_other_users_have_tcsh(start_box, ssh, command):
    box = start_box(user="deploy")
    assert ssh(box, command).stdout != "x\n"
    done = ssh(box, f"/bin/sh -c '{command}; exit 4'")
    assert (done.stdout, done.returncode) == ("x\n", 4)
    assert ssh(box, "echo $home; id -u").stdout.split() == ["/home/deploy", "2000"]


@pytest.mark.parametrize("command", ["echo x 2>&1", "echo $(pwd)", "A=1 true"])
def test_what_stands_in_for_tcsh_refuses_the_same(box, command):
    assert box.run("/lab/tcsh", "-c", command).returncode == 1
    assert box.run("/lab/tcsh", "-c", f"/bin/sh -c '{command}; exit 4'").returncode == 4


def test_another_user_reads_the_configuration_and_cannot_write_it(start_box, ssh):
    box = start_box(user="deploy")
    done = ssh(box, "/bin/sh -c 'head -c 5 /conf/config.xml; echo x >>/conf/config.xml || echo refused'")
    assert done.stdout == "<?xmlrefused\n"


def test_sudo_where_its_package_is_installed(start_box, ssh):
    need("sudo")
    box = start_box(user="deploy", sudo=True)
    assert ssh(box, "/usr/local/bin/sudo -n /bin/sh -s", text="id -u; exit 5").stdout == "0\n"
    refused = start_box(user="deploy")
    assert ssh(refused, "/usr/local/bin/sudo -n id -u").returncode != 0


def test_failed_logins_are_counted_and_block_the_address(box, ssh, tmp_path):
    box.faults.sshguard_after = 2
    for user in ("root", "admin"):
        assert ssh(box, "true", user=user, options=["-o", "PubkeyAuthentication=no"]).returncode == 255
    wait_until(lambda: bool(box.happened("blocked")), "the block")
    assert box.failed_logins == 2
    assert ssh(box, "true", options=["-o", "ConnectTimeout=1"]).returncode == 255
    box.unblock()
    assert ssh(box, "true").returncode == 0
    assert box.failed_logins == 2


def test_the_host_key_outlives_a_reboot(box, ssh):
    pin = box.host_key_fingerprint
    box.reboot()
    assert ssh(box, "true").returncode == 0
    assert box.host_key_fingerprint == pin
    assert pin.startswith("SHA256:")
