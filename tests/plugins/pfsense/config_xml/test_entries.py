"""What is added for a bundle, and how it is linked."""

from __future__ import annotations

import base64
import itertools
import re
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from certpush.errors import SafetyRefusal
from certpush.model import CertificateBundle, to_pem
from certpush.testing.authority import Authority
from certpush.testing.lab.pfsense.configs import filled
from certpush_pfsense.config_xml.entries import (
    OURS,
    acme_owns,
    chain_walk,
    description,
    encoded,
    entries_for,
    refids,
)
from certpush_pfsense.config_xml.reading import Config, Entry, read
from certpush_pfsense.config_xml.splice import Edit, apply
from plugins.pfsense.config_xml.trees import NOW, fixture, small

LAB = Authority("Lab & <Co>")


def stored(certificate: x509.Certificate, refid: str, caref: str = "") -> bytes:
    link = f"<caref>{caref}</caref>" if caref else ""
    return f"\t<ca><refid>{refid}</refid><descr>x</descr><crt>{encoded(to_pem(certificate))}</crt>{link}</ca>".encode()


def with_entries(config: Config, bundle: CertificateBundle) -> Config:
    made = entries_for(config, bundle, name="fw", now=NOW)
    return apply(config, Edit(made.cas, (made.cert,), made.cert.refid)).config


def walked(config: Config) -> list[str | None]:
    return [one.sha256 for one in chain_walk(config, config.cert(config.webgui.certref).caref)]


def fingerprints(*certificates: x509.Certificate) -> list[str]:
    return [read(small(stored(one, "5e8a1b2c3d4e0"))).cas[0].sha256 for one in certificates]


def test_a_leaf_with_its_intermediate_and_without_the_root():
    bundle = LAB.issue("fw.example")
    made = entries_for(fixture("default"), bundle, name="fw", now=NOW)
    (ca,) = made.cas
    assert made.cert.caref == ca.refid
    assert ca.caref == ""
    assert made.reused == ()
    assert base64.b64decode(made.cert.crt) == bundle.leaf_pem
    assert base64.b64decode(ca.crt) == to_pem(LAB.intermediate)
    assert (made.cert.descr, ca.descr) == ("certpush fw 2026-11-27", "certpush CA Lab Co Intermediate CA 2026-11-27")
    key = load_pem_private_key(base64.b64decode(made.cert.prv), None)
    assert key.public_key() == bundle.leaf.public_key()
    assert ca.prv == ""


def test_the_key_stands_in_no_repr():
    made = entries_for(fixture("default"), LAB.issue("fw.example"), name="fw", now=NOW)
    assert made.cert.prv[20:60] not in repr(made) + repr(made.cert) + f"{made}"


def test_what_was_added_is_found_again_by_its_der():
    first = with_entries(fixture("default"), LAB.issue("fw.example"))
    made = entries_for(first, LAB.issue("fw.example"), name="fw", now=NOW + timedelta(days=30))
    assert made.cas == ()
    assert [one.refid for one in made.reused] == [first.cas[0].refid]
    assert made.cert.caref == first.cas[0].refid


def test_an_authority_of_the_same_name_is_another_one():
    """pfSense's own import would link to the first of that subject."""
    rekeyed = Authority("Lab & <Co>")
    first = with_entries(fixture("default"), LAB.issue("fw.example"))
    second = with_entries(first, rekeyed.issue("fw.example"))
    assert walked(first) == fingerprints(LAB.intermediate)
    assert walked(second) == fingerprints(rekeyed.intermediate)
    assert second.cas[1].descr == "certpush CA Lab Co Intermediate CA 2026-11-27 (2)"
    assert second.cas[0] == first.cas[0]


def test_an_intermediate_that_leads_on_to_its_root_may_stay_as_it_is():
    config = read(small(stored(LAB.root, "5e8a1b2c3d4e0"), stored(LAB.intermediate, "5e8a1b2c3d4e1", "5e8a1b2c3d4e0")))
    made = entries_for(config, LAB.issue("fw.example"), name="fw", now=NOW)
    assert (made.cas, made.cert.caref) == ((), "5e8a1b2c3d4e1")


def test_an_intermediate_that_leads_astray_is_not_used():
    """As after pfSense linked it to another authority by its subject."""
    other = Authority("Lab & <Co>")
    config = read(small(stored(other.root, "5e8a1b2c3d4e0"), stored(LAB.intermediate, "5e8a1b2c3d4e1", "5e8a1b2c3d4e0")))
    made = entries_for(config, LAB.issue("fw.example"), name="fw", now=NOW)
    assert [one.caref for one in made.cas] == [""]
    assert made.cert.caref == made.cas[0].refid


def test_a_root_is_stored_only_when_asked_for_and_never_linked():
    config = fixture("default")
    made = entries_for(config, LAB.issue("fw.example"), name="fw", now=NOW, store_root=True)
    root, intermediate = made.cas
    assert base64.b64decode(root.crt) == LAB.root_pem
    assert (root.caref, intermediate.caref, made.cert.caref) == ("", "", intermediate.refid)
    after = apply(config, Edit(made.cas, (made.cert,), made.cert.refid)).config
    assert walked(after) == fingerprints(LAB.intermediate)
    assert entries_for(after, LAB.issue("fw.example"), name="fw", now=NOW, store_root=True).cas == ()


def test_a_leaf_right_below_its_root_has_no_link():
    bundle = LAB.issue("fw.example", intermediate=False)
    made = entries_for(fixture("default"), bundle, name="fw", now=NOW)
    assert (made.cas, made.cert.caref) == ((), "")


@pytest.fixture(scope="module")
def long_chain() -> CertificateBundle:
    """Leaf, two intermediates, root."""
    upper = Authority("Upper")
    middle = upper.issue("middle.example", is_ca=True)
    leaf_key = middle.key.reveal_key()
    builder = x509.CertificateBuilder(
        middle.leaf.subject,
        x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "leaf")]),
        leaf_key.public_key(),
        x509.random_serial_number(),
    )
    begins = datetime.now(UTC) - timedelta(hours=1)
    leaf = builder.not_valid_before(begins).not_valid_after(begins + timedelta(days=1)).sign(leaf_key, SHA256())
    return CertificateBundle(leaf, (middle.leaf, upper.intermediate), (upper.root,), middle.key)


def test_a_longer_chain_is_linked_step_by_step(long_chain):
    after = with_entries(fixture("default"), long_chain)
    assert walked(after) == fingerprints(*long_chain.chain)
    assert [one.sha256 for one in after.cas] == fingerprints(*reversed(long_chain.chain)), "the issuer stands first"


def test_the_upper_part_of_a_chain_is_used_where_it_is_there(long_chain):
    config = read(small(stored(long_chain.chain[1], "5e8a1b2c3d4e1")))
    made = entries_for(config, long_chain, name="fw", now=NOW)
    assert [one.caref for one in made.cas] == ["5e8a1b2c3d4e1"]
    assert [one.refid for one in made.reused] == ["5e8a1b2c3d4e1"]


def test_the_lower_part_alone_leads_nowhere_and_is_not_used(long_chain):
    config = read(small(stored(long_chain.chain[0], "5e8a1b2c3d4e1")))
    made = entries_for(config, long_chain, name="fw", now=NOW)
    assert len(made.cas) == 2
    assert "5e8a1b2c3d4e1" not in (made.cert.caref, *(one.caref for one in made.cas))


def test_authorities_that_go_round_in_a_circle_are_refused():
    config = read(
        small(stored(LAB.intermediate, "5e8a1b2c3d4e1", "5e8a1b2c3d4e2"), stored(LAB.root, "5e8a1b2c3d4e2", "5e8a1b2c3d4e1")),
    )
    with pytest.raises(SafetyRefusal, match="in a circle") as caught:
        entries_for(config, LAB.issue("fw.example"), name="fw", now=NOW)
    assert "Authorities" in caught.value.hint


def test_an_authority_that_names_itself_is_a_circle():
    config = read(small(stored(LAB.root, "5e8a1b2c3d4e1", "5e8a1b2c3d4e1")))
    with pytest.raises(SafetyRefusal, match="in a circle"):
        chain_walk(config, "5e8a1b2c3d4e1")


def test_a_link_to_nothing_ends_the_walk():
    config = read(small(stored(LAB.intermediate, "5e8a1b2c3d4e1", "5e8a1b2c3d4ff")))
    assert [one.refid for one in chain_walk(config, "5e8a1b2c3d4e1")] == ["5e8a1b2c3d4e1"]


def test_references_are_those_of_php_and_unused_wherever_one_could_stand():
    config = read(small(b"<!-- 6a28414803d091 -->", b"<a>6a2841483d092</a>"))
    moment = datetime.fromtimestamp(0x6A284148, UTC) + timedelta(microseconds=0x3D090)
    found = list(itertools.islice(refids(config, moment), 3))
    assert found == ["6a2841483d090", "6a2841483d091", "6a2841483d093"]
    assert all(re.fullmatch("[0-9a-f]{13}", one) for one in found)


def test_references_go_on_over_a_second_and_beyond_2038():
    config = fixture("default")
    last = datetime(2040, 1, 1, tzinfo=UTC) - timedelta(microseconds=1)
    one, other = itertools.islice(refids(config, last), 2)
    seconds = int(datetime(2040, 1, 1, tzinfo=UTC).timestamp())
    assert (one, other) == (f"{seconds - 1:08x}f423f", f"{seconds:08x}00000")


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ("fw", "certpush fw 2026-11-27"),
        ("proxmox/pve1", "certpush proxmox pve1 2026-11-27"),
        ("a<b>&\"'\\/?\nc", "certpush a b c 2026-11-27"),
        ("für", "certpush f r 2026-11-27"),
        ("x" * 100, f"certpush {'x' * 64} 2026-11-27"),
    ],
)
def test_a_description_has_only_what_the_gui_accepts(words, told):
    assert description(fixture("default"), words, NOW) == told


def test_a_description_is_nobody_elses():
    config = filled("2.7.2", "deployed-before")
    day = datetime(2025, 3, 2, tzinfo=UTC)
    assert description(read(config.text), "firewall", day) == "certpush firewall 2025-03-02 (2)"
    assert description(read(config.text), "firewall", day, taken=["certpush firewall 2025-03-02 (2)"]) == "certpush firewall 2025-03-02 (3)"


def test_a_description_that_acme_looks_for_is_left_to_it():
    config = fixture("acme")
    assert "certpush fw 2026-01-02" in config.acme_names
    assert description(config, "fw", datetime(2026, 1, 2, tzinfo=UTC)) == "certpush fw 2026-01-02 (2)"


def test_acme_owns_what_it_names():
    config = fixture("acme")
    assert acme_owns(config, config.webgui.certref)
    assert not acme_owns(config, "64b1c2d3e4f5a")
    assert not acme_owns(config, "")
    assert not acme_owns(fixture("default"), "64b1c2d3e4f5a")


def test_everything_of_ours_can_be_recognised():
    made = entries_for(fixture("default"), LAB.issue("fw.example"), name="fw", now=NOW, store_root=True)
    assert all(one.descr.startswith(OURS) for one in (*made.cas, made.cert))


def test_an_entry_without_a_certificate_is_no_authority_of_ours():
    config = read(small(b"<ca><refid>5e8a1b2c3d4e1</refid></ca>", b"<ca/>"))
    assert config.cas[1] == Entry("ca", raw=config.cas[1].raw)
    assert len(entries_for(config, LAB.issue("fw.example"), name="fw", now=NOW).cas) == 1
