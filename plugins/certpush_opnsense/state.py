"""What there is on the firewall: told by the API, and by SSH where that does not tell which entry the web GUI has."""

from __future__ import annotations

from dataclasses import dataclass

from cryptography import x509

from certpush.model import fingerprint, read_certificates
from certpush_opnsense.api import Api
from certpush_opnsense.box import Box
from certpush_opnsense.entries import Entry
from certpush_opnsense.store import Store


@dataclass(frozen=True, slots=True)
class State:
    """What there is: our entry, kept pairs, and which entry the web GUI has."""

    entry: Entry | None
    kept: tuple[Entry, ...]
    has_ours: bool
    """Whether the web GUI has our entry."""
    pointer: str
    """The number of the entry that it has; empty where only SSH could tell."""
    leaf: x509.Certificate | None
    """The certificate that it has."""
    others: tuple[str, ...] = ()
    """What else has the same entry, as far as SSH told."""

    @property
    def fingerprint(self) -> str | None:
        """SHA-256 of that certificate."""
        return fingerprint(self.leaf) if self.leaf else None


def see(api: Api, store: Store, box: Box | None) -> State:
    """Look; changes nothing.

    The API tells only that something has our entry. Where the web GUI serves what is in it, that is
    the web GUI; else SSH is asked. Without SSH it is taken for granted: a switch that does not
    come to be served is gone back from.
    """
    entry, kept = store.ours()
    served = api.peer
    if entry is not None and entry.in_use and (box is None or (served is not None and entry.fingerprint == fingerprint(served))):
        return State(entry, kept, has_ours=True, pointer=entry.refid, leaf=entry.leaf)
    if box is None:
        return State(entry, kept, has_ours=False, pointer="", leaf=served)
    return _by_ssh(box, entry, kept)


def _by_ssh(box: Box, entry: Entry | None, kept: tuple[Entry, ...]) -> State:
    sight = box.look()
    if entry is not None and entry.refid == sight.pointer:
        return State(entry, kept, has_ours=True, pointer=entry.refid, leaf=entry.leaf, others=sight.others)
    leaf = read_certificates(sight.pem.encode())[0] if sight.leaf else None
    return State(entry, kept, has_ours=False, pointer=sight.pointer, leaf=leaf, others=sight.others)
