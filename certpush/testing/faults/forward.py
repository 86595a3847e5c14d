"""Faults on the way forward: looking, staging, switching."""

# ruff: noqa: D102 - the class says what is wrong, Target what the verb owes

from __future__ import annotations

import os
import signal
import threading
import uuid
from dataclasses import replace
from datetime import timedelta
from typing import ClassVar

from certpush.errors import TargetRefused
from certpush.model import CertificateBundle, CertificateRequest, Endpoint, Finding, Installed, KeySpec, Staged
from certpush.target import TargetKind
from certpush.testing.faults.fault import Fault
from certpush.testing.memory import MemorySettings, MemoryTarget


class ChangesTheDeviceInInspect(MemoryTarget):
    """Looks by uploading a probe, and leaves it there."""

    def inspect(self) -> Installed:
        with self._talk() as device:
            device.put(f"probe-{uuid.uuid4()}", b"", b"", by="certpush")
        return super().inspect()


class AnswersDifferentlyEachTime(MemoryTarget):
    """Puts a number of its own into the handle, so nothing can be compared."""

    def inspect(self) -> Installed:
        found = super().inspect()
        return replace(found, handle={**found.handle, "call": str(uuid.uuid4())})


class ChangesTheDeviceInPreflight(MemoryTarget):
    """Tests its rights by really writing."""

    def preflight(self, request: CertificateRequest) -> tuple[Finding, ...]:
        with self._talk() as device:
            device.put("write-test", b"", b"", by="certpush")
        return super().preflight(request)


class WritesFingerprintsItsOwnWay(MemoryTarget):
    """Gives the fingerprint with colons, as a vendor's API does; nothing will ever compare equal."""

    def inspect(self) -> Installed:
        found = super().inspect()
        text = found.fingerprint
        return replace(found, fingerprint=text and ":".join(text[at : at + 2].upper() for at in range(0, 64, 2)))


class NeedsSomethingInstalled(MemoryTarget):
    """Cannot even look at a device that has no certificate yet."""

    def inspect(self) -> Installed:
        found = super().inspect()
        assert found.fingerprint is not None
        return found


class RemembersTheFirstLook(MemoryTarget):
    """Asks the device once and then answers from a cache that outlives the instance."""

    _found: ClassVar[list[Installed]] = []

    def inspect(self) -> Installed:
        self._found.append(super().inspect())
        return self._found[0]


class GivesAListOfEndpoints(MemoryTarget):
    """Gives a list where the contract says tuple."""

    def endpoints(self) -> tuple[Endpoint, ...]:
        return list(super().endpoints())  # type: ignore[return-value] # the fault


class ActivatesInStage(MemoryTarget):
    """Switches as soon as the upload is there: nothing is armed or journalled yet."""

    def stage(self, bundle: CertificateBundle) -> Staged:
        staged = super().stage(bundle)
        self.activate(staged, bundle)
        return staged


class StagesOnlyOnce(MemoryTarget):
    """Takes an upload that is already there for a conflict, so a broken-off run can never be begun anew."""

    def stage(self, bundle: CertificateBundle) -> Staged:
        with self._talk() as device:
            if bundle.fingerprint in device.certificates():
                raise TargetRefused("a certificate of that name exists already")
        return super().stage(bundle)


class GivesAHandleThatIsNotJson(MemoryTarget):
    """Keeps bytes in the handle; the journal cannot write them down."""

    def stage(self, bundle: CertificateBundle) -> Staged:
        super().stage(bundle)
        return Staged({"id": bundle.leaf.signature})  # type: ignore[dict-item] # the fault


class GivesAHandleThatJsonChanges(MemoryTarget):
    """Keeps a tuple in the handle; a later process gets a list."""

    def inspect(self) -> Installed:
        found = super().inspect()
        return replace(found, handle={**found.handle, "path": ("certificates", "active")})  # type: ignore[dict-item] # the fault


class LiesAboutSuccess(MemoryTarget):
    """Claims to have switched and did nothing: the failure that every tool of this kind has had."""

    def activate(self, staged: Staged, bundle: CertificateBundle) -> None:
        pass


class ActivatesOnlyOnce(MemoryTarget):
    """Refuses to switch to what is active already, so a run that died inside the switch cannot be finished."""

    def activate(self, staged: Staged, bundle: CertificateBundle) -> None:
        with self._talk() as device:
            if device.selected() == bundle.fingerprint:
                raise TargetRefused("the certificate is active already")
        super().activate(staged, bundle)


class ActivatesOnTheSameInstanceOnly(MemoryTarget):
    """Keeps what it staged in memory; after a crash it is gone."""

    _upload: str | None = None

    def stage(self, bundle: CertificateBundle) -> Staged:
        super().stage(bundle)
        self._upload = bundle.fingerprint
        return Staged()

    def activate(self, staged: Staged, bundle: CertificateBundle) -> None:
        del staged
        super().activate(Staged({"id": self._upload}), bundle)


class InstallsTheLeafAlone(MemoryTarget):
    """Leaves the intermediates out; browsers that have seen them before hide the mistake."""

    def stage(self, bundle: CertificateBundle) -> Staged:
        with self._talk() as device:
            device.put(bundle.fingerprint, bundle.leaf_pem, bundle.key.reveal_pem(), by="certpush")
        return Staged({"id": bundle.fingerprint})


class NeedsAnIntermediate(MemoryTarget):
    """Takes for granted that there is one."""

    def stage(self, bundle: CertificateBundle) -> Staged:
        assert bundle.chain[0].subject
        return super().stage(bundle)


class RefusesAKeyThatItAccepts(MemoryTarget):
    """Says that it accepts every key, and cannot take RSA."""

    def stage(self, bundle: CertificateBundle) -> Staged:
        if bundle.key.spec.startswith("rsa"):
            raise TargetRefused("no RSA here")
        return super().stage(bundle)


class RefusesAKeyTooLate(MemoryTarget):
    """Finds out only after the switch that it cannot use the key."""

    def activate(self, staged: Staged, bundle: CertificateBundle) -> None:
        super().activate(staged, bundle)
        if bundle.key.spec == KeySpec.ED25519:
            raise TargetRefused("no Ed25519 here")


class HangsInActivate(MemoryTarget):
    """Waits for an answer without a deadline."""

    def activate(self, staged: Staged, bundle: CertificateBundle) -> None:
        threading.Event().wait(30)
        super().activate(staged, bundle)


class EndsTheProcess(MemoryTarget):
    """Calls ``sys.exit`` when it does not like something, as the script it once was did."""

    def stage(self, bundle: CertificateBundle) -> Staged:
        raise SystemExit(f"cannot upload {bundle.serial}")


class CallsOsExit(MemoryTarget):
    """Ends the whole process, and says that all went well."""

    def activate(self, staged: Staged, bundle: CertificateBundle) -> None:
        super().activate(staged, bundle)
        os._exit(0)


class KillsItself(MemoryTarget):
    """Sends its own process a signal, as a daemon does that wants to start anew."""

    def stage(self, bundle: CertificateBundle) -> Staged:
        os.kill(os.getpid(), signal.SIGKILL)
        return super().stage(bundle)


class ReplacesTheProcess(MemoryTarget):
    """Becomes the vendor's tool, from which nobody comes back."""

    def activate(self, staged: Staged, bundle: CertificateBundle) -> None:
        super().activate(staged, bundle)
        os.execv("/bin/true", ["true"])  # noqa: S606 - the fault


class ForksTheProcess(MemoryTarget):
    """Does the upload in a copy of the whole process, which holds the keys of all targets."""

    def stage(self, bundle: CertificateBundle) -> Staged:
        child = os.fork()
        if child == 0:
            os._exit(0)
        os.waitpid(child, 0)
        return super().stage(bundle)


class HangsInClose(MemoryTarget):
    """Says goodbye to a device that does not answer."""

    def close(self) -> None:
        threading.Event().wait(30)


def _without_ed25519(kind: TargetKind[MemorySettings]) -> TargetKind[MemorySettings]:
    return replace(kind, accepted_keys=kind.accepted_keys - {KeySpec.ED25519})


_LEFT_ALONE = "test_the_process_is_left_alone"

FAULTS = (
    Fault(ChangesTheDeviceInInspect, "test_inspect_changes_nothing", "inspect() changed something on the device"),
    Fault(AnswersDifferentlyEachTime, "test_inspect_changes_nothing", "inspect() answers differently"),
    Fault(ChangesTheDeviceInPreflight, "test_preflight_and_changes_change_nothing", "preflight() or changes() changed something"),
    Fault(WritesFingerprintsItsOwnWay, "test_inspect_tells_what_is_served", "a fingerprint is the SHA-256 in 64 small hex digits"),
    Fault(NeedsSomethingInstalled, "test_inspect_before_anything_was_deployed_answers_in_json", "inspect() let AssertionError escape"),
    Fault(RemembersTheFirstLook, "test_inspect_tells_what_is_served", "inspect() tells another fingerprint than the one deployed"),
    Fault(GivesAListOfEndpoints, "test_endpoints_say_where_to_look", "endpoints() gives a tuple"),
    Fault(ActivatesInStage, "test_stage_does_not_change_what_is_served", "stage() changed what is served"),
    Fault(StagesOnlyOnce, "test_stage_is_repeatable", "a certificate of that name exists already"),
    Fault(GivesAHandleThatIsNotJson, "test_handles_are_json", "the handle of stage() is not JSON"),
    Fault(GivesAHandleThatJsonChanges, "test_handles_are_json", "the handle of inspect() comes back changed from JSON"),
    Fault(LiesAboutSuccess, "test_activate_makes_the_new_one_served", "after stage() and activate(), the new certificate is not served"),
    Fault(ActivatesOnlyOnce, "test_activate_is_repeatable", "the certificate is active already"),
    Fault(ActivatesOnTheSameInstanceOnly, "test_a_fresh_instance_carries_on_for_a_dead_one", "cannot activate what another one staged"),
    Fault(InstallsTheLeafAlone, "test_the_chain_is_served_completely", "install fullchain_pem, not the leaf alone"),
    Fault(NeedsAnIntermediate, "test_a_certificate_without_intermediates_is_deployed_too", "stage() let IndexError escape"),
    Fault(RefusesAKeyThatItAccepts, "test_every_key_is_deployed_or_refused_cleanly[rsa-2048]", "accepted_keys names rsa-2048, but"),
    Fault(
        RefusesAKeyTooLate,
        "test_every_key_is_deployed_or_refused_cleanly[ed25519]",
        "a ed25519 key was refused only after the switch",
        claims=_without_ed25519,
    ),
    Fault(
        HangsInActivate,
        "test_activate_makes_the_new_one_served",
        "activate() did not come back within 0.5 s",
        patience=timedelta(seconds=0.5),
    ),
    Fault(CallsOsExit, _LEFT_ALONE, "activate() called os._exit, which would have ended certpush"),
    Fault(KillsItself, _LEFT_ALONE, "stage() called os.kill, which would have ended certpush"),
    Fault(ReplacesTheProcess, _LEFT_ALONE, "activate() called os.execv, which would have ended certpush"),
    Fault(ForksTheProcess, _LEFT_ALONE, "stage() forked the process"),
    Fault(
        HangsInClose,
        "test_close_is_harmless_at_any_time",
        "close() did not come back within 0.5 s",
        patience=timedelta(seconds=0.5),
    ),
    Fault(EndsTheProcess, "test_stage_does_not_change_what_is_served", "stage() let SystemExit escape"),
)
