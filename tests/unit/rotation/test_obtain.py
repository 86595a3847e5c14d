"""The CA's answer is untrusted input: each wrong one is refused with its reason, before any target hears of it."""

from __future__ import annotations

import string
from dataclasses import dataclass, field, replace
from datetime import timedelta
from ipaddress import ip_address, ip_network

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, ExtensionOID
from hypothesis import given, settings
from hypothesis import strategies as st

from certpush.errors import BundleInvalid, IssuerUnreachable, RootMismatch, SafetyRefusal
from certpush.issuer import Issued
from certpush.model import (
    CertificateRequest,
    CertificateSpec,
    DnsName,
    IpName,
    KeySpec,
    Outcome,
    PrivateKey,
    certificate_names,
    leaf_spki,
    parse_name,
)
from certpush.rotation.obtain import build_csr, check_issued, obtain
from unit.rotation.answers import DAY, HOUR, MINUTE, NOW, SERVER, Ca, make_ca, make_leaf, request_for, tampered

SECOND = timedelta(seconds=1)
ROOT = make_ca()
INTERMEDIATE = ROOT.below(path_length=0, may_sign=True)
REQUEST = request_for()
KEY = PrivateKey.generate(KeySpec.EC_P256)


def answer(ca: Ca = INTERMEDIATE, *chain: Ca, root: Ca = ROOT, key: PrivateKey = KEY, names=REQUEST.names, **leaf) -> Issued:
    """A good answer, but for what is told otherwise."""
    above = tuple(one.certificate for one in chain or (ca,))
    return Issued(make_leaf(ca, public(key), names, **leaf), above, (root.certificate,))


def public(key: PrivateKey):
    return key.reveal_key().public_key()


def checked(issued: Issued, request: CertificateRequest = REQUEST, **more):
    return check_issued(issued, request, KEY, NOW, **more)


# --- what is right is taken ---------------------------------------------------------------------


def test_an_answer_that_fits_becomes_the_bundle():
    issued = answer()
    bundle = checked(issued)
    assert bundle.leaf == issued.leaf
    assert bundle.chain == (INTERMEDIATE.certificate,)
    assert bundle.roots == (ROOT.certificate,)
    assert bundle.key is KEY


def test_a_root_sent_along_is_not_part_of_the_chain_that_servers_send():
    assert checked(answer(INTERMEDIATE, INTERMEDIATE, ROOT)).chain == (INTERMEDIATE.certificate,)


def test_a_leaf_signed_by_the_root_itself_needs_no_intermediate():
    issued = Issued(make_leaf(ROOT, public(KEY), REQUEST.names), (), (ROOT.certificate,))
    assert checked(issued).chain == ()


def test_names_in_another_order_and_in_capitals_are_the_same_names():
    shuffled = answer(names=(IpName(REQUEST.names[1].value), DnsName("BOX.lan")))
    assert set(checked(shuffled).names) == set(REQUEST.names)


def test_a_usage_that_is_not_limited_may_sign():
    checked(answer(digital_signature=None))


def test_further_uses_beside_serving_do_no_harm():
    checked(answer(uses=(ExtendedKeyUsageOID.CLIENT_AUTH, SERVER)))


def test_names_of_other_kinds_do_no_harm():
    checked(answer(also=(x509.RFC822Name("admin@box.lan"), x509.UniformResourceIdentifier("spiffe://lan/box"))))


def test_without_a_wanted_lifetime_any_will_do():
    checked(answer(ends=NOW + 90 * DAY), request_for(lifetime=None))


def test_ten_minutes_are_not_nine_seconds():
    ten_minutes = request_for(lifetime=10 * MINUTE)
    checked(answer(ends=NOW + 10 * MINUTE), ten_minutes)
    checked(answer(starts=NOW, ends=NOW + 10 * MINUTE), ten_minutes)
    with pytest.raises(BundleInvalid, match="it ends in 0:00:09, and 0:10:00 was asked for"):
        checked(answer(ends=NOW + 9 * SECOND), ten_minutes)


def test_while_a_ca_changes_its_root_the_other_root_matters_to_nobody():
    ending = make_ca("Old Root", ends=NOW + HOUR)
    issued = replace(answer(), roots=(ending.certificate, ROOT.certificate))
    assert checked(issued).roots == (ending.certificate, ROOT.certificate)


def test_of_two_roots_with_the_same_key_the_longer_lived_one_counts():
    short = make_ca(ends=NOW + HOUR, key=ROOT.key)
    checked(replace(answer(), roots=(short.certificate, ROOT.certificate)))


def test_names_that_the_cas_above_may_sign_for_are_taken():
    constraints = x509.NameConstraints([x509.DNSName("lan"), x509.IPAddress(ip_network("192.0.2.0/24"))], [x509.DNSName("evil.lan")])
    checked(answer(ROOT.below(more={constraints: True})))
    wildcard = request_for("*.lan")
    checked(answer(ROOT.below(more={constraints: True}), names=wildcard.names), wildcard)


def test_a_chain_that_goes_on_to_an_older_root_is_taken_by_those_who_know_either():
    old = make_ca("Old Root")
    crossing = make_ca("Root", under=old, key=ROOT.key)
    issued = answer(INTERMEDIATE, INTERMEDIATE, crossing)
    for roots in ((ROOT,), (old,), (old, ROOT)):
        bundle = checked(replace(issued, roots=tuple(one.certificate for one in roots)))
        assert bundle.chain == (INTERMEDIATE.certificate, crossing.certificate)
    with pytest.raises(RootMismatch, match="does not lead to the pinned root"):
        checked(replace(issued, roots=(make_ca("Root").certificate,)))


@pytest.mark.parametrize("length", [1, 2, 8])
def test_a_chain_of_several_intermediates_is_taken(length):
    chain = chain_of(length)
    assert len(checked(answer(*chain_under(chain))).chain) == length


def chain_of(length: int) -> list[Ca]:
    """Intermediates below the root, the one nearest to the root first."""
    chain = [ROOT]
    for number in range(length):
        chain.append(chain[-1].below(f"Intermediate {number}"))
    return chain[1:]


def chain_under(chain: list[Ca]) -> tuple[Ca, ...]:
    """For ``answer``: the signer, then the chain as a server sends it."""
    return (chain[-1], *reversed(chain))


# --- each wrong answer is refused, with its reason -------------------------------------------------


OTHER_KEY = PrivateKey.generate(KeySpec.EC_P256)
OTHER_ROOT = make_ca("Other Root")
OTHER_INTERMEDIATE = OTHER_ROOT.below()
P256_OID, UNKNOWN_CURVE = "06082a8648ce3d030107", "06082a8648ce3d030177"


def san_of(name: bytes, *, length: int | None = None) -> Issued:
    """A certificate for one DNS name of any bytes, perhaps with a wrong length before them."""
    der = bytes([0x30, len(name) + 2, 0x82, length or len(name)]) + name
    return answer(names=(), more=(x509.UnrecognizedExtension(ExtensionOID.SUBJECT_ALTERNATIVE_NAME, der),))


def with_odd_intermediate(was: str, becomes: str) -> Issued:
    return replace(answer(), chain=(tampered(INTERMEDIATE.certificate, was, becomes),))


def missing_in_the_middle() -> Issued:
    top, _, low = chain_of(3)
    return answer(low, low, top)


LIMITED_KEY = ec.generate_private_key(ec.SECP256R1())
NOT_FOR_THESE_NAMES = "a CA above it may not sign for one of the names (name constraints)"
ODD = x509.UnrecognizedExtension(x509.ObjectIdentifier("1.3.6.1.4.1.99999.1"), b"\x05\x00")
GOOD = answer()


def limited(*, permitted: str | None = None, excluded: str | None = None, under: Ca | None = ROOT) -> Ca:
    """A CA with name constraints; one that is under no other is a root, the same each time but for its serial number."""

    def one(text: str | None) -> list[x509.GeneralName] | None:
        if text is None:
            return None
        return [x509.IPAddress(ip_network(text))] if "/" in text else [x509.DNSName(text)]

    return make_ca("Limited", under=under, key=LIMITED_KEY, more={x509.NameConstraints(one(permitted), one(excluded)): True})


def signed_with_sha1() -> Issued:
    """Nobody makes such a signature any more, so the name of the algorithm is changed in one with SHA-256."""
    ca = ROOT.below(key=rsa.generate_private_key(65537, 2048))
    issued = answer(ca)
    return replace(issued, leaf=tampered(issued.leaf, "06092a864886f70d01010b", "06092a864886f70d010105"))


WRONG = {
    "another key": (answer(key=OTHER_KEY), "another key than ours"),
    "a key that nobody knows": (
        replace(answer(), leaf=tampered(answer().leaf, P256_OID, UNKNOWN_CURVE)),
        "public key of the certificate cannot be read",
    ),
    "another name": (answer(names=(DnsName("evil.lan"),)), "not the ones asked for: it lacks DNS:box.lan, IP:192.0.2.7 and has DNS:evil.lan"),
    "a name too many": (answer(names=(*REQUEST.names, DnsName("more.lan"))), "not the ones asked for: it has DNS:more.lan"),
    "a name too few": (answer(names=REQUEST.names[:1]), "not the ones asked for: it lacks IP:192.0.2.7"),
    "an address as a DNS name": (
        answer(names=(*REQUEST.names[:1], DnsName("192.0.2.7"))),
        "not the ones asked for: it lacks IP:192.0.2.7 and has DNS:192.0.2.7",
    ),
    "an address in the form of another": (
        answer(names=(*REQUEST.names[:1], IpName(ip_address("::ffff:192.0.2.7")))),
        "it lacks IP:192.0.2.7 and has IP:::ffff:c000:207",
    ),
    "a dot at the end": (answer(names=(DnsName("box.lan."), REQUEST.names[1])), "it lacks DNS:box.lan and has DNS:box.lan."),
    "letters that no DNS knows": (san_of("b\xfccher.lan".encode()), r"has DNS:b\xfccher.lan"),
    "a wildcard instead": (answer(names=(DnsName("*.lan"), REQUEST.names[1])), "its names are not the ones asked for"),
    "no name": (answer(names=()), "not the ones asked for: it lacks DNS:box.lan, IP:192.0.2.7"),
    "names that print": (answer(names=(DnsName("a\x1b[2Jb.lan"),)), r"\x1b[2jb.lan"),
    "expired": (answer(starts=NOW - DAY, ends=NOW - MINUTE), "it expired on 2026-11-24 11:59 UTC"),
    "expiring this second": (answer(starts=NOW - DAY, ends=NOW), "it expired on"),
    "begins in ten minutes": (answer(starts=NOW + 10 * MINUTE), "it is not valid before 2026-11-24 12:10:00 UTC"),
    "begins too late to be seen": (answer(starts=NOW + 21 * SECOND), "it is not valid before"),
    "lives longer": (answer(ends=NOW + 30 * DAY), "it lives 30 days, 0:01:00, and 1 day, 0:00:00 was asked for"),
    "lives shorter": (answer(ends=NOW + HOUR), "it ends in 1:00:00, and 1 day, 0:00:00 was asked for"),
    "one of yesterday": (answer(starts=NOW - 20 * HOUR, ends=NOW + 4 * HOUR), "it ends in 4:00:00, and 1 day, 0:00:00 was asked for"),
    "lives for a moment": (answer(ends=NOW + 30 * SECOND), "it ends in 0:00:30, and 1 day, 0:00:00 was asked for"),
    "is a CA": (answer(is_ca=True), "it is a CA certificate"),
    "for clients only": (answer(uses=(ExtendedKeyUsageOID.CLIENT_AUTH,)), "not made for servers (no serverAuth)"),
    "for nothing in particular": (answer(uses=None), "not made for servers (no serverAuth)"),
    "may not sign": (answer(digital_signature=False), "its key may not sign (no digitalSignature)"),
    "names that cannot be read": (san_of(b"abc", length=127), "the extensions of the certificate cannot be read"),
    "an extension that cannot be read": (
        answer(more=(x509.UnrecognizedExtension(ExtensionOID.CRL_DISTRIBUTION_POINTS, b"\x30\x7f"),)),
        "extensions of the certificate cannot be read",
    ),
    "no intermediate": (replace(answer(), chain=()), "does not lead to the pinned root (it ends below CN=Intermediate)"),
    "an intermediate missing in the middle": (missing_in_the_middle(), "the chain is out of order"),
    "chain upside down": (answer(chain_of(2)[1], *chain_of(2)), "the chain is out of order"),
    "somebody else's intermediate": (replace(answer(), chain=(OTHER_INTERMEDIATE.certificate,)), "the chain is out of order"),
    "another root": (
        answer(OTHER_INTERMEDIATE, OTHER_INTERMEDIATE),
        "does not lead to the pinned root (it ends below CN=Other Root)",
    ),
    "another root, sent along": (
        answer(OTHER_INTERMEDIATE, OTHER_INTERMEDIATE, OTHER_ROOT),
        "does not lead to the pinned root (it ends below CN=Other Root)",
    ),
    "a root of the same name": (answer(*(make_ca().below(),) * 2), "does not lead to the pinned root"),
    "no root at all": (replace(answer(), roots=()), "does not lead to the pinned root"),
    "a self-signed leaf": (
        Issued(make_leaf(make_ca("leaf", key=KEY.reveal_key()), public(KEY), REQUEST.names), (), (ROOT.certificate,)),
        "does not lead to the pinned root (it ends below CN=leaf)",
    ),
    "an intermediate that is none": (answer(ROOT.below(is_ca=False)), "a certificate of its chain is no CA"),
    "an intermediate that does not say": (answer(ROOT.below(is_ca=None)), "a certificate of its chain is no CA"),
    "an intermediate that may not sign": (answer(ROOT.below(may_sign=False)), "may not sign others (no keyCertSign)"),
    "an intermediate with extensions twice": (
        with_odd_intermediate("0603551d0e", "0603551d0f"),
        "the extensions of a certificate cannot be read",
    ),
    "an intermediate that cannot be read": (
        with_odd_intermediate("0603551d0e", "0603551d1f"),
        "the extensions of a certificate cannot be read",
    ),
    "an expired intermediate": (answer(ROOT.below(ends=NOW - MINUTE)), "a certificate of its chain is not valid now"),
    "an intermediate of tomorrow": (answer(ROOT.below(starts=NOW + DAY)), "a certificate of its chain is not valid now"),
    "an intermediate twice": (answer(INTERMEDIATE, INTERMEDIATE, INTERMEDIATE), "a certificate stands in its chain twice"),
    "the certificate above itself": (
        replace(GOOD, chain=(GOOD.leaf, *GOOD.chain)),
        "a certificate stands in its chain twice",
    ),
    "a digest that can be forged": (signed_with_sha1(), "is signed with SHA-1 or MD5"),
    "a signature of no known kind": (
        replace(GOOD, leaf=tampered(GOOD.leaf, "06082a8648ce3d040302", "06082a8648ce3d04037f")),
        "the chain is out of order",
    ),
    "an issuer whose name cannot be read": (
        replace(answer(OTHER_INTERMEDIATE), chain=(tampered(OTHER_INTERMEDIATE.certificate, "0c0a4f7468657220526f6f74", "0c0a4f746865722052ff6f74"),)),
        "it ends below (unreadable)",
    ),
    "a path longer than allowed": (
        answer(*chain_under([INTERMEDIATE, INTERMEDIATE.below("Below")])),
        "may not have so many others below it (path length)",
    ),
    "a chain without end": (answer(*chain_under(chain_of(9))), "its chain has 9 certificates"),
    "a name that a CA above it may not sign for": (answer(limited(permitted="example.com")), NOT_FOR_THESE_NAMES),
    "a name that a CA above it must not sign for": (answer(limited(excluded="lan")), NOT_FOR_THESE_NAMES),
    "an address that a CA above it must not sign for": (answer(limited(excluded="192.0.2.0/24")), NOT_FOR_THESE_NAMES),
    "a name that the root must not sign for": (
        answer(*(limited(excluded="lan", under=None).below(),) * 2, root=limited(excluded="lan", under=None)),
        NOT_FOR_THESE_NAMES,
    ),
    "an intermediate for clients only": (
        answer(ROOT.below(more={x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH]): False})),
        "is not made for servers (extended key usage)",
    ),
    "an intermediate with a weak key": (answer(ROOT.below(key=rsa.generate_private_key(65537, 1024))), "ca key too small"),
    "a critical extension that nobody knows": (answer(more=(ODD,), critical=True), "critical extension that TLS clients do not know"),
    "an intermediate with such an extension": (answer(ROOT.below(more={ODD: True})), "critical extension that TLS clients do not know"),
    "pinned to what is no root": (
        Issued(GOOD.leaf, (), (INTERMEDIATE.certificate,)),
        "TLS clients would not accept it: unable to get issuer certificate",
    ),
    "an expired root": (answer(*(make_ca(ends=NOW - DAY, key=ROOT.key).below(),) * 2, root=make_ca(ends=NOW - DAY, key=ROOT.key)),
                        "the pinned root is not valid now"),
}  # fmt: skip


@pytest.mark.parametrize(("issued", "why"), WRONG.values(), ids=WRONG)
def test_a_wrong_answer_is_refused_with_its_reason(issued, why):
    with pytest.raises(RootMismatch if "CN=Other Root" in why else (BundleInvalid, RootMismatch)) as refused:
        checked(issued, allow_short_chain=True)
    assert refused.value.message.startswith("the CA's answer is refused: ")
    assert why in refused.value.message
    assert refused.value.hint
    assert refused.value.message.isprintable()


def signed_otherwise(bench, issued: Issued, **leaf) -> Issued:
    """What the bench's CA answered, signed again for the same key with something changed."""
    pki, now = bench.issuer.pki, bench.clock().replace(microsecond=0)
    told = {"names": certificate_names(issued.leaf), "starts": now - MINUTE, "ends": now + DAY, **leaf}
    ca = Ca(pki.intermediate, pki.intermediate_key)
    return replace(issued, leaf=make_leaf(ca, issued.leaf.public_key(), **told))


SPOILT = {
    "another key": lambda bench, issued: replace(issued, leaf=answer().leaf),
    "another name": lambda bench, issued: signed_otherwise(bench, issued, names=(DnsName("evil.lan"),)),
    "expired": lambda bench, issued: signed_otherwise(bench, issued, ends=bench.clock() - SECOND),
    "begins later": lambda bench, issued: signed_otherwise(bench, issued, starts=bench.clock() + 10 * MINUTE),
    "is a CA": lambda bench, issued: signed_otherwise(bench, issued, is_ca=True),
    "for clients only": lambda bench, issued: signed_otherwise(bench, issued, uses=(ExtendedKeyUsageOID.CLIENT_AUTH,)),
    "no intermediate": lambda bench, issued: replace(issued, chain=()),
    "another root": lambda bench, issued: replace(issued, roots=(OTHER_ROOT.certificate,)),
}


def test_an_answer_signed_otherwise_is_taken_as_long_as_it_fits(bench):
    bench.issuer.tweak = lambda issued: signed_otherwise(bench, issued)
    assert bench.rotate().outcome is Outcome.ROTATED


@pytest.mark.parametrize("spoil", SPOILT.values(), ids=SPOILT)
def test_no_target_hears_of_a_wrong_answer(bench, spoil):
    bench.rotate()
    before, served = bench.device.snapshot(), bench.served
    bench.due()
    bench.issuer.tweak = lambda issued: spoil(bench, issued)
    receipt = bench.rotate()
    assert receipt.outcome is (Outcome.REFUSED if isinstance(receipt.error, RootMismatch) else Outcome.FAILED)
    assert isinstance(receipt.error, BundleInvalid | RootMismatch), receipt.error
    assert bench.device.snapshot() == before
    assert bench.served == served
    assert len(bench.journal.history()) == 1
    assert bench.escrow.current("box").fingerprint == served


# --- a chain that ends too early -------------------------------------------------------------------


def ending_early() -> dict[str, Issued]:
    short = make_ca(ends=NOW + HOUR)
    return {
        "intermediate": answer(ROOT.below(ends=NOW + HOUR)),
        "root": answer(*(short.below(),) * 2, root=short),
    }


@pytest.mark.parametrize("which", ["intermediate", "root"])
def test_a_certificate_that_outlives_a_ca_above_it_is_refused(which):
    with pytest.raises(
        SafetyRefusal, match=r"ends on 2026-11-24 13:00 UTC, before the certificate does \(2026-11-25 12:00 UTC\)"
    ) as refused:
        checked(ending_early()[which])
    assert "allow_short_chain" in refused.value.hint


@pytest.mark.parametrize("which", ["intermediate", "root"])
def test_a_certificate_that_outlives_a_ca_above_it_can_be_allowed(which):
    assert checked(ending_early()[which], allow_short_chain=True).not_after == NOW + DAY


def test_a_ca_that_ends_with_the_certificate_is_long_enough():
    checked(answer(ROOT.below(ends=NOW + DAY)))


# --- the boundaries, by search ----------------------------------------------------------------------


@settings(max_examples=60)
@given(starts=st.integers(-120, 120), ends=st.integers(-60, 60))
def test_a_certificate_is_taken_exactly_while_it_is_valid(starts, ends):
    issued = answer(starts=NOW + (starts - 1000) * SECOND if starts < 0 else NOW + starts * SECOND, ends=NOW + (ends + 200) * SECOND)
    taken = starts <= 20
    assert accepted(issued, request_for(lifetime=None)) is taken
    late = answer(starts=NOW - HOUR, ends=NOW + ends * SECOND)
    assert accepted(late, request_for(lifetime=None)) is (ends > 0)


@settings(max_examples=60)
@given(hours=st.integers(1, 24 * 400), off=st.integers(-30, 30))
def test_a_lifetime_is_taken_when_two_minutes_shorter_or_nine_longer_and_within_a_hundredth(hours, off):
    wanted, left = hours * HOUR, hours * HOUR + off * MINUTE
    within = -2 * MINUTE - wanted / 100 <= off * MINUTE <= 9 * MINUTE + wanted / 100  # it began a minute ago
    if left > MINUTE:
        issued = answer(ends=NOW + left)
        assert accepted(issued, request_for(lifetime=wanted)) is within


NAMES = tuple(parse_name(one) for one in ("a.lan", "b.lan", "*.lan", "192.0.2.1", "2001:db8::1"))


@settings(max_examples=60)
@given(has=st.sets(st.sampled_from(NAMES)), wanted=st.sets(st.sampled_from(NAMES), min_size=1))
def test_a_certificate_is_taken_only_for_exactly_the_names_asked_for(has, wanted):
    issued = answer(names=tuple(has))
    assert accepted(issued, CertificateRequest(tuple(wanted), lifetime=DAY)) is (has == wanted)


def accepted(issued: Issued, request: CertificateRequest) -> bool:
    try:
        checked(issued, request)
    except BundleInvalid:
        return False
    return True


# --- the signing request ------------------------------------------------------------------------------


LABEL = st.text(string.ascii_lowercase + string.digits, min_size=1, max_size=40).map(lambda text: f"x{text}")
HOSTS = st.lists(LABEL, min_size=1, max_size=4).map(".".join).map(parse_name)
ADDRESSES = st.ip_addresses().map(str).map(parse_name)


@settings(max_examples=60)
@given(names=st.lists(HOSTS | ADDRESSES, min_size=1, max_size=5, unique=True))
def test_a_signing_request_asks_for_every_name_and_for_nothing_else(names):
    csr = x509.load_pem_x509_csr(build_csr(CertificateRequest(tuple(names)), KEY))
    assert certificate_names(csr) == tuple(names)
    assert csr.is_signature_valid
    first = str(names[0])
    assert [one.value for one in csr.subject] == ([first] if len(first) <= 64 else [])


def san_of(csr: x509.CertificateSigningRequest):
    return csr.extensions.get_extension_for_class(x509.SubjectAlternativeName)


@pytest.mark.parametrize(("length", "subject"), [(64, 1), (65, 0)])
def test_a_first_name_too_long_for_a_cn_is_left_out_and_the_names_become_critical(length, subject):
    name = f"{'a' * 50}.{'b' * (length - 55)}.lan"
    assert len(name) == length
    csr = x509.load_pem_x509_csr(build_csr(request_for(name), KEY))
    assert len(list(csr.subject)) == subject
    assert san_of(csr).critical is (subject == 0)  # RFC 5280, 4.2.1.6


def test_an_address_is_asked_for_as_an_address():
    csr = x509.load_pem_x509_csr(build_csr(request_for("2001:db8::7", "192.0.2.7", "box.lan"), KEY))
    assert [type(one) for one in san_of(csr).value] == [x509.IPAddress, x509.IPAddress, x509.DNSName]
    assert csr.subject.rfc4514_string() == "CN=2001:db8::7"


@pytest.mark.parametrize("spec", [KeySpec.EC_P256, KeySpec.EC_P384, KeySpec.EC_P521, KeySpec.ED25519, KeySpec.RSA_2048])
def test_a_certificate_can_be_had_for_every_kind_of_key(spec):
    ca = FakeCa()
    bundle = obtain(spec_of(key=spec), ca, lambda: NOW)
    assert bundle.key.spec == spec
    assert x509.load_pem_x509_csr(ca.requests[0]).is_signature_valid


# --- the key -------------------------------------------------------------------------------------------


@dataclass
class FakeCa:
    """Signs what it is asked to, by the book."""

    requests: list[bytes] = field(default_factory=list)

    def sign(self, request: CertificateRequest, csr: bytes) -> Issued:
        self.requests.append(csr)
        leaf = make_leaf(INTERMEDIATE, x509.load_pem_x509_csr(csr).public_key(), request.names)
        return Issued(leaf, (INTERMEDIATE.certificate,), (ROOT.certificate,))


def spec_of(**more) -> CertificateSpec:
    request = request_for(key=more.pop("key", KeySpec.EC_P256))
    return CertificateSpec(name="box", request=request, ca="default", **more)


def test_each_certificate_has_a_key_of_its_own():
    first = obtain(spec_of(), FakeCa(), lambda: NOW)
    second = obtain(spec_of(), FakeCa(), lambda: NOW, former=first)
    assert leaf_spki(first.leaf) != leaf_spki(second.leaf)


def test_a_key_is_used_again_only_where_that_is_configured():
    first = obtain(spec_of(), FakeCa(), lambda: NOW)
    second = obtain(spec_of(reuse_key=True), FakeCa(), lambda: NOW, former=first)
    assert second.key is first.key
    assert second.fingerprint != first.fingerprint


def test_a_key_of_another_kind_than_configured_is_not_used_again():
    first = obtain(spec_of(), FakeCa(), lambda: NOW)
    assert obtain(spec_of(reuse_key=True, key=KeySpec.EC_P384), FakeCa(), lambda: NOW, former=first).key.spec == "ec-p384"


def test_the_first_key_is_new_even_where_keys_are_kept():
    assert obtain(spec_of(reuse_key=True), FakeCa(), lambda: NOW).key.spec == "ec-p256"


def test_a_ca_that_does_not_answer_says_so_itself():
    class Down:
        def sign(self, request, csr):
            raise IssuerUnreachable("the CA does not answer")

    with pytest.raises(IssuerUnreachable):
        obtain(spec_of(), Down(), lambda: NOW)


def test_a_ca_that_kept_us_waiting_and_dates_it_by_then_is_believed():
    clock = [NOW - 2 * MINUTE]

    class Slow(FakeCa):
        def sign(self, request, csr):
            clock[0] = NOW + MINUTE
            return super().sign(request, csr)

    assert obtain(spec_of(), Slow(), lambda: clock[0]).leaf.not_valid_before_utc == NOW - MINUTE
