"""What a 401 that gives no reason may have meant, in the order of likelihood."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from cryptography.hazmat.primitives.serialization import Encoding

from certpush.stepca.address import CaAddress
from certpush.stepca.diagnosis import Evidence, diagnosed, suspect
from certpush.stepca.refusal import CaRefusal
from certpush.testing.authority.in_memory import Authority

NOW = datetime(2026, 11, 24, 9, 0, tzinfo=UTC)


def server_certificate(age):
    """As step-ca makes its own at its start: a minute backdated."""
    leaf = Authority(clock=lambda: NOW - age).issue("ca.lan", starts=timedelta(minutes=-1)).leaf
    return leaf.public_bytes(Encoding.DER)


RECENT = server_certificate(timedelta(seconds=80))
OLD, NEW = server_certificate(timedelta(hours=5)), server_certificate(timedelta(seconds=20))
ALL_WELL = Evidence(
    address=CaAddress("ca.lan", 9000),
    skew=timedelta(seconds=1),
    ca_names=("ca.lan", "localhost"),
    still_listed=True,
    provisioner="admin",
    ready_token=False,
    tries_before=0,
    certificate_before=OLD,
    certificate_after=OLD,
    ca_now=NOW,
)
GENERIC = "The request lacked necessary authorization to be completed. Please see the certificate authority logs for more info."


def judged(seen):
    refusal = CaRefusal("x", status=401, text=GENERIC, request_id="id42")
    return diagnosed(refusal, "POST https://ca.lan:9000/sign", seen)


def test_where_all_looks_right_the_log_is_what_is_left():
    error = judged(ALL_WELL)
    assert "clock, host name and provisioner look right from here" in error.message
    assert error.hint == "look in the CA's log for request-id=id42"
    assert "request-id=id42" in error.message
    assert not error.retryable
    assert (error.status, error.text) == (401, GENERIC)


@pytest.mark.parametrize(
    ("changes", "said", "passing"),
    [
        ({"skew": timedelta(seconds=61)}, "clock is 61 s behind the CA's", False),
        ({"skew": timedelta(seconds=-600)}, "clock is 600 s ahead of the CA's", False),
        ({"address": CaAddress("tunnel", 9000)}, r"tunnel is not one of the CA's names \(ca.lan, localhost\)", False),
        ({"still_listed": False}, "does not list the provisioner 'admin' with this key", True),
        ({"ready_token": True}, "ready token may have been used", False),
        ({"tries_before": 1}, "an answer was lost before, and this was try 2", True),
        ({"certificate_after": NEW}, r"was \(re\)started about 2026-11-24T08:59:40Z", True),
        ({"certificate_before": NEW, "certificate_after": NEW}, r"was \(re\)started about 2026-11-24T08:59:40Z", True),
        ({"certificate_before": NEW, "certificate_after": b"unreadable"}, r"was \(re\)started, and refuses", True),
        (
            {"certificate_before": RECENT, "certificate_after": RECENT, "skew": timedelta(seconds=55)},
            r"started about 2026-11-24T08:58:40Z",
            True,
        ),
    ],
)
def test_each_suspicion_is_said(changes, said, passing):
    error = judged(replace(ALL_WELL, **changes))
    import re

    assert re.search(said, error.message)
    assert error.retryable is passing
    assert len(suspect(replace(ALL_WELL, **changes))) == 1


@pytest.mark.parametrize(
    "changes",
    [
        {"skew": timedelta(seconds=60)},
        {"skew": None},
        {"ca_names": ()},
        {"address": CaAddress("localhost", 1)},
        {"still_listed": None},
        {"certificate_before": None, "certificate_after": OLD},
        {"certificate_after": None},
        {"certificate_before": None, "certificate_after": None},
        {"ca_now": NOW - timedelta(days=1)},
        # Our token was made after the CA was seen, and so after its start, however recent that was.
        {"certificate_before": RECENT, "certificate_after": RECENT},
    ],
)
def test_what_proves_nothing_is_not_said(changes):
    assert suspect(replace(ALL_WELL, **changes)) == ()


def test_a_ready_token_from_before_a_start_is_not_sent_again():
    error = judged(replace(ALL_WELL, ready_token=True, certificate_before=RECENT, certificate_after=RECENT))
    assert "was (re)started about 2026-11-24T08:58:40Z" in error.message
    assert "get a token that was made after that" in error.hint
    assert "run again" not in error.hint
    assert not error.retryable


def test_several_suspicions_stand_in_order_and_one_that_stays_is_not_retried():
    seen = replace(ALL_WELL, skew=timedelta(seconds=90), still_listed=False, certificate_after=NEW)
    error = judged(seen)
    places = [error.message.index(text) for text in ("clock", "does not list", "started")]
    assert places == sorted(places)
    assert not error.retryable
