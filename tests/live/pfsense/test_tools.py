"""The tools in the tree: FreeBSD's, and nothing that FreeBSD lacks."""

import hashlib
import time

import pytest

from certpush.testing.lab.process import wait_until
from conftest import need

pytestmark = pytest.mark.live("sshd", "nginx", "php")


@pytest.fixture
def sh(box, ssh):
    """Run a script as admin; give output, errors and status."""

    def sh(script):
        done = ssh(box, script)
        return done.stdout, done.stderr, done.returncode

    return sh


def test_the_sum_of_a_file(box, sh):
    wanted = hashlib.sha256(box.config_bytes).hexdigest()
    out, _, _ = sh("sha256 -q /conf/config.xml; sha256 /cf/conf/config.xml; cat /cf/conf/config.xml | sha256; sha256 -q /none; echo $?")
    assert out.splitlines() == [wanted, f"SHA256 (/cf/conf/config.xml) = {wanted}", wanted, "1"]


def test_facts_of_a_file(box, sh):
    out, _, _ = sh("stat -f '%z %Lp %Su:%Sg %N %u' /cf/conf/config.xml; stat -L -f %z /conf/config.xml; readlink /conf")
    assert out.splitlines() == [f"{len(box.config_bytes)} 644 root:wheel /cf/conf/config.xml 0", str(len(box.config_bytes)), "/cf/conf"]


@pytest.mark.parametrize(
    "command", ["stat -c %s /etc/version", "sed -i s/a/b/ /etc/version", "sed -i '' s/a/b/ /etc/version", "mv --backup /tmp/a /tmp/b"]
)
def test_what_only_gnu_understands_is_refused(sh, command):
    assert sh(command)[2] != 0


@pytest.mark.parametrize("program", ["flock", "sha256sum", "base64", "setsid", "python3", "perl", "bash", "php", "sudo", "curl"])
def test_what_is_not_on_the_path_of_a_command_is_not_found(sh, program):
    assert sh(f"command -v {program}")[2] != 0


def test_base64_came_with_a_later_freebsd(start_box, ssh):
    assert ssh(start_box("2.8.0"), "printf abc | base64").stdout == "YWJj\n"


def test_raw_base64_both_ways(sh):
    assert sh("printf abc | b64encode -r - | b64decode -r")[0] == "abc"


def test_a_lock_that_is_held_gives_75_and_says_so(sh):
    out, err, status = sh(
        "lockf -k /tmp/config.lock /bin/sh -c 'lockf -t 0 /tmp/config.lock echo never; echo $?; lockf -s -k -t 1 /tmp/config.lock echo never; echo $?'"
    )
    assert (out.split(), status) == (["75", "75"], 0)
    assert err == "lockf: /tmp/config.lock: already locked\n"


def test_the_status_of_a_command_under_lock_is_its_own(sh):
    out, _, _ = sh(
        "lockf -k /tmp/a.lock sh -c 'exit 75'; echo $?; ls /tmp/a.lock; lockf /tmp/a.lock true; echo $?; ls /tmp/a.lock; lockf -n /tmp/b.lock true; echo $?"
    )
    assert out.splitlines() == ["75", "/tmp/a.lock", "0", "69"]


def test_what_runs_on_in_the_background_does_not_keep_the_lock(sh):
    assert sh("lockf -k /tmp/a.lock sh -c 'sleep 20 >/dev/null 2>&1 </dev/null &'; lockf -k -t 0 /tmp/a.lock echo free")[0] == "free\n"


def test_the_lock_is_that_of_php(box, php, sh):
    assert (
        php(box, '$held = lock("config", LOCK_EX); exec("/usr/bin/lockf -k -t 0 /tmp/config.lock true", $o, $status); out($status);') == 75
    )


def test_the_clock_may_be_wrong(box, sh, php):
    right = int(sh("date +%s")[0])
    box.faults.clock_offset = -7200
    assert abs(int(sh("date -u +%s")[0]) - right + 7200) < 60
    assert sh("date -u -r 86400 +%Y-%m-%dT%H:%M:%S")[0] == "1970-01-02T00:00:00\n"
    assert abs(php(box, 'write_config("x"); out((int) $config["revision"]["time"]);') - right + 7200) < 60


@pytest.mark.parametrize("offset", [-7200, 7200])
def test_php_has_the_wrong_clock_too(box, php, offset):
    need("faketime")
    box.faults.clock_offset = offset
    found = php(box, 'write_config("x"); exec("/bin/date +%s", $o); out([time(), (int) $config["revision"]["time"], (int) $o[0]]);')
    assert all(abs(one - time.time() - offset) < 60 for one in found)


def test_a_daemon_is_detached_and_writes_its_id(box, sh):
    sh("daemon -f -p /var/run/x.pid sleep 1000")
    wait_until(lambda: box.path("/var/run/x.pid").exists(), "the file")
    pid = int(sh("cat /var/run/x.pid")[0])
    wait_until(lambda: [process.command for process in box.processes() if process.pid == pid] == ["sleep 1000"], "it runs")
    sh(f"kill {pid}")
    wait_until(lambda: not box.path("/var/run/x.pid").exists(), "its end")
    wait_until(lambda: box.processes() == (), "the end of the daemon")


def test_what_is_logged_is_in_the_system_log(box, sh):
    sh("logger -t certpush -p auth.notice 'put the old certificate back'")
    assert "certpush: put the old certificate back\n" in box.system_log


def test_it_says_that_it_is_freebsd_and_when_it_was_started(sh):
    out, _, _ = sh(
        "uname -sr 2>/dev/null || uname; uname -r; cat /etc/version /etc/platform; sysctl -n kern.boottime; fsync /cf/conf/config.xml; echo $?"
    )
    lines = out.splitlines()
    assert lines[:4] == ["FreeBSD", "14.0-CURRENT", "2.7.2-RELEASE", "pfSense"]
    assert lines[4].startswith("{ sec = ")
    assert lines[5] == "0"
