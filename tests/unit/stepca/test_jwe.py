"""Opening sealed provisioner keys."""

import json
import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from certpush.errors import IssuerRefused
from certpush.model import Secret
from certpush.stepca import jwe
from certpush.stepca.jose import from_base64url, to_base64url
from certpush.stepca.jwe import WrongPassword, open_sealed_key, unseal
from certpush.testing.authority.provisioners import JwkProvisioner
from certpush.testing.authority.sealed_key import seal

PASSWORD = "correct horse"


def sealed(plain=b"{}", password=PASSWORD, p2c=1000):
    return seal(plain, password.encode(), p2c=p2c)


def with_header(text, **changes):
    head, rest = text.split(".", 1)
    header = {**json.loads(from_base64url(head)), **changes}
    return f"{to_base64url(json.dumps(header).encode())}.{rest}"


def test_the_password_opens_the_key():
    provisioner = JwkProvisioner.make(p2c=1000)
    key = open_sealed_key(provisioner.encrypted_key, Secret(provisioner.password), "ca")
    assert key.kid == provisioner.kid
    assert key.key.private_numbers() == provisioner.key.private_numbers()


def test_white_space_behind_the_password_is_dropped_as_step_does():
    provisioner = JwkProvisioner.make(p2c=1000)
    assert open_sealed_key(provisioner.encrypted_key, Secret(f"{provisioner.password} \r\n"), "ca").kid == provisioner.kid


def test_a_wrong_password_is_said_without_repeating_it():
    with pytest.raises(WrongPassword, match="does not open") as refused:
        unseal(sealed(), "hunter2", "ca")
    assert "hunter2" not in f"{refused.value}{refused.value.hint}{refused.value.__cause__}"


def test_a_key_that_is_known_stays_shut_for_a_wrong_password():
    provisioner = JwkProvisioner.make(p2c=1000)
    open_sealed_key(provisioner.encrypted_key, Secret(provisioner.password), "ca")
    with pytest.raises(WrongPassword):
        open_sealed_key(provisioner.encrypted_key, Secret("another"), "ca")


def test_a_million_rounds_are_done_and_one_more_is_not(monkeypatch):
    done = []

    class Derivation:
        def __init__(self, *, iterations, **_):
            done.append(iterations)

        def derive(self, _):
            return b"\0" * 16

    monkeypatch.setattr(jwe, "PBKDF2HMAC", Derivation)
    with pytest.raises(WrongPassword):
        unseal(with_header(sealed(), p2c=1_000_000), PASSWORD, "ca")
    with pytest.raises(IssuerRefused, match="rounds of PBKDF2"):
        unseal(with_header(sealed(), p2c=1_000_001), PASSWORD, "ca")
    assert done == [1_000_000]


@pytest.mark.parametrize(
    "changes",
    [
        {"alg": "PBES2-HS512+A256KW"},
        {"alg": "dir"},
        {"alg": "none"},
        {"enc": "A128CBC-HS256"},
        {"enc": "A128GCM"},
        {"zip": "DEF"},
        {"crit": ["exp"]},
        {"p2c": 0},
        {"p2c": -1},
        {"p2c": 10**30},
        {"p2c": True},
        {"p2c": "1000"},
        {"p2s": "a!"},
        {"p2s": None},
        {"alg": None},
    ],
)
def test_other_algorithms_and_numbers_are_refused_before_any_work(changes, monkeypatch):
    monkeypatch.setattr(jwe, "PBKDF2HMAC", None)
    with pytest.raises(IssuerRefused) as refused:
        unseal(with_header(sealed(), **changes), PASSWORD, "ca")
    assert not isinstance(refused.value, WrongPassword)


@pytest.mark.parametrize(
    "text", ["", "a.b.c.d", "a.b.c.d.e", "....", "e30.a.b.c.d", "A" * 70_000, "\udcff.b.c.d.e", "[" * 5000 + ".b.c.d.e"]
)
def test_what_is_no_sealed_key_is_refused(text):
    with pytest.raises(IssuerRefused):
        unseal(text, PASSWORD, "ca")


@pytest.mark.parametrize("part", [1, 2, 3, 4])
def test_a_damaged_part_is_refused(part):
    parts = sealed(b"x" * 40).split(".")
    parts[part] = to_base64url(bytes([from_base64url(parts[part])[0] ^ 1]) + from_base64url(parts[part])[1:])
    with pytest.raises(IssuerRefused):
        unseal(".".join(parts), PASSWORD, "ca")


def test_a_sealed_text_that_is_no_key_is_refused_without_showing_it():
    with pytest.raises(IssuerRefused, match="not a private JWK") as refused:
        open_sealed_key(sealed(b'{"kty":"EC","d":"canary"}'), Secret(PASSWORD), "ca")
    assert "canary" not in str(refused.value)


@given(st.text(max_size=200))
def test_no_text_breaks_the_reader(text):
    with pytest.raises(IssuerRefused):
        unseal(text, PASSWORD, "ca")


def test_one_key_is_opened_once_by_many_threads(monkeypatch):
    provisioner = JwkProvisioner.make(password="for many", p2c=1000)
    opened = []

    def counting(*args):
        opened.append(args)
        return unseal(*args)

    monkeypatch.setattr(jwe, "unseal", counting)
    keys = []
    threads = [
        threading.Thread(target=lambda: keys.append(open_sealed_key(provisioner.encrypted_key, Secret("for many"), "ca"))) for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(opened) == 1
    assert len({id(key) for key in keys}) == 1


def test_the_memory_for_opened_keys_is_bounded(monkeypatch):
    monkeypatch.setattr(jwe, "_MAX_OPENED", 2)
    monkeypatch.setattr(jwe, "_opened", {})
    for number in range(5):
        provisioner = JwkProvisioner.make(password=f"p{number}", p2c=1000)
        open_sealed_key(provisioner.encrypted_key, Secret(f"p{number}"), "ca")
    assert len(jwe._opened) <= 2
