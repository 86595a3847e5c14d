"""The words before TLS: what is said, byte by byte, and servers that say something else."""

from __future__ import annotations

import socket

import pytest

from certpush.errors import TargetUnreachable
from certpush.kit.starttls import begin_tls

TLS = b"\x16\x03\x01"
"""How the first bytes of TLS begin: none of them may be read before its time."""
POSTGRES_WANTS_TLS = b"\x00\x00\x00\x08\x04\xd2\x16\x2f"


def talked(protocol: str, answers: bytes, *, hangs_up: bool = False) -> tuple[bytes, bytes]:
    """What was said to a server that says all of this at once, and what it left unread."""
    ours, theirs = socket.socketpair()
    with ours, theirs:
        ours.settimeout(1)
        theirs.sendall(answers)
        if hangs_up:
            theirs.shutdown(socket.SHUT_WR)
        begin_tls(ours, protocol)
        assert ours.gettimeout() == 1
        return theirs.recv(4096), ours.recv(4096)


@pytest.mark.parametrize(
    ("protocol", "answers", "said"),
    [
        ("smtp", b"220-mail\r\n220 ready\r\n250-mail\r\n250 STARTTLS\r\n220 go\r\n", b"EHLO certpush\r\nSTARTTLS\r\n"),
        ("imap", b"* OK ready\r\n* CAPABILITY IMAP4rev1\r\na1 OK begin\r\n", b"a1 STARTTLS\r\n"),
        ("pop3", b"+OK ready\r\n+OK begin\r\n", b"STLS\r\n"),
        ("postgres", b"S", POSTGRES_WANTS_TLS),
    ],
)
def test_each_protocol_is_led_up_to_the_first_byte_of_tls(protocol, answers, said):
    assert talked(protocol, answers + TLS) == (said, TLS)


@pytest.mark.parametrize(
    ("protocol", "answers", "shown"),
    [
        ("smtp", b"554 go away\r\n", "554 go away"),
        ("smtp", b"220 mail\r\n250 mail\r\n502 \x1b[2Jno such command\r\n", r"502 \x1b[2Jno such command"),
        ("smtp", b"220-again\r\n" * 101, "too many lines"),
        ("imap", b"* OK ready\r\na1 NO not here\r\n", "a1 NO not here"),
        ("pop3", b"+OK ready\r\n-ERR not here\r\n", "-ERR not here"),
        ("postgres", b"N", "N"),
    ],
)
def test_who_does_not_offer_it_is_quoted(protocol, answers, shown):
    with pytest.raises(TargetUnreachable) as refused:
        talked(protocol, answers)
    assert shown in str(refused.value)
    assert "\x1b" not in str(refused.value)


def test_a_server_that_hangs_up_in_the_middle_does_not_offer_it():
    with pytest.raises(TargetUnreachable, match="it hung up"):
        talked("imap", b"* OK re", hangs_up=True)


def test_a_server_that_says_nothing_is_waited_for_as_long_as_the_connection_may_last():
    ours, theirs = socket.socketpair()
    ours.settimeout(0.05)
    theirs.sendall(b"220-")
    with ours, theirs, pytest.raises(TimeoutError):
        begin_tls(ours, "smtp")


def test_a_protocol_that_nobody_speaks_is_named_with_those_there_are():
    ours, theirs = socket.socketpair()
    with ours, theirs, pytest.raises(TargetUnreachable) as refused:
        begin_tls(ours, "gopher")
    assert "'gopher'" in str(refused.value)
    assert refused.value.hint == "starttls is one of smtp, imap, pop3, postgres"
