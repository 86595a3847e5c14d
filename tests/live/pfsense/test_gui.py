"""The GUI's certificate: what the restart takes, makes, or breaks."""

import base64
import re
import socket
import subprocess

import pytest

from certpush.testing.lab.process import wait_until

pytestmark = pytest.mark.live("sshd", "nginx", "php")

_ISSUE = """
function lab_issue($name, $issuer = null, $digest = "sha256") {
	$key = openssl_pkey_new(["private_key_type" => OPENSSL_KEYTYPE_EC, "curve_name" => "prime256v1"]);
	$request = openssl_csr_new(["commonName" => $name], $key, ["digest_alg" => $digest]);
	$made = openssl_csr_sign($request, $issuer[0] ?? null, $issuer[1] ?? $key, 30, ["digest_alg" => $digest], random_int(1, PHP_INT_MAX));
	openssl_x509_export($made, $crt);
	openssl_pkey_export($key, $prv);
	return [$made, $key, ["descr" => $name, "crt" => base64_encode($crt), "prv" => base64_encode($prv)]];
}
"""


def switch(php, box, more: str) -> str:
    """Add a certificate with refid 6500000000001 and point to it; ``more`` may change $entry before."""
    code = '$entry = ["refid" => "6500000000001"] + lab_issue("new")[2];'
    code += (
        more + '$config["cert"][] = $entry; $config["system"]["webgui"]["ssl-certref"] = "6500000000001"; write_config("switch"); out(1);'
    )
    php(box, _ISSUE + code)
    return box.config().certs["6500000000001"].sha256


def test_it_serves_what_the_reference_points_to(box):
    assert box.served() == box.config().certs[box.config().certref].sha256
    assert box.path("/var/etc/cert.key").stat().st_mode & 0o777 == 0o600
    assert box.path("/var/etc/cert.crt").stat().st_mode & 0o777 == 0o644


def test_a_new_reference_counts_from_the_restart_on(box, php, ssh):
    old = box.served()
    new = switch(php, box, "")
    assert box.served() == old
    assert ssh(box, "/usr/local/sbin/pfSctl -c 'service restart webgui'").returncode == 0
    wait_until(lambda: box.served() == new, "the new certificate")
    assert box.config().certref == "6500000000001"


def test_php_sends_the_same_event(box, php):
    new = switch(php, box, "")
    php(box, 'send_event("service restart webgui"); out(1);')
    wait_until(lambda: box.served() == new, "the new certificate")


@pytest.mark.parametrize(
    "broken",
    ['$entry["prv"] = "";', '$entry["crt"] = "";', '$entry["refid"] = "6500000000002";'],
    ids=["without key", "without certificate", "missing"],
)
def test_a_certificate_that_cannot_be_used_is_replaced_silently(box, php, broken):
    php_code = '$entry = ["refid" => "6500000000001"] + lab_issue("new")[2];' + broken
    php(
        box,
        _ISSUE
        + php_code
        + '$config["cert"][] = $entry; $config["system"]["webgui"]["ssl-certref"] = "6500000000001"; write_config("x"); out(1);',
    )
    known = set(box.config().certs)
    box.restart_gui()
    made = box.config().certs[box.config().certref]
    assert made.refid not in known
    assert box.served() == made.sha256
    assert re.fullmatch(r"GUI default \([0-9a-f]{13}\)", made.descr)
    assert "Generated new self-signed" in box.config().revision
    assert [event.facts["refid"] for event in box.happened("selfsigned")] == [made.refid]


@pytest.mark.parametrize(("version", "kept"), [("2.5.2", True), ("2.6.0", True), ("2.7.2", False), ("2.9-dev", False)])
def test_a_weak_signature_is_replaced_from_2_7_on(start_box, php, version, kept):
    box = start_box(version)
    switch(php, box, '$entry = ["refid" => "6500000000001"] + lab_issue("weak", null, "sha1")[2];')
    box.restart_gui()
    assert (box.config().certref == "6500000000001") is kept


def test_the_chain_follows_caref(box, php):
    code = """
$root = lab_issue("root"); $middle = lab_issue("middle", $root);
$config["ca"] = [["refid" => "6500000000011"] + $root[2], ["refid" => "6500000000012", "caref" => "6500000000011"] + $middle[2]];
$entry = ["refid" => "6500000000001", "caref" => "6500000000012"] + lab_issue("new", $middle)[2];
"""
    switch(php, box, code)
    box.restart_gui()
    served = re.findall(r"-----BEGIN.*?-----END CERTIFICATE-----", box.path("/var/etc/cert.crt").read_text(), re.DOTALL)
    stored = box.config().root
    crts = [
        stored.find("cert[refid='6500000000001']/crt"),
        *(stored.find(f"ca[refid='{ca}']/crt") for ca in ("6500000000012", "6500000000011")),
    ]
    assert served == [base64.b64decode(crt.text).decode().strip() for crt in crts]


def test_a_circle_of_cas_hangs_the_start(box, php):
    switch(
        php,
        box,
        '$ca = lab_issue("ca"); $config["ca"] = [["refid" => "6500000000011", "caref" => "6500000000011"] + $ca[2]]; $entry["caref"] = "6500000000011";',
    )
    with pytest.raises(subprocess.TimeoutExpired):
        subprocess.run(box.inside("/etc/rc.restart_webgui"), timeout=2, capture_output=True, check=False)
    assert box.served() is None
    box.run("/bin/pkill", "-f", "rc.restart_webgui")


def test_a_restart_may_do_nothing_for_a_while(box, php):
    old = box.served()
    new = switch(php, box, "")
    box.faults.restart_does_nothing = 1
    box.restart_gui()
    assert box.served() == old
    box.restart_gui()
    assert box.served() == new


def test_a_restart_may_leave_nothing(box):
    old = box.served()
    box.faults.restart_dies = True
    assert box.run("/bin/sh", "-c", "/etc/rc.restart_webgui 2>/dev/null; echo $?").stdout == "0\n"
    assert box.served() is None
    box.faults.restart_dies = False
    box.restart_gui()
    assert box.served() == old


def test_nginx_may_accept_the_old_one_alone(box, php):
    old, certref = box.served(), box.config().certref
    box.faults.gui_accepts_only = certref
    switch(php, box, "")
    box.restart_gui()
    assert box.served() is None
    php(box, f'$config["system"]["webgui"]["ssl-certref"] = "{certref}"; write_config("back"); out(1);')
    box.restart_gui()
    assert box.served() == old


def test_without_the_socket_events_are_dropped(box, php, ssh):
    box.event_socket = False
    assert ssh(box, "/usr/local/sbin/pfSctl -c 'service restart webgui'").returncode == 1
    php(box, 'send_event("service restart webgui"); out(1);')
    assert box.happened("event") == []
    assert "could not send event 'service restart webgui'" in box.system_log
    box.event_socket = True
    assert ssh(box, "/usr/local/sbin/pfSctl -c 'service restart webgui'").stdout == "OK\n"


def test_events_may_be_lost(box, ssh):
    box.faults.events_lost = True
    assert ssh(box, "/usr/local/sbin/pfSctl -c 'service restart webgui'").stdout == "OK\n"
    wait_until(lambda: bool(box.happened("event")), "the event")
    assert box.happened("restart") == []


def test_the_script_keeps_the_descriptors_that_it_is_given(box, ssh):
    with pytest.raises(subprocess.TimeoutExpired):
        ssh(box, "/etc/rc.restart_webgui", timeout=2)
    assert ssh(box, "nohup /etc/rc.restart_webgui </dev/null >/dev/null 2>&1 & echo gone", timeout=10).stdout == "gone\n"
    wait_until(lambda: len(box.happened("restarted")) == 2, "the restart")


def test_the_gui_may_be_down_for_a_while(box):
    box.faults.restart_seconds = 0.5
    box.run("/usr/local/sbin/pfSctl", "-c", "service restart webgui")
    wait_until(lambda: box.served() is None, "the gap")
    wait_until(lambda: box.served() is not None, "the end of the gap")


def test_a_gui_on_http_has_no_certificate(box):
    box.as_administrator('$config["system"]["webgui"]["protocol"] = "http";')
    box.restart_gui()
    assert box.served() is None
    with socket.create_connection((box.host, box.gui_port), 5) as plain:
        plain.sendall(b"GET / HTTP/1.0\r\n\r\n")
        assert plain.recv(100).startswith(b"HTTP/1.1 200")


def test_the_emergency_repair_makes_a_new_certificate(box):
    old = box.served()
    assert "done." in box.run("/usr/local/sbin/pfSsh.php", "playback", "generateguicert").stdout
    wait_until(lambda: box.served() not in (old, None), "the new certificate")
    assert box.served() == box.config().certs[box.config().certref].sha256
