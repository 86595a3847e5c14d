"""What a kind is, and looking at a device."""

from __future__ import annotations

import re

import pytest

from certpush.errors import ConfigError
from certpush.kit.settings import Settings, convert
from certpush.model import CertificateRequest, Endpoint, Finding, Installed, KeySpec, Secret
from certpush.testing.contract.bench import AnyBench
from certpush.testing.contract.demands import what_differs


class KindAndLooks:
    """Obligations before anything is changed."""

    def test_the_kind_is_well_formed(self, bench: AnyBench) -> None:
        """What the configuration, the plan and the documentation show of it."""
        kind = bench.kind
        assert re.fullmatch(r"[a-z0-9][a-z0-9-]*", kind.name), f"TargetKind.name {kind.name!r}: small letters, digits and hyphens"
        assert kind.summary.strip(), "TargetKind.summary says in a few words what it is, for `certpush targets`"
        assert "\n" not in kind.summary, "TargetKind.summary is one line"
        assert kind.accepted_keys, "TargetKind.accepted_keys names at least one kind of key"
        assert set(kind.accepted_keys) <= set(KeySpec), "TargetKind.accepted_keys holds KeySpec members"

    def test_the_settings_are_frozen_and_refuse_unknown_keys(self, bench: AnyBench) -> None:
        """A misspelt key in the configuration is an error, never passed over."""
        assert issubclass(bench.kind.settings, Settings), "the settings class is a subclass of certpush.Settings"
        with pytest.raises(ConfigError, match="unknown key"):
            convert({"no-such-key-of-yours": 1}, bench.kind.settings, path="target.x", read_secret=Secret)
        name = next(iter(bench.case.settings.__struct_fields__), None)
        if name:
            with pytest.raises(AttributeError, match="immutable"):
                setattr(bench.case.settings, name, None)

    def test_inspect_changes_nothing(self, bench: AnyBench) -> None:
        """It runs at every `status`; its answer is the same until something changed."""
        bench.deploy()
        before = bench.snapshot()
        target = bench.open()
        first, again = target.inspect(), target.inspect()
        now = bench.snapshot()
        assert now == before, f"inspect() changed something on the device: {what_differs(before, now)}"
        assert first == again == bench.inspect(), "inspect() answers differently although nothing changed"
        bench.need_a_snapshot()

    def test_preflight_and_changes_change_nothing(self, bench: AnyBench) -> None:
        """A plan is only a plan."""
        deployed = bench.deploy()
        request = CertificateRequest(deployed.bundle.names)
        before = bench.snapshot()
        target = bench.open()
        findings, changes = target.preflight(request), target.changes(request)
        now = bench.snapshot()
        assert now == before, f"preflight() or changes() changed something on the device: {what_differs(before, now)}"
        assert all(isinstance(one, Finding) for one in findings), "preflight() gives Findings"
        assert all("\n" not in one for one in changes), "changes() gives lines of text"
        bench.need_a_snapshot()

    def test_inspect_before_anything_was_deployed_answers_in_json(self, bench: AnyBench) -> None:
        """The first deployment needs a way back too."""
        installed = bench.inspect()
        assert isinstance(installed, Installed), "inspect() gives an Installed"
        _check_fingerprint(installed.fingerprint)

    def test_inspect_tells_what_is_served(self, bench: AnyBench) -> None:
        """A second plan right after a success must be empty, so a fresh instance must know the new one."""
        deployed = bench.deploy()
        found = bench.inspect().fingerprint
        _check_fingerprint(found)
        assert found == deployed.bundle.fingerprint, "after a deployment, inspect() tells another fingerprint than the one deployed"

    def test_endpoints_say_where_to_look(self, bench: AnyBench) -> None:
        """The core looks for itself, so it must know where."""
        found = bench.open().endpoints()
        assert isinstance(found, tuple), "endpoints() gives a tuple"
        assert all(isinstance(one, Endpoint) for one in found), "endpoints() gives Endpoints"


def _check_fingerprint(text: str | None) -> None:
    if text is not None:
        assert re.fullmatch(r"[0-9a-f]{64}", text), f"a fingerprint is the SHA-256 in 64 small hex digits, not {text!r}"
