"""What people write into a table for Proxmox, right and wrong; a wrong one is told before anything is asked."""

from __future__ import annotations

import pytest

from certpush.errors import ConfigError
from certpush.kit.settings import convert
from certpush.model import Endpoint, Secret
from certpush_proxmox.backup import BackupSettings
from certpush_proxmox.mail import MailSettings
from certpush_proxmox.ve_settings import ProxmoxSettings

TOKEN = {"token_id": "certpush@pve!deploy", "token": "file:/t"}
CANARY = "0f2cd9a5-canary-4f5e-9b0a-1c2d3e4f5a6b"


def read(table: dict[str, object], into: type = ProxmoxSettings):
    return convert({"host": "pve.lan", **table}, into, path="target.proxmox", read_secret=lambda _: Secret(CANARY))


@pytest.mark.parametrize(
    ("host", "more", "endpoint"),
    [
        ("pve.lan", {}, Endpoint("pve.lan", 8006)),
        ("pve.lan:443", {}, Endpoint("pve.lan", 443)),
        ("pve.lan", {"port": 443}, Endpoint("pve.lan", 443)),
        ("192.0.2.7", {"server_name": "pve.lan"}, Endpoint("192.0.2.7", 8006, "pve.lan")),
        ("2001:db8::7", {}, Endpoint("2001:db8::7", 8006)),
        ("[2001:db8::7]:443", {}, Endpoint("2001:db8::7", 443)),
    ],
)
def test_where_the_web_ui_is(host, more, endpoint):
    assert read({**TOKEN, "host": host, **more}).endpoint == endpoint


@pytest.mark.parametrize(
    ("table", "message", "hint"),
    [
        ({}, "nothing says how to log in", "token_id"),
        ({"token_id": "deploy", "token": "x"}, "token_id is not the id of a token", "USER@REALM!NAME"),
        ({"token_id": f"certpush@pve!deploy={CANARY}", "token": "x"}, "token_id is not the id of a token", "secret goes into token"),
        (
            {"token_id": f"PVEAPIToken=certpush@pve!deploy={CANARY}", "token": "x"},
            "token_id is not the id of a token",
            "secret goes into token",
        ),
        ({"token_id": "certpush@pve!deploy"}, "token_id and token belong together", "write both"),
        ({**TOKEN, "user": "root@pam", "password": "x"}, "both a token and a user", "or user and password"),
        ({"user": "root", "password": "x"}, "'root' is no user with a realm", "NAME@pam"),
        ({"user": "certpush@pve!deploy", "password": "x"}, "this is the id of a token", "token_id"),
        ({"user": "root@pam"}, "user and password belong together", "write both"),
        ({**TOKEN, "totp": "x"}, "totp belongs to a login with user and password", "leave totp out"),
        ({**TOKEN, "node": "localhost"}, "localhost is no node's name", "web UI shows"),
        ({**TOKEN, "nodes": ["pve1", "LocalHost"]}, "localhost is no node's name", "web UI shows"),
        ({**TOKEN, "node": "pve1.lan"}, "'pve1.lan' is no node's name", "short host name"),
        ({**TOKEN, "node": "pve1", "nodes": "all"}, "both node and nodes", "leave one of them out"),
        ({**TOKEN, "per_node": True}, "per_node belongs to a cluster", 'nodes = "all"'),
        ({**TOKEN, "nodes": ["a", "a"]}, "one stands there twice", "once"),
        ({**TOKEN, "nodes": "all", "addresses": ["10.0.0.1"]}, "is no address of a node", "pve2=10.0.0.12"),
        ({**TOKEN, "host": "pve.lan#x"}, "more than a host and a port", "server_name"),
        ({**TOKEN, "host": "https://pve.lan"}, "host: 'https://pve.lan' is no host", "perhaps with the port"),
        ({**TOKEN, "host": "pve.lan/api2"}, "host: 'pve.lan/api2' is no host", "alone"),
        ({**TOKEN, "nodes": "all", "addresses": ["a=http://b"]}, "addresses: 'http://b' is no host", "alone"),
        ({**TOKEN, "request_timeout": "0s"}, "not between 1s and 10m", "60s"),
        ({**TOKEN, "verify_ssl": False}, "verify_ssl", ""),
    ],
)
def test_what_is_wrong_is_told_with_the_way_out(table, message, hint):
    with pytest.raises(ConfigError) as caught:
        read(table)
    assert message in caught.value.message
    assert caught.value.message.startswith("target.proxmox")
    assert hint in caught.value.hint
    assert CANARY not in f"{caught.value.message} {caught.value.hint}"


def test_siblings_have_their_own_ports_and_logins():
    assert read(TOKEN, BackupSettings).endpoint.port == 8007
    with pytest.raises(ConfigError, match="unknown key"):
        read(TOKEN, MailSettings)  # the gateway has no tokens
    with pytest.raises(ConfigError, match="user and password are missing"):
        read({}, MailSettings)
    with pytest.raises(ConfigError, match="name each of them once"):
        read({"user": "a@pmg", "password": "x", "services": ["api", "api"]}, MailSettings)
