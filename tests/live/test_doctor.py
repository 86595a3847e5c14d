"""`doctor` beside a real step-ca, sshd and nginx: what is wrong is found before anybody deploys, and each problem ends with its fix."""

from __future__ import annotations

from datetime import timedelta

import pytest

from certpush import Fleet
from certpush.kit.tls import utc_now
from certpush.testing.lab.process import free_port

pytestmark = [pytest.mark.live, pytest.mark.timeout(120), pytest.mark.parametrize("site", ["ssh"], indirect=True)]

DNS = ("target.wiki", "warning", "dns")  # nobody knows wiki.home.example here


def examined(site, change=("", ""), *, shift: timedelta = timedelta(0)) -> dict[tuple[str, str, str], tuple[str, str]]:
    """Each problem by place, severity and code, with its message and its fix; the configuration changed in one place."""
    path = site.configuration
    text = path.read_text()
    old, new = (one.format(ca=site.ca, sshd=site.sshd, directory=site.directory) for one in change)
    assert old in text
    path.write_text(text.replace(old, new, 1))
    with Fleet.load(path, clock=lambda: utc_now() + shift) as fleet:
        found = list(fleet.doctor(["wiki"]))
    return {(where, one.severity.value, one.code): (one.message, one.hint) for where, one in found if one.severity in ("warning", "error")}


def test_where_all_is_well_nothing_is_found(site):
    assert set(examined(site)) == {DNS}


@pytest.mark.parametrize(
    ("change", "problem", "says", "fix"),
    [
        (
            ('url = "{ca.url}"', 'url = "https://nowhere.home.example"'),
            ("ca", "error", "ca-reachable"),
            "name or service not known",
            "host",
        ),
        (('url = "{ca.url}"', 'url = "https://127.0.0.1:1"'), ("ca", "error", "ca-reachable"), "connection refused", "running"),
        (("{ca.fingerprint}", "ab" * 32), ("ca", "error", "ca-root"), "no root with the fingerprint", "step certificate fingerprint"),
        (('"admin"', '"Admin"'), ("ca", "error", "ca-provisioner"), "there is no provisioner 'Admin'", "did you mean 'admin'?"),
        (("/password", "/nowhere"), ("ca", "error", "ca-provisioner"), "cannot be read", "check the path"),
        (('lifetime = "24h"', 'lifetime = "395d"'), ("ca", "warning", "ca-lifetime"), "395d is asked for", "maxTLSCertDuration"),
        (('lifetime = "24h"', 'lifetime = "20s"'), ("ca", "warning", "ca-lifetime"), "20s is asked for", "minTLSCertDuration"),
        (('lifetime = "24h"', 'lifetime = "9999d"'), ("ca", "warning", "ca-certificate"), "before the certificate asked for", "new"),
        (("#wiki.home", "#mail.home"), ("target.wiki", "error", "names"), "would not cover mail.home.example", "add"),
        (('"127.0.0.1:', '"nowhere.home.example:'), ("target.wiki", "error", "dns"), "does not resolve here", "ADDRESS:"),
        (("{sshd.host_key_fingerprint}", "SHA256:" + "A" * 43), ("target.wiki", "error", "target"), "host key", "certpush trust wiki"),
        (('user = "', 'user = "nobody-'), ("target.wiki", "error", "target"), "public key was not accepted", "authorized_keys"),
        (("{sshd.client_key_path}", "/nowhere"), ("target.wiki", "error", "settings"), "cannot be read", "check the path"),
        (("{directory}/wiki.crt", "/nowhere/wiki.crt"), ("target.wiki", "error", "directory-missing"), "/nowhere", "install -d"),
        (("{directory}/reload", "/nowhere/reload"), ("target.wiki", "error", "command-missing"), "/nowhere/reload", "full path"),
        (('rescue_after = "60s"', 'rescue_after = "2s"'), ("target.wiki", "warning", "rescue"), "2s may put the old", '"20s" or more'),
        (
            ('reload = ["{directory}/reload"]', "reload = []"),
            ("target.wiki", "warning", "reload"),
            "nothing tells the service",
            "systemctl",
        ),
        (("{directory}/state", "/dev/null/state"), ("state", "error", "state"), "/dev/null is no directory", "[state] directory"),
    ],
)
def test_what_is_wrong_is_found_with_its_fix(site, change, problem, says, fix):
    found = examined(site, change)
    assert problem in found
    assert says in found[problem][0]
    assert fix in found[problem][1]
    assert all(hint for _, hint in found.values())


@pytest.mark.parametrize("hours", [-2, 2])
def test_a_clock_that_is_wrong_is_found_on_both_sides(site, hours):
    found = examined(site, shift=timedelta(hours=hours))
    assert ("ca", "error", "ca-clock") in found
    assert "timedatectl" in found["ca", "error", "ca-clock"][1]


def test_a_password_of_another_is_found(site):
    (site.directory / "password").write_text("of another")
    found = examined(site)
    assert "does not open the provisioner's key" in found["ca", "error", "ca-password"][0]


def test_a_port_where_nobody_answers_is_found(site):
    found = examined(site, ("port = {sshd.port}", f"port = {free_port()}"))
    assert "no connection" in found["target.wiki", "error", "target"][0]
