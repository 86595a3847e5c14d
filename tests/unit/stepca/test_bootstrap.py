"""Reusing what ``step ca bootstrap`` left, and the root file."""

import json
import os
from pathlib import Path

import pytest

from certpush.errors import ConfigError, RootMismatch
from certpush.model import Secret, to_pem
from certpush.stepca.bootstrap import StepDefaults, is_complete, read_root_file, read_steppath, with_defaults
from certpush.stepca.issuer import open_issuer
from certpush.stepca.settings import CaSettings
from certpush.testing.authority.in_memory import Authority
from unit.rotation.answers import make_ca, tampered

HEX = "0d7d3834cf187726cf331c40a31aa7ef6b29ba4df601416c9788f6ee01058cf3"
URL = "https://ca.lan:9000"


def put(path: Path, content) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    return path


def plain(home, **more):
    put(home / ".step/config/defaults.json", {"ca-url": URL, "fingerprint": HEX, "root": "certs/root_ca.crt", "redirect-url": "", **more})


def test_without_step_there_is_nothing(tmp_path):
    assert read_steppath({}, tmp_path) is None


def test_a_plain_bootstrap_is_read(tmp_path):
    plain(tmp_path, provisioner="admin", **{"password-file": "pw"})
    step = tmp_path / ".step"
    assert read_steppath({}, tmp_path) == StepDefaults(URL, HEX, step / "certs/root_ca.crt", "admin", step / "pw")


def test_steppath_outdoes_home(tmp_path):
    put(tmp_path / "elsewhere/config/defaults.json", {"ca-url": "https://other"})
    plain(tmp_path)
    assert read_steppath({"STEPPATH": str(tmp_path / "elsewhere")}, tmp_path) == StepDefaults("https://other")


def test_the_root_is_found_where_step_puts_it(tmp_path):
    put(tmp_path / ".step/config/defaults.json", {"ca-url": URL})
    root = put(tmp_path / ".step/certs/root_ca.crt", "x")
    assert read_steppath({}, tmp_path).root == root


def test_variables_outdo_files(tmp_path):
    plain(tmp_path, provisioner="admin")
    environ = {
        "STEP_CA_URL": "https://env",
        "STEP_FINGERPRINT": "f" * 64,
        "STEP_ROOT": "/r.crt",
        "STEP_PROVISIONER": "p",
        "STEP_PASSWORD_FILE": "/pw",
    }
    assert read_steppath(environ, tmp_path) == StepDefaults("https://env", "f" * 64, Path("/r.crt"), "p", Path("/pw"))
    assert read_steppath({"STEP_CA_URL": "https://env"}, tmp_path / "nobody") == StepDefaults("https://env")


@pytest.fixture
def contexts(tmp_path):
    step = tmp_path / ".step"
    plain(tmp_path)
    put(step / "contexts.json", {"lab1": {"profile": "prof1", "authority": "auth1"}, "lab2": {}})
    put(step / "current-context.json", {"context": "lab1"})
    put(step / "authorities/auth1/config/defaults.json", {"ca-url": "https://one", "fingerprint": HEX, "provisioner": "a"})
    put(step / "authorities/auth1/certs/root_ca.crt", "x")
    put(step / "profiles/prof1/config/defaults.json", {"provisioner": "b"})
    put(step / "authorities/lab2/config/defaults.json", {"ca-url": "https://two"})
    return tmp_path


def test_the_current_context_is_used_and_its_profile_outdoes_its_authority(contexts):
    found = read_steppath({}, contexts)
    assert found == StepDefaults("https://one", HEX, contexts / ".step/authorities/auth1/certs/root_ca.crt", "b")


def test_a_context_may_be_named(contexts):
    assert read_steppath({}, contexts, "lab2").url == "https://two"
    assert read_steppath({"STEP_CONTEXT": "lab2"}, contexts).url == "https://two"
    assert read_steppath({"STEP_CONTEXT": "lab2"}, contexts, "lab1").url == "https://one"


def test_an_unknown_context_is_refused_with_those_there_are(contexts, tmp_path):
    with pytest.raises(ConfigError, match="no step context 'lab3'") as refused:
        read_steppath({}, contexts, "lab3")
    assert "lab1, lab2" in refused.value.hint
    with pytest.raises(ConfigError) as refused:
        read_steppath({}, tmp_path / "nobody", "lab3")
    assert "step context list" in refused.value.hint


def test_without_a_current_context_the_plain_layout_is_used(contexts):
    (contexts / ".step/current-context.json").unlink()
    assert read_steppath({}, contexts).url == URL


@pytest.mark.parametrize("content", ["{", "[]", "1", "[" * 5000, "\udcff"])
def test_a_broken_file_is_named(tmp_path, content):
    path = tmp_path / ".step/config/defaults.json"
    path.parent.mkdir(parents=True)
    path.write_bytes(content.encode("utf-8", "surrogateescape"))
    with pytest.raises(ConfigError, match=r"defaults\.json is not a JSON table"):
        read_steppath({}, tmp_path)


def test_values_that_are_no_texts_are_passed_over(tmp_path):
    put(tmp_path / ".step/config/defaults.json", {"ca-url": URL, "provisioner": 7, "fingerprint": None})
    assert read_steppath({}, tmp_path) == StepDefaults(URL)


def test_a_directory_in_the_place_of_a_file_is_said(tmp_path):
    (tmp_path / ".step/config/defaults.json").mkdir(parents=True)
    with pytest.raises(ConfigError, match="cannot be read"):
        read_steppath({}, tmp_path)


# --- filling settings -------------------------------------------------------------------------


@pytest.fixture
def password_file(tmp_path):
    path = tmp_path / "pw"
    path.write_text("secret \n")
    path.chmod(0o600)
    return path


def test_what_is_left_out_is_filled(password_file):
    filled = with_defaults(CaSettings(), StepDefaults(URL, HEX, Path("/r.crt"), "admin", password_file))
    assert (filled.url, filled.fingerprint, filled.root, filled.provisioner) == (URL, HEX, "/r.crt", "admin")
    assert filled.password.reveal() == "secret"


def test_what_is_given_stays(password_file):
    given = CaSettings(url=URL, fingerprint="a" * 64, provisioner="mine", token=Secret("t"))
    filled = with_defaults(given, StepDefaults(URL + "/", HEX, Path("/r.crt"), "admin", password_file))
    assert (filled.fingerprint, filled.root, filled.provisioner, filled.password) == ("a" * 64, None, "mine", None)


def test_the_defaults_of_another_ca_are_not_mixed_in(password_file):
    given = CaSettings(url="https://other.lan")
    assert with_defaults(given, StepDefaults(URL, HEX, Path("/r.crt"), "admin", password_file)) == given
    assert with_defaults(given, StepDefaults(None, HEX)) == given
    assert with_defaults(given, None) == given


def test_an_http_url_left_by_step_is_refused():
    with pytest.raises(ConfigError, match="not https"):
        with_defaults(CaSettings(), StepDefaults("http://ca.lan"))


def test_a_password_file_that_others_may_read_is_refused(password_file):
    password_file.chmod(0o644)
    deferred = with_defaults(CaSettings(), StepDefaults(URL, password_file=password_file)).password
    with pytest.raises(ConfigError, match="read by others"):  # when it is needed
        deferred.reveal()


def test_an_issuer_reads_steps_files_only_for_what_is_left_out(tmp_path):
    plain(tmp_path)
    assert str(open_issuer(CaSettings(), environ={"HOME": str(tmp_path)}).address) == URL
    put(tmp_path / ".step/config/defaults.json", "{broken")
    complete = CaSettings(url="https://own", fingerprint=HEX, provisioner="p", password=Secret("s"))
    assert is_complete(complete)
    assert str(open_issuer(complete, environ={"HOME": str(tmp_path)}).address) == "https://own"
    with pytest.raises(ConfigError):
        open_issuer(CaSettings(), environ={"HOME": str(tmp_path)})


def test_without_any_ca_the_way_to_one_is_said():
    with pytest.raises(ConfigError, match="no CA is configured"):
        open_issuer(CaSettings()).connect()


def test_without_a_root_the_way_to_its_fingerprint_is_said():
    with pytest.raises(ConfigError, match="which root") as refused:
        open_issuer(CaSettings(url=URL)).connect()
    assert "step certificate fingerprint" in refused.value.hint


# --- the root file ----------------------------------------------------------------------------


def test_file_and_fingerprint_must_agree(tmp_path):
    one, other = Authority("One"), Authority("Other")
    path = tmp_path / "root.crt"
    path.write_bytes(one.root_pem)
    assert read_root_file(path, None) == (one.root,)
    assert read_root_file(path, one.fingerprint.upper()) == (one.root,)
    with pytest.raises(RootMismatch) as refused:
        read_root_file(path, other.fingerprint)
    assert one.fingerprint in str(refused.value)
    assert other.fingerprint in str(refused.value)


def test_a_file_may_hold_two_roots_while_they_are_rotated(tmp_path):
    one, other = Authority("One"), Authority("Other")
    path = tmp_path / "roots.pem"
    path.write_bytes(to_pem(one.root, other.root))
    assert read_root_file(path, other.fingerprint) == (one.root, other.root)


def test_intermediates_beside_the_root_are_passed_over(tmp_path):
    one, path = Authority("One"), tmp_path / "ca.pem"
    for content in (to_pem(one.root, one.intermediate), to_pem(one.intermediate, one.root)):
        path.write_bytes(content)
        assert read_root_file(path, one.fingerprint) == (one.root,)


def test_a_file_with_an_intermediate_alone_holds_no_root(tmp_path):
    path = tmp_path / "ca.pem"
    path.write_bytes(to_pem(Authority("One").intermediate))
    with pytest.raises(ConfigError, match="holds no root") as refused:
        read_root_file(path, None)
    assert "root_ca.crt" in refused.value.hint


def test_a_certificate_whose_names_cannot_be_read_is_no_root(tmp_path):
    path = tmp_path / "ca.pem"
    path.write_bytes(to_pem(tampered(make_ca("Odd Name").certificate, "0c084f6464204e616d65", "0c084f6464ff4e616d65")))
    with pytest.raises(ConfigError, match="holds no root"):
        read_root_file(path, None)


@pytest.mark.parametrize(
    "content", [b"", b"no certificate", b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", b"x" * 70_000]
)
def test_a_file_without_a_certificate_is_refused(tmp_path, content):
    path = tmp_path / "root.crt"
    path.write_bytes(content)
    with pytest.raises(ConfigError, match=r"root\.crt"):
        read_root_file(path, None)


def test_a_root_file_that_cannot_be_read_is_explained(tmp_path):
    with pytest.raises(ConfigError, match="cannot be read") as refused:
        read_root_file(tmp_path / "none", None)
    assert "0600" in refused.value.hint
    assert os.sep in str(refused.value)
