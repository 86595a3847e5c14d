"""The ways to a person: on the wire, from a process, and by apprise; no secret is anywhere but where it belongs."""

from __future__ import annotations

import json
import re
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from certpush import Duration, Secret
from certpush.errors import ConfigError, ObserverFailed, TrustError
from certpush.kit.settings import convert
from certpush.kit.trust import Trust
from certpush.testing.authority import Authority
from certpush.testing.leaks import everything_logged, find_leak
from certpush.testing.listener import Listener
from certpush_notify.ledger import News
from certpush_notify.message import Message, message_of
from certpush_notify.message import test_message as message_for_a_test
from certpush_notify.settings import NotifySettings
from certpush_notify.ways import way_of, what_is_wrong
from unit.kit.appliance import Appliance

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
NEWS = News(occasion="failure", target="wiki", at=0.0, text='it said "no"', hint="ask it", ends=NOON.timestamp())
MESSAGE = message_of([NEWS], host="scheduler", now=NOON)
CANARY = "canary-token-7d1f"
NO_CONTENT = b"HTTP/1.1 204 No Content\r\n\r\n"


@pytest.fixture(scope="module")
def authority():
    return Authority("Lab")


@pytest.fixture(scope="module")
def bundle(authority):
    return authority.issue("localhost", "127.0.0.1")


@pytest.fixture
def root(authority, tmp_path):
    (tmp_path / "ca.pem").write_bytes(authority.root_pem)
    return str(tmp_path / "ca.pem")


def hook(server: Appliance, path: str = "/hook?a=b", **more: object) -> NotifySettings:
    return NotifySettings(**{"url": f"https://127.0.0.1:{server.port}{path}", "timeout": Duration(seconds=5), **more})


def posted(server: Appliance) -> tuple[str, dict]:
    """Head and body; the server answers to the head, and the body may come after that."""
    until = time.monotonic() + 10
    while True:
        head, _, body = b"".join(server.received).partition(b"\r\n\r\n")
        if len(body) >= int(re.search(rb"Content-Length: (\d+)", head)[1]) or time.monotonic() > until:
            return head.decode(), json.loads(body)
        time.sleep(0.005)


def test_a_webhook_gets_json_over_a_connection_that_was_proved(bundle, root):
    with Appliance(bundle, answer=NO_CONTENT) as server:
        way = way_of(hook(server, trust=root, headers={"X-Token": Secret(CANARY)}))
        way.send(MESSAGE)
        head, document = posted(server)
    assert head.startswith("POST /hook?a=b HTTP/1.1\r\n")
    assert f"X-Token: {CANARY}" in head
    assert "Content-Type: application/json" in head
    assert document == {
        "title": "certpush on scheduler: 1 failed",
        "text": MESSAGE.text,
        "severity": "warning",
        "news": [{"target": "wiki", "occasion": "failure", "text": 'it said "no"', "next": "ask it", "not_after": "2026-01-01T12:00:00Z"}],
        "count": 1,
    }
    assert way.where == f"127.0.0.1:{server.port}"


def test_news_that_are_sent_again_have_the_same_key(bundle, root):
    """A run that dies between sending and remembering tells them twice; who knows the header can tell."""
    later = message_of([NEWS], host="scheduler", now=NOON - timedelta(hours=1))
    other = message_of([News(occasion="failure", target="wiki", at=86400.0)], host="scheduler", now=NOON)
    keys = []
    for message in (MESSAGE, later, other):
        with Appliance(bundle, answer=NO_CONTENT) as server:
            way_of(hook(server, trust=root)).send(message)
            keys += [line for line in posted(server)[0].splitlines() if line.startswith("Idempotency-Key: ")]
    assert keys[0] == keys[1] != keys[2]
    assert MESSAGE.text != later.text


def test_a_test_has_no_key_and_arrives_each_time(bundle, root):
    with Appliance(bundle, answer=NO_CONTENT) as server:
        way_of(hook(server, trust=root)).send(message_for_a_test(host="scheduler"))
        assert "Idempotency-Key" not in posted(server)[0]


def test_other_keys_for_those_that_want_them(bundle, root):
    with Appliance(bundle, answer=NO_CONTENT) as server:
        way_of(hook(server, trust=root, fields={"topic": "certs", "content": "[{severity}] {title}\n{text} {other}"})).send(MESSAGE)
        _, document = posted(server)
    assert document == {"topic": "certs", "content": f"[warning] {MESSAGE.title}\n{MESSAGE.text} {{other}}"}


def test_a_text_that_looks_like_a_placeholder_stays_as_it_is(bundle, root):
    with Appliance(bundle, answer=NO_CONTENT) as server:
        way_of(hook(server, trust=root, fields={"text": "{title}"})).send(Message("{text}", "secretly", "info"))
        assert posted(server)[1] == {"text": "{text}"}


@pytest.mark.parametrize("trust", ["system", "sha256:" + "ab" * 32])
def test_nothing_is_sent_to_a_server_that_is_not_the_right_one(bundle, trust):
    with Appliance(bundle, answer=NO_CONTENT) as server:
        with pytest.raises(TrustError) as refused:
            way_of(hook(server, trust=trust)).send(MESSAGE)
        assert b"".join(server.received) == b""
    assert "certpush trust" not in refused.value.hint
    assert 'trust = "/path' in refused.value.hint


def test_a_pinned_one_is_trusted_whoever_signed_it(bundle):
    with Appliance(bundle, answer=NO_CONTENT) as server:
        way_of(hook(server, trust=f"sha256:{bundle.fingerprint}")).send(MESSAGE)
        assert server.requests == 1


def test_who_the_system_trusts_is_for_the_system_to_say(bundle, root, monkeypatch):
    """Not for the environment, which others may set."""
    monkeypatch.setenv("SSL_CERT_FILE", root)
    monkeypatch.setenv("SSL_CERT_DIR", str(Path(root).parent))
    with Appliance(bundle, answer=NO_CONTENT) as server:
        with pytest.raises(TrustError):
            way_of(hook(server)).send(MESSAGE)
        monkeypatch.setattr("certpush.kit.allowance._BUNDLES", (root,))
        monkeypatch.setattr(
            "ssl.get_default_verify_paths", lambda: type("Paths", (), {"openssl_cafile": "/gone", "openssl_capath": "/gone"})
        )
        way_of(hook(server)).send(MESSAGE)
    assert not Trust.by_the_system().empty


@pytest.mark.parametrize(
    ("answer", "problem"),
    [
        (b"HTTP/1.1 403 Forbidden\r\n\r\n", "answered 403"),
        (b"HTTP/1.1 302 Found\r\nLocation: https://elsewhere.lan/\r\n\r\n", "answered 302, and redirects are not followed"),
        (b"gibberish\r\n\r\n", "no complete answer came"),
        (lambda _: None, "no complete answer came"),
        (b"HTTP/1.1 200 OK\r\n" + b"X: " + b"x" * 300_000, "no complete answer came"),
    ],
    ids=lambda one: one[:20] if isinstance(one, str) else None,
)
def test_what_did_not_arrive_is_no_success(bundle, root, answer, problem):
    with Appliance(bundle, answer=answer) as server, pytest.raises(ObserverFailed, match=problem) as lost:
        way_of(hook(server, trust=root)).send(MESSAGE)
    assert lost.value.hint


def test_one_that_does_not_answer_is_not_waited_for(bundle, root):
    def silent(connection) -> None:
        connection.settimeout(5)
        connection.recv(1)

    with Appliance(bundle, answer=silent) as server, pytest.raises(ObserverFailed, match="no complete answer came"):
        way_of(hook(server, trust=root, timeout=Duration(seconds=1))).send(MESSAGE)


def test_nobody_there_is_said():
    with pytest.raises(ObserverFailed, match=r"127.0.0.1:1: connection refused"):
        way_of(NotifySettings(url="https://127.0.0.1:1/x", trust="sha256:" + "ab" * 32)).send(MESSAGE)


def test_on_this_machine_plain_http_will_do():
    got = []

    def answer(connection) -> None:
        got.append(connection.recv(65536))
        connection.sendall(NO_CONTENT)

    listener = Listener(answer, "127.0.0.1")
    listener.start()
    try:
        way_of(NotifySettings(url=f"http://127.0.0.1:{listener.port}")).send(MESSAGE)
    finally:
        listener.stop()
    assert got[0].startswith(b"POST / HTTP/1.1\r\n")


# --- secrets --------------------------------------------------------------------------------------


def test_an_address_that_is_a_secret_is_in_no_log_and_no_error(bundle, root):
    with Appliance(bundle, answer=b"HTTP/1.1 404 Not Found\r\n\r\n") as server, everything_logged() as logged:
        settings = NotifySettings(
            url_from=Secret(f"https://127.0.0.1:{server.port}/services/{CANARY}"),
            headers={"Authorization": Secret(f"Bearer {CANARY}")},
            trust=root,
        )
        with pytest.raises(ObserverFailed) as failed:
            way_of(settings).send(MESSAGE)
        assert f"/services/{CANARY}".encode() in server.received[0]
    said = f"{failed.value!r} {failed.value.hint} {settings!r} {way_of(settings).where} {logged}"
    assert find_leak(said, secrets=[CANARY]) == ""
    assert failed.value.__cause__ is None


@pytest.mark.parametrize(
    ("url", "problem"),
    [
        ("ftp://x.lan/", "no https address"),
        ("https://", "no https address"),
        (f"https://x.lan/a b{CANARY}", "no https address"),
        (f"https://x.lan:port{CANARY}/", "cannot be read"),
        (f"https://[{CANARY}", "cannot be read"),
        (f"https://me:{CANARY}@x.lan/", "has a user in it"),
        (f"http://x.lan/{CANARY}", "leads to another machine"),
        ("http://192.0.2.1/", "leads to another machine"),
    ],
)
def test_an_address_that_cannot_be_used_is_not_repeated(url, problem):
    for settings in (NotifySettings(url=url), NotifySettings(url_from=Secret(url))):
        with pytest.raises(ConfigError, match=problem) as refused:
            way_of(settings)
        assert refused.value.hint
        assert CANARY not in refused.value.message
        (finding,) = what_is_wrong(settings)
        assert (finding.severity, finding.message) == ("error", refused.value.message)


def test_a_header_that_would_be_two_is_refused():
    with pytest.raises(ConfigError, match="X-Token refers to cannot stand in a header") as refused:
        way_of(NotifySettings(url="https://x.lan/", headers={"X-Token": Secret(f"{CANARY}\r\nX-Other: 1")}))
    assert CANARY not in refused.value.message


# --- a command ------------------------------------------------------------------------------------


def test_a_command_reads_the_message_and_no_shell_does(tmp_path):
    out = tmp_path / "out"
    way = way_of(NotifySettings(command=("/bin/sh", "-c", 'cat > "$0"; echo "$#" >> "$0"', str(out), "$(id)")))
    way.send(MESSAGE)
    assert out.read_text() == f"{MESSAGE.title}\n\n{MESSAGE.text}\n1\n"
    assert way.where == "the command /bin/sh"


@pytest.mark.parametrize(
    ("command", "problem"),
    [
        (("/bin/sh", "-c", "cat >/dev/null; echo sorry; exit 3"), "the command /bin/sh ended with 3: sorry"),
        (("/bin/sh", "-c", "exit 1"), "ended with 1$"),
        (("/nonexistent",), "cannot be run"),
        (("/bin/sleep", "30"), "did not end within 0.2 s"),
    ],
    ids=str,
)
def test_a_command_that_fails_or_hangs_is_no_success(command, problem):
    with pytest.raises(ObserverFailed, match=problem) as failed:
        way_of(NotifySettings(command=command, timeout=Duration(seconds=0.2))).send(MESSAGE)
    assert "by hand" in failed.value.hint


# --- apprise --------------------------------------------------------------------------------------


class Apprise:
    """As much of apprise as is used."""

    class NotifyType:
        FAILURE, WARNING, INFO = "failure", "warning", "info"

    class NotifyFormat:
        TEXT = "text"

    def __init__(self) -> None:
        self.addresses, self.sent, self.arrives = [], [], True
        self.Apprise = lambda: self

    def add(self, address: str) -> bool:
        self.addresses.append(address)
        return "bad" not in address

    def notify(self, **message: str) -> bool:
        self.sent.append(message)
        return self.arrives


@pytest.fixture
def apprise(monkeypatch):
    fake = Apprise()
    monkeypatch.setitem(sys.modules, "apprise", fake)
    monkeypatch.setattr("importlib.util.find_spec", lambda _: fake)
    return fake


def test_apprise_sends_to_all_of_its_addresses(apprise):
    way = way_of(NotifySettings(apprise=(Secret("ntfy://one"), Secret("mailto://two"))))
    way.send(MESSAGE)
    assert apprise.addresses == ["ntfy://one", "mailto://two"]
    assert apprise.sent == [{"title": MESSAGE.title, "body": MESSAGE.text, "notify_type": "warning", "body_format": "text"}]
    assert way.where == "apprise (2 addresses)"


def test_an_address_that_apprise_cannot_use_is_counted_not_shown(apprise):
    with pytest.raises(ObserverFailed, match="cannot use its address number 2") as failed:
        way_of(NotifySettings(apprise=(Secret("ntfy://one"), Secret(f"bad://{CANARY}")))).send(MESSAGE)
    assert CANARY not in failed.value.message


def test_what_apprise_could_not_send_is_no_success(apprise):
    apprise.arrives = False
    with pytest.raises(ObserverFailed, match="could not send to all"):
        way_of(NotifySettings(apprise=(Secret("ntfy://one"),))).send(MESSAGE)


def test_without_the_extra_it_says_what_to_install(monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    (finding,) = what_is_wrong(NotifySettings(apprise=(Secret("ntfy://one"),)))
    assert (finding.severity, finding.hint) == ("error", "pip install 'certpush[notify]'")


# --- settings -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("table", "problem"),
    [
        ({}, "nothing says how to reach anybody"),
        ({"url": "https://x.lan", "command": ["tell"]}, "url and command are two ways"),
        ({"command": ["tell"], "headers": {"X": "file:/x"}}, "headers is for a webhook"),
        ({"apprise": ["file:/x"], "fields": {"a": "b"}}, "fields is for a webhook"),
        ({"command": ["tell"], "trust": "/ca.pem"}, "trust is for a webhook"),
        ({"url": "https://x.lan", "headers": {"X Y": "file:/x"}}, "no name of a header"),
        ({"url": "https://x.lan", "timeout": "0s"}, "more than nothing"),
        ({"url": "https://x.lan", "on": ["skip"]}, "nvalid enum value"),
    ],
    ids=str,
)
def test_a_wrong_table_is_refused(table, problem):
    with pytest.raises(ConfigError, match=problem) as refused:
        convert(table, NotifySettings, path="observer.chat", read_secret=lambda _: Secret("x"))
    assert refused.value.hint


def test_what_is_doubtful_is_said_beforehand():
    found = what_is_wrong(NotifySettings(url="https://hooks.slack.com/services/T/B/x"))
    assert [one.severity for one in found] == ["warning", "ok"]
    assert "url_from" in found[0].hint
    assert [one.severity for one in what_is_wrong(NotifySettings(command=("no-such-command",)))] == ["error", "ok"]
    assert [one.severity for one in what_is_wrong(NotifySettings(command=("sh",)))] == ["ok"]
