"""Choosing a provisioner, and making from it and the settings what signs tokens."""

import json
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID

from certpush.errors import ConfigError, IssuerRefused
from certpush.model import CertificateBundle, PrivateKey, Secret
from certpush.stepca.credentials import ReadyToken, Situation, credential_for
from certpush.stepca.jose import thumbprint, to_base64url
from certpush.stepca.jwe import WrongPassword
from certpush.stepca.provisioners import choose
from certpush.stepca.settings import CaSettings
from certpush.stepca.tokens import TokenMint
from certpush.stepca.wire import ProvisionerPage, decode, read_provisioners
from certpush.testing.authority.in_memory import Authority
from certpush.testing.authority.provisioners import JwkProvisioner, X5cProvisioner
from certpush.testing.authority.sealed_key import seal


def listed(*entries):
    page = json.dumps({"provisioners": [one if isinstance(one, dict) else one.configuration() for one in entries]})
    return tuple(read_provisioners(decode(page.encode(), ProvisionerPage, "GET /provisioners")))


def now():
    return datetime.now(UTC)


def credential(entries, clock=now, **settings):
    return credential_for(Situation(CaSettings(**settings), listed(*entries), clock, "https://ca.lan"))


ADMIN = JwkProvisioner.make("admin", "admin password", p2c=1000)
OTHER = JwkProvisioner.make("other", "other password", p2c=1000)
ACME = {"type": "ACME", "name": "acme"}
OIDC = {"type": "OIDC", "name": "oidc", "state": "Uninitialized", "stateReason": "failed to connect to idp\x1b[31m"}


# --- choosing ---------------------------------------------------------------------------------


def test_the_only_one_of_its_type_needs_no_name():
    assert [one.name for one in choose(listed(ACME, ADMIN), None, "JWK", "ca")] == ["admin"]


def test_types_are_compared_without_case():
    entry = {**ADMIN.configuration(), "type": "jwk"}
    assert choose(listed(entry), "admin", "JWK", "ca")


def test_several_without_a_name_are_named():
    with pytest.raises(IssuerRefused, match="2 provisioners of type JWK: admin, other") as refused:
        choose(listed(ADMIN, OTHER), None, "JWK", "ca")
    assert 'provisioner = "admin"' in refused.value.hint


def test_none_of_the_type_says_what_there_is():
    with pytest.raises(IssuerRefused, match="no provisioner of type X5C") as refused:
        choose(listed(ADMIN, ACME), None, "X5C", "ca")
    assert "admin (JWK), acme (ACME)" in refused.value.hint


def test_an_empty_listing_is_said():
    with pytest.raises(IssuerRefused) as refused:
        choose((), None, "JWK", "ca")
    assert "no provisioner at all" in refused.value.hint


@pytest.mark.parametrize("name", ["Admin", "ADMIN", "admim"])
def test_names_are_compared_letter_by_letter_and_the_nearest_is_hinted(name):
    with pytest.raises(IssuerRefused, match=f"no provisioner '{name}'") as refused:
        choose(listed(ADMIN, OTHER), name, "JWK", "ca")
    assert "did you mean 'admin'" in refused.value.hint


def test_a_name_like_no_other_is_answered_with_what_there_is():
    with pytest.raises(IssuerRefused) as refused:
        choose(listed(ADMIN), "zzzzzz", "JWK", "ca")
    assert "admin (JWK)" in refused.value.hint


def test_a_name_of_another_type_is_explained():
    with pytest.raises(IssuerRefused, match="'acme' is of type ACME, not JWK") as refused:
        choose(listed(ADMIN, ACME), "acme", "JWK", "ca")
    assert "password works with provisioners of type JWK" in refused.value.hint


def test_a_provisioner_that_did_not_start_is_explained():
    broken = {**ADMIN.configuration(), "state": "Uninitialized", "stateReason": "no\x1b[31mkey"}
    with pytest.raises(IssuerRefused, match="did not start on the CA: no") as refused:
        choose(listed(broken), "admin", "JWK", "ca")
    assert "\x1b" not in str(refused.value)
    with pytest.raises(IssuerRefused, match="no reason given"):
        choose(listed({**broken, "stateReason": ""}), "admin", "JWK", "ca")


def test_an_entry_of_unknown_shape_does_not_hide_the_others(caplog):
    page = {"provisioners": [{"type": 7, "name": "x"}, "text", None, ADMIN.configuration()]}
    found = read_provisioners(decode(json.dumps(page).encode(), ProvisionerPage, "x"))
    assert [one.name for one in found] == ["admin"]
    assert "cannot be read" in caplog.text


# --- a password -------------------------------------------------------------------------------


def test_the_password_gives_a_mint_with_the_listed_kid():
    mint = credential([ACME, ADMIN], password=Secret("admin password"))
    assert isinstance(mint, TokenMint)
    assert (mint.provisioner, mint.kid, mint.chain) == ("admin", ADMIN.kid, ())
    assert mint.key.private_numbers() == ADMIN.key.private_numbers()


def test_where_keys_share_a_name_the_password_tells_which_is_meant():
    older = JwkProvisioner.make("admin", "older password", p2c=1000)
    assert credential([older, ADMIN], provisioner="admin", password=Secret("admin password")).kid == ADMIN.kid
    assert credential([older, ADMIN], provisioner="admin", password=Secret("older password")).kid == older.kid
    with pytest.raises(WrongPassword):
        credential([older, ADMIN], provisioner="admin", password=Secret("neither"))


def test_a_wrong_password_names_the_provisioner():
    with pytest.raises(WrongPassword, match="provisioner 'admin'"):
        credential([ADMIN], password=Secret("wrong"))


def test_a_key_that_the_ca_does_not_hand_out_is_explained():
    kept = JwkProvisioner.make("kept", p2c=1000, hand_out_key=False)
    with pytest.raises(IssuerRefused, match="does not hand out") as refused:
        credential([kept], password=Secret("x"))
    assert "provisioner_key" in refused.value.hint


def test_no_way_to_prove_oneself_is_a_configuration_error():
    with pytest.raises(ConfigError, match="nothing to prove oneself with"):
        credential([ADMIN])


# --- a key file -------------------------------------------------------------------------------


def private_jwk(key, **more):
    numbers = key.private_numbers()
    x, y, d = (to_base64url(one.to_bytes(32, "big")) for one in (numbers.public_numbers.x, numbers.public_numbers.y, numbers.private_value))
    return {"kty": "EC", "crv": "P-256", "x": x, "y": y, "d": d, **more}


@pytest.fixture
def write(tmp_path):
    def write_private(text, name="key", mode=0o600):
        path = tmp_path / name
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        path.chmod(mode)
        return str(path)

    return write_private


KEPT = JwkProvisioner.make("kept", p2c=1000, hand_out_key=False)


def test_a_plain_key_file_finds_its_provisioner_by_kid(write):
    mint = credential([ADMIN, KEPT], provisioner_key=write(json.dumps(private_jwk(KEPT.key))))
    assert (mint.provisioner, mint.kid) == ("kept", thumbprint(KEPT.key))


def test_a_sealed_key_file_is_opened_with_the_password(write):
    compact = seal(json.dumps(private_jwk(KEPT.key)).encode(), b"pw", p2c=1000)
    names = ("protected", "encrypted_key", "iv", "ciphertext", "tag")
    for text in (compact, json.dumps(dict(zip(names, compact.split("."), strict=True)))):
        mint = credential([KEPT], provisioner_key=write(text + "\n"), password=Secret("pw"))
        assert mint.provisioner == "kept"
        with pytest.raises(WrongPassword):
            credential([KEPT], provisioner_key=write(text), password=Secret("no"))
        with pytest.raises(ConfigError, match="sealed with a password"):
            credential([KEPT], provisioner_key=write(text))


def test_a_key_that_no_provisioner_has_is_said(write):
    with pytest.raises(IssuerRefused, match="no provisioner has the key"):
        credential([ADMIN], provisioner_key=write(json.dumps(private_jwk(KEPT.key))))


def test_a_key_file_under_another_name_is_said(write):
    with pytest.raises(IssuerRefused, match="no provisioner 'admin'"):
        credential([ADMIN, KEPT], provisioner="admin", provisioner_key=write(json.dumps(private_jwk(KEPT.key))))


@pytest.mark.parametrize("text", ["", "{}", "no json", '{"kty":"EC","d":"canary"}', "[" * 5000])
def test_a_file_that_is_no_key_is_refused_without_showing_it(write, text):
    with pytest.raises(ConfigError, match="not a private JWK") as refused:
        credential([KEPT], provisioner_key=write(text))
    assert "canary" not in str(refused.value)


def test_a_key_file_that_others_may_read_is_refused(write):
    with pytest.raises(ConfigError, match="read by others"):
        credential([KEPT], provisioner_key=write(json.dumps(private_jwk(KEPT.key)), mode=0o644))


def test_a_key_file_in_the_home_of_nobody_is_refused():
    with pytest.raises(ConfigError, match="home of nobody"):
        credential([KEPT], provisioner_key="~nobody-by-this-name/key")


# --- X5C --------------------------------------------------------------------------------------

SIGNERS = Authority("Signers")
X5C = X5cProvisioner("x5c", (SIGNERS.root,))


def x5c_files(write, bundle, key=None):
    return {
        "x5c_certificate": write(bundle.fullchain_pem, "cert", 0o644),
        "x5c_key": write((key or bundle.key).reveal_pem(), "key"),
    }


def test_an_x5c_certificate_gives_a_mint_with_its_chain(write):
    bundle = SIGNERS.issue("signer.lan")
    mint = credential([ADMIN, X5C], **x5c_files(write, bundle))
    assert (mint.provisioner, mint.kid, mint.chain) == ("x5c", "", (bundle.leaf, *bundle.chain))


def test_an_expired_x5c_certificate_is_said_before_anything_is_sent(write):
    with pytest.raises(IssuerRefused, match="expired on"):
        credential([X5C], **x5c_files(write, SIGNERS.expired("signer.lan")))


def test_an_x5c_certificate_that_leads_to_none_of_the_provisioner_s_roots_is_said_before_anything_is_sent(write):
    for bundle in (Authority("Foreign").issue("signer.lan"), SIGNERS.issue("signer.lan", intermediate=False)):
        with pytest.raises(IssuerRefused, match="does not lead to a root of the provisioner 'x5c'") as refused:
            credential([X5C], **x5c_files(write, bundle))
        assert "every intermediate above it" in refused.value.hint


@pytest.mark.parametrize("roots", [{}, {"roots": "???"}, {"roots": "bm8gY2VydGlmaWNhdGU="}])
def test_where_the_roots_are_not_told_the_ca_finds_out(write, roots):
    assert (
        credential([{"type": "X5C", "name": "x5c", **roots}], **x5c_files(write, Authority("Foreign").issue("signer.lan"))).provisioner
        == "x5c"
    )


def test_an_x5c_pair_that_does_not_belong_together_is_refused(write):
    with pytest.raises(ConfigError, match="does not belong"):
        credential([X5C], **x5c_files(write, SIGNERS.issue("a.lan"), SIGNERS.issue("b.lan").key))


def test_an_x5c_certificate_that_is_not_there_is_said(write, tmp_path):
    files = x5c_files(write, SIGNERS.issue("a.lan"))
    with pytest.raises(ConfigError, match="cannot be read"):
        credential([X5C], **{**files, "x5c_certificate": str(tmp_path / "none")})


def test_an_x5c_key_that_others_may_read_is_refused(write, tmp_path):
    files = x5c_files(write, SIGNERS.issue("a.lan"))
    (tmp_path / "key").chmod(0o640)
    with pytest.raises(ConfigError, match="read by others"):
        credential([X5C], **files)


def test_a_certificate_for_servers_alone_is_refused_as_x5c(write):
    with pytest.raises(ConfigError, match="not for client authentication"):
        credential([X5C], **x5c_files(write, SIGNERS.issue("a.lan", usages=[ExtendedKeyUsageOID.SERVER_AUTH])))


def test_a_certificate_for_any_purpose_is_taken_and_one_without_key_usage_is_not(write):
    key = ec.generate_private_key(ec.SECP256R1())

    def minted(*extensions):
        name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "self")])
        builder = x509.CertificateBuilder(name, name, key.public_key(), 1, now() - timedelta(hours=1), now() + timedelta(hours=1))
        for one in extensions:
            builder = builder.add_extension(one, critical=True)
        return CertificateBundle(builder.sign(key, hashes.SHA256()), (), (), PrivateKey(key))

    usage = SIGNERS.issue().leaf.extensions.get_extension_for_class(x509.KeyUsage).value
    own = minted(usage)
    assert credential([X5cProvisioner("x5c", (own.leaf,))], **x5c_files(write, own)).provisioner == "x5c"
    with pytest.raises(ConfigError, match="not for client authentication"):
        credential([X5C], **x5c_files(write, minted()))


# --- a ready token ----------------------------------------------------------------------------


def test_a_ready_token_is_sent_as_it_is_and_never_shown():
    ready = credential([OIDC], token=Secret("eyJ.e30.sig\n"), provisioner="oidc")
    assert isinstance(ready, ReadyToken)
    assert ready.for_signing() == ready.for_revoking() == "eyJ.e30.sig"
    assert "eyJ" not in repr(ready)
    assert credential([], token=Secret("t")).provisioner == ""
