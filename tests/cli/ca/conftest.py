"""Naming a CA on the command line, and CAs that answer oddly."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from certpush.model import to_pem
from unit.stepca.scripted import Reply, ScriptedCa


def of(ca) -> tuple[str, ...]:
    """The options that mean this CA."""
    return "--ca-url", ca.url, "--fingerprint", ca.fingerprint


@pytest.fixture
def configure(home: Path) -> Callable[..., Path]:
    """Write a configuration that knows a CA: ``configure(ca, provisioner="admin")``."""

    def write(ca, **keys: str) -> Path:
        path = home / ".config/certpush/certpush.toml"
        path.parent.mkdir(parents=True, exist_ok=True)
        table = {"url": ca.url, "fingerprint": ca.fingerprint, **keys}
        path.write_text("[ca]\n" + "".join(f"{key} = {json.dumps(value)}\n" for key, value in table.items()))
        return path

    return write


@contextmanager
def scripted_ca() -> Iterator[ScriptedCa]:
    """A CA that answers as the test says, and knows its root as step-ca does."""
    with ScriptedCa() as ca:
        root = to_pem(ca.authority.root).decode()
        ca.fingerprint = ca.authority.pki.fingerprint
        ca.routes |= {
            f"GET /root/{ca.fingerprint}": Reply(body={"ca": root}),
            "GET /roots": Reply(201, {"crts": [root]}),
            "GET /intermediates": Reply(201, {"crts": [to_pem(ca.authority.intermediate).decode()]}),
            "GET /version": Reply(body={"version": "0.30.2"}),
        }
        yield ca


@pytest.fixture
def scripted() -> Iterator[ScriptedCa]:
    """Such a CA for one test."""
    with scripted_ca() as ca:
        yield ca
