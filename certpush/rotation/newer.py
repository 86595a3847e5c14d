"""What is there may be newer than our state, where that was restored from an older copy. Pure."""

from __future__ import annotations

from collections.abc import Container, Sequence

from certpush.kit.shown import subject_of
from certpush.model import CertificateBundle, Served


def newer_than(current: CertificateBundle | None, seen: Sequence[Served], held: Container[str]) -> Served | None:
    """What is served everywhere, where it is of the same CA for the same subject, and newer than all that we hold."""
    served = next(iter(seen), None)
    if current is None or served is None:
        return None
    everywhere = {one.fingerprint for one in seen} == {served.fingerprint}
    verified = all(one.verified for one in seen) and served.subject == subject_of(current.leaf)
    newer = served.not_before is not None and served.not_before > current.not_before and served.fingerprint not in held
    return served if everywhere and verified and newer else None
