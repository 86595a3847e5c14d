"""One client, two CAs: what holds for the real step-ca holds for the embedded one."""

import time
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa

from certpush.errors import IssuerRefused, RootMismatch
from certpush.model import (
    CertificateBundle,
    CertificateRequest,
    KeySpec,
    PrivateKey,
    Secret,
    Severity,
    certificate_names,
    parse_name,
    to_pem,
)
from certpush.model import fingerprint as fingerprint_of
from certpush.stepca.bootstrap import read_root_file
from certpush.stepca.client import StepCa
from certpush.stepca.issuer import open_issuer
from certpush.stepca.jwe import unseal
from certpush.stepca.refusal import CaRefusal
from certpush.stepca.settings import CaSettings
from certpush.stepca.tokens import TokenMint
from certpush.stepca.transport_errors import OwnCertificateRefused
from certpush.testing.authority import Authority, JwkProvisioner, Pki, X5cProvisioner
from certpush.testing.lab.process import wait_until
from unit.stepca.requests_made import signing_request

NAMES = tuple(parse_name(text) for text in ("web.example.com", "alt.example.com", "192.0.2.7", "2001:db8::1"))
SECONDS = {"minTLSCertDuration": "1s", "defaultTLSCertDuration": "1h", "maxTLSCertDuration": "24h"}


def settings(ca, **changes):
    return CaSettings(
        **{"url": ca.url, "fingerprint": ca.fingerprint, "provisioner": ca.provisioner, "password": Secret(ca.password), **changes}
    )


@pytest.fixture
def issuer(ca):
    with open_issuer(settings(ca)) as opened:
        yield opened


@pytest.fixture
def client(ca, tmp_path):
    (tmp_path / "root.crt").write_bytes(ca.root_pem)
    with closing(StepCa(ca.url, read_root_file(tmp_path / "root.crt", ca.fingerprint))) as opened:
        yield opened


def asking(names=NAMES[:1], key=KeySpec.EC_P256, lifetime=None):
    return CertificateRequest(names, key, lifetime)


def obtain(issuer, request=None):
    request = request or asking()
    key = PrivateKey.generate(request.key)
    issued = issuer.sign(request, signing_request(key, request.names))
    return CertificateBundle(issued.leaf, issued.chain, issued.roots, key)


def lives(certificate):
    return certificate.not_valid_after_utc - certificate.not_valid_before_utc


# --- first contact, and what the CA says about itself -----------------------------------------


def test_bootstrap_by_fingerprint_gives_the_root(ca, issuer):
    assert [fingerprint_of(root) for root in issuer.connect().roots] == [ca.fingerprint]


def test_with_an_intermediate_in_the_root_file_servers_still_send_it(ca, tmp_path):
    (tmp_path / "ca.pem").write_bytes(to_pem(ca.pki.intermediate, ca.pki.root))
    with open_issuer(settings(ca, root=str(tmp_path / "ca.pem"))) as issuer:
        bundle = obtain(issuer)
    assert (bundle.chain, bundle.roots) == ((ca.pki.intermediate,), (ca.pki.root,))


def test_an_unknown_fingerprint_is_refused(ca):
    with open_issuer(settings(ca, fingerprint="0" * 64)) as issuer, pytest.raises(RootMismatch, match="no root with the fingerprint 0000"):
        issuer.connect()


def test_another_cas_root_is_refused(ca):
    with closing(StepCa(ca.url, [Authority("Other").root])) as client, pytest.raises(RootMismatch):
        client.health()


def test_health_version_roots_and_intermediates(ca, client):
    assert client.health().status == "ok"
    assert client.version().version
    assert client.all_roots() == client.roots == (client.root(ca.fingerprint.upper()),)
    assert client.intermediates() == (ca.pki.intermediate,)
    with pytest.raises(CaRefusal, match="no root with the fingerprint"):
        client.root("0" * 64)


def test_the_cas_names_and_clock_are_seen(client):
    client.health()
    assert set(client.own_names) == {"localhost", "127.0.0.1"}
    assert abs(client.skew) < timedelta(seconds=5)


def test_provisioners_are_listed_with_their_sealed_keys(ca, client):
    (admin,) = client.provisioners()
    assert (admin.type, admin.name, admin.kid) == ("JWK", ca.provisioner, ca.admin.kid)
    assert client.encrypted_key(admin.kid) == admin.encrypted_key == ca.admin.encrypted_key
    with pytest.raises(CaRefusal, match="does not hand out"):
        client.encrypted_key("unknown")


def test_provisioners_of_several_pages_are_all_listed(start_ca):
    more = [JwkProvisioner.make(f"team-{number}", p2c=1000) for number in range(120)]
    ca = start_ca(provisioners=more)
    with open_issuer(settings(ca, provisioner="team-119", password=Secret(more[119].password))) as issuer:
        listed = issuer.connect().provisioners()
        assert [one.name for one in listed] == [ca.provisioner, *(one.name for one in more)]
        assert obtain(issuer).names == NAMES[:1]


# --- signing ----------------------------------------------------------------------------------


@pytest.mark.parametrize("spec", [KeySpec.EC_P256, KeySpec.EC_P384, KeySpec.EC_P521, KeySpec.RSA_2048, KeySpec.ED25519])
def test_every_kind_of_key_is_signed(issuer, spec):
    bundle = obtain(issuer, asking(key=spec))
    assert bundle.key.spec == spec
    assert len(bundle.chain) == 1


def test_names_and_addresses_are_all_in_the_certificate(issuer):
    bundle = obtain(issuer, asking(NAMES))
    assert set(bundle.names) == set(NAMES)
    assert bundle.leaf.subject.rfc4514_string() == "CN=web.example.com"


def test_without_a_lifetime_it_is_the_cas_default(issuer):
    assert lives(obtain(issuer).leaf) == timedelta(hours=24, minutes=1)


def test_a_lifetime_is_kept_to_the_second(issuer):
    assert lives(obtain(issuer, asking(lifetime=timedelta(hours=2, seconds=7))).leaf) == timedelta(hours=2, minutes=1, seconds=7)


def test_too_long_a_lifetime_says_what_is_allowed_and_prints_the_claims(issuer):
    with pytest.raises(CaRefusal, match="395d was asked for, and the CA allows 24h at most") as refused:
        obtain(issuer, asking(lifetime=timedelta(days=395)))
    assert '{"maxTLSCertDuration": "9480h0m0s"}' in refused.value.hint


def test_too_short_a_lifetime_says_what_is_allowed(issuer):
    with pytest.raises(CaRefusal, match="2m was asked for, and the CA allows no less than 5m") as refused:
        obtain(issuer, asking(lifetime=timedelta(minutes=2)))
    assert '{"minTLSCertDuration": "2m0s"}' in refused.value.hint


def test_the_claims_that_are_printed_do_help(start_ca):
    ca = start_ca(claims={"maxTLSCertDuration": "9480h0m0s"})
    with open_issuer(settings(ca)) as issuer:
        assert lives(obtain(issuer, asking(lifetime=timedelta(days=395))).leaf) == timedelta(days=395, minutes=1)


def test_a_provisioners_own_limit_is_seen_before_it_is_met(start_ca):
    ca = start_ca(admin=JwkProvisioner.make(p2c=1000, claims={"maxTLSCertDuration": "48h"}))
    request = asking(lifetime=timedelta(days=30))
    with open_issuer(settings(ca)) as issuer:
        (lifetime,) = [one for one in issuer.check(request) if one.code == "ca-lifetime"]
        assert lifetime.severity is Severity.ERROR
        assert "allows 2d at most" in lifetime.message
        with pytest.raises(CaRefusal, match="allows 2d at most"):
            obtain(issuer, request)


def test_a_wrong_password_is_found_out_without_asking(ca):
    with open_issuer(settings(ca, password=Secret("wrong"))) as issuer, pytest.raises(IssuerRefused, match="does not open"):
        obtain(issuer)


@pytest.mark.parametrize("rounds", [100_000, 600_000, 1_000_000])
def test_a_key_sealed_with_as_many_rounds_as_step_takes_opens(start_ca, rounds):
    with open_issuer(settings(start_ca(admin=JwkProvisioner.make(p2c=rounds)))) as issuer:
        assert obtain(issuer).names == NAMES[:1]


def test_a_key_that_would_take_more_rounds_is_refused_with_the_way_to_another(start_ca):
    ca = start_ca(admin=JwkProvisioner.make(p2c=1_000_001))
    with open_issuer(settings(ca)) as issuer, pytest.raises(IssuerRefused, match="1000001 rounds of PBKDF2; at most 1,000,000") as refused:
        obtain(issuer)
    assert "step ca provisioner update" in refused.value.hint


def test_another_provisioner_is_hinted(ca):
    with open_issuer(settings(ca, provisioner=ca.provisioner.upper())) as issuer, pytest.raises(IssuerRefused) as refused:
        obtain(issuer)
    assert f"did you mean {ca.provisioner!r}" in refused.value.hint


def test_weak_keys_are_refused_with_what_to_write(ca, issuer):
    weak = PrivateKey(rsa.generate_private_key(public_exponent=65537, key_size=1024))
    with pytest.raises(CaRefusal, match="weaker than 2048 bits"):
        issuer.sign(asking(), signing_request(weak, NAMES[:1]))


def test_a_request_for_other_names_than_the_tokens_is_refused(issuer):
    key = PrivateKey.generate(KeySpec.EC_P256)
    with pytest.raises(CaRefusal, match="DNS names of the signing request"):
        issuer.sign(asking(), signing_request(key, NAMES[:2]))


def test_every_finding_is_good_on_a_ca_that_is_well(issuer):
    found = issuer.check(asking(lifetime=timedelta(hours=24)))
    assert {one.severity for one in found} <= {Severity.OK, Severity.INFO}
    assert len({one.code for one in found}) == 9


# --- tokens -----------------------------------------------------------------------------------


def minted(ca, client, csr, names=NAMES[:1], clock=lambda: datetime.now(UTC), provisioner=None):
    client.health()
    mint = TokenMint(provisioner or ca.provisioner, ca.admin.key, clock, kid=ca.admin.kid)
    return mint.for_signing(client.audience, names, x509.load_pem_x509_csr(csr), ca.fingerprint)


@pytest.fixture
def csr():
    return signing_request(PrivateKey.generate(KeySpec.EC_P256), NAMES[:1])


def test_a_token_is_good_once(ca, client, csr):
    token = minted(ca, client, csr)
    client.sign(csr.decode(), token)
    with pytest.raises(CaRefusal) as refused:
        client.sign(csr.decode(), token)
    assert refused.value.says_nothing
    assert refused.value.request_id in ca.log()


def test_a_token_is_spent_even_when_the_request_is_refused(ca, client, csr):
    token = minted(ca, client, csr)
    with pytest.raises(CaRefusal, match="at most"):
        client.sign(csr.decode(), token, timedelta(days=3650))
    with pytest.raises(CaRefusal) as refused:
        client.sign(csr.decode(), token)
    assert refused.value.says_nothing


def test_a_token_is_for_one_signing_request(ca, client, csr):
    other = signing_request(PrivateKey.generate(KeySpec.EC_P256), NAMES[:1])
    with pytest.raises(CaRefusal, match="another signing request"):
        client.sign(other.decode(), minted(ca, client, csr))


@pytest.mark.parametrize("minutes", [-10, 10])
def test_tokens_of_another_time_are_refused(ca, client, csr, minutes):
    token = minted(ca, client, csr, clock=lambda: datetime.now(UTC) + timedelta(minutes=minutes))
    with pytest.raises(CaRefusal) as refused:
        client.sign(csr.decode(), token)
    assert refused.value.says_nothing


def test_tokens_from_before_a_restart_are_refused_and_new_ones_taken(start_ca, csr):
    ca = start_ca()
    with open_issuer(settings(ca)) as issuer:
        obtain(issuer)
        client = issuer.connect()
        old = minted(ca, client, csr)
        second = int(time.time())
        wait_until(lambda: int(time.time()) > second, "the next second")  # step-ca compares whole seconds
        ca.restart()
        with pytest.raises(CaRefusal) as refused:
            client.sign(csr.decode(), old)
        assert refused.value.says_nothing
        assert obtain(issuer).names == NAMES[:1]


def test_a_provisioner_that_is_replaced_between_two_requests_is_named_and_the_next_one_goes_by_the_new(start_ca):
    ca = start_ca()
    with open_issuer(settings(ca)) as issuer:
        obtain(issuer)  # the CA was seen, and is not looked at again within ten seconds
        ca.update(admin=JwkProvisioner.make(ca.provisioner, ca.password, p2c=1000))
        with pytest.raises(CaRefusal, match="does not list the provisioner 'admin' with this key any more") as refused:
            obtain(issuer)
        assert refused.value.retryable
        assert f"request-id={refused.value.request_id}" in refused.value.hint
        assert refused.value.request_id in ca.log()
        assert obtain(issuer).names == NAMES[:1]


def test_a_provisioner_that_is_replaced_is_named_in_the_diagnosis(start_ca, tmp_path):
    ca = start_ca()
    stranger = JwkProvisioner.make(ca.provisioner, p2c=1000)
    key_file = tmp_path / "key"
    key_file.touch(0o600)
    key_file.write_text(_opened(stranger))
    with (
        open_issuer(settings(ca, password=None, provisioner_key=str(key_file))) as issuer,
        pytest.raises(IssuerRefused, match="no provisioner has the key"),
    ):
        obtain(issuer)


def _opened(provisioner):
    return unseal(provisioner.encrypted_key, provisioner.password, "x").decode()


def test_a_key_file_does_where_the_ca_hands_out_none(start_ca, tmp_path):
    kept = JwkProvisioner.make(p2c=1000)
    key_file = tmp_path / "key"
    key_file.touch(0o600)
    key_file.write_text(_opened(kept))
    ca = start_ca(admin=replace(kept, encrypted_key=None))
    with open_issuer(settings(ca)) as issuer, pytest.raises(IssuerRefused, match="does not hand out"):
        obtain(issuer)
    with open_issuer(settings(ca, password=None, provisioner=None, provisioner_key=str(key_file))) as issuer:
        assert obtain(issuer).names == NAMES[:1]


# --- rekey and renew --------------------------------------------------------------------------


def test_rekey_keeps_names_and_lifetime_and_takes_the_new_key(issuer):
    current = obtain(issuer, asking(NAMES, lifetime=timedelta(hours=3)))
    key = PrivateKey.generate(KeySpec.RSA_2048)
    issued = issuer.rekey(current, signing_request(key, NAMES[:1]))
    renewed = CertificateBundle(issued.leaf, issued.chain, issued.roots, key)
    assert set(renewed.names) == set(current.names)
    assert renewed.serial != current.serial
    assert lives(renewed.leaf) == lives(current.leaf)


def test_renew_keeps_the_key(issuer):
    current = obtain(issuer)
    issued = issuer.renew(current)
    assert CertificateBundle(issued.leaf, issued.chain, issued.roots, current.key).serial != current.serial


def test_renewal_by_token_works_for_a_valid_certificate_of_each_kind_of_key(issuer):
    for spec in (KeySpec.EC_P256, KeySpec.EC_P384, KeySpec.RSA_2048, KeySpec.ED25519):
        current = obtain(issuer, asking(key=spec))
        assert certificate_names(issuer.connect().renew_with_token(current).leaf) == current.names


def test_renewal_without_the_intermediate_is_refused_and_explained(issuer):
    current = obtain(issuer)
    alone = CertificateBundle(current.leaf, (), current.roots, current.key)
    assert issuer.renew(alone).leaf.serial_number != current.serial  # in TLS the CA knows its own intermediate
    with pytest.raises(CaRefusal, match="does not recognise the certificate's chain"):
        issuer.connect().renew_with_token(alone)


def test_a_certificate_of_another_ca_is_refused_in_tls(issuer):
    with pytest.raises(OwnCertificateRefused):
        issuer.renew(Authority("Foreign").issue("web.example.com"))


def short_lived(start_ca, **claims):
    ca = start_ca(admin=JwkProvisioner.make(p2c=1000, claims={**SECONDS, **claims}))
    issuer = open_issuer(settings(ca))
    current = obtain(issuer, asking(lifetime=timedelta(seconds=2)))
    # step-ca drops the fraction of "now", so a second more has to pass.
    wait_until(lambda: datetime.now(UTC) > current.not_after + timedelta(seconds=1), "the end of a short life")
    return issuer, current


def test_an_expired_certificate_is_renewed_by_token_where_that_is_allowed(start_ca):
    issuer, current = short_lived(start_ca, allowRenewalAfterExpiry=True)
    with issuer:
        with pytest.raises(OwnCertificateRefused, match="expired"):
            issuer.renew(current)
        renewed = issuer.renew(current, after_expiry=True)
        assert certificate_names(renewed.leaf) == current.names
        assert renewed.leaf.not_valid_after_utc > current.not_after


def test_an_expired_certificate_is_not_renewed_where_that_is_not_allowed(start_ca):
    issuer, current = short_lived(start_ca)
    with issuer:
        with pytest.raises(OwnCertificateRefused) as refused:
            issuer.rekey(current, signing_request(current.key, current.names))
        assert "password" in refused.value.hint
        with pytest.raises(CaRefusal, match="does not renew expired ones") as denied:
            issuer.renew(current, after_expiry=True)
        assert "allowRenewalAfterExpiry" in denied.value.hint
        assert obtain(issuer).names == current.names


def test_where_renewal_is_disabled_a_new_certificate_is_the_way(start_ca):
    ca = start_ca(admin=JwkProvisioner.make(p2c=1000, claims={"disableRenewal": True}))
    with open_issuer(settings(ca)) as issuer:
        current = obtain(issuer)
        for ask in (
            lambda: issuer.renew(current),
            lambda: issuer.rekey(current, signing_request(current.key, current.names)),
            lambda: issuer.connect().renew_with_token(current),
        ):
            with pytest.raises(CaRefusal, match="renewal is disabled") as refused:
                ask()
            assert not refused.value.retryable


# --- revoke -----------------------------------------------------------------------------------


def test_what_is_revoked_is_not_renewed(issuer):
    current = obtain(issuer)
    issuer.revoke(current.serial, reason="superseded", reason_code=4)
    for ask in (
        lambda: issuer.renew(current),
        lambda: issuer.rekey(current, signing_request(current.key, current.names)),
        lambda: issuer.connect().renew_with_token(current),
    ):
        with pytest.raises(CaRefusal, match="it was revoked"):
            ask()
    with pytest.raises(CaRefusal, match=f"{current.serial} is already revoked"):
        issuer.revoke(current.serial, reason="superseded", reason_code=4)


def test_without_a_database_nothing_can_be_revoked(start_ca):
    with open_issuer(settings(start_ca(database=False))) as issuer, pytest.raises(CaRefusal, match="cannot do this") as refused:
        issuer.revoke(obtain(issuer).serial, reason="x", reason_code=0)
    assert "database" in refused.value.hint


# --- X5C: without a password ------------------------------------------------------------------


@pytest.fixture
def x5c_files(tmp_path):
    def write(bundle) -> dict[str, str]:
        certificate, key = Path(tmp_path / "x5c.crt"), Path(tmp_path / "x5c.key")
        certificate.write_bytes(bundle.fullchain_pem)
        key.touch(0o600)
        key.write_bytes(bundle.key.reveal_pem())
        return {"x5c_certificate": str(certificate), "x5c_key": str(key), "provisioner": "my x5c", "password": None}

    return write


@pytest.mark.parametrize("spec", [KeySpec.EC_P256, KeySpec.RSA_2048, KeySpec.ED25519])
def test_an_x5c_certificate_stands_for_us(start_ca, x5c_files, spec):
    signers = Authority("Signers")
    ca = start_ca(provisioners=[X5cProvisioner("my x5c", (signers.root,))])
    own = x5c_files(signers.issue("signer.example.com", key=spec, lifetime=timedelta(hours=6)))
    with open_issuer(settings(ca, **own)) as issuer:
        assert set(obtain(issuer, asking(NAMES, lifetime=timedelta(hours=1))).names) == set(NAMES)
        assert obtain(issuer).not_after <= datetime.now(UTC) + timedelta(hours=6)
        with pytest.raises(CaRefusal, match="x5c_certificate ends on"):
            obtain(issuer, asking(lifetime=timedelta(hours=12)))
        issuer.revoke(obtain(issuer).serial, reason="x", reason_code=0)
        assert {one.severity for one in issuer.check(None)} <= {Severity.OK, Severity.INFO}


def test_an_x5c_certificate_of_somebody_else_or_without_its_chain_is_refused_before_it_is_shown(start_ca, x5c_files):
    signers = Authority("Signers")
    ca = start_ca(provisioners=[X5cProvisioner("my x5c", (signers.root,))])
    for bundle in (Authority("Foreign").issue("signer.example.com"), signers.issue("signer.example.com", intermediate=False)):
        with open_issuer(settings(ca, **x5c_files(bundle))) as issuer, pytest.raises(IssuerRefused, match="does not lead to a root"):
            obtain(issuer)


def test_an_x5c_certificate_of_the_ca_itself_stands_for_us_and_is_renewed_like_any_other(start_real_ca, x5c_files):
    pki = Pki.make("Own")
    ca = start_real_ca(pki=pki, provisioners=[X5cProvisioner("my x5c", (pki.root,))])
    with open_issuer(settings(ca)) as issuer:
        first = obtain(issuer, asking(lifetime=timedelta(hours=6)))
        issued = issuer.renew(first)
    renewed = CertificateBundle(issued.leaf, issued.chain, issued.roots, first.key)
    with open_issuer(settings(ca, **x5c_files(renewed))) as issuer:
        assert obtain(issuer).names == NAMES[:1]
