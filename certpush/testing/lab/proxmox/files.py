"""The certificate files of a PVE node, and what an upload does to them, step by step as the product does it."""

from __future__ import annotations

import os
import ssl
from collections.abc import Iterable

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization

from certpush.model import JsonValue
from certpush.testing.lab.proxmox.faults import ProxmoxFaults
from certpush.testing.lab.proxmox.info import describe, first_certificate
from certpush.testing.lab.proxmox.refusals import bad_parameters, died
from certpush.testing.lab.proxmox.tls import load_pair

ROOT, OWN, OWN_KEY = "pve-root-ca.pem", "pve-ssl.pem", "pve-ssl.key"
CUSTOM, CUSTOM_KEY = "pveproxy-ssl.pem", "pveproxy-ssl.key"
_OLD = ".old"
_NO_MATCH = "key does not match the certificate (chain)"


class NodeFiles:
    """The files of one node; ``content`` maps their names to what is in them.

    ``directory`` is the node's name in the paths that errors show; a directory that does
    not exist (``nodes/localhost``) is another object with ``exists`` false.
    """

    def __init__(
        self, directory: str, content: dict[str, bytes], faults: ProxmoxFaults, *, checks_pairs: bool, exists: bool = True
    ) -> None:
        self.content = content
        self._directory = f"/etc/pve/nodes/{directory}"
        self._faults = faults
        self._checks_pairs = checks_pairs
        self._exists = exists

    def information(self, names: Iterable[str] = (ROOT, OWN, CUSTOM)) -> list[JsonValue]:
        """What PVE tells of the certificates; files that cannot be read are left out."""
        readable = [name for name in names if name in self.content and name not in self._faults.hidden_files]
        certificates = ((name, first_certificate(self.content[name])) for name in readable)
        return [describe(name, one) for name, one in certificates if one]

    def needs_key(self) -> None:
        """Refuse an upload without a key where none is on the disk."""
        if CUSTOM_KEY not in self.content:
            raise bad_parameters({"key": "Attempted to upload custom certificate without (existing) key."})

    def upload(self, certificates: str, key: str | None, *, force: bool) -> dict[str, JsonValue]:
        """Put a pair there; tells what PVE tells of the certificate."""
        if not force:
            self._refuse_to_overwrite()
        self._keep_old()
        told = self._replace(certificates, key)
        for name in (CUSTOM, CUSTOM_KEY):
            self._unlink(name + _OLD)
        return told

    def remove(self) -> None:
        """Remove the pair; one that is not there, or cannot be removed, is none of its business."""
        for name in (CUSTOM, CUSTOM_KEY):
            self._unlink(name)

    def _refuse_to_overwrite(self) -> None:
        for name, what in ((CUSTOM, "certificate"), (CUSTOM_KEY, "certificate key")):
            if name in self.content:
                raise died(f"Custom {what} file exists but force flag is not set.\n")

    def _keep_old(self) -> None:
        try:
            for name in (CUSTOM, CUSTOM_KEY):
                if name in self.content:
                    self._write(name + _OLD, self.content[name])
        except _Failed as error:
            raise died(f"{error}\n") from None

    def _replace(self, certificates: str, key: str | None) -> dict[str, JsonValue]:
        try:
            self._write(CUSTOM, certificates.encode())
            if key is not None:
                self._write(CUSTOM_KEY, key.encode())
            return self._check()
        except _Failed as error:
            self._restore()
            raise died(f"Setting certificate files failed - {error}\n\n") from None

    def _restore(self) -> None:
        # The copies are left where they are.
        if CUSTOM + _OLD in self.content and CUSTOM_KEY + _OLD in self.content:
            for name in (CUSTOM, CUSTOM_KEY):
                self._write(name, self.content[name + _OLD])

    def _check(self) -> dict[str, JsonValue]:
        certificate = first_certificate(self.content[CUSTOM])
        if certificate is None:
            raise _Failed(f"unable to read certificate from '{self._directory}/{CUSTOM}'")
        if self._checks_pairs and (wrong := mismatch(self.content[CUSTOM], self.content[CUSTOM_KEY])):
            self._unlink(CUSTOM)
            self._unlink(CUSTOM_KEY)
            raise _Failed(f"{os.getpid()}: {wrong} ()")
        return describe(CUSTOM, certificate)

    def _write(self, name: str, content: bytes) -> None:
        if not self._exists or self._faults.no_quorum:
            why = "Permission denied" if self._exists else "No such file or directory"
            raise _Failed(f"unable to open file '{self._directory}/{name}.tmp.{os.getpid()}' - {why}")
        self.content[name] = content

    def _unlink(self, name: str) -> None:
        if not self._faults.no_quorum:
            self.content.pop(name, None)


class _Failed(Exception):
    """A step of an upload went wrong."""


def mismatch(certificates: bytes, key: bytes) -> str:
    """What PVE's check has against a pair; empty where it finds nothing.

    It loads both into one OpenSSL context, which keeps a slot for each type of key: a key of
    another type than the certificate's is compared with nothing.
    """
    if not _is_open_key(key):
        return _NO_MATCH
    try:
        load_pair(ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), certificates, key)
    except ssl.SSLError as error:
        if error.reason == "NO_CERTIFICATE_ASSIGNED":  # what Python asks beyond PVE: a key in another slot
            return ""
        return _NO_MATCH if error.reason == "KEY_VALUES_MISMATCH" else "could not load certificate (chain)"
    return ""


def _is_open_key(pem: bytes) -> bool:
    try:
        serialization.load_pem_private_key(pem, password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        return False
    return True
