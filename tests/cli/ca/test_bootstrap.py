"""certpush ca bootstrap: nothing is trusted unseen, nothing of another CA is lost, and later commands need nothing else."""

from __future__ import annotations

import io
import json

import pytest

from certpush.model import fingerprint, read_certificates
from certpush.stepca.bootstrap import read_steppath
from certpush.testing.authority.pki import Pki
from unit.stepca.scripted import Reply


@pytest.fixture
def bootstrap(certpush):
    """Bootstrap a CA by its fingerprint."""
    return lambda ca, *words: certpush("ca", "bootstrap", ca.url, "--fingerprint", ca.fingerprint, *words)


def read(path):
    return json.loads(path.read_text())


def everything(folder):
    return {str(one.relative_to(folder)): one.read_bytes() for one in folder.rglob("*") if one.is_file()}


def test_afterwards_every_command_knows_the_ca(certpush, bootstrap, ca, home):
    ended = bootstrap(ca)
    assert (ended.code, ended.err) == (0, "")
    root, defaults = home / ".step/certs/root_ca.crt", home / ".step/config/defaults.json"
    assert [line.split()[1] for line in ended.out.splitlines() if line.startswith("written")] == [str(root), str(defaults)]
    assert root.read_bytes() == ca.root_pem
    assert read(defaults) == {"ca-url": ca.url, "fingerprint": ca.fingerprint, "root": str(root), "redirect-url": ""}
    assert certpush("ca", "health").code == 0
    assert certpush("ca", "provisioners").code == 0
    assert (home / ".step").stat().st_mode & 0o777 == 0o700


def test_the_same_as_one_document(bootstrap, embedded_ca, home):
    document = bootstrap(embedded_ca, "--output", "json").document
    assert (document["exit"], document["url"], document["steppath"], document["context"]) == (0, embedded_ca.url, f"{home}/.step", None)
    assert [one["fingerprint"] for one in document["roots"]] == [embedded_ca.fingerprint]
    assert len(document["written"]) == 2


def test_a_fingerprint_is_taken_as_people_write_it(certpush, embedded_ca):
    pairs = [embedded_ca.fingerprint[at : at + 2].upper() for at in range(0, 64, 2)]
    assert certpush("ca", "bootstrap", "--ca-url", embedded_ca.url, "--fingerprint", ":".join(pairs)).code == 0


def test_a_second_time_nothing_is_written(bootstrap, embedded_ca, home):
    bootstrap(embedded_ca)
    before = everything(home)
    ended = bootstrap(embedded_ca)
    assert ended.code == 0
    assert "was known already" in ended.out
    assert everything(home) == before


# --- another CA is never lost -----------------------------------------------------------------


def test_another_ca_s_bootstrap_stays_unless_told_otherwise(bootstrap, embedded_ca, start_embedded_ca, home):
    other = start_embedded_ca()
    bootstrap(other)
    before = everything(home)
    ended = bootstrap(embedded_ca)
    assert ended.code == 2
    assert f"remembers another CA: {other.url}" in ended.err
    assert "--context NAME" in ended.err
    assert everything(home) == before


def test_told_to_it_replaces_it_and_keeps_a_copy(certpush, bootstrap, embedded_ca, start_embedded_ca, home):
    other = start_embedded_ca()
    bootstrap(other)
    step = home / ".step"
    defaults = read(step / "config/defaults.json") | {"provisioner": "of the other CA"}
    (step / "config/defaults.json").write_text(json.dumps(defaults))
    ended = bootstrap(embedded_ca, "--force")
    assert ended.code == 0
    assert read(step / "config/defaults.json.before") == defaults
    assert (step / "certs/root_ca.crt.before").read_bytes() == other.root_pem
    assert "provisioner" not in read(step / "config/defaults.json")
    assert f"kept     {step}/config/defaults.json.before" in ended.out
    assert certpush("ca", "health").line("address") == embedded_ca.url


def test_what_a_person_added_for_this_ca_stays(bootstrap, embedded_ca, home):
    bootstrap(embedded_ca)
    path = home / ".step/config/defaults.json"
    path.write_text(json.dumps(read(path) | {"provisioner": "admin", "ca-url": "https://its-old-name.example", "not-after": 5}))
    assert bootstrap(embedded_ca).code == 0
    assert (read(path)["provisioner"], read(path)["ca-url"]) == ("admin", embedded_ca.url)


def test_a_ca_that_rotates_its_root_is_the_same_ca(bootstrap, start_embedded_ca, home):
    ca = start_embedded_ca()
    old = ca.fingerprint
    bootstrap(ca)
    ca.replace_pki(Pki.make("Next"), keep_root=True)
    assert bootstrap(ca).code == 0
    remembered = [fingerprint(one) for one in read_certificates((home / ".step/certs/root_ca.crt").read_bytes())]
    assert remembered == [ca.fingerprint, old]


def test_on_the_ca_itself_its_own_root_file_is_left_alone(bootstrap, embedded_ca, home):
    root = home / ".step/certs/root_ca.crt"
    root.parent.mkdir(parents=True)
    text = b"the root of this CA\n" + embedded_ca.root_pem
    root.write_bytes(text)
    path = home / ".step/config/defaults.json"
    path.parent.mkdir()
    path.write_text(
        json.dumps({"ca-url": embedded_ca.url, "ca-config": "/x/ca.json", "fingerprint": embedded_ca.fingerprint, "root": str(root)})
    )
    assert bootstrap(embedded_ca).code == 0
    assert root.read_bytes() == text
    assert read(path)["ca-config"] == "/x/ca.json"


@pytest.mark.parametrize(
    ("before", "same"),
    [
        ({"ca-url": "https://other.example", "fingerprint": "not one"}, False),
        ({"ca-url": "https://other.example"}, False),
        ({"ca-url": "::::"}, False),
        ({"provisioner": "admin"}, True),
    ],
)
def test_half_a_bootstrap_is_judged_by_what_it_has(bootstrap, embedded_ca, home, before, same):
    path = home / ".step/config/defaults.json"
    path.parent.mkdir(parents=True)
    path.write_text(json.dumps(before))
    assert bootstrap(embedded_ca).code == (0 if same else 2)


# --- where it is kept -------------------------------------------------------------------------


def test_steppath_says_where(bootstrap, embedded_ca, home, tmp_path, monkeypatch):
    monkeypatch.setenv("STEPPATH", str(tmp_path / "elsewhere"))
    assert bootstrap(embedded_ca).code == 0
    assert (tmp_path / "elsewhere/config/defaults.json").exists()
    assert list(home.iterdir()) == []


def test_a_context_keeps_one_ca_beside_another(certpush, bootstrap, embedded_ca, start_embedded_ca, home):
    other = start_embedded_ca()
    bootstrap(other)
    ended = bootstrap(embedded_ca, "--context", "lab")
    assert ended.code == 0
    step = home / ".step"
    assert read(step / "contexts.json") == {"lab": {"authority": "lab", "profile": "lab"}}
    assert read(step / "current-context.json") == {"context": "lab"}
    assert read(step / "config/defaults.json")["ca-url"] == other.url
    assert read_steppath({}, home).url == embedded_ca.url
    assert certpush("ca", "health").line("address") == embedded_ca.url


def test_the_context_in_use_is_respected_and_its_profile_left_alone(bootstrap, embedded_ca, home):
    step = home / ".step"
    (step / "profiles/p/config").mkdir(parents=True)
    (step / "profiles/p/config/defaults.json").write_text('{"provisioner": "mine"}')
    (step / "contexts.json").write_text('{"work": {"authority": "a", "profile": "p"}}')
    (step / "current-context.json").write_text('{"context": "work"}')
    assert bootstrap(embedded_ca).code == 0
    assert read(step / "authorities/a/config/defaults.json")["ca-url"] == embedded_ca.url
    assert "provisioner" not in read(step / "authorities/a/config/defaults.json")
    found = read_steppath({}, home)
    assert (found.url, found.provisioner, found.root) == (embedded_ca.url, "mine", step / "authorities/a/certs/root_ca.crt")


@pytest.mark.parametrize("name", ["../up", "a/b", "", " ", "-x", "a\nb"])
def test_a_context_s_name_is_a_plain_word(bootstrap, embedded_ca, home, name):
    ended = bootstrap(embedded_ca, f"--context={name}")
    assert ended.code == (0 if name == "" else 2)  # no name: none is used
    assert not (home / ".step/authorities").exists()


def test_a_place_that_cannot_be_written_is_2(bootstrap, embedded_ca, tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("STEPPATH", str(tmp_path / "file/step"))
    ended = bootstrap(embedded_ca)
    assert ended.code == 2
    assert str(tmp_path / "file/step") in ended.err


def test_a_full_disk_is_said_and_what_was_there_stays(bootstrap, embedded_ca, home, monkeypatch):
    def refuse(*_args, **_options):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("certpush.stepca.remembering.write_file", refuse)
    ended = bootstrap(embedded_ca)
    assert ended.code == 2
    assert "No space left on device" in ended.err
    assert everything(home) == {}


def test_a_configuration_that_names_another_ca_is_pointed_out(bootstrap, configure, embedded_ca, start_embedded_ca):
    other = start_embedded_ca()
    configure(other)
    ended = bootstrap(embedded_ca)
    assert ended.code == 0
    assert f"names {other.url}; that one is used" in ended.err


# --- trust ------------------------------------------------------------------------------------


def test_another_fingerprint_is_4_and_nothing_is_written(certpush, ca, home):
    ended = certpush("ca", "bootstrap", ca.url, "--fingerprint", "ab" * 32)
    assert ended.code == 4
    assert everything(home) == {}


def test_a_stranger_who_hands_out_the_right_root_is_4_and_nothing_is_written(bootstrap, certpush, scripted, embedded_ca, home):
    scripted.routes[f"GET /root/{embedded_ca.fingerprint}"] = Reply(body={"ca": embedded_ca.root_pem.decode()})
    ended = certpush("ca", "bootstrap", scripted.url, "--fingerprint", embedded_ca.fingerprint)
    assert ended.code == 4
    assert everything(home) == {}


def test_without_a_fingerprint_and_a_person_it_is_2_with_where_to_compare(certpush, ca, home):
    ended = certpush("ca", "bootstrap", ca.url)
    assert ended.code == 2
    assert ca.fingerprint in ended.out
    assert "nothing vouches for it yet" in ended.out
    assert "step certificate fingerprint" in ended.out
    assert "--fingerprint SHA256" in ended.err
    assert ca.fingerprint not in ended.err  # a command to copy must not come with the answer
    assert everything(home) == {}


def test_likewise_for_a_machine(certpush, embedded_ca, home):
    document = certpush("ca", "bootstrap", embedded_ca.url, "--output", "json").document
    assert document["exit"] == 2
    assert [one["fingerprint"] for one in document["claimed"]] == [embedded_ca.fingerprint]
    assert document["error"]["type"] == "ConfigError"
    assert everything(home) == {}


@pytest.fixture
def person(monkeypatch):
    """A person who answers."""

    def answer(text):
        monkeypatch.setattr("certpush.cli.ca.bootstrap.can_ask", lambda: True)
        monkeypatch.setattr("sys.stdin", io.StringIO(text))

    return answer


def test_a_person_who_compared_it_says_yes(certpush, ca, home, person):
    person("yes\n")
    ended = certpush("ca", "bootstrap", ca.url)
    assert ended.code == 0
    assert ca.fingerprint in ended.out
    assert read(home / ".step/config/defaults.json")["fingerprint"] == ca.fingerprint


def test_of_a_ca_that_rotates_its_root_the_one_in_use_is_compared(certpush, start_embedded_ca, person, home):
    ca = start_embedded_ca()
    old = ca.fingerprint
    ca.replace_pki(Pki.make("Next"), keep_root=True)
    person("yes\n")
    ended = certpush("ca", "bootstrap", ca.url)
    assert ended.code == 0
    assert ended.out.count("shows this root") == 1
    assert ended.out.index(ca.fingerprint) < ended.out.index(old)
    assert read(home / ".step/config/defaults.json")["fingerprint"] == ca.fingerprint


def test_a_stranger_who_hands_out_another_ca_s_root_has_nothing_to_compare(certpush, scripted, embedded_ca, person, home):
    scripted.routes["GET /roots"] = Reply(201, {"crts": [embedded_ca.root_pem.decode()]})
    person("yes\n")
    ended = certpush("ca", "bootstrap", scripted.url)
    assert ended.code == 4
    assert embedded_ca.fingerprint not in ended.out
    assert everything(home) == {}


@pytest.mark.parametrize("answer", ["no\n", "y\n", "\n", ""])
def test_anything_else_is_a_no(certpush, embedded_ca, home, person, answer):
    person(answer)
    ended = certpush("ca", "bootstrap", embedded_ca.url)
    assert ended.code == 4
    assert "not trusted; nothing was written" in ended.err
    assert everything(home) == {}


def test_a_stranger_s_words_are_harmless_and_no_root_is_no_ca(certpush, scripted):
    scripted.routes["GET /roots"] = Reply(201, {"crts": []})
    assert "it names no roots" in certpush("ca", "bootstrap", scripted.url).err
    scripted.routes["GET /roots"] = Reply(201, {"crts": ["x"] * 21})
    assert "it names 21 roots" in certpush("ca", "bootstrap", scripted.url).err
    scripted.routes["GET /roots"] = Reply(200, b"<html>\x1b[2J")
    ended = certpush("ca", "bootstrap", scripted.url)
    assert ended.code == 1
    assert "\x1b" not in ended.err


@pytest.mark.parametrize(
    "words",
    [
        (),
        ("http://127.0.0.1:9",),
        ("https://127.0.0.1:9/path",),
        ("https://127.0.0.1:9", "--ca-url", "https://127.0.0.1:9"),
        ("https://127.0.0.1:9", "--fingerprint", "short"),
    ],
)
def test_words_that_mean_no_ca_are_2(certpush, words):
    ended = certpush("ca", "bootstrap", *words)
    assert ended.code == 2
    assert "hint:" in ended.err


def test_nobody_there_is_1(certpush, start_embedded_ca, home):
    ca = start_embedded_ca()
    ca.stop()
    for more in ((), ("--fingerprint", ca.fingerprint)):
        assert certpush("ca", "bootstrap", ca.url, *more).code == 1
    assert everything(home) == {}
