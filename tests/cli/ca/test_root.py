"""certpush ca root: PEM that can be redirected, fingerprints beside it, files that are never overwritten."""

from __future__ import annotations

import subprocess
import sys

import pytest

from certpush.model import fingerprint, read_certificates
from certpush.testing.authority.pki import Pki

from .conftest import of


def test_stdout_is_the_root_and_nothing_else(certpush, ca):
    ended = certpush("ca", "root", *of(ca))
    assert ended.code == 0
    assert ended.out.encode() == ca.root_pem
    assert ended.err.startswith(f"{ca.fingerprint}  CN=Lab Root CA,O=Lab, ")


def test_a_redirect_makes_a_file_that_openssl_trusts(embedded_ca, home, tmp_path):
    with (tmp_path / "root.pem").open("wb") as file:
        subprocess.run([sys.executable, "-m", "certpush", "ca", "root", *of(embedded_ca)], stdout=file, stderr=subprocess.PIPE, check=True)
    done = subprocess.run(
        ["openssl", "x509", "-in", tmp_path / "root.pem", "-noout", "-fingerprint", "-sha256"], capture_output=True, check=True, text=True
    )
    assert done.stdout.partition("=")[2].strip().replace(":", "").lower() == embedded_ca.fingerprint


def test_quiet_is_the_root_alone(certpush, embedded_ca):
    ended = certpush("ca", "root", *of(embedded_ca), "-q")
    assert (ended.out.encode(), ended.err) == (embedded_ca.root_pem, "")


def test_the_same_as_one_document(certpush, ca):
    document = certpush("ca", "root", *of(ca), "--output", "json").document
    assert document["url"] == ca.url
    (root,) = document["roots"]
    assert (root["fingerprint"], root["pem"].encode()) == (ca.fingerprint, ca.root_pem)


@pytest.fixture
def rotating(start_embedded_ca):
    """A CA that signs with a new root and still names the old one."""
    ca = start_embedded_ca()
    ca.replace_pki(Pki.make("Next"), keep_root=True)
    return ca


def test_while_roots_are_rotated_all_are_printed_the_known_one_first(certpush, rotating):
    ended = certpush("ca", "root", *of(rotating))
    printed = [fingerprint(one) for one in read_certificates(ended.out.encode())]
    assert printed[0] == rotating.fingerprint
    assert len(printed) == 2
    assert [line.split()[0] for line in ended.err.splitlines()] == printed


def test_another_root_is_4_and_prints_nothing(certpush, ca):
    ended = certpush("ca", "root", "--ca-url", ca.url, "--fingerprint", "ab" * 32)
    assert (ended.code, ended.out) == (4, "")


# --- into a file ------------------------------------------------------------------------------


def test_a_file_is_written_once_and_a_second_time_left_as_it_was(certpush, embedded_ca, tmp_path):
    path = tmp_path / "work/root.pem"
    ended = certpush("ca", "root", *of(embedded_ca), "--file", "root.pem")
    assert (ended.code, ended.out) == (0, f"{path}  written\n")
    assert path.read_bytes() == embedded_ca.root_pem
    assert path.stat().st_mode & 0o777 == 0o644
    assert certpush("ca", "root", *of(embedded_ca), "--file", path).out == f"{path}  as it was\n"


def test_a_file_that_holds_something_else_is_replaced_only_when_told_to(certpush, embedded_ca, tmp_path):
    path = tmp_path / "precious"
    path.write_text("precious")
    ended = certpush("ca", "root", *of(embedded_ca), "--file", path)
    assert ended.code == 2
    assert "--force" in ended.err
    assert path.read_text() == "precious"
    assert certpush("ca", "root", *of(embedded_ca), "--file", path, "--force").code == 0
    assert path.read_bytes() == embedded_ca.root_pem


def test_a_link_is_never_written_through(certpush, embedded_ca, tmp_path):
    (tmp_path / "precious").write_text("precious")
    (tmp_path / "link").symlink_to(tmp_path / "precious")
    assert certpush("ca", "root", *of(embedded_ca), "--file", tmp_path / "link", "--force").code == 5
    assert (tmp_path / "precious").read_text() == "precious"


@pytest.mark.parametrize("bad", ["no/such/folder/root.pem", ".", "a\0b", "~nobody-at-all/x"])
def test_a_file_that_cannot_be_is_2(certpush, embedded_ca, bad):
    ended = certpush("ca", "root", *of(embedded_ca), "--file", bad)
    assert ended.code == 2
    assert "hint:" in ended.err


def test_two_things_at_once_are_2(certpush, embedded_ca):
    assert certpush("ca", "root", *of(embedded_ca), "--install", "--remove").code == 2
    assert certpush("ca", "root", *of(embedded_ca), "--install", "--file", "x").code == 2


def test_where_no_ca_is_known_it_says_how_to_make_one_known(certpush):
    ended = certpush("ca", "root")
    assert ended.code == 2
    assert "certpush ca bootstrap" in ended.err
