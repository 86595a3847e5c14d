"""Whatever bytes a CA answers with: an error of ours comes of it, or what was meant, and nothing else."""

from __future__ import annotations

import contextlib
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from certpush.errors import CertpushError
from certpush.model import Secret, to_pem
from certpush.stepca import wire
from certpush.stepca.jwe import open_sealed_key
from certpush.stepca.refusal import Asked
from certpush.stepca.refusals import explain
from certpush.stepca.tokens import own_names
from certpush.testing.authority.in_memory import Authority
from certpush.testing.authority.provisioners import JwkProvisioner

AUTHORITY = Authority()
BUNDLE = AUTHORITY.issue("web.lan")
CHAIN = [to_pem(one).decode() for one in (BUNDLE.leaf, *BUNDLE.chain)]
ADMIN = JwkProvisioner.make(p2c=1000)
TOO_LONG = "requested duration of 8760h1m0s is more than the authorized maximum certificate duration of 24h1m0s."


def read_signed(body: bytes) -> None:
    wire.read_chain(wire.decode(body, wire.SignAnswer, "POST x"), "POST x")


def read_listing(body: bytes) -> None:
    wire.read_provisioners(wire.decode(body, wire.ProvisionerPage, "GET x"))


def read_roots(body: bytes) -> None:
    for text in wire.decode(body, wire.CertificatesAnswer, "GET x").crts:
        wire.read_one(text, "GET x")


def read_refusal(body: bytes) -> None:
    assert explain(403, wire.read_error(body), "id", Asked("POST https://ca.lan/sign")).message.isprintable()


def open_key(body: bytes) -> None:
    open_sealed_key(body.decode("latin-1"), Secret(ADMIN.password), "ca")


ANSWERS = {
    "signed": (json.dumps({"crt": CHAIN[0], "ca": CHAIN[1], "certChain": CHAIN}).encode(), read_signed),
    "listing": (json.dumps({"provisioners": [ADMIN.configuration()], "nextCursor": ""}).encode(), read_listing),
    "roots": (json.dumps({"crts": CHAIN}).encode(), read_roots),
    "refusal": (json.dumps({"status": 403, "message": TOO_LONG}).encode(), read_refusal),
    "sealed key": (str(ADMIN.encrypted_key).encode(), open_key),
}
PIECES = st.sampled_from([b'"', b"{", b"[", b"null", b"\\u0000", b"\\ud800", b"1e999", b"9" * 30, b"\xff", b"\x00", b""]) | st.binary(
    max_size=3
)
CHANGES = st.lists(st.tuples(st.floats(0, 1), st.integers(0, 20), PIECES), min_size=1, max_size=4)


@pytest.mark.parametrize(("body", "read"), ANSWERS.values(), ids=ANSWERS)
@settings(max_examples=300)
@given(changes=CHANGES)
def test_an_answer_with_anything_changed_is_read_or_refused(body, read, changes):
    for place, length, piece in changes:
        start = int(place * len(body))
        body = body[:start] + piece + body[start + length :]
    with contextlib.suppress(CertpushError):
        read(body)


@pytest.mark.parametrize("read", [read for _, read in ANSWERS.values()], ids=ANSWERS)
@settings(max_examples=100)
@given(body=st.binary(max_size=200))
def test_any_bytes_are_read_or_refused(read, body):
    with contextlib.suppress(CertpushError):
        read(body)


def test_a_provisioner_whose_name_is_no_text_hides_no_other():
    good = json.dumps(ADMIN.configuration()).encode()
    body = b'{"provisioners": [{"type": "JWK", "name": "adm\xffn"}, ' + good + b"]}"
    (found,) = wire.read_provisioners(wire.decode(body, wire.ProvisionerPage, "GET x"))
    assert found.name == "admin"


@settings(max_examples=100)
@given(der=st.binary(max_size=200))
def test_a_certificate_of_any_bytes_has_no_names(der):
    assert own_names(der) == ()
