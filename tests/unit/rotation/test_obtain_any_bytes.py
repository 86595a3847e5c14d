"""Whatever bytes come instead of a certificate: they are refused in words, and never taken."""

from __future__ import annotations

import base64

import pytest
from cryptography.hazmat.primitives.serialization import Encoding
from hypothesis import given, settings
from hypothesis import strategies as st

from certpush.errors import BundleInvalid, RootMismatch
from certpush.issuer import Issued
from certpush.model import KeySpec, PrivateKey, read_certificates
from certpush.rotation.obtain import check_issued
from unit.rotation.answers import NOW, make_ca, make_leaf, request_for, tampered

ROOT = make_ca()
INTERMEDIATE = ROOT.below(path_length=0, may_sign=True)
REQUEST = request_for()
KEY = PrivateKey.generate(KeySpec.EC_P256)
LEAF = make_leaf(INTERMEDIATE, KEY.reveal_key().public_key(), REQUEST.names)
DERS = tuple(one.public_bytes(Encoding.DER) for one in (LEAF, INTERMEDIATE.certificate))
CHANGES = st.lists(st.tuples(st.integers(0, 400), st.integers(1, 255)), min_size=1, max_size=3, unique_by=lambda change: change[0])

pytestmark = pytest.mark.filterwarnings("ignore:Parsed a serial number")


def pem(der: bytes) -> bytes:
    return b"-----BEGIN CERTIFICATE-----\n" + base64.encodebytes(der) + b"-----END CERTIFICATE-----\n"


def check(*ders: bytes) -> None:
    leaf, *chain = (one for der in ders for one in read_certificates(pem(der)))
    check_issued(Issued(leaf, tuple(chain), (ROOT.certificate,)), REQUEST, KEY, NOW, allow_short_chain=True)


@settings(max_examples=400)
@given(which=st.integers(0, 1), changes=CHANGES)
def test_a_certificate_with_any_byte_changed_is_refused_in_words(which, changes):
    changed = bytearray(DERS[which])
    for place, change in changes:
        changed[place % len(changed)] ^= change
    ders = [bytes(changed) if number == which else der for number, der in enumerate(DERS)]
    if tuple(ders) == DERS:  # two changes of one byte may undo each other
        return
    with pytest.raises((BundleInvalid, RootMismatch)) as refused:
        check(*ders)
    assert refused.value.message.isprintable()


@settings(max_examples=100)
@given(content=st.binary(max_size=300))
def test_any_bytes_are_refused_in_words(content):
    with pytest.raises(BundleInvalid):
        check(content, DERS[1])


def test_a_version_that_does_not_exist_is_refused_in_words():
    with pytest.raises(BundleInvalid, match="cannot be read"):
        check(DERS[0].replace(bytes.fromhex("a003020102"), bytes.fromhex("a003020142")), DERS[1])


def test_a_serial_number_that_could_never_be_revoked_is_refused():
    number = LEAF.serial_number.to_bytes((LEAF.serial_number.bit_length() + 8) // 8, "big")
    head = bytes([2, len(number)])
    odd = tampered(LEAF, (head + number).hex(), (head + b"\x80" + number[1:]).hex())
    with pytest.raises(BundleInvalid, match="its serial number is not positive"):
        check_issued(Issued(odd, (INTERMEDIATE.certificate,), (ROOT.certificate,)), REQUEST, KEY, NOW)
