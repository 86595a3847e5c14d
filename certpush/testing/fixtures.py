"""Fixtures for whoever tests a plugin; nothing of certpush is imported before one is asked for.

Those that a test may change are made anew for each test, or are functions that start one.
"""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Callable, Generator, Iterator
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from certpush.model import CertificateBundle
    from certpush.testing.api_server import Answering, ApiServer
    from certpush.testing.authority import Authority, EmbeddedCa
    from certpush.testing.bundles import Bundles
    from certpush.testing.endpoint import TlsEndpoint
    from certpush.testing.lab.chaos import Chaos, ChaosProxy
    from certpush.testing.lab.sshd import Sshd

__all__ = [
    "certpush_authority",
    "certpush_bundles",
    "certpush_ca",
    "certpush_chaos",
    "certpush_https",
    "certpush_sshd",
    "certpush_tls",
    "pytest_fixture_setup",
]


@pytest.fixture(scope="session")
def certpush_authority() -> Authority:
    """A CA in memory, which signs what it is told to."""
    from certpush.testing.authority import Authority

    return Authority("Plugin tests")


@pytest.fixture(scope="session")
def certpush_bundles(certpush_authority: Authority) -> Bundles:
    """Bundles for localhost and 127.0.0.1: ``ec``, ``rsa``, ``without_intermediate``, ``expired``, ``not_yet_valid``, ``of_another_ca``."""
    from certpush.testing.bundles import Bundles

    return Bundles(certpush_authority)


@pytest.fixture
def certpush_ca(certpush_authority: Authority) -> Iterator[EmbeddedCa]:
    """A CA that answers as step-ca does, over HTTPS on loopback; its clock and its faults are the test's."""
    from certpush.testing.authority import EmbeddedCa, JwkProvisioner

    # step-ca's 600 000 rounds guard a password; here they would only cost time.
    with EmbeddedCa(authority=certpush_authority, admin=JwkProvisioner.make(p2c=1000)) as ca:
        yield ca


@pytest.fixture
def certpush_tls() -> Iterator[Callable[..., TlsEndpoint]]:
    """Start a TLS endpoint: ``certpush_tls(bundle)``; without a bundle it shows a self-signed certificate."""
    from certpush.testing.endpoint import TlsEndpoint

    with contextlib.ExitStack() as servers:

        def start(bundle: CertificateBundle | None = None) -> TlsEndpoint:
            return servers.enter_context(TlsEndpoint(bundle))

        yield start


@pytest.fixture
def certpush_https() -> Iterator[Callable[..., ApiServer]]:
    """Start an HTTPS API: ``certpush_https(answer)``, where ``answer`` takes an ``ApiRequest`` and gives an ``ApiAnswer``."""
    from certpush.testing.api_server import ApiServer

    with contextlib.ExitStack() as servers:

        def start(answer: Answering, bundle: CertificateBundle | None = None) -> ApiServer:
            return servers.enter_context(ApiServer(answer, bundle))

        yield start


@pytest.fixture
def certpush_sshd() -> Iterator[Callable[..., Sshd]]:
    """Start a real sshd: ``certpush_sshd()`` logs in who runs the tests, ``certpush_sshd(user="deploy")`` an account made for it."""
    from certpush.testing.lab.sshd import Sshd

    with contextlib.ExitStack() as servers:

        def start(**wishes: Any) -> Sshd:
            with _named_if_missing():
                return servers.enter_context(Sshd(**wishes))

        yield start


@pytest.fixture
def certpush_chaos() -> Iterator[Callable[..., ChaosProxy]]:
    """Start a proxy that breaks connections: ``certpush_chaos(host, port, Chaos(cut_after_up=100))``; see ``Chaos`` for what it can do."""
    from certpush.testing.lab.chaos import CALM, ChaosProxy

    with contextlib.ExitStack() as servers:

        def start(host: str, port: int, chaos: Chaos = CALM, *, only: int | None = None) -> ChaosProxy:
            return servers.enter_context(ChaosProxy(host, port, chaos, only=only))

        yield start


@pytest.hookimpl(wrapper=True)
def pytest_fixture_setup() -> Generator[None, Any, Any]:
    """A fixture may need what this machine lacks."""
    with _named_if_missing():
        return (yield)


@contextlib.contextmanager
def _named_if_missing() -> Iterator[None]:
    """What this machine lacks is named: the test is not tried. With REQUIRE_LIVE=1 it fails, as where nothing may be left out."""
    try:
        yield
    except Exception as error:
        lab = sys.modules.get("certpush.testing.lab.process")  # where it is not loaded, nothing of the lab was asked for
        if lab is None or not isinstance(error, lab.NotPossibleHere):
            raise
        reason = f"{error} ({error.hint})" if error.hint else str(error)
        if os.environ.get("REQUIRE_LIVE") == "1":
            pytest.fail(f"{reason}; REQUIRE_LIVE=1 says that nothing may be left out", pytrace=False)
        pytest.skip(f"not tried: {reason}")
