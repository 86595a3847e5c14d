"""Is it the right machine? Host keys are compared before anything secret is sent."""

from __future__ import annotations

import base64
import binascii
import fnmatch
import hashlib
import hmac
from pathlib import Path

from paramiko import PKey

from certpush.errors import ConfigError, HostKeyMismatch
from certpush.kit.command import escaped
from certpush.kit.ssh.settings import blob_fingerprint, pinned
from certpush.records import record

FILE_LIMIT = 4 * 1024 * 1024
_ALGORITHMS = {"ssh-rsa": ("rsa-sha2-512", "rsa-sha2-256")}


@record(frozen=True, slots=True)
class Known:
    """What is known of one server's host keys: fingerprints that are right, ones that are revoked, and their types."""

    address: str
    right: frozenset[str]
    revoked: frozenset[str]
    types: tuple[str, ...]
    setting: str = "host_key"

    def accepts(self, key: PKey) -> bool:
        """Whether this is a key of the server."""
        shown = blob_fingerprint(key.asbytes())
        return shown in self.right and shown not in self.revoked

    def refusal(self, shown: tuple[PKey, ...]) -> HostKeyMismatch:
        """Say what the server showed, what was expected, and what a person has to do."""
        keys = ", ".join(f"{blob_fingerprint(one.asbytes())} ({one.get_name()})" for one in shown)
        if any(blob_fingerprint(one.asbytes()) in self.revoked for one in shown):
            return HostKeyMismatch(
                f"{self.address} shows a host key that known_hosts marks as revoked: {keys}; nothing was sent to it",
                hint="somebody may use a stolen key: talk to the machine's administrator",
            )
        wanted = f"not {', '.join(sorted(self.right))}" if self.right else "which nobody has confirmed yet"
        return HostKeyMismatch(
            f"{self.address} shows the SSH host key {keys}, {wanted}; nothing was sent to it",
            hint="on the machine's own console, compare with `ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub`; if it is right, "
            f'run `certpush trust NAME`, or write {self.setting} = "{blob_fingerprint(shown[0].asbytes())}"',
        )


def known_keys(host: str, port: int, pins: str | tuple[str, ...], known_hosts: str | None, setting: str = "host_key") -> Known:
    """Collect what the settings and the known_hosts file, where one is named, say of this server.

    Raises:
        ConfigError: the file cannot be read.

    """
    right: set[str] = set(pinned(setting, pins))
    revoked: set[str] = set()
    types: list[str] = []
    for marker, kind, blob in _lines(host, port, known_hosts) if known_hosts else ():
        (revoked if marker == "@revoked" else right).add(blob_fingerprint(blob))
        types += _ALGORITHMS.get(kind, (kind,))
    address = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    return Known(address, frozenset(right), frozenset(revoked), tuple(dict.fromkeys(types)), setting)


def _lines(host: str, port: int, path: str) -> list[tuple[str, str, bytes]]:
    """The lines of a known_hosts file (sshd(8)) that are about this server: marker, type of key, key."""
    try:
        with Path(path).expanduser().open("rb") as file:
            text = file.read(FILE_LIMIT).decode("utf-8", "replace")
    except OSError as error:
        raise ConfigError(f"known_hosts: {escaped(path)} cannot be read: {error.strerror}", hint="name a file that is there") from error
    name = host if port == 22 else f"[{host}]:{port}"
    found = []
    for line in text.splitlines():
        words = line.split()
        marker = words.pop(0) if words and words[0].startswith("@") else ""
        # @cert-authority: certificates of hosts are not used here, so such a line is no key of this server.
        if len(words) >= 3 and not words[0].startswith("#") and marker in ("", "@revoked") and _names(words[0], name):
            try:
                found.append((marker, words[1], base64.b64decode(words[2], validate=True)))
            except binascii.Error:
                continue
    return found


def _names(patterns: str, name: str) -> bool:
    if patterns.startswith("|1|"):
        return _is_hash_of(patterns, name)
    hits = [one.startswith("!") for one in patterns.split(",") if _matches(one.removeprefix("!"), name)]
    return bool(hits) and not any(hits)


def _matches(pattern: str, name: str) -> bool:
    # Brackets stand for themselves in known_hosts: [host]:port.
    return fnmatch.fnmatchcase(name.lower(), pattern.lower().replace("[", "[[]"))


def _is_hash_of(entry: str, name: str) -> bool:
    try:
        salt, wanted = (base64.b64decode(part, validate=True) for part in entry.removeprefix("|1|").split("|"))
    except (ValueError, binascii.Error):
        return False
    # The format's own algorithm (HashKnownHosts); it hides names, it protects nothing.
    return hmac.compare_digest(hmac.new(salt, name.encode(), hashlib.sha1).digest(), wanted)
