"""Secrets stand in the configuration as references; this turns one into the secret.

``file:`` a file that only its owner may read, ``cred:`` a systemd credential, ``env:`` an
environment variable (removed from what child processes get), ``cmd:`` a command's first line
of output, ``keyring:`` the desktop keyring (extra).
"""

from __future__ import annotations

import os
import stat
import threading
from collections.abc import Callable, MutableMapping
from pathlib import Path
from typing import BinaryIO

from certpush.errors import ConfigError
from certpush.model import DeferredSecret, Secret

_MAX_BYTES = 64 * 1024
_COMMAND_SECONDS = 30
_MINIMAL_ENVIRONMENT = (
    "PATH",
    "HOME",
    "USER",
    "LANG",
    "LC_ALL",
    "XDG_RUNTIME_DIR",
    "DBUS_SESSION_BUS_ADDRESS",
    "GNUPGHOME",
    "SSH_AUTH_SOCK",
)


class References:
    """Reads secret references, each in its own way; remembers environment variables, because reading removes them."""

    def __init__(self, environ: MutableMapping[str, str], *, look_only: bool = False, place: str = "in the configuration") -> None:
        """``place`` is where they stand, for who wrote a secret itself there."""
        self._place = place
        self._environ = environ
        self._look_only = look_only
        self._taken: dict[str, str] = {}
        self._lock = threading.Lock()
        self._ways: dict[str, Callable[[str], str]] = {
            "file": self._from_file,
            "cred": self._from_credential,
            "env": self._from_environment,
            "cmd": self._from_command,
            "keyring": self._from_keyring,
        }

    def read(self, reference: str) -> Secret:
        """Give the secret that ``reference`` names; trailing white space is dropped, as ``step`` does.

        With ``look_only`` no command is run and no keyring is asked.

        Raises:
            ConfigError: it is no reference, or what it names cannot be read safely. Never holds the text.

        """
        return Secret(self._read(*self._parsed(reference)))

    def defer(self, reference: str) -> Secret:
        """The secret that ``reference`` names, read when it is first revealed; only a variable is taken from the environment now.

        Raises:
            ConfigError: it is no reference. What it names may turn out not to be readable later.

        """
        scheme, rest = self._parsed(reference)
        return self.read(reference) if scheme == "env" else DeferredSecret(lambda: self._read(scheme, rest))

    def _parsed(self, reference: str) -> tuple[str, str]:
        scheme, colon, rest = reference.partition(":")
        if not colon or scheme not in self._ways:
            # The text may be the secret itself, so it is not repeated here.
            raise ConfigError(
                f"a secret stands {self._place} as plain text",
                hint='move it into a file that only you can read and write "file:/path/of/it" '
                '(or "cred:name", "env:NAME", "cmd:pass show name", "keyring:service/user")',
            )
        if not rest:
            raise ConfigError(f'"{scheme}:" names no secret', hint=f'write "{scheme}:NAME"')
        if "\0" in rest:
            raise ConfigError(f'a "{scheme}:" reference holds a NUL character', hint="remove it")
        return scheme, rest

    def _read(self, scheme: str, rest: str) -> str:
        secret = self._ways[scheme](rest).rstrip()
        if not secret and not self._look_only:
            raise ConfigError(f'the secret of a "{scheme}:" reference is empty', hint="put the secret there")
        return secret

    def _from_file(self, rest: str) -> str:
        try:
            path = Path(rest).expanduser()
        except RuntimeError:
            raise ConfigError(f"the secret file {rest} has no home directory to be in", hint="write the path in full") from None
        return read_private_file(path)

    def _from_credential(self, name: str) -> str:
        directory = self._environ.get("CREDENTIALS_DIRECTORY")
        if not directory:
            raise ConfigError(
                f'"cred:{name}" needs systemd credentials, and $CREDENTIALS_DIRECTORY is not set',
                hint=f"run under a unit with LoadCredential={name}:..., or use file: when running by hand",
            )
        if "/" in name or name in (".", ".."):
            raise ConfigError(f'"cred:{name}" is not the name of a credential', hint="write the name without a path")
        with _opened(Path(directory) / name) as file:
            return _content(file, Path(directory) / name)

    def _from_environment(self, name: str) -> str:
        with self._lock:
            if name in self._environ:
                self._taken[name] = self._environ[name] if self._look_only else self._environ.pop(name)
        if name not in self._taken:
            raise ConfigError(f"the environment variable {name} is not set", hint=f"set {name}, or use file: or cred:")
        return self._taken[name]

    def _from_command(self, rest: str) -> str:
        import shlex
        import subprocess

        try:
            arguments = shlex.split(rest)
        except ValueError:
            raise ConfigError('the command of "cmd:" has a quotation mark without its partner', hint="close it, or remove it") from None
        if not arguments:
            raise ConfigError('"cmd:" names no command', hint='write "cmd:pass show name"')
        if self._look_only:
            return ""
        environment = {name: self._environ[name] for name in _MINIMAL_ENVIRONMENT if name in self._environ}
        try:
            done = subprocess.run(  # noqa: S603 - the administrator's own command, as a list, without a shell
                arguments, capture_output=True, timeout=_COMMAND_SECONDS, check=False, env=environment, stdin=subprocess.DEVNULL
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            reason = error.strerror if isinstance(error, OSError) else f"no answer in {_COMMAND_SECONDS} s"
            raise ConfigError(f'the command of "cmd:" ({arguments[0]}) failed: {reason}', hint="run it by hand as the same user") from None
        if done.returncode != 0:
            raise ConfigError(
                f'the command of "cmd:" ({arguments[0]}) failed with exit status {done.returncode}',
                hint="run it by hand as the same user",
            )
        return done.stdout[:_MAX_BYTES].decode("utf-8", "replace").split("\n", 1)[0]

    def _from_keyring(self, rest: str) -> str:
        service, slash, user = rest.partition("/")
        if not slash:
            raise ConfigError('"keyring:" needs a service and a user', hint='write "keyring:service/user"')
        if self._look_only:
            return ""
        try:
            import keyring
        except ImportError:
            raise ConfigError("the keyring extra is not installed", hint="pip install 'certpush[keyring]'") from None
        try:
            found = keyring.get_password(service, user)
        except keyring.errors.KeyringError as error:
            # Only its type: backends are many, and nobody knows what their texts hold.
            raise ConfigError(f"the keyring cannot be asked: {type(error).__name__}", hint="unlock it, or use file: or cred:") from None
        if found is None:
            raise ConfigError(f"the keyring has no password for {service}/{user}", hint=f"keyring set {service} {user}")
        return str(found)


def read_private_file(path: Path) -> str:
    """Read a secret file; refuse one that others may read, or that somebody else owns.

    Raises:
        ConfigError: with the chmod or chown that mends it.

    """
    with _opened(path) as file:
        # What was opened is what is looked at: a name could lead elsewhere a moment later.
        status = os.fstat(file.fileno())
        if status.st_uid not in (0, os.geteuid()):
            raise ConfigError(f"the secret file {path} belongs to another user", hint=f"chown {os.geteuid()} {path}")
        if stat.S_IMODE(status.st_mode) & 0o077:
            raise ConfigError(f"the secret file {path} can be read by others", hint=f"chmod 600 {path}")
        return _content(file, path)


def _opened(path: Path) -> BinaryIO:
    try:
        # O_NONBLOCK: opening a FIFO would otherwise wait for somebody to write into it.
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except OSError as error:
        raise _unreadable(path, error) from None
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise ConfigError(f"the secret file {path} is no regular file", hint="point to the file that holds the secret alone")
    return os.fdopen(descriptor, "rb")


def _unreadable(path: Path, error: OSError) -> ConfigError:
    return ConfigError(f"the secret file {path} cannot be read: {error.strerror}", hint="check the path and who runs certpush")


def _content(file: BinaryIO, path: Path) -> str:
    try:
        content = file.read(_MAX_BYTES + 1)
    except OSError as error:
        raise _unreadable(path, error) from None
    if len(content) > _MAX_BYTES:
        raise ConfigError(f"the secret file {path} is larger than 64 KiB", hint="point to the file that holds the secret alone")
    try:
        return content.decode()
    except UnicodeDecodeError:
        raise ConfigError(f"the secret file {path} is not a text", hint="point to the file that holds the secret alone") from None
