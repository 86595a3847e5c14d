"""Ports for servers that are about to start."""

from __future__ import annotations

from certpush.testing.lab import process


def test_a_port_that_was_just_found_is_not_found_again(monkeypatch):
    """A server that asks for two of them listens on neither before it has both."""
    monkeypatch.setattr(process, "PORTS", range(process.PORTS.start, process.PORTS.start + 110 * process.PORTS.step, process.PORTS.step))
    assert len({process.free_port() for _ in range(40)}) == 40
