"""init without a terminal: everything comes from options, what is missing is named by its option, and a failure writes nothing."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from certpush.config import load

pytestmark = pytest.mark.timeout(120)
WIKI = ("--target", "wiki", "--kind", "ssh", "--host", "10.0.0.7", "--names", "wiki.example,w.example", "--identity", "key")
PLACES = ("--fullchain", "/etc/nginx/wiki.crt", "--key-file", "/etc/nginx/wiki.key", "--endpoint", "10.0.0.7:443#wiki.example")


def refused(person, ended, code: int, *says: str) -> None:
    assert ended.code == code, ended.err
    assert ended.err.count("error: ") == 1
    assert "  hint: " in ended.err
    for text in says:
        assert text in ended.err
    assert not person.configuration.parent.exists()


# --- what is written --------------------------------------------------------------------------


def test_url_fingerprint_and_password_file_are_enough(ca, person, known):
    ended = person.init(*known)
    assert ended.code == 0, ended.err
    assert ended.out.splitlines()[0] == f"written  {person.configuration} (0600)"
    assert "Next" in ended.out
    assert f"certpush doctor --config {person.configuration}" in ended.out
    assert f'fingerprint = "{ca.fingerprint}"' in person.written
    assert ca.password not in person.written
    assert sorted(person.files) == ["ca-password", "etc/certpush.toml"]


def test_what_was_written_works(ca, person, known):
    (person.home / "tls").mkdir()
    target = ("--target", "here", "--names", "here.example", "--directory", str(person.home / "tls"), "--endpoint", "none")
    assert person.init(*known, *target).code == 0
    assert person.certpush("config", "check", "--config", person.configuration).code == 0
    doctor = person.certpush("doctor", "--config", person.configuration)
    assert doctor.code == 0, doctor.out
    deployed = person.certpush("deploy", "--config", person.configuration)
    assert deployed.code == 0, deployed.err
    assert (person.home / "tls/current/fullchain.pem").read_text().startswith("-----BEGIN CERTIFICATE-----")


def test_a_host_may_have_the_port_of_its_ssh_server_behind_it(person, known):
    wiki = [word if word != "10.0.0.7" else "10.0.0.7:2222" for word in WIKI]
    twice = person.init(*known, *wiki, *PLACES, "--set", "port=22")
    refused(person, twice, 2, "the port is said twice")
    ended = person.init(*known, *wiki, *PLACES)
    assert ended.code == 0, ended.err
    table = load(person.configuration, {}).targets["wiki"].table
    assert (table["host"], table["port"]) == ("10.0.0.7", 2222)


def test_an_ssh_target_by_options_alone(person, known):
    ended = person.init(*known, *WIKI, *PLACES, "--user", "deploy", "--sudo", "--reload", "systemctl reload nginx", "--set", "port=2222")
    assert ended.code == 0, ended.err
    target = load(person.configuration, {}).targets["wiki"]
    assert [str(one) for one in target.certificate.request.names] == ["wiki.example", "w.example"]
    assert [(one.host, one.port, one.name) for one in target.endpoints] == [("10.0.0.7", 443, "wiki.example")]
    assert dict(target.table) == {
        "host": "10.0.0.7",
        "port": 2222,
        "user": "deploy",
        "identity": f"file:{person.home}/key",
        "sudo": True,
        "fullchain": "/etc/nginx/wiki.crt",
        "key_file": "/etc/nginx/wiki.key",
        "reload": ["systemctl", "reload", "nginx"],
    }
    assert f"ssh-keygen -t ed25519 -N '' -f {person.home}/key" in ended.out
    assert "certpush trust wiki" in ended.out


def test_a_pinned_host_key_and_an_agent_need_no_further_step(person, known):
    words = [word if word != "key" else "agent" for word in WIKI]
    ended = person.init(*known, *words, *PLACES, "--set", f"host_key=SHA256:{'A' * 43}")
    assert ended.code == 0, ended.err
    assert "certpush trust" not in ended.out
    assert "ssh-keygen" not in ended.out
    assert load(person.configuration, {}).targets["wiki"].table["agent"] is True


def test_a_machine_gets_one_document(ca, person, known):
    ended = person.init(*known, *WIKI, *PLACES, "--lifetime", "395d", "--output", "json")
    assert ended.code == 0, ended.err
    assert ended.err == ""
    found = ended.document
    assert found["configuration"] == str(person.configuration)
    assert found["ca"] == {"url": ca.url, "fingerprint": ca.fingerprint, "root": None, "provisioner": ca.provisioner}
    assert found["targets"] == [{"name": "wiki", "kind": "ssh", "names": ["wiki.example", "w.example"]}]
    assert found["lifetime"] == "395d"
    assert [one["code"] for one in found["findings"]] == ["ca-lifetime"]
    assert "certpush deploy --plan" in found["next"][-1]["command"]


def test_a_machine_is_told_of_a_refusal_in_the_document(person):
    ended = person.init("--output", "json")
    assert ended.code == 2
    assert "--ca-url" in ended.document["error"]["hint"]


# --- what is missing, and what will not do ----------------------------------------------------


def test_each_missing_answer_is_an_error_that_names_its_option(ca, person, known):
    refused(person, person.init(), 2, "--ca-url", "step ca bootstrap")
    refused(person, person.init(*known[:2]), 2, "--fingerprint", "step certificate fingerprint")
    refused(person, person.init(*known[:4]), 2, "--password-file", "--password REFERENCE")
    for left_out in ("--names", "--identity", "--fullchain", "--key-file", "--endpoint"):
        words = [*WIKI, *PLACES]
        del words[words.index(left_out) : words.index(left_out) + 2]
        refused(person, person.init(*known, *words), 2, f"add {left_out}" if left_out != "--fullchain" else "--fullchain FILE")


def test_an_address_that_is_not_https_is_refused(person):
    refused(person, person.init("--ca-url", "http://127.0.0.1:9", "--fingerprint", "0" * 64), 2, "--ca-url: ", "is not https")


def test_another_root_ends_with_the_code_of_a_refused_identity(ca, person, known):
    refused(person, person.init("--ca-url", ca.url, "--fingerprint", "0" * 64, *known[4:]), 4, "0" * 64)


def test_a_ca_that_does_not_answer_is_said(person, known):
    refused(person, person.init("--ca-url", "https://127.0.0.1:9", *known[2:]), 1, "connection refused")


def test_a_wrong_password_is_noticed_at_once(person, known, password_file):
    password_file.write_text("wrong\n")
    refused(person, person.init(*known), 1, "the password does not open the provisioner's key")


def test_a_password_file_that_others_can_read_is_refused(person, known, password_file):
    password_file.chmod(0o644)
    refused(person, person.init(*known), 2, f"chmod 600 {password_file}")
    assert stat.S_IMODE(password_file.stat().st_mode) == 0o644


def test_a_password_itself_is_refused_and_not_repeated(person, known):
    ended = person.init(*known[:4], "--password", "hunter2")
    refused(person, ended, 2, "by reference", "history")
    assert "hunter2" not in ended.err


def test_a_password_may_come_from_a_command_or_the_environment(ca, person, known):
    assert person.init(*known[:4], "--password", f"cmd:cat {known[5]}").code == 0
    assert f'password = "cmd:cat {known[5]}"' in person.written
    assert person.init("--force", *known[:4], "--password", "env:CA_PASSWORD", CA_PASSWORD=ca.password).code == 0
    assert 'password = "env:CA_PASSWORD"' in person.written
    assert ca.password not in person.written


def test_a_wrong_password_of_a_command_is_noticed_too(person, known):
    refused(person, person.init(*known[:4], "--password", "cmd:echo wrong"), 1, "does not open")


def test_a_credential_of_a_service_is_taken_untried(person, known):
    assert person.init(*known[:4], "--password", "cred:ca").code == 0
    assert 'password = "cred:ca"' in person.written


def test_a_credential_that_is_there_is_tried(ca, person, known):
    folder = person.home / "credentials"
    folder.mkdir()
    (folder / "ca").write_text("wrong")
    ended = person.init(*known[:4], "--password", "cred:ca", CREDENTIALS_DIRECTORY=str(folder))
    refused(person, ended, 1, "does not open")


def test_an_unknown_provisioner_is_answered_with_the_nearest(person, known):
    refused(person, person.init(*known, "--provisioner", "Admim"), 1, "did you mean 'admin'")


@pytest.mark.parametrize("lifetime", ["soon", "0s", "30", "-1h", "999999999d"])
def test_a_lifetime_that_is_none_is_refused(person, known, lifetime):
    refused(person, person.init(*known, f"--lifetime={lifetime}"), 2, "--lifetime: ")


def test_options_of_a_target_need_its_name(person, known):
    refused(person, person.init(*known, "--key-file", "/x"), 2, "--key-file belongs to a target", "--target NAME")


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("--target", "wi ki"), "--target: "),
        (("--target", "../etc"), "--target: "),
        (("--target", ""), "--target"),
        (("--target", 'x"]\n[ca'), "--target: "),
        (("--names", "wiki.example:443"), "--names: "),
        (("--host", "wiki.example; rm -rf /"), "--host: "),
        (("--host", "*.example"), "--host: "),
        (("--user", "-oProxyCommand=x"), "user: "),
        (("--fullchain", "relative.crt"), "fullchain: "),
        (("--fullchain", "/etc/../x"), "fullchain: "),
        (("--fullchain", "/etc/nginx/wiki.key"), "same path"),
        (("--directory", "/etc/ssl/wiki"), "directory stands beside"),
        (("--reload", "systemctl reload nginx && true"), "--reload: "),
        (("--reload", "echo 'x"), "--reload: "),
        (("--endpoint", "wiki.example"), "--endpoint: "),
        (("--endpoint", "other.example:443"), "would not cover"),
        (("--kind", "shs"), "did you mean 'ssh'"),
        (("--kind", "file"), "a target of kind file has no such key"),
        (("--set", "porrt=1"), "did you mean 'port'"),
        (("--set", "port=many"), "--set port: "),
        (("--set", "port=0"), "port"),
        (("--set", "port"), "KEY=VALUE"),
        (("--set", "names=x"), "--names"),
        (("--set", "identity_passphrase=hunter2"), "by reference"),
        (("--set", "agent=perhaps"), "--set agent: "),
    ],
)
def test_a_hostile_or_mistaken_answer_writes_nothing(person, known, words, says):
    ended = person.init(*known, *WIKI, *PLACES, *words)
    assert says in ended.err
    assert "hunter2" not in ended.err
    refused(person, ended, 2)


def test_a_certificate_without_a_name_is_refused(person, known):
    refused(person, person.init(*known, "--target", "a", "--names", ","), 2, "--names: ")


def test_a_name_cannot_break_out_of_its_quotes(person, known):
    words = ("--reload", 'touch "/tmp/a b" \'"]\\\'', "--target", "a.b")
    assert person.init(*known, *WIKI, *PLACES, *words).code == 0
    assert load(person.configuration, {}).targets["a.b"].table["reload"] == ["touch", "/tmp/a b", '"]\\']


# --- what is there already --------------------------------------------------------------------


def test_a_configuration_that_is_there_is_left_alone(person, known):
    person.configuration.parent.mkdir()
    person.configuration.write_text("# mine\n")
    ended = person.init(*known)
    assert ended.code == 2
    assert "--force" in ended.err
    assert person.files["etc/certpush.toml"] == "# mine\n"
    assert sorted(person.files) == ["ca-password", "etc/certpush.toml"]


def test_force_keeps_what_was_there_and_what_was_kept_before(person, known):
    person.configuration.parent.mkdir()
    person.configuration.write_text("# first\n")
    assert person.init(*known, "--force").code == 0
    person.configuration.write_text("# second\n")
    ended = person.init(*known, "--force", "--output", "json")
    assert ended.document["kept"] == [f"{person.configuration}.bak2"]
    assert person.files["etc/certpush.toml.bak"] == "# first\n"
    assert person.files["etc/certpush.toml.bak2"] == "# second\n"
    assert stat.S_IMODE(Path(f"{person.configuration}.bak2").stat().st_mode) == 0o600


def test_a_link_is_not_written_through(person, known):
    person.configuration.parent.mkdir()
    mine = person.home / "mine.toml"
    mine.write_text("# mine\n")
    person.configuration.symlink_to(mine)
    assert person.init(*known).code == 2
    assert person.init(*known, "--force").code == 5
    assert mine.read_text() == "# mine\n"


def test_a_password_that_is_there_already_is_used(ca, person, known):
    person.configuration.parent.mkdir(mode=0o700)
    kept = person.configuration.parent / "provisioner-password"
    kept.touch(mode=0o600)
    kept.write_text(ca.password)
    assert person.init(*known[:4]).code == 0
    assert f'password = "file:{kept}"' in person.written
    assert kept.read_text() == ca.password


def test_a_wrong_password_that_is_there_already_is_left_alone(person, known):
    person.configuration.parent.mkdir(mode=0o700)
    kept = person.configuration.parent / "provisioner-password"
    kept.touch(mode=0o600)
    kept.write_text("of another CA")
    ended = person.init(*known[:4])
    assert ended.code == 2
    assert "provisioner-password is there already" in ended.err
    assert sorted(person.files) == ["ca-password", "etc/provisioner-password"]


def test_a_conf_d_beside_it_is_read_with_it(person, known):
    folder = person.configuration.parent / "conf.d"
    folder.mkdir(parents=True)
    (folder / "wiki.toml").write_text('[target.wiki]\nkind = "file"\nnames = ["x.example"]\ndirectory = "/x"\nverify = "files"\n')
    ended = person.init(*known, *WIKI, *PLACES)
    assert ended.code == 2
    assert "target.wiki is already given" in ended.err
    assert sorted(person.files) == ["ca-password", "etc/conf.d/wiki.toml"]


# --- where it cannot be written ---------------------------------------------------------------


def test_a_file_system_without_room_for_it_is_said(person):
    ended = person.certpush("init", "--config", "/proc/certpush/certpush.toml")
    assert ended.code == 2
    assert "/proc/certpush/certpush.toml cannot be written" in ended.err


@pytest.mark.parametrize("path", ["", "/", "etc/", "\x1b[2J.toml", "~nobody-of-that-name/x"])
def test_a_path_that_is_no_file_is_refused(person, path):
    ended = person.certpush("init", f"--config={path}", CERTPUSH_CONFIG=path)
    assert ended.code == 2
    assert "\x1b" not in ended.err
    assert person.files == {}
