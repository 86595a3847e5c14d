"""`certpush revoke`: what was superseded, or one serial number; never what is in use."""

from __future__ import annotations

from pathlib import Path

import pytest
from cryptography import x509

pytestmark = pytest.mark.timeout(120)


def serial(yard, name: str = "wiki") -> int:
    return x509.load_pem_x509_certificate((yard.directory / f"{name}.crt").read_bytes()).serial_number


@pytest.fixture
def thrice(certpush, yard):
    """A target that had three certificates; the last is in use, and the one before is its way back."""
    yard.serve("wiki")
    yard.serials = []
    for _ in range(3):
        assert certpush("deploy", "--force").code == 0
        yard.serials.append(serial(yard))
    return yard


def revoked(ended) -> list[int]:
    assert ended.code == 0, ended.err
    return [int(one) for one in ended.document["revoked"]]


def test_what_newer_certificates_superseded_is_revoked_and_never_what_is_in_use(certpush, thrice):
    kept = revoked(certpush("revoke", "wiki", "--output=json"))
    assert kept
    assert set(kept) <= set(thrice.serials[:2])
    assert thrice.serials[2] not in kept
    again = certpush("revoke", "wiki")
    assert (again.code, again.out) == (0, "nothing to revoke: wiki has no superseded certificate that is not in use\n")


def test_a_target_with_one_certificate_has_nothing_to_revoke(certpush, yard):
    yard.serve("wiki")
    for _ in range(2):
        ended = certpush("revoke", "wiki")
        assert ended.code == 0
        assert ended.out.startswith("nothing to revoke")
        certpush("deploy")


def test_after_going_back_the_newer_one_is_superseded(certpush, thrice):
    assert certpush("rollback", "wiki").code == 0
    assert serial(thrice) == thrice.serials[1]
    assert thrice.serials[1] not in revoked(certpush("revoke", "wiki", "--output=json"))


def test_a_shared_certificate_that_one_target_still_uses_is_kept(certpush, yard):
    yard.tables["certificate.both"] = 'names = ["*.home.example"]'
    yard.serve("wiki", 'certificate = "both"')
    yard.serve("mail", 'certificate = "both"')
    assert certpush("deploy").code == 0
    before = serial(yard, "mail")
    assert certpush("deploy", "wiki", "--force").code == 0
    assert before not in revoked(certpush("revoke", "both", "--output=json"))


@pytest.mark.parametrize("form", ["{}", "0x{:x}", "0X{:X}"])
def test_a_serial_number_is_written_in_decimal_or_hexadecimal(certpush, thrice, form):
    number = thrice.serials[0]
    ended = certpush("revoke", form.format(number), "--reason", "key-compromise")
    assert ended.code == 0
    assert ended.out == f"revoked  {number}  (0x{number:x})\n"
    again = certpush("revoke", form.format(number))
    assert again.code == 1
    assert f"the certificate with serial number {number} is already revoked" in again.err


@pytest.mark.parametrize(
    "text", ["wikki", "12ab", "0x", "0xfg", "-5", "0", "1_000", "٣", " 12", "1e9", "9" * 60, "0x" + "f" * 41, ""]
)  # fmt: skip
def test_what_is_neither_target_nor_serial_number_is_refused(certpush, yard, text):
    yard.serve("wiki")
    ended = certpush("revoke", "--", text)
    assert ended.code == 2
    assert "is no target, certificate or serial number" in ended.err
    assert "certpush inspect" in ended.err


def test_a_mistyped_target_is_told_the_nearest_one(certpush, yard):
    yard.serve("wiki")
    assert "did you mean 'wiki'?" in certpush("revoke", "wikki").err
    assert "did you mean" not in certpush("revoke", "something-else").err


def test_of_several_cas_a_serial_number_says_which(certpush, yard, start_embedded_ca):
    other = start_embedded_ca()
    (yard.directory / "other").touch(mode=0o600)
    (yard.directory / "other").write_text(other.password)
    yard.tables["ca.home"] = yard.tables.pop("ca")
    yard.tables["ca.work"] = (
        f'url = "{other.url}"\nfingerprint = "{other.fingerprint}"\nprovisioner = "admin"\npassword = "file:{yard.directory}/other"'
    )
    yard.write()
    ended = certpush("revoke", "77")
    assert ended.code == 2
    assert "which CA's serial number is it?" in ended.err
    assert "--ca: one of home, work" in ended.err
    assert certpush("revoke", "77", "--ca", "work").code == 0
    assert [one.request.target for one in other.exchanges if one.request.target.endswith("/revoke")]
    assert not [one for one in yard.ca.exchanges if one.request.target.endswith("/revoke")]
    assert "there is no CA 'wrok'" in certpush("revoke", "77", "--ca", "wrok").err


def test_an_unknown_reason_is_refused_with_those_that_there_are(certpush, thrice):
    ended = certpush("revoke", "wiki", "--reason", "boredom")
    assert ended.code == 2
    assert "superseded" in ended.err


def test_a_ca_that_does_not_answer_is_named(certpush, thrice):
    thrice.ca.stop()
    ended = certpush("revoke", "7")
    assert ended.code == 1
    assert thrice.ca.url.removeprefix("https://") in ended.err


def test_where_nothing_is_superseded_no_ca_and_no_secret_is_needed(certpush, yard):
    yard.serve("wiki")
    Path(yard.directory / "password").unlink()
    assert certpush("revoke", "wiki").code == 0
