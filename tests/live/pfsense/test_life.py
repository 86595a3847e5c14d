"""Moments, administrators, reboots, and the end of a box."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from certpush.testing.lab import LabError
from certpush.testing.lab.pfsense import PfSense
from certpush.testing.lab.process import answers, wait_until

pytestmark = pytest.mark.live("sshd", "nginx", "php")

_WRITES = '$config["system"]["hostname"] = "mine"; write_config("mine"); out(1);'


@pytest.mark.parametrize(
    ("moment", "survives"), [("php-start", True), ("config-read", False), ("write-config", False), ("config-saved", True)]
)
def test_an_administrator_comes_in_between(box, php, moment, survives):
    came = box.at(moment, lambda: box.as_administrator('$config["system"]["timezone"] = "Europe/Berlin";'))
    php(box, _WRITES)
    came.wait()
    assert (box.config().text("system/timezone") == "Europe/Berlin") is survives
    assert box.config().text("system/hostname") == "mine"


@pytest.mark.parametrize(("version", "survives"), [("2.7.2", False), ("2.9-dev", True)])
def test_between_the_file_and_the_cache_a_page_takes_the_old_state(start_box, php, version, survives):
    box = start_box(version)
    came = box.at("config-written", lambda: box.as_administrator('$config["system"]["timezone"] = "Europe/Berlin";'))
    php(box, _WRITES)
    came.wait()
    assert box.config().text("system/timezone") == "Europe/Berlin"
    assert (box.config().text("system/hostname") == "mine") is survives


@pytest.mark.parametrize(("moment", "seen"), [("lock", True), ("unlock", False)])
def test_somebody_comes_before_or_after_a_lock(box, ssh, moment, seen):
    came = box.at(moment, lambda: box.by_hand(lambda xml: xml.replace(b"<hostname>", b"<hostname>x-")))
    found = ssh(box, "lockf -k -t 5 /tmp/config.lock grep -c '<hostname>x-' /cf/conf/config.xml").stdout
    came.wait()
    assert (found == "1\n") is seen


def test_somebody_comes_before_a_rename(box, ssh):
    came = box.at("rename", lambda: box.by_hand(lambda xml: xml.replace(b"<hostname>", b"<hostname>x-")))
    ssh(box, "cp /cf/conf/config.xml /cf/conf/new && mv -f /cf/conf/new /cf/conf/config.xml")
    came.wait()
    assert not box.config().text("system/hostname").startswith("x-")


def test_a_moment_that_never_comes_can_be_given_up(box, php):
    waiting = box.at("config-written", lambda: None)
    waiting.cancel()
    assert not waiting.kept
    php(box, _WRITES)
    with pytest.raises(LabError, match="config-written"):
        waiting.wait()


def test_what_fails_at_a_moment_is_told_and_the_box_goes_on(box, php):
    came = box.at("config-read", lambda: box.as_administrator("throw new Exception('no');"))
    php(box, _WRITES)
    with pytest.raises(LabError, match="not saved"):
        came.wait()


def test_a_page_may_be_left_without_saving(box):
    before = box.config_bytes
    box.open_page().close()
    assert box.config_bytes == before


def test_a_reboot_ends_all_and_keeps_the_disk(box, ssh):
    served = box.served()
    ssh(box, "nohup sleep 1000 </dev/null >/dev/null 2>&1 & touch /tmp/a /var/run/b /cf/conf/c /root/d")
    wait_until(lambda: [process.command for process in box.processes()] == ["sleep 1000"], "it runs")
    box.reboot()
    assert box.processes() == ()
    assert not {"/tmp/a", "/var/run/b"} & set(box.files())
    assert {"/cf/conf/c", "/root/d"} < set(box.files())
    assert box.served() == served


def test_a_script_in_rc_d_is_run_at_the_end_of_the_start(box, ssh):
    ssh(box, "printf '#!/bin/sh\\necho $1 >/root/started\\n' >/usr/local/etc/rc.d/x.sh; chmod +x /usr/local/etc/rc.d/x.sh")
    box.reboot()
    assert box.path("/root/started").read_text() == "start\n"


def test_while_it_is_switched_off_nothing_answers(box):
    box.stop()
    assert not box.running
    assert box.served() is None
    assert box.processes() == ()
    assert box.config().certref
    with pytest.raises(LabError, match="switched off"):
        box.run("true")
    box.start()
    assert box.served()


def test_what_was_left_behind_is_seen(box, ssh):
    before = box.files()
    ssh(box, "umask 077; echo secret >/root/.certpush; chmod 600 /cf/conf/config.xml")
    after = box.files()
    assert {path for path in after if after[path] != before.get(path)} == {"/root/.certpush", "/cf/conf/config.xml"}


def test_nothing_is_left_after_the_end(start_box):
    box = start_box()
    directory, ports = box.directory, (box.port, box.gui_port)
    disk = f"/proc/{box._hardware._disk.pid}"
    box.close()
    assert not directory.exists()
    assert not any(answers("127.0.0.1", port) for port in ports)
    assert not Path(disk).exists()
    assert str(directory) not in Path("/proc/self/mountinfo").read_text()


def test_it_ends_with_the_process_that_started_it(start_box, tmp_path):
    start_box().close()  # is it possible here?
    program = (
        "from certpush.testing.lab.pfsense import PfSense\nbox = PfSense().start()\nprint(box.directory, box.port, flush=True)\ninput()\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, env={**os.environ, "TMPDIR": str(tmp_path)}
    ) as child:
        directory, port = child.stdout.readline().decode().split()
        child.send_signal(signal.SIGKILL)
    wait_until(lambda: not answers("127.0.0.1", int(port)), "the end of sshd")
    wait_until(lambda: not any(directory in _command(pid) for pid in Path("/proc").glob("[0-9]*")), "the end of the rest")


def _command(process: Path) -> str:
    try:
        return (process / "cmdline").read_bytes().decode(errors="replace")
    except OSError:
        return ""


def test_a_configuration_that_kills_php_does_not_keep_ssh_down(start_box):
    box = start_box(config=b"<?xml version='1.0'?><opnsense></opnsense>")
    assert box.served() is None
    assert box.run("true").returncode == 0


def test_only_root_can_have_one(monkeypatch):
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    with pytest.raises(LabError, match="only root"):
        PfSense()
