"""Whatever a third party's plugin does is contained, named and rolled back, and the other targets go on."""

from __future__ import annotations

import pytest

from certpush import Outcome
from certpush.errors import TargetBug

pytestmark = pytest.mark.usefixtures("nothing_left")

DEEDS = {
    "raise": "raised RuntimeError (fake_acme, line ",
    "hang": "hung: no answer within ",
    "exit": "raised SystemExit (fake_acme, line ",
    "leave": "ended itself with exit status 7",
    "die": "was ended by SIGSEGV",
    "stop": "hung: no answer",
    "gigabyte": "wrote more than 16 MiB in one call",
    "garbage": "sent what is no message: it is no JSON",
    "memory": "raised MemoryError",
}


@pytest.mark.parametrize("deed", DEEDS)
def test_a_deed_in_the_switch_is_named_and_rolled_back_and_others_are_rotated(request, yard, deed):
    if "hung" in DEEDS[deed]:
        request.getfixturevalue("soon")
    device, other = yard.add("nas", does=f"activate:{deed}"), yard.add("other", kind="other")
    before = device.served()
    receipts = yard.deploy()
    assert receipts["nas"].outcome is Outcome.ROLLED_BACK
    assert isinstance(receipts["nas"].error, TargetBug)
    assert "the plugin for acme (acme-dist 4.2) " + DEEDS[deed] in str(receipts["nas"].error)
    assert "canary" not in str(receipts["nas"].error)
    assert device.served() == before == receipts["nas"].served[0].fingerprint
    assert device.snapshot().store.keys() == {"device-default"}
    assert receipts["other"].outcome is Outcome.ROTATED
    assert other.served() == receipts["other"].now
