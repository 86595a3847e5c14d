"""Two files for a certificate and its key: checked before the CA is asked, written so that nobody sees a half."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

from certpush.errors import CertpushError, ConfigError, SafetyRefusal
from certpush.kit.escaping import escaped
from certpush.kit.files import Directory, beside
from certpush.model import CertificateBundle
from certpush.records import record

CERTIFICATE_MODE, KEY_MODE = 0o644, 0o600


class NotSaved(CertpushError):
    """The certificate was issued, and could not be written."""


@record(frozen=True, slots=True)
class PairFiles:
    """Where a certificate (with its chain) and its private key go."""

    certificate: Path
    key: Path

    @classmethod
    def at(cls, certificate: str | None, key: str | None, name: str) -> PairFiles:
        """The paths given, else ``NAME.crt`` and ``NAME.key`` in the current directory.

        Raises:
            ConfigError: a path is none, or both are the same file.

        """
        plain = name.replace("*", "_").replace(":", "_")
        pair = cls(absolute_file(certificate or f"{plain}.crt"), absolute_file(key or f"{plain}.key"))
        if pair.certificate == pair.key or (pair.certificate.exists() and pair.key.exists() and pair.certificate.samefile(pair.key)):
            raise ConfigError(
                "--cert and --key-file name the same file", hint="the key belongs into a file of its own, which only you read"
            )
        return pair

    def check(self, *, force: bool) -> None:
        """Find out whether both can be written, by writing beside them; without ``force`` what is there is not replaced.

        Raises:
            ConfigError: one is there already, or its directory is missing or not ours to write to.
            SafetyRefusal: a link or something else that is no plain file is in the way.

        """
        for path in (self.certificate, self.key):
            if not force and (path.is_symlink() or path.exists()):
                raise ConfigError(f"{escaped(str(path))} is there already", hint="--force replaces it; --cert and --key-file name others")
            with _writing(path), Directory.open(str(path.parent)) as directory:
                directory.refuse_odd(path.name)
                directory.replace(_trial(path), b"")
                directory.remove(_trial(path))

    def write(self, bundle: CertificateBundle, *, force: bool) -> None:
        """Write both whole beside their places, then put them there: a full disk leaves what was there before.

        Raises:
            NotSaved: it could not be done.

        """
        try:
            self._put(bundle, force=force)
        except (OSError, SafetyRefusal) as error:
            reason = error.strerror if isinstance(error, OSError) else error.message
            raise NotSaved(
                f"the certificate {bundle.serial} was issued, and could not be saved as {escaped(str(self.certificate))}: {reason}",
                hint="make room or name other files with --cert and --key-file, and run again: that gets a new one",
            ) from None

    def _put(self, bundle: CertificateBundle, *, force: bool) -> None:
        wanted = ((self.key, bundle.key.reveal_pem(), KEY_MODE), (self.certificate, bundle.fullchain_pem, CERTIFICATE_MODE))
        try:
            for path, text, mode in wanted:
                with Directory.open(str(path.parent)) as directory:
                    directory.remove(beside(path.name))
                    directory.write_new(beside(path.name), text, mode=mode)
            for path, _, _ in wanted:
                with Directory.open(str(path.parent)) as directory:
                    _refuse_occupied(directory, path, force=force)
                    directory.rename(beside(path.name), directory, path.name)
        except BaseException:
            self._clean()  # a person who presses Ctrl-C leaves no key behind either
            raise

    def _clean(self) -> None:
        for path in (self.certificate, self.key):
            with contextlib.suppress(OSError, SafetyRefusal), Directory.open(str(path.parent)) as directory:
                directory.remove(beside(path.name))


def _refuse_occupied(directory: Directory, path: Path, *, force: bool) -> None:
    directory.refuse_odd(path.name)
    if not force and directory.look(path.name):
        raise SafetyRefusal(f"{escaped(str(path))} appeared meanwhile")


def _trial(path: Path) -> str:
    return f".{path.name}.trial"


def absolute_file(text: str) -> Path:
    """The full path of a file as a person writes it.

    Raises:
        ConfigError: it is a directory, or no path at all.

    """
    if "\0" in text:
        raise ConfigError("a path holds a NUL character", hint="remove it")
    try:
        path = Path(text).expanduser().absolute()
    except RuntimeError:
        raise ConfigError(f"{escaped(text)[:120]} lies in the home of nobody known here", hint="write the path in full") from None
    if text.endswith("/") or path.is_dir():
        raise ConfigError(f"{escaped(text)[:120]} is a directory", hint="name the file in it")
    return path


@contextlib.contextmanager
def _writing(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise ConfigError(
            f"{escaped(str(path))} cannot be written: {error.strerror}",
            hint="the CA was not asked; see that the directory is there and that you may write to it",
        ) from None
