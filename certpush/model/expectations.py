"""What must be seen once a way back was taken."""

from __future__ import annotations

import enum

from certpush.records import record


class After(enum.StrEnum):
    """What must be seen after a way back was taken."""

    LEAF = "leaf"
    DEVICE_DEFAULT = "device-default"
    NOTHING = "nothing"


@record(frozen=True, slots=True)
class Expected:
    """What must be served once ``rollback`` is done: the old leaf, the device's own certificate, or none of ours."""

    after: After
    fingerprint: str | None = None

    @classmethod
    def leaf(cls, fingerprint: str | None) -> Expected:
        """The certificate with this fingerprint; with None, nothing was installed before."""
        return cls(After.LEAF, fingerprint) if fingerprint else cls(After.NOTHING)

    @classmethod
    def device_default(cls, fingerprint: str | None = None) -> Expected:
        """The device's own certificate; with None its fingerprint is not known, as where the device makes a new one."""
        return cls(After.DEVICE_DEFAULT, fingerprint)

    @classmethod
    def nothing(cls) -> Expected:
        """Nothing was installed before: it is enough that the new certificate is gone."""
        return cls(After.NOTHING)
