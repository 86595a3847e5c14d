"""Signing tokens and reading private keys as JWK; checked with cryptography's own verification."""

import json

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from hypothesis import given
from hypothesis import strategies as st

from certpush.stepca.jose import algorithm_of, from_base64url, read_private_jwk, sign_compact, thumbprint, to_base64url

EC_KEYS = {
    "ES256": (ec.SECP256R1, "P-256", hashes.SHA256),
    "ES384": (ec.SECP384R1, "P-384", hashes.SHA384),
    "ES512": (ec.SECP521R1, "P-521", hashes.SHA512),
}


def number(value, size=None):
    return to_base64url(value.to_bytes(size or (value.bit_length() + 7) // 8, "big"))


def ec_jwk(key, crv, **more):
    numbers, size = key.private_numbers(), (key.curve.key_size + 7) // 8
    public = numbers.public_numbers
    return {
        "kty": "EC",
        "crv": crv,
        "x": number(public.x, size),
        "y": number(public.y, size),
        "d": number(numbers.private_value, size),
        **more,
    }


def rsa_jwk(key, **more):
    numbers = key.private_numbers()
    public = numbers.public_numbers
    return {"kty": "RSA", "n": number(public.n), "e": number(public.e), "d": number(numbers.d), **more}


def read(jwk):
    return read_private_jwk(json.dumps(jwk).encode())


@pytest.mark.parametrize("algorithm", EC_KEYS)
def test_ec_tokens_are_signed_with_raw_numbers_of_full_length(algorithm):
    curve, _, digest = EC_KEYS[algorithm]
    key = ec.generate_private_key(curve())
    signed, signature = sign_compact({"kid": "k"}, {"sub": "s"}, key).rsplit(".", 1)
    raw = from_base64url(signature)
    half = (key.curve.key_size + 7) // 8
    assert len(raw) == 2 * half
    der = encode_dss_signature(int.from_bytes(raw[:half], "big"), int.from_bytes(raw[half:], "big"))
    key.public_key().verify(der, signed.encode(), ec.ECDSA(digest()))
    assert json.loads(from_base64url(signed.split(".")[0])) == {"alg": algorithm, "kid": "k", "typ": "JWT"}
    assert json.loads(from_base64url(signed.split(".")[1])) == {"sub": "s"}


def test_rsa_tokens_are_rs256():
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    signed, signature = sign_compact({}, {}, key).rsplit(".", 1)
    key.public_key().verify(from_base64url(signature), signed.encode(), padding.PKCS1v15(), hashes.SHA256())
    assert algorithm_of(key) == "RS256"


def test_ed25519_tokens_are_eddsa():
    key = ed25519.Ed25519PrivateKey.generate()
    signed, signature = sign_compact({}, {}, key).rsplit(".", 1)
    key.public_key().verify(from_base64url(signature), signed.encode())
    assert algorithm_of(key) == "EdDSA"


def test_curves_without_an_algorithm_are_refused():
    with pytest.raises(ValueError, match="secp256k1"):
        algorithm_of(ec.generate_private_key(ec.SECP256K1()))


@pytest.mark.parametrize("algorithm", EC_KEYS)
def test_ec_keys_are_read(algorithm):
    curve, crv, _ = EC_KEYS[algorithm]
    key = ec.generate_private_key(curve())
    found = read(ec_jwk(key, crv, kid="mine", use="sig", alg=algorithm))
    assert found.kid == "mine"
    assert found.key.private_numbers() == key.private_numbers()
    assert read(ec_jwk(key, crv)).kid == thumbprint(key)


def test_rsa_keys_are_read_without_their_primes():
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    found = read(rsa_jwk(key))
    assert found.key.private_numbers().d == key.private_numbers().d
    assert found.kid == thumbprint(key)


def test_ed25519_keys_are_read():
    key = ed25519.Ed25519PrivateKey.generate()
    jwk = {
        "kty": "OKP",
        "crv": "Ed25519",
        "d": to_base64url(key.private_bytes_raw()),
        "x": to_base64url(key.public_key().public_bytes_raw()),
    }
    found = read(jwk)
    assert found.key.private_bytes_raw() == key.private_bytes_raw()
    assert found.kid == thumbprint(key)


def test_the_thumbprint_is_that_of_the_standard():
    # The example of RFC 7638 section 3.1 is RSA; only its public members count.
    modulus = (
        "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknjhMstn64tZ_2W"
        "-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyr"
        "dkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw"
    )

    class Public:
        def public_numbers(self):
            return rsa.RSAPublicNumbers(65537, int.from_bytes(from_base64url(modulus), "big"))

    class Key(rsa.RSAPrivateKey):
        def public_key(self):
            return Public()

    Key.__abstractmethods__ = frozenset()
    assert thumbprint(Key()) == "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs"


@pytest.mark.parametrize(
    "jwk",
    [
        {},
        {"kty": "EC"},
        {"kty": "oct", "k": "c2VjcmV0", "d": "eA"},
        {"kty": "EC", "crv": "P-256", "x": "AA", "y": "AA", "d": "canary"},
        {"kty": "EC", "crv": "secp256k1", "x": "AA", "y": "AA", "d": "AA"},
        {"kty": "RSA", "n": "AA", "e": "AA", "d": "AA"},
        {"kty": "RSA", "n": "AQAB", "e": "AQAB", "d": "AQAB"},
        {"kty": "OKP", "crv": "Ed25519", "d": "AA"},
        {"kty": "OKP", "crv": "X25519", "d": "AA"},
        {"kty": 1},
        [],
    ],
)
def test_what_is_no_private_key_is_refused_without_showing_it(jwk):
    with pytest.raises(ValueError, match="not a private JWK") as refused:
        read(jwk)
    assert "canary" not in str(refused.value)
    assert refused.value.__suppress_context__


def test_a_private_key_that_does_not_fit_its_public_half_is_refused():
    mine, other = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    with pytest.raises(ValueError):
        read({**ec_jwk(mine, "P-256"), "d": ec_jwk(other, "P-256")["d"]})


@given(st.binary(max_size=100))
def test_no_text_breaks_the_reader_of_keys(text):
    with pytest.raises(ValueError):
        read_private_jwk(text)


@given(st.binary(max_size=100))
def test_base64url_reads_back(raw):
    assert from_base64url(to_base64url(raw)) == raw


@pytest.mark.parametrize("text", ["a+b", "a/b", "YQ==", "YQ\n", "ü", "a", "YQ YQ"])
def test_what_is_no_base64url_is_refused(text):
    with pytest.raises(ValueError):
        from_base64url(text)


def test_private_keys_are_not_shown():
    key = ec.generate_private_key(ec.SECP256R1())
    jwk = ec_jwk(key, "P-256")
    assert jwk["d"] not in repr(read(jwk))
