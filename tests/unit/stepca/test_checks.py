"""What ``doctor`` finds out about a CA, each finding with what to do."""

from datetime import UTC, datetime, timedelta

import pytest

from certpush.model import CertificateRequest, DnsName, Secret, Severity
from certpush.stepca.issuer import open_issuer
from certpush.stepca.settings import CaSettings
from certpush.testing.authority.in_memory import Authority
from certpush.testing.authority.pki import Pki
from certpush.testing.authority.provisioners import JwkProvisioner, X5cProvisioner
from unit.stepca.scripted import Reply, ScriptedCa, refusal
from unit.stepca.test_issuer import ADMIN, cut, opened, pem, ready

OK, INFO, WARNING, ERROR = Severity.OK, Severity.INFO, Severity.WARNING, Severity.ERROR


@pytest.fixture
def ca():
    with ScriptedCa() as running:
        authority = running.authority
        ready(running).routes |= {
            "GET /roots": Reply(201, {"crts": [pem(authority.root)]}),
            "GET /intermediates": Reply(201, {"crts": [pem(authority.intermediate)]}),
        }
        yield running


def asking(**lifetime):
    return CertificateRequest((DnsName("a.lan"),), lifetime=timedelta(**lifetime) if lifetime else None)


def findings(ca, request=None, **options):
    with opened(ca, **options) as issuer:
        return issuer.check(request)


def of(found, code):
    return [one for one in found if one.code == code]


def only(found, code):
    (one,) = of(found, code)
    return one


def test_a_ca_that_is_well_has_nothing_but_good_findings(ca):
    found = findings(ca, asking())
    assert [(one.severity, one.code) for one in found] == [
        (OK, "ca-reachable"),
        (OK, "ca-root"),
        (OK, "ca-health"),
        (OK, "ca-clock"),
        (OK, "ca-names"),
        (OK, "ca-provisioner"),
        (OK, "ca-password"),
        (INFO, "ca-lifetime"),
        (OK, "ca-certificate"),
        (OK, "ca-certificate"),
    ]
    assert ca.authority.fingerprint in only(found, "ca-root").message
    assert all(one.hint for one in found if one.severity not in (OK, INFO))


# --- from the outside in ----------------------------------------------------------------------


def single(found, code):
    (one,) = found
    assert (one.severity, one.code) == (ERROR, code)
    assert one.hint
    return one


def test_a_ca_that_is_down_is_one_finding():
    with open_issuer(CaSettings(url="https://127.0.0.1:1", fingerprint="0" * 64)) as issuer:
        single(issuer.check(None), "ca-reachable")


def test_no_configuration_is_one_finding():
    with open_issuer(CaSettings()) as issuer:
        single(issuer.check(None), "ca-settings")


def test_another_root_is_one_finding(ca):
    other = Authority("Other")
    ca.routes[f"GET /root/{other.fingerprint}"] = Reply(404, b"")
    single(findings(ca, fingerprint=other.fingerprint), "ca-root")


def test_another_name_is_one_finding_that_tells_the_names():
    authority = Authority()
    with ScriptedCa(authority=authority, bundle=authority.issue("ca.lan")) as ca:
        assert "ca.lan" in single(findings(ready(ca)), "ca-names").message


def test_an_expired_certificate_is_one_finding_about_the_clock():
    authority = Authority()
    with ScriptedCa(authority=authority, bundle=authority.expired("127.0.0.1")) as ca:
        single(findings(ready(ca)), "ca-clock")


def test_something_else_at_the_address_is_one_finding(ca):
    ca.routes["GET /health"] = Reply(body=b"<html>")
    single(findings(ca), "ca-health")


def test_a_ca_that_is_not_well_is_a_warning(ca):
    ca.routes["GET /health"] = Reply(body={"status": "tired\x1b[31m"})
    found = only(findings(ca), "ca-health")
    assert found.severity is WARNING
    assert "\x1b" not in found.message


def test_a_further_root_is_announced_in_time(ca):
    new = Authority("New")
    ca.routes["GET /roots"] = Reply(201, {"crts": [pem(ca.authority.root), pem(new.root)]})
    known, announced = of(findings(ca), "ca-root")
    assert (known.severity, announced.severity) == (OK, WARNING)
    assert new.fingerprint in announced.message


def test_roots_that_cannot_be_listed_are_a_warning(ca):
    ca.routes["GET /roots"] = refusal(500, "x")
    assert [one.severity for one in of(findings(ca), "ca-root")] == [OK, WARNING]


def test_clocks_that_differ_are_an_error_with_numbers(ca):
    found = only(findings(ca, clock=lambda: datetime.now(UTC) - timedelta(minutes=10)), "ca-clock")
    assert found.severity is ERROR
    assert "differ by" in found.message


def test_clocks_that_cannot_be_compared_are_said(ca):
    ca.routes["GET /health"].headers["Date"] = ""
    ca.routes["GET /roots"].headers["Date"] = ""
    assert only(findings(ca), "ca-clock").severity is INFO


def test_a_name_by_wildcard_alone_is_a_warning():
    """TLS takes the wildcard, but a token must name the CA as its configuration does."""
    authority = Authority()
    with ScriptedCa(authority=authority, bundle=authority.issue("ca.lan", "127.0.0.1")) as ca, opened(ready(ca)) as issuer:
        connected = issuer.connect()
        connected.address = type(connected.address)("other.lan", connected.address.port)
        found = only(issuer.check(None), "ca-names")
    assert found.severity is WARNING
    assert "tokens will name ca.lan instead" in found.message


# --- how we prove ourselves -------------------------------------------------------------------


def test_a_wrong_password_is_found_without_asking_for_anything(ca):
    found = findings(ca, password=Secret("wrong"))
    assert only(found, "ca-password").severity is ERROR
    assert of(found, "ca-provisioner") == of(found, "ca-lifetime") == []
    assert {one.method for one in ca.seen} == {"GET"}


@pytest.mark.parametrize("changes", [{"provisioner": "nobody"}, {"password": None}])
def test_a_provisioner_that_cannot_be_used_is_found(ca, changes):
    assert only(findings(ca, **changes), "ca-provisioner").severity is ERROR


def test_a_listing_that_does_not_come_is_found(ca):
    ca.routes["GET /provisioners"] = cut()
    assert only(findings(ca), "ca-provisioner").severity is ERROR


def test_a_ready_token_cannot_be_checked(ca):
    found = findings(ca, password=None, token=Secret("t"))
    assert only(found, "ca-provisioner").severity is INFO
    assert of(found, "ca-password") == []


@pytest.fixture
def x5c(ca, tmp_path):
    signers = Authority("Signers")
    bundle = signers.issue("signer.lan")
    (tmp_path / "cert").write_bytes(bundle.fullchain_pem)
    (tmp_path / "key").touch(0o600)
    (tmp_path / "key").write_bytes(bundle.key.reveal_pem())
    ca.routes["GET /provisioners"] = Reply(body={"provisioners": [X5cProvisioner("x5c", (signers.root,)).configuration()]})
    return {"password": None, "x5c_certificate": str(tmp_path / "cert"), "x5c_key": str(tmp_path / "key")}


@pytest.mark.parametrize(("request_", "severity"), [(None, OK), (asking(), OK), (asking(hours=2), OK), (asking(days=2), ERROR)])
def test_nothing_outlives_an_x5c_certificate(ca, x5c, request_, severity):
    assert only(findings(ca, request_, **x5c), "ca-password").severity is severity


# --- lifetimes --------------------------------------------------------------------------------


def claiming(ca, **claims):
    own = JwkProvisioner.make(password=ADMIN.password, p2c=1000, claims=claims)
    ca.routes["GET /provisioners"] = Reply(body={"provisioners": [own.configuration()]})
    return ca


@pytest.mark.parametrize(
    ("claims", "request_", "severity", "said"),
    [
        ({"maxTLSCertDuration": "2160h0m0s"}, asking(days=395), ERROR, "395d is asked for, and the provisioner 'admin' allows 90d at most"),
        ({"maxTLSCertDuration": "2160h0m0s"}, asking(days=90), OK, "allows up to 90d"),
        ({"maxTLSCertDuration": "2160h0m0s"}, asking(), OK, "allows up to 90d"),
        ({"maxTLSCertDuration": "2160h0m0s"}, None, OK, "allows up to 90d"),
        ({"minTLSCertDuration": "1h0m0s"}, asking(minutes=5), ERROR, "allows no less than 1h"),
        ({"minTLSCertDuration": "1h0m0s"}, asking(hours=1), INFO, "not visible from outside"),
        ({"maxTLSCertDuration": "for ever"}, asking(hours=1), INFO, "not visible from outside"),
        ({}, asking(days=395), WARNING, "395d is asked for; the provisioner 'admin' sets no limit of its own"),
        ({}, asking(seconds=10), WARNING, "step-ca's default is 5m to 24h"),
        ({"defaultTLSCertDuration": "9480h0m0s"}, asking(days=395), INFO, "not visible from outside"),
        ({}, asking(hours=24), INFO, "not visible from outside"),
        ({}, None, INFO, "not visible from outside"),
    ],
)
def test_a_lifetime_is_compared_with_what_is_visible(ca, claims, request_, severity, said):
    found = only(findings(claiming(ca, **claims), request_), "ca-lifetime")
    assert found.severity is severity
    assert said in found.message


def test_a_lifetime_that_may_be_too_long_comes_with_the_claims_to_set(ca):
    assert '"maxTLSCertDuration": "9480h0m0s"' in only(findings(ca, asking(days=395)), "ca-lifetime").hint
    assert only(findings(ca, asking(hours=24)), "ca-lifetime").hint == ""


# --- the CA's own certificates ----------------------------------------------------------------


def test_without_a_list_of_intermediates_the_root_is_looked_at(ca):
    ca.routes["GET /intermediates"] = Reply(404, b"404 page not found\n")
    assert [one.message[:13] for one in of(findings(ca), "ca-certificate")] == ["the CA's root"]


@pytest.mark.parametrize(
    ("left", "request_", "severity"),
    [
        (timedelta(hours=-1), None, ERROR),
        (timedelta(days=3), None, WARNING),
        (timedelta(days=100), asking(days=395), WARNING),
        (timedelta(days=100), asking(days=30), OK),
    ],
)
def test_an_intermediate_that_ends_too_early_is_found(ca, left, request_, severity):
    pki = ca.authority.pki
    ending = Pki.under(
        pki.root,
        pki.root_key,
        now=datetime.now(UTC) + min(left, timedelta()) - timedelta(hours=1),
        lifetime=max(left, timedelta()) + timedelta(hours=2),
    )
    ca.routes["GET /intermediates"] = Reply(201, {"crts": [pem(ending.intermediate)]})
    root, intermediate = of(findings(ca, request_), "ca-certificate")
    assert (root.severity, intermediate.severity) == (OK, severity)
    assert bool(intermediate.hint) is (severity is not OK)
