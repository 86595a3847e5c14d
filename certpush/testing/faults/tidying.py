"""Faults in tidying up."""

# ruff: noqa: D102 - the class says what is wrong, Target what the verb owes

from __future__ import annotations

from collections.abc import Collection

from certpush.testing.faults.fault import Fault
from certpush.testing.memory import MemoryTarget


class TidiesForeignCertificates(MemoryTarget):
    """Removes every certificate that it does not know."""

    def tidy(self, keep: Collection[str]) -> None:
        with self._talk() as device:
            for id_, stored in device.certificates().items():
                if stored.fingerprint not in keep and id_ not in device.in_use():
                    device.remove(id_)


class TidiesWhatIsServed(MemoryTarget):
    """Removes all that is not in ``keep``, though it be served."""

    def tidy(self, keep: Collection[str]) -> None:
        with self._talk() as device:
            for id_, stored in device.certificates().items():
                if stored.by == "certpush" and stored.fingerprint not in keep:
                    if id_ in device.in_use():
                        device.select(None)
                        device.reload()
                        device.disarm()
                    device.remove(id_)


class TidiesTheWayBack(MemoryTarget):
    """Removes all that is not served, though it be in ``keep``."""

    def tidy(self, keep: Collection[str]) -> None:
        del keep
        super().tidy(())


FAULTS = (
    Fault(
        TidiesForeignCertificates, "test_tidy_spares_what_is_kept_served_or_not_ours", "tidy() removed a certificate that certpush did not"
    ),
    Fault(TidiesWhatIsServed, "test_tidy_spares_what_is_kept_served_or_not_ours", "tidy() removed the certificate that is served"),
    Fault(TidiesTheWayBack, "test_after_tidy_what_was_kept_can_be_rolled_back_to", "NoWayBack"),
)
