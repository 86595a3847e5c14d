"""init where `step ca bootstrap` was done: nothing is left to type but the password, and not even that."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

pytestmark = [pytest.mark.timeout(120), pytest.mark.usefixtures("measured")]


def put(path: Path, content: dict) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content))


def bootstrap(ca, folder: Path, **more: str) -> None:
    """What `step ca bootstrap` leaves behind."""
    root = folder / "certs" / "root_ca.crt"
    root.parent.mkdir(parents=True)
    root.write_bytes(ca.root_pem)
    put(folder / "config" / "defaults.json", {"ca-url": ca.url, "fingerprint": ca.fingerprint, "root": str(root), **more})


def test_a_script_needs_the_password_alone(ca, person, known):
    bootstrap(ca, person.home / ".step")
    assert person.init(*known[4:]).code == 0
    assert f'url = "{ca.url}"\n' in person.written
    assert f'fingerprint = "{ca.fingerprint}"\n' in person.written
    assert "root = " not in person.written


def test_a_script_needs_nothing_where_step_knows_the_password_file_too(ca, person, password_file):
    bootstrap(ca, person.home / ".step", **{"password-file": str(password_file), "provisioner": "admin"})
    assert person.init().code == 0
    assert f'password = "file:{password_file}"' in person.written


def test_a_person_presses_enter(ca, person, terminal):
    bootstrap(ca, person.home / ".step")
    shown = terminal().sees("step ca bootstrap").sees(ca.url).sees(ca.fingerprint).answers("Use that CA", "")
    shown.sees("Password of").sees(": ").types(ca.password).answers("How long", "").answers("Name for", "")
    assert shown.ends() == 0
    assert f'fingerprint = "{ca.fingerprint}"' in person.written


def test_a_person_may_want_another_ca(ca, person, terminal):
    bootstrap(ca, person.home / ".step")
    shown = terminal().answers("Use that CA", "perhaps").sees("neither yes nor no").answers("Use that CA", "no")
    assert shown.sees("URL of the CA").sees(": ").stops("\x03") == 1


def test_a_root_file_without_a_fingerprint_will_do(ca, person, known):
    root = person.home / "root.pem"
    root.write_bytes(ca.root_pem)
    ended = person.init(*known[4:], STEP_CA_URL=ca.url, STEP_ROOT=str(root))
    assert ended.code == 0, ended.err
    assert f'root = "{root}"' in person.written
    assert "fingerprint = " not in person.written


def test_a_context_is_the_current_one_unless_named(ca, person, known):
    step = person.home / ".step"
    put(step / "contexts.json", {"home": {"authority": "home", "profile": "home"}, "old": {"authority": "old", "profile": "old"}})
    put(step / "current-context.json", {"context": "old"})
    put(step / "authorities/old/config/defaults.json", {"ca-url": "https://127.0.0.1:9", "fingerprint": "0" * 64})
    bootstrap(ca, step / "authorities/home")
    assert person.init(*known[4:]).code == 1
    assert person.init(*known[4:], "--step-context", "home").code == 0
    assert f'url = "{ca.url}"' in person.written
    ended = person.init(*known[4:], "--force", "--step-context", "hom")
    assert ended.code == 2
    assert "home" in ended.err


def test_the_root_of_another_ca_is_not_mixed_in(ca, person, known):
    bootstrap(ca, person.home / ".step")
    ended = person.init("--ca-url", "https://127.0.0.1:9", *known[4:])
    assert ended.code == 2
    assert "--fingerprint" in ended.err


def test_the_fingerprint_of_an_option_comes_first(ca, person, known):
    bootstrap(ca, person.home / ".step")
    assert person.init("--fingerprint", "0" * 64, *known[4:]).code == 4
    assert person.init("--ca-url", ca.url, *known[4:]).code == 0


def test_a_broken_bootstrap_stops_a_script_and_not_a_person(ca, person, known, terminal):
    (person.home / ".step/config").mkdir(parents=True)
    (person.home / ".step/config/defaults.json").write_text("{")
    ended = person.init(*known[4:])
    assert ended.code == 2
    assert "defaults.json is not a JSON table" in ended.err
    assert terminal().sees("is not a JSON table").sees("URL of the CA").sees(": ").stops("\x03") == 1
    assert person.init(*known).code == 0


def test_a_bootstrap_of_a_ca_that_is_gone_is_no_dead_end(person, terminal):
    put(person.home / ".step/config/defaults.json", {"ca-url": "https://127.0.0.1:9", "fingerprint": "0" * 64})
    shown = terminal().answers("Use that CA", "").sees("connection refused")
    assert shown.sees("URL of the CA").sees(": ").stops("\x03") == 1


def test_a_password_file_of_steps_that_others_can_read_is_no_dead_end_for_a_person(ca, person, password_file, terminal):
    password_file.chmod(0o644)
    bootstrap(ca, person.home / ".step", **{"password-file": str(password_file)})
    ended = person.init()
    assert ended.code == 2
    assert "--password-file" in ended.err
    shown = terminal().answers("Use that CA", "").sees("can be read by others").sees("Password of").sees(": ").types(ca.password)
    assert shown.answers("How long", "").answers("Name for", "").ends() == 0
