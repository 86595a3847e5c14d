"""Staging, switching, confirming."""

from __future__ import annotations

import pytest

from certpush.errors import CertpushError
from certpush.model import KeySpec
from certpush.testing.contract.bench import AnyBench


class Switching:
    """Obligations of the way forward."""

    def test_stage_does_not_change_what_is_served(self, bench: AnyBench) -> None:
        """Only ``activate`` may; a group's members are all staged before the first is switched."""
        old = bench.deploy()
        bench.stage(bench.mint())
        bench.expect_served(old.bundle.fingerprint, "stage() changed what is served; only activate() may")

    def test_stage_is_repeatable(self, bench: AnyBench) -> None:
        """A run that died is begun anew with the same certificate."""
        bench.deploy()
        new = bench.mint()
        target = bench.open()
        target.stage(new)
        target.stage(new)
        staged = bench.stage(new)
        bench.open().activate(staged, new)
        bench.expect_served(new.fingerprint, "after stage() was repeated, activate() does not bring the new certificate")

    def test_handles_are_json(self, bench: AnyBench) -> None:
        """The journal keeps them for a later process."""
        bench.inspect()
        bench.stage(bench.mint())
        bench.deploy()
        bench.inspect()

    def test_activate_makes_the_new_one_served(self, bench: AnyBench) -> None:
        """Nothing more, and nothing less: success is what a fresh connection shows."""
        bench.deploy()
        new = bench.mint()
        target = bench.open()
        target.activate(target.stage(new), new)
        bench.expect_served(new.fingerprint, "after activate(), the new certificate is not served")

    def test_activate_is_repeatable(self, bench: AnyBench) -> None:
        """A run that died inside it does not know how far it came."""
        bench.deploy()
        new = bench.mint()
        target = bench.open()
        staged = target.stage(new)
        target.activate(staged, new)
        target.activate(staged, new)
        bench.open().activate(bench.stage(new), new)
        bench.expect_served(new.fingerprint, "after activate() was repeated, the new certificate is not served")

    def test_a_fresh_instance_carries_on_for_a_dead_one(self, bench: AnyBench) -> None:
        """Nothing may live in the instance alone: each step here is another process."""
        bench.deploy()
        deployed = bench.switch(bench.mint())
        bench.expect_served(deployed.bundle.fingerprint, "a fresh instance cannot activate what another one staged")
        bench.open().confirm(deployed.staged)
        bench.expect_served(deployed.bundle.fingerprint, "confirm() on a fresh instance changed what is served")

    def test_the_chain_is_served_completely(self, bench: AnyBench) -> None:
        """Clients know the root only; a server that sends the leaf alone fails for them."""
        deployed = bench.deploy()
        for endpoint in bench.endpoints():
            seen = bench.look_for(deployed.bundle, endpoint)
            assert seen.chain_ok, f"{endpoint}: {seen.problem}; install fullchain_pem, not the leaf alone"

    @pytest.mark.parametrize("spec", list(KeySpec))
    def test_every_key_is_deployed_or_refused_cleanly(self, bench: AnyBench, spec: KeySpec) -> None:
        """``accepted_keys`` is what the core chooses from; another key is refused before anything is switched."""
        before = bench.deploy().bundle.fingerprint if spec not in bench.kind.accepted_keys else bench.served()
        new = bench.mint(spec)
        try:
            bench.switch(new)
        except CertpushError as error:
            if spec in bench.kind.accepted_keys:
                pytest.fail(f"accepted_keys names {spec}, but it was refused: {error}", pytrace=False)
            bench.expect_served(before, f"a {spec} key was refused only after the switch")
        else:
            bench.expect_served(new.fingerprint, f"a {spec} key was neither refused nor served")

    def test_a_certificate_without_intermediates_is_deployed_too(self, bench: AnyBench) -> None:
        """A small CA may sign with its root."""
        alone = bench.mint(intermediate=False)
        bench.switch(alone)
        bench.expect_served(alone.fingerprint, "a certificate without intermediates is not served")
