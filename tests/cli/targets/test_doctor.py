"""`certpush doctor`: every check, in the order of what it needs, and each problem with its fix."""

from __future__ import annotations

import socket

import pytest

from certpush.testing.authority import JwkProvisioner
from certpush.testing.lab.process import free_port

pytestmark = pytest.mark.timeout(120)


def found(ended, where: str) -> list[tuple[str, str]]:
    """Severity and code of each finding."""
    return [(one["severity"], one["code"]) for one in ended.document["findings"] if one["where"] == where]


def problems(ended) -> list[dict[str, str]]:
    return [one for one in ended.document["findings"] if one["severity"] in ("warning", "error")]


@pytest.fixture
def known_names(monkeypatch):
    """Let the resolver know some names."""

    def know(*names: str) -> None:
        asked = socket.getaddrinfo

        def getaddrinfo(host, *args, **kwargs):
            return asked("127.0.0.1" if host in names else host, *args, **kwargs)

        monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)

    return know


def test_where_all_is_well_every_check_is_named(certpush, yard, known_names):
    known_names("wiki.home.example")
    yard.serve("wiki")
    ended = certpush("doctor", "--output=json")
    assert ended.code == 0
    assert problems(ended) == []
    codes = [code for _, code in found(ended, "ca")]
    for code in ("ca-reachable", "ca-root", "ca-health", "ca-clock", "ca-names", "ca-lifetime", "ca-certificate"):
        assert code in codes
    assert [code for _, code in found(ended, "target.wiki")] == [
        "settings",
        "key",
        "dns",
        "names",
        "target",
        "endpoint",
        "files",
        "way-back",
    ]
    assert found(ended, "state") == [("ok", "state")]
    text = certpush("doctor").out
    assert text.startswith("ca\n  ok       https://127.0.0.1:")
    assert "\ntarget.wiki\n  ok       the plugin file is there" in text
    assert "way back: exact, the previous certificate stays on the target" in text
    assert text.splitlines()[-1].startswith("all ")


def test_what_is_in_place_already_has_no_way_back_to_tell_of(certpush, yard):
    yard.serve("wiki")
    assert certpush("deploy").code == 0
    ended = certpush("doctor", "--output=json")
    assert ended.code == 0
    assert ("ok", "way-back") not in found(ended, "target.wiki")


def test_names_that_do_not_resolve_are_worth_a_word_and_no_more(certpush, yard):
    yard.serve("wiki")
    yard.describe("wiki", 'names = ["wiki.home.example", "*.home.example", "127.0.0.1", "localhost"]')
    ended = certpush("doctor", "--output=json")
    assert ended.code == 0
    (one,) = problems(ended)
    assert (one["severity"], one["code"]) == ("warning", "dns")
    assert one["message"] == "wiki.home.example does not resolve here: no such name"
    assert "DNS" in one["hint"]
    assert certpush("doctor").out.splitlines()[-1].startswith("1 warning; ")


def test_names_that_do_not_cover_the_endpoint_are_an_error_told_once(certpush, yard):
    yard.serve("wiki")
    yard.describe("wiki", 'names = ["localhost"]')
    ended = certpush("doctor", "--output=json")
    assert ended.code == 1
    (one,) = problems(ended)
    assert one["code"] == "names"
    assert 'add "wiki.home.example" to names' in one["hint"]


def test_a_ca_that_is_down_does_not_keep_the_targets_from_being_checked(certpush, yard):
    yard.serve("wiki")
    yard.ca.stop()
    ended = certpush("doctor", "--output=json")
    assert ended.code == 1
    assert found(ended, "ca") == [("error", "ca-reachable")]
    assert ("ok", "target") in found(ended, "target.wiki")


def test_a_secret_that_cannot_be_read_is_a_finding_like_others(certpush, yard):
    yard.serve("wiki")
    (yard.directory / "password").unlink()
    ended = certpush("doctor", "--output=json")
    assert ended.code == 1
    assert ("error", "ca-provisioner") in found(ended, "ca")
    assert ("ok", "target") in found(ended, "target.wiki")


@pytest.mark.parametrize(
    ("key", "value", "code"),
    [
        ("fingerprint", "00" * 32, "ca-root"),
        ("provisioner", "nobody", "ca-provisioner"),
        ("url", "https://127.0.0.1:1", "ca-reachable"),
    ],
)
def test_a_wrong_ca_table_is_found(certpush, yard, key, value, code):
    lines = [line for line in yard.tables["ca"].splitlines() if not line.startswith(key)]
    yard.tables["ca"] = "\n".join([*lines, f'{key} = "{value}"'])
    yard.write()
    ended = certpush("doctor", "--output=json")
    assert ended.code == 1
    assert code in [one["code"] for one in problems(ended)]
    assert all(one["hint"] for one in problems(ended))


def test_a_wrong_provisioner_password_is_found(certpush, yard):
    (yard.directory / "password").write_text("wrong")
    ended = certpush("doctor", "--output=json")
    assert ended.code == 1
    assert [one["code"] for one in problems(ended)] == ["ca-password"]
    assert "password" in problems(ended)[0]["message"]


def test_a_lifetime_that_the_provisioner_does_not_allow_is_found(certpush, yard):
    yard.ca.update(admin_claims={"maxTLSCertDuration": "24h"})
    yard.serve("wiki", 'lifetime = "395d"')
    ended = certpush("doctor", "--output=json")
    assert ended.code == 1
    (one,) = [one for one in problems(ended) if one["code"] == "ca-lifetime"]
    assert "395d is asked for" in one["message"]
    assert "maxTLSCertDuration" in one["hint"]


def test_of_several_targets_the_longest_lifetime_is_what_the_ca_is_asked_about(certpush, yard):
    yard.ca.update(admin_claims={"maxTLSCertDuration": "48h"})
    yard.describe("short", 'verify = "files"\nlifetime = "1h"')
    yard.describe("long", 'verify = "files"\nlifetime = "72h"')
    assert any(
        "72h is asked for" in one["message"] or "3d is asked for" in one["message"] for one in problems(certpush("doctor", "--output=json"))
    )
    assert not [one for one in problems(certpush("doctor", "short", "--output=json")) if one["code"] == "ca-lifetime"]


def test_two_cas_are_both_checked_and_a_named_target_asks_for_its_own_alone(certpush, yard, start_embedded_ca):
    other = start_embedded_ca(admin=JwkProvisioner.make(p2c=1000))
    (yard.directory / "other").touch(mode=0o600)
    (yard.directory / "other").write_text(other.password)
    yard.tables["ca.home"] = yard.tables.pop("ca")
    yard.tables["ca.work"] = (
        f'url = "{other.url}"\nfingerprint = "{other.fingerprint}"\nprovisioner = "admin"\npassword = "file:{yard.directory}/other"'
    )
    yard.describe("wiki", 'verify = "files"\nca = "work"')
    assert {one["where"] for one in certpush("doctor", "--output=json").document["findings"]} == {
        "ca.home",
        "ca.work",
        "state",
        "target.wiki",
    }
    assert {one["where"] for one in certpush("doctor", "wiki", "--output=json").document["findings"]} == {"ca.work", "state", "target.wiki"}


@pytest.mark.parametrize(
    ("more", "code", "hint"),
    [
        ('kind = "fil"', "settings", ""),
        ('kind = "file"\nsurprise = 1', "settings", ""),
        ("endpoints = []", "open", 'verify = "files"'),
        ('fullchain = "/nowhere/at/all/wiki.crt"', "directory-missing", "install -d"),
        ('reload = ["/nowhere/reload"]', "command-missing", "write its full path"),
        ('owner = "nobody-of-this-name"', "owner-unknown", "create it"),
    ],
)
def test_what_is_wrong_with_a_target_is_found_with_its_fix(certpush, yard, more, code, hint):
    yard.serve("wiki", more)
    yard.describe("mail", 'verify = "files"')
    ended = certpush("doctor", "--output=json")
    assert ended.code == 1
    errors = [one for one in problems(ended) if one["severity"] == "error"]
    assert [one["code"] for one in errors] == [code]
    assert hint in errors[0]["hint"]
    assert ("ok", "target") in found(ended, "target.mail")


def test_a_foreign_certificate_is_found_before_anybody_deploys(certpush, yard, authority):
    yard.serve("wiki", before=authority.issue("wiki.home.example"))
    ended = certpush("doctor", "wiki")
    assert ended.code == 1
    assert "error    a certificate that certpush did not deploy is there" in ended.out
    see = f"certpush inspect 127.0.0.1:{yard.servers['wiki'].port} --server-name wiki.home.example"
    assert f"-> `{see}` shows it; `certpush deploy wiki --adopt` takes it over" in ended.out
    assert certpush(*see.split()[1:]).code == 0


def test_a_silent_endpoint_is_a_warning(certpush, yard):
    yard.serve("wiki")
    assert certpush("deploy").code == 0
    yard.servers["wiki"].stop()
    ended = certpush("doctor", "--output=json")
    assert ended.code == 0
    assert ("warning", "endpoint") in found(ended, "target.wiki")


def test_an_endpoint_whose_name_nobody_knows_is_an_error_told_once(certpush, yard):
    yard.serve("wiki")
    yard.describe("wiki", 'endpoints = ["wiki.home.example:8443"]')
    (yard.directory / "wiki.crt").unlink()
    (yard.directory / "wiki.key").unlink()
    ended = certpush("doctor", "--output=json")
    assert ended.code == 1
    (one,) = [one for one in problems(ended) if one["severity"] == "error"]
    assert one["code"] == "dns"
    assert one["message"].startswith("wiki.home.example:8443: wiki.home.example does not resolve here (no such name)")
    assert '"ADDRESS:8443#wiki.home.example"' in one["hint"]
    assert "endpoint" not in [code for _, code in found(ended, "target.wiki")]


def test_a_timer_that_leaves_no_time_is_a_warning(certpush, behind_ssh):
    behind_ssh(rescue_after="2s")
    ended = certpush("doctor", "wiki", "--output=json")
    (one,) = [one for one in problems(ended) if one["code"] == "rescue"]
    assert (ended.code, one["severity"]) == (0, "warning")
    assert 'rescue_after = "20s"' in one["hint"]


def test_where_there_is_no_target_yet_that_is_said_and_the_ca_is_checked(certpush, yard):
    ended = certpush("doctor", "--output=json")
    assert ended.code == 0
    assert ("ok", "ca-health") in found(ended, "ca")
    assert found(ended, "targets") == [("info", "targets")]


# --- the state ------------------------------------------------------------------------------------


def state(ended) -> dict[str, str]:
    (one,) = [one for one in ended.document["findings"] if one["where"] == "state"]
    return one


def test_a_state_directory_that_is_not_there_yet_is_not_made_by_looking(certpush, yard, tmp_path):
    yard.describe("wiki", 'verify = "files"')
    assert state(certpush("doctor", "--output=json"))["message"] == f"{tmp_path}/state can be made"
    assert not (tmp_path / "state").exists()
    assert certpush("deploy").code == 0
    assert state(certpush("doctor", "--output=json"))["message"] == f"{tmp_path}/state can be used"


def others_may_write(path) -> None:
    path.mkdir()
    path.chmod(0o777)


def damaged(path) -> None:
    path.mkdir(mode=0o700)
    (path / "journal.sqlite3").write_text("no database at all" * 100)


@pytest.mark.parametrize(
    ("spoil", "says", "hint"),
    [
        (others_may_write, "others may write to the state directory", "chmod 700"),
        (damaged, "is damaged", "put back a backup"),
        (lambda path: path.write_text(""), "is no directory", "name another one"),
        (lambda path: path.symlink_to("."), "is no directory", "name another one"),
    ],
)
def test_a_state_that_cannot_be_used_is_found_and_the_targets_are_checked_nevertheless(certpush, yard, tmp_path, spoil, says, hint):
    yard.describe("wiki", 'verify = "files"')
    spoil(tmp_path / "state")
    ended = certpush("doctor", "--output=json")
    assert ended.code == 1
    assert state(ended)["severity"] == "error"
    assert says in state(ended)["message"]
    assert hint in state(ended)["hint"]
    assert ("ok", "target") in found(ended, "target.wiki")


def test_a_place_where_no_state_can_be_made_is_found(certpush, yard):
    yard.describe("wiki", 'verify = "files"')
    (yard.directory / "file").touch()
    yard.tables["state"] = f'directory = "{yard.directory}/file/state"'
    yard.write()
    ended = certpush("doctor", "--output=json")
    assert ended.code == 1
    assert (
        state(ended)["message"] == f"the state directory {yard.directory}/file/state cannot be made: {yard.directory}/file is no directory"
    )


def test_targets_are_told_of_in_their_order(certpush, yard):
    for name in ("zulu", "alpha", "mike"):
        yard.describe(name, 'verify = "files"')
    wheres = [one["where"] for one in certpush("doctor", "--output=json").document["findings"]]
    assert list(dict.fromkeys(wheres)) == ["ca", "state", "target.zulu", "target.alpha", "target.mike"]


# --- behind SSH -----------------------------------------------------------------------------------


@pytest.fixture
def behind_ssh(yard, start_sshd):
    sshd = start_sshd()

    def describe(**change: object) -> None:
        table = {
            "kind": "ssh",
            "host": sshd.host,
            "port": sshd.port,
            "user": sshd.user,
            "identity": f"file:{sshd.client_key_path}",
            "host_key": sshd.host_key_fingerprint,
            "verify": "files",
        } | change
        yard.describe("wiki", "\n".join(f"{key} = {value!r}" for key, value in table.items() if value is not None).replace("'", '"'))

    describe()
    return describe


@pytest.mark.live("sshd")
def test_a_good_ssh_target_passes(certpush, behind_ssh):
    ended = certpush("doctor", "wiki", "--output=json")
    assert ended.code == 0
    assert ("ok", "login") in found(ended, "target.wiki")


@pytest.mark.live("sshd")
@pytest.mark.parametrize(
    ("change", "says", "hint"),
    [
        ({"host_key": "SHA256:" + "A" * 43}, "shows the SSH host key", "certpush trust wiki"),
        ({"host_key": None}, "which nobody has confirmed yet", "certpush trust wiki"),
        ({"user": "nobody-of-this-name"}, "the public key was not accepted", "authorized_keys"),
        ({"port": free_port()}, "no connection", "an SSH server listens there"),
        ({"fullchain": "/nowhere/wiki.crt"}, "/nowhere is not there", "install -d"),
        ({"fullchain": "/proc/wiki.crt"}, "/proc", ""),  # no right to write there; or none of its 0 bytes is free, where root may
        ({"check": ["no-such-program"]}, "no-such-program cannot be found", "full path"),
    ],
)
def test_what_is_wrong_behind_ssh_is_found_with_its_fix(certpush, behind_ssh, change, says, hint):
    behind_ssh(**change)
    ended = certpush("doctor", "wiki", "--output=json")
    assert ended.code == 1
    errors = [one for one in problems(ended) if one["severity"] == "error"]
    assert says in errors[0]["message"]
    assert hint in errors[0]["hint"]


@pytest.mark.live("sshd")
def test_a_wrong_password_behind_ssh_is_found(certpush, yard, behind_ssh, start_sshd):
    sshd = start_sshd(user="deploy", password="the right one")
    (yard.directory / "wrong").touch(mode=0o600)
    (yard.directory / "wrong").write_text("the wrong one")
    behind_ssh(port=sshd.port, user="deploy", host_key=sshd.host_key_fingerprint, identity=None, password=f"file:{yard.directory}/wrong")
    ended = certpush("doctor", "wiki")
    assert ended.code == 1
    assert "deploy@127.0.0.1" in ended.out
    assert "the password was not accepted" in ended.out
    assert "the wrong one" not in ended.out + ended.err


@pytest.mark.live("sshd")
def test_a_user_without_rights_behind_ssh_is_found(certpush, yard, behind_ssh, start_sshd):
    sshd = start_sshd(user="deploy")
    behind_ssh(
        port=sshd.port,
        user="deploy",
        host_key=sshd.host_key_fingerprint,
        identity=f"file:{sshd.client_key_path}",
        fullchain="/etc/wiki.crt",
    )
    ended = certpush("doctor", "wiki", "--output=json")
    assert ended.code == 1
    assert "directory-not-writable" in [one["code"] for one in problems(ended)]


def test_observers_are_checked_as_a_run_would_use_them(certpush, yard, tmp_path):
    yard.serve("wiki")
    yard.tables["observer.page"] = f'kind = "metrics"\nfile = "{tmp_path}/nowhere/certpush.prom"'
    yard.tables["observer.chat"] = (
        f'kind = "notify"\nurl = "https://127.0.0.1:1/"\nheaders = {{ Authorization = "file:{tmp_path}/missing" }}'
    )
    yard.tables["observer.off"] = 'kind = "metrics"\nfile = "/nowhere/at/all.prom"\nenabled = false'
    yard.write()
    ended = certpush("doctor", "--output=json")
    assert ended.code == 1
    assert [severity for severity, _ in found(ended, "observer.page")] == ["ok", "error"]
    assert found(ended, "observer.chat") == [("error", "table")]
    assert [one["message"] for one in problems(ended) if "missing" in one["message"]]
    assert found(ended, "observer.off") == []
    assert [one for one in certpush("doctor", "wiki", "--output=json").document["findings"] if "observer" in one["where"]] == []
