"""The listing of certificates that the API gives: files, not what is served."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from cryptography import x509

from certpush.errors import BundleInvalid, TargetRefused
from certpush.model import JsonValue, fingerprint, read_certificates
from certpush_proxmox.product import Product


@dataclass(frozen=True, slots=True)
class Seen:
    """What the device has: the file that certpush writes, and its own certificate where that is another file."""

    written: str | None
    """Fingerprint of what stands in the product's ``file``; None where there is none."""
    own: str | None
    """Fingerprint of the certificate that it made for itself, as far as it is known."""
    names: tuple[str, ...] = ()
    """The files that were listed."""

    @property
    def installed(self) -> str | None:
        """What the service takes up at its next start."""
        return self.written or self.own

    @property
    def device_default(self) -> bool:
        """Whether that is the device's own."""
        return self.own is not None and self.installed == self.own


def seen(product: Product, listing: JsonValue) -> Seen:
    """Understand a listing (or the answer to an upload); files that are no concern of ours are passed over.

    Raises:
        TargetRefused: it is none.

    """
    files = dict(_files(listing))
    written = files.get(product.file) if product.file else next(iter(files.values()), None)
    if product.own_file is not None:
        own = files.get(product.own_file)
        return Seen(written and written[0], own and own[0], tuple(files))
    return Seen(written and written[0], written[0] if written and written[1] else None, tuple(files))


def _files(listing: JsonValue) -> Iterator[tuple[str, tuple[str | None, bool]]]:
    """File name to fingerprint, and whether the certificate signed itself."""
    entries = listing if isinstance(listing, list) else [listing]
    if not all(isinstance(one, dict) for one in entries):
        raise TargetRefused(
            "the list of certificates cannot be understood", hint="is it a newer product than certpush knows? upgrade certpush"
        )
    for one in entries:
        if isinstance(one, dict):
            yield _base_name(str(one.get("filename", ""))), _identified(one)


def _base_name(path: str) -> str:
    return path.rpartition("/")[2]


def _identified(entry: dict[str, JsonValue]) -> tuple[str | None, bool]:
    """Fingerprint as certpush writes it (upper and lower case and colons differ by product), from the text where it is not told."""
    leaf = _leaf(str(entry.get("pem") or ""))
    told = str(entry.get("fingerprint") or "").replace(":", "").lower()
    subject, issuer = entry.get("subject"), entry.get("issuer")
    itself = leaf.subject == leaf.issuer if leaf else bool(subject) and subject == issuer
    return told or (fingerprint(leaf) if leaf else None), itself


def _leaf(pem: str) -> x509.Certificate | None:
    try:
        return read_certificates(pem.encode())[0]
    except BundleInvalid:
        return None
