"""What a real step-ca was recorded to refuse: each has words of its own, and a next step."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from certpush.stepca import wire
from certpush.stepca.refusal import Asked
from certpush.stepca.refusals import explain

FIXTURES = Path(__file__).parents[3] / "fixtures" / "step-ca"
RECORDED = {
    f"{path.parent.name}: {name}": refusal
    for path in FIXTURES.glob("*/refusals.json")
    for name, refusal in json.loads(path.read_text()).items()
}
ROUTES = {"read": "provisioners", "renew": "renew", "revoke": "revoke"}
ONLY_IN_THE_LOG = "lacked necessary authorization"


def test_something_was_recorded():
    assert len(RECORDED) > 100
    assert {refusal["status"] for refusal in RECORDED.values()} == {400, 401, 403, 404, 405, 500, 501}


@pytest.mark.parametrize("name", RECORDED)
def test_a_recorded_refusal_is_known(name):
    refusal = RECORDED[name]
    route = ROUTES.get(name.split(": ")[1], "sign")
    text = wire.read_error(refusal["body"].encode())
    told = explain(refusal["status"], text, "id42", Asked(f"POST https://ca.lan/{route}"))
    assert told.hint
    if told.says_nothing and route != "renew":
        assert ONLY_IN_THE_LOG in text  # what was wrong is found out by looking around: see test_diagnosis.py
    else:
        assert f"the CA answered {refusal['status']}" not in told.message
        assert text not in told.message or not text
