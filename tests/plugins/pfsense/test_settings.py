"""What can be written, and what is refused before anything is asked of a box."""

from __future__ import annotations

import pytest

from certpush import KeySpec
from certpush.errors import ConfigError, SafetyRefusal
from certpush.kit.settings import Duration
from certpush.kit.ssh.session import Told
from certpush.model import Secret
from certpush.testing.authority import Authority
from certpush_pfsense.acceptable import check_bundle
from certpush_pfsense.pfsense import ACCEPTED, certpush_target
from certpush_pfsense.settings import PfSenseSettings
from certpush_pfsense.transaction import PROGRAM
from certpush_pfsense.troubles import failure


def settings(**more: object) -> PfSenseSettings:
    return PfSenseSettings(**{"host": "fw.example", "identity": Secret("x")} | more)


def test_the_usual_user_of_a_box_is_admin():
    assert settings().user == "admin"


@pytest.mark.parametrize(
    ("more", "match"),
    [
        ({"also": ("webgui",)}, "also"),
        ({"also": ("Captive Portal",)}, "also"),
        ({"rescue_after": Duration(seconds=0)}, "rescue_after"),
        ({"rescue_after": Duration(hours=2)}, "rescue_after"),
        ({"password": Secret("y")}, "only one is used"),
        ({"host": "fw.example; reboot"}, "host"),
    ],
)
def test_what_cannot_be_meant_is_refused(more, match):
    with pytest.raises(ConfigError, match=match):
        settings(**more)


def test_the_kind_takes_the_keys_that_pfsense_offers_for_https():
    assert set(KeySpec) - set(certpush_target().accepted_keys) == {KeySpec.ED25519, KeySpec.EC_P521}
    assert certpush_target().accepted_keys == ACCEPTED


@pytest.mark.parametrize("key", list(KeySpec))
def test_a_key_that_the_gui_would_not_start_with_never_reaches_it(mint, key):
    bundle = mint(key=key)
    if key in ACCEPTED:
        check_bundle(bundle)
    else:
        with pytest.raises(SafetyRefusal, match="does not take"):
            check_bundle(bundle)


def test_the_program_is_as_long_as_it_says_and_its_task_is_behind_it():
    first, rest = PROGRAM.told({"verb": "none"}).split("\n", 1)
    assert rest[: int(first)] == PROGRAM.text
    assert rest[int(first) :] == '{"verb": "none"}\n'
    assert "?>" not in PROGRAM.text, "it would end the program, also in a comment"


def test_the_transaction_never_names_what_it_holds():
    """No key in an argument list, and none in what is told: only the task has it."""
    bundle = Authority("A").issue("fw.example")
    assert bundle.key.reveal_pem().decode() not in PROGRAM.told({})


@pytest.mark.parametrize("word", ["changed", "lost", "gone", "php", "no-php", "write", "busy", "never heard of it"])
def test_every_failure_has_words_and_where_it_was(word):
    error = failure(Told((f"fail {word}", "subject x", "detail y")), "fw.example")
    assert error.message.startswith("fw.example: ")
    assert error.hint or word == "never heard of it"
