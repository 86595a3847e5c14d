"""What the tests of the built-in kinds share."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import NoReturn

import pytest

from certpush import CertificateBundle, KeySpec
from certpush.model import parse_name
from certpush.testing.minting import minter

Mint = Callable[..., CertificateBundle]


@pytest.fixture(scope="session")
def mint() -> Mint:
    """Mint a certificate for svc.example.com, or for the names given."""
    make = minter()

    def minted(*names: str, key: KeySpec = KeySpec.EC_P256) -> CertificateBundle:
        return make(tuple(parse_name(one) for one in names or ("svc.example.com",)), key)

    return minted


def not_run(reason: str) -> NoReturn:
    """Say what this machine cannot try; with REQUIRE_LIVE=1 that is a failure."""
    if os.environ.get("REQUIRE_LIVE") == "1":
        pytest.fail(f"{reason} (REQUIRE_LIVE=1)", pytrace=False)
    pytest.skip(f"not run: {reason}")


@pytest.fixture(scope="session", name="not_run")
def _not_run() -> Callable[[str], NoReturn]:
    """For fixtures further down."""
    return not_run


@pytest.fixture
def open_directory() -> Iterator[Path]:
    """A directory that other users can reach, unlike pytest's own."""
    with tempfile.TemporaryDirectory(prefix="certpush-test-") as path:
        Path(path).chmod(0o755)
        yield Path(path)


@pytest.fixture
def as_nobody() -> Callable[[], AbstractContextManager[None]]:
    """Act as another, unprivileged user for a while."""
    if os.geteuid() != 0:
        not_run("only root can act as another user")

    @contextmanager
    def acting() -> Iterator[None]:
        groups = os.getgroups()
        os.setgroups([])
        os.setegid(65534)
        os.seteuid(65534)
        try:
            yield
        finally:
            os.seteuid(0)
            os.setegid(0)
            os.setgroups(groups)

    return acting
