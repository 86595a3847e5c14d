"""Log in once, by exactly the way that is configured: no agent, no search for keys, no second attempt."""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from functools import lru_cache

import paramiko
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

from certpush.errors import ConfigError, TargetAuthFailed
from certpush.kit.command import escaped
from certpush.kit.ssh.settings import SshSettings, blob_fingerprint, pinned
from certpush.model import Secret

_CLASSES: tuple[tuple[type, type[paramiko.PKey]], ...] = (
    (ed25519.Ed25519PrivateKey, paramiko.Ed25519Key),
    (ec.EllipticCurvePrivateKey, paramiko.ECDSAKey),
    (rsa.RSAPrivateKey, paramiko.RSAKey),
)


def log_in(transport: paramiko.Transport, user: str, where: str, login: SshSettings) -> None:
    """Authenticate on a connection whose host key was checked.

    Raises:
        TargetAuthFailed: the server says no, or asks for more than one thing.
        ConfigError: the private key cannot be used.

    """
    if login.password is not None:
        way = "password"
        missing = _attempt(lambda: transport.auth_password(user, _revealed(login.password), fallback=False), user, where, way)
    elif login.identity is not None:
        way = "public key"
        key = load_key(login.identity, login.identity_passphrase)
        missing = _attempt(lambda: transport.auth_publickey(user, key), user, where, way)
    else:
        way = "agent"
        missing = _with_agent(transport, user, where, login)
    if missing:
        raise TargetAuthFailed(
            f"{user}@{where}: the {way} was accepted, but the server wants also: {escaped(', '.join(missing))}",
            hint="give certpush a user for whom one is enough (AuthenticationMethods in sshd_config)",
        )


def load_key(identity: Secret, passphrase: Secret | None) -> paramiko.PKey:
    """Read a private key in OpenSSH's or in PEM form.

    Raises:
        ConfigError: it cannot be read; the message never holds the key.

    """
    return _loaded(identity.reveal().strip() + "\n", passphrase.reveal() if passphrase is not None else None)


@lru_cache(maxsize=8)  # a fleet logs in everywhere with the same, twice each; a passphrase alone costs a tenth of a second
def _loaded(text: str, password: str | None) -> paramiko.PKey:
    kind = type(_read(text.encode(), password.encode() if password is not None else None))
    for ours, theirs in _CLASSES:
        if issubclass(kind, ours):
            return theirs.from_private_key(io.StringIO(text), password)
    raise ConfigError("identity: this type of private key is not used here", hint="make one with `ssh-keygen -t ed25519`")


def _read(text: bytes, password: bytes | None) -> object:
    openssh = b"BEGIN OPENSSH PRIVATE KEY" in text
    load = serialization.load_ssh_private_key if openssh else serialization.load_pem_private_key
    encrypted = b"ENCRYPTED" in text or (openssh and not _opens_without(text))
    if not encrypted:
        password = None  # OpenSSH's form refuses none, PEM refuses one that is not needed
    elif password is None:
        raise ConfigError("identity: the private key has a passphrase", hint='add identity_passphrase = "file:..."')
    try:
        return load(text, password)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        # Cut off: what the library says of a key that it could not read is nobody's business.
        reason = "cannot be opened with identity_passphrase" if encrypted else "cannot be read"
        raise ConfigError(f"identity: the private key {reason}", hint="check it with `ssh-keygen -y -f FILE`") from None


def _opens_without(text: bytes) -> bool:
    try:
        serialization.load_ssh_private_key(text, None)
    except TypeError:
        return False
    except (ValueError, UnsupportedAlgorithm):
        pass
    return True


def _with_agent(transport: paramiko.Transport, user: str, where: str, login: SshSettings) -> list[str]:
    agent = paramiko.Agent()
    try:
        keys = {blob_fingerprint(key.asbytes()): key for key in agent.get_keys()}
        wanted = pinned("agent_key", login.agent_key) if login.agent_key else frozenset(keys)
        found = [key for shown, key in keys.items() if shown in wanted]
        if len(found) != 1:
            held = ", ".join(keys) or "none"
            raise TargetAuthFailed(
                f"the SSH agent must hold exactly one key to use; it holds {held}",
                hint='name the one to use: agent_key = "SHA256:..."' if found else "add the key with ssh-add, and set SSH_AUTH_SOCK",
            )
        return _attempt(lambda: transport.auth_publickey(user, found[0]), user, where, "agent's key")
    finally:
        agent.close()


def _attempt(deed: Callable[[], Sequence[str]], user: str, where: str, way: str) -> list[str]:
    try:
        return list(deed())
    except paramiko.BadAuthenticationType as error:
        allowed = escaped(", ".join(error.allowed_types))
        raise TargetAuthFailed(
            f"{user}@{where}: the server does not take a {way}, only: {allowed}", hint="allow it in sshd_config, or log in by another way"
        ) from error
    except paramiko.AuthenticationException as error:
        raise TargetAuthFailed(
            f"{user}@{where}: the {way} was not accepted",
            hint="check the user's name, and ~/.ssh/authorized_keys with its modes on the server",
        ) from error


def _revealed(secret: Secret | None) -> str:
    return secret.reveal() if secret is not None else ""
