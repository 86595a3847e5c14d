"""The fixtures for plugin authors, used as an author uses them; and what they cost those who do not."""

from __future__ import annotations

import os
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest
import requests
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from certpush.errors import TargetUnreachable
from certpush.kit.tls import look
from certpush.model import Endpoint
from certpush.testing import ApiAnswer, ApiRequest, Chaos


def test_bundles_are_of_each_sort(certpush_bundles) -> None:
    assert isinstance(certpush_bundles.ec.key.reveal_key(), ec.EllipticCurvePrivateKey)
    assert isinstance(certpush_bundles.rsa.key.reveal_key(), rsa.RSAPrivateKey)
    assert [len(one.chain) for one in (certpush_bundles.ec, certpush_bundles.without_intermediate)] == [1, 0]
    assert certpush_bundles.expired.not_after < datetime.now(UTC) < certpush_bundles.not_yet_valid.not_before
    assert certpush_bundles.of_another_ca.roots != certpush_bundles.ec.roots


def test_a_tls_endpoint_shows_what_it_is_told_to(certpush_tls, certpush_bundles) -> None:
    server = certpush_tls()
    assert look(server.endpoint, (), datetime.now(UTC), timeout=5).fingerprint == server.fingerprint
    server.serve(certpush_bundles.ec)
    seen = look(server.endpoint, certpush_bundles.ec.roots, datetime.now(UTC), timeout=5)
    assert (seen.fingerprint, seen.chain_ok) == (certpush_bundles.ec.fingerprint, True)
    assert server.connections >= 2
    server.restart()
    assert look(server.endpoint, (), datetime.now(UTC), timeout=5).fingerprint == certpush_bundles.ec.fingerprint


def test_an_api_answers_by_a_function_and_keeps_what_was_asked(certpush_https, certpush_bundles, tmp_path: Path) -> None:
    def answer(request: ApiRequest) -> ApiAnswer:
        if request.method == "DELETE":
            raise ValueError("the author's mistake")
        if request.method == "PATCH":
            raise ConnectionResetError
        return ApiAnswer({"stored": request.json()}, 201, {"X-Device": "nas"})

    api = certpush_https(answer, certpush_bundles.ec)
    root = tmp_path / "root.pem"
    root.write_bytes(certpush_bundles.authority.root_pem)
    with requests.Session() as session:
        session.trust_env = False
        session.verify = str(root)
        put = session.put(f"{api.url}/certificates/1", json=["pem"], headers={"Authorization": "Bearer s3cret"}, timeout=5)
        assert (put.status_code, put.headers["X-Device"], put.json()) == (201, "nas", {"stored": ["pem"]})
        assert put.headers["Content-Type"] == "application/json"
        with pytest.raises(requests.ConnectionError):
            session.patch(f"{api.url}/certificates/1", timeout=5)
        failed = session.delete(f"{api.url}/certificates/1", timeout=5)
        assert (failed.status_code, failed.text) == (500, "the stand-in raised ValueError")
    asked = api.requests[0]
    assert (asked.method, asked.path, asked.headers["authorization"]) == ("PUT", "/certificates/1", "Bearer s3cret")
    assert "s3cret" not in repr(asked)


def test_chaos_cuts_stalls_and_loses_answers_of_a_server(certpush_chaos, certpush_tls) -> None:
    server = certpush_tls()
    for chaos in (Chaos(cut_after_up=10), Chaos(black_hole=True), Chaos(drop_answer_after_up=1)):
        proxy = certpush_chaos(server.host, server.port, chaos, only=1)
        with pytest.raises(TargetUnreachable):
            look(Endpoint(proxy.host, proxy.port), (), datetime.now(UTC), timeout=0.5)
        assert look(Endpoint(proxy.host, proxy.port), (), datetime.now(UTC), timeout=5).fingerprint == server.fingerprint


def test_the_ca_answers_as_step_ca_does(certpush_ca, certpush_authority) -> None:
    assert certpush_ca.url.startswith("https://")
    assert certpush_ca.fingerprint == certpush_authority.fingerprint


@pytest.mark.live("sshd")
def test_an_sshd_is_a_real_one(certpush_sshd) -> None:
    assert certpush_sshd().host_key_fingerprint.startswith("SHA256:")


@pytest.mark.parametrize(("required", "raises"), [("", pytest.skip.Exception), ("1", pytest.fail.Exception)])
def test_what_is_missing_here_is_named(certpush_sshd, monkeypatch: pytest.MonkeyPatch, required: str, raises: type[BaseException]) -> None:
    monkeypatch.setenv("REQUIRE_LIVE", required)
    monkeypatch.setattr("certpush.testing.lab.sshd.find_sshd", lambda: None)
    with pytest.raises(raises, match=r"there is no sshd here \(apt-get install openssh-server\)"):
        certpush_sshd()


def pytest_in(folder: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "pytest", "-q", "-rs", "-p", "no:cacheprovider"]
    environ = {**os.environ, "REQUIRE_LIVE": ""}
    return subprocess.run(command, cwd=folder, env=environ, capture_output=True, text=True, timeout=60, check=False)


LIGHT = """
import sys

def test_nothing_of_certpush_is_loaded():
    loaded = {name for name in sys.modules if name.split(".")[0] in ("certpush", "cryptography", "msgspec", "paramiko", "requests")}
    assert loaded <= {"certpush", "certpush._version", "certpush.testing", "certpush.testing.pytest_plugin", "certpush.testing.fixtures"}

def test_a_fixture_that_cannot_stand_here(certpush_cannot):
    raise AssertionError("never called")
"""
CANNOT = """
import pytest

@pytest.fixture
def certpush_cannot():
    from certpush.testing.lab import NotPossibleHere
    raise NotPossibleHere("only root can have one")
"""


def test_it_loads_nothing_for_those_who_do_not_use_it_and_names_what_a_fixture_lacks(tmp_path: Path) -> None:
    (tmp_path / "test_light.py").write_text(LIGHT)
    (tmp_path / "conftest.py").write_text(CANNOT)
    ended = pytest_in(tmp_path)
    assert "1 passed, 1 skipped" in ended.stdout, ended.stdout
    assert "not tried: only root can have one" in ended.stdout


def test_an_older_pytest_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    import importlib

    from certpush.testing import pytest_plugin

    monkeypatch.setattr(pytest, "version_tuple", (7, 4, 0))
    found = {name for name in vars(pytest_plugin) if name.startswith(("certpush_", "pytest_"))}
    for name in found:
        monkeypatch.delattr(pytest_plugin, name)
    importlib.reload(pytest_plugin)
    assert not any(name.startswith(("certpush_", "pytest_")) for name in vars(pytest_plugin))
