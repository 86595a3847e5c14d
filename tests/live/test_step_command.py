"""The real `step` command and certpush in one $STEPPATH: what either leaves there, the other goes by."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from certpush.model import CertificateRequest, KeySpec, PrivateKey, Secret, parse_name
from certpush.rotation.obtain import build_csr
from certpush.stepca.issuer import open_issuer
from certpush.stepca.settings import CaSettings
from certpush.testing.lab.step_ca import kept_step_ca

pytestmark = pytest.mark.live("step-ca")

REQUEST = CertificateRequest((parse_name("web.example.com"),))


def find_step() -> Path | None:
    """Smallstep's command, in PATH or where the benchmarks keep the one that they built; other programs have this name too."""
    kept = sorted(kept_step_ca().parent.glob("step-v*"))
    for found in (shutil.which("step"), *kept):
        if found and "Smallstep" in subprocess.run([found, "version"], capture_output=True, text=True, check=False).stdout:
            return Path(found)
    return None


STEP = find_step()
needs_step = pytest.mark.skipif(STEP is None, reason="there is no `step` command here; `make bench` builds one")


@pytest.fixture
def step(tmp_path):
    def run(*words: str) -> str:
        environment = {"HOME": str(tmp_path), "STEPPATH": str(tmp_path / "step"), "PATH": os.environ["PATH"]}
        done = subprocess.run([STEP, *words], capture_output=True, text=True, env=environment, cwd=tmp_path, check=False, timeout=60)
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    return run


@pytest.fixture
def certpush(tmp_path):
    def run(*words: str) -> str:
        environment = {"HOME": str(tmp_path), "STEPPATH": str(tmp_path / "step"), "PATH": os.environ["PATH"]}
        command = [sys.executable, "-m", "certpush", *words]
        done = subprocess.run(command, capture_output=True, text=True, env=environment, cwd=tmp_path, check=False, timeout=60)
        assert done.returncode == 0, done.stderr
        return done.stdout

    return run


def obtained(settings: CaSettings, **environ: str) -> str:
    with open_issuer(settings, environ=environ) as issuer:
        issued = issuer.sign(REQUEST, build_csr(REQUEST, PrivateKey.generate(KeySpec.EC_P256)))
        return f"{issuer.address} {issued.leaf.subject.rfc4514_string()}"


@needs_step
@pytest.mark.parametrize("context", [(), ("--context", "lab"), ("--context", "lab", "--authority", "other", "--profile", "mine")])
def test_what_step_bootstrapped_is_used(step, real_ca, tmp_path, context):
    step("ca", "bootstrap", "--ca-url", real_ca.url, "--fingerprint", real_ca.fingerprint, *context)
    got = obtained(CaSettings(password=Secret(real_ca.password)), STEPPATH=str(tmp_path / "step"))
    assert got == f"{real_ca.url} CN=web.example.com"


@needs_step
def test_of_two_contexts_the_one_in_use_counts_unless_a_variable_names_another(step, real_ca, start_real_ca, tmp_path):
    other = start_real_ca()
    for name, ca in (("first", real_ca), ("second", other)):
        step("ca", "bootstrap", "--ca-url", ca.url, "--fingerprint", ca.fingerprint, "--context", name)
    steppath = {"STEPPATH": str(tmp_path / "step")}
    for selected, ca in (("second", other), ("first", real_ca)):
        step("context", "select", selected)
        assert obtained(CaSettings(password=Secret(ca.password)), **steppath).startswith(ca.url)
    got = obtained(CaSettings(password=Secret(other.password)), STEP_CONTEXT="second", **steppath)
    assert got.startswith(other.url)


@needs_step
@pytest.mark.parametrize("context", [(), ("--context", "lab")])
def test_what_certpush_bootstrapped_is_used_by_step(step, certpush, real_ca, tmp_path, context):
    certpush("ca", "bootstrap", real_ca.url, "--fingerprint", real_ca.fingerprint, *context)
    assert step("ca", "health") == "ok"
    (tmp_path / "password").write_text(real_ca.password)
    step("ca", "certificate", "w.lan", "w.crt", "w.key", "--provisioner", real_ca.provisioner, "--provisioner-password-file", "password")
    assert "CN=w.lan" in certpush("inspect", "w.crt")
    if context:
        assert step("context", "current") == "lab"


@needs_step
@pytest.mark.parametrize("kind", [("EC", "P-256"), ("EC", "P-384"), ("OKP", "Ed25519"), ("RSA", "2048")])
def test_a_key_file_that_step_made_and_sealed_opens(step, start_real_ca, tmp_path, kind):
    (tmp_path / "password").write_text("of the key file\n")
    size = ("--size" if kind[0] == "RSA" else "--crv", kind[1])
    step("crypto", "jwk", "create", "public.json", "private.json", "--kty", kind[0], *size, "--password-file", "password")
    (tmp_path / "private.json").chmod(0o600)
    public = json.loads((tmp_path / "public.json").read_text())
    ca = start_real_ca(provisioners=[{"type": "JWK", "name": "kept", "key": public}])
    settings = CaSettings(
        url=ca.url,
        fingerprint=ca.fingerprint,
        provisioner="kept",
        provisioner_key=str(tmp_path / "private.json"),
        password=Secret("of the key file"),
    )
    assert obtained(settings).endswith("CN=web.example.com")
