from __future__ import annotations

import base64
import json
import logging

import pytest

from certpush.model import KeySpec, PrivateKey
from certpush.testing.leaks import everything_logged, find_leak

KEYS = {spec: PrivateKey.generate(spec) for spec in (KeySpec.EC_P256, KeySpec.RSA_2048, KeySpec.ED25519)}
TOKEN = "PVEAPIToken=certpush!deploy=0c2f"


def body_of(pem: bytes) -> str:
    return b"".join(pem.splitlines()[1:-1]).decode()


def number_of(key: PrivateKey) -> int:
    numbers = key.reveal_key().private_numbers()  # type: ignore[union-attr]
    return getattr(numbers, "private_value", None) or numbers.d


@pytest.mark.parametrize("spec", KEYS)
@pytest.mark.parametrize("traditional", [False, True])
def test_a_key_is_found_in_every_usual_shape(spec: KeySpec, traditional: bool) -> None:
    key = KEYS[spec]
    pem = key.reveal_pem(traditional=traditional)
    der = base64.b64decode(body_of(pem))
    shapes = (pem.decode(), repr(pem), json.dumps({"key": pem.decode()}), body_of(pem), der.hex(), der.hex().upper())
    for shape in shapes:
        assert find_leak(f"body={shape}", keys=[key])


@pytest.mark.parametrize("spec", [KeySpec.EC_P256, KeySpec.RSA_2048])
def test_a_key_is_found_as_a_number(spec: KeySpec) -> None:
    assert find_leak(f"d={number_of(KEYS[spec])}", keys=[KEYS[spec]])


@pytest.mark.parametrize("prefix", ["", "u", "us", "user:"])
def test_a_secret_is_found_in_base64_wherever_it_begins(prefix: str) -> None:
    header = base64.b64encode(f"{prefix}{TOKEN}:".encode()).decode()
    assert find_leak(f"Authorization: Basic {header}", secrets=[TOKEN])


def test_a_secret_is_found_as_it_is_and_never_quoted() -> None:
    found = find_leak(f"token={TOKEN}", secrets=["another", TOKEN])
    assert found == "secret number 2 of the settings"


def test_public_halves_are_no_leak() -> None:
    texts = [key.public_spki.hex() + base64.b64encode(key.public_spki).decode() for key in KEYS.values()]
    assert find_leak("".join(texts), keys=KEYS.values(), secrets=[TOKEN]) == ""


def test_a_turned_down_logger_is_heard_all_the_same() -> None:
    quiet = logging.getLogger("tests.leaks.quiet")
    quiet.setLevel(logging.CRITICAL)
    quiet.propagate = False
    quiet.disabled = True
    with everything_logged() as heard:
        quiet.setLevel(logging.CRITICAL)
        quiet.debug("a body with %s", TOKEN)
        logging.getLogger("tests.leaks.new").info("said", extra={"password": "in extra"})
    assert TOKEN in heard[0]
    assert "in extra" in heard[1]


def test_a_filter_that_refuses_a_record_counts() -> None:
    clamped = logging.getLogger("tests.leaks.clamped")
    clamped.addFilter(lambda _: False)
    with everything_logged() as heard:
        clamped.info(TOKEN)
    assert heard == []


def test_afterwards_logging_is_as_before(caplog: pytest.LogCaptureFixture) -> None:
    with everything_logged():
        logging.getLogger("tests.leaks").debug("not enabled for anybody else")
    assert "anybody else" not in caplog.text
    logging.getLogger("tests.leaks").warning("as always")
    assert "as always" in caplog.text
