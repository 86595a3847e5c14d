"""What can stand in the configuration, and what is refused with which words."""

from __future__ import annotations

import pytest

from certpush.errors import ConfigError
from certpush.kit.settings import Duration
from certpush.model import Endpoint, Secret
from certpush_opnsense.settings import OpnsenseSettings

KEY = "w86XNZob8Oq8aC5r0kbNarNtdpoQU781"


def settings(**more):
    return OpnsenseSettings(**{"host": "fw.home.example", "api_key": KEY, "api_secret": Secret("s"), **more})


def test_ssh_is_optional():
    assert settings().ssh is None
    login = settings(identity=Secret("k"), ssh_port=2222, user="deploy", sudo=True).ssh
    assert (login.host, login.port, login.user, login.sudo) == ("fw.home.example", 2222, "deploy", True)


def test_host_and_port():
    assert settings().address == Endpoint("fw.home.example", 443)
    assert settings(host="fw.home.example:8443").endpoint.port == 8443
    assert settings(host="fd00::1").address == Endpoint("fd00::1", 443)
    assert settings(server_name="other.example").endpoint.server_name == "other.example"


def test_the_entry_is_called_by_label_or_host():
    assert settings().description == "certpush fw.home.example"
    assert settings(label="edge").former_description == "certpush edge former"


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"host": "fw:443#x"}, "more than a host"),
        ({"api_key": f"key={KEY}\nsecret=abc"}, "what follows key="),
        ({"label": "a/b"}, "cannot be used"),
        ({"rescue_after": Duration(seconds=0)}, "rescue_after"),
        ({"restart_timeout": Duration(seconds=3600)}, "restart_timeout"),
        ({"identity": Secret("k"), "password": Secret("p")}, "only one is used"),
        ({"server_name": "*.example"}, "wildcard"),
    ],
)
def test_what_is_refused(wrong, said):
    with pytest.raises(ConfigError) as refusal:
        settings(**wrong)
    assert said in f"{refusal.value.message} {refusal.value.hint}"
    assert "secret=abc" not in f"{refusal.value.message} {refusal.value.hint}"
