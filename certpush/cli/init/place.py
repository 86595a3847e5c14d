"""Where a new configuration goes, and putting it there: whole or not at all, and never over another one unseen."""

from __future__ import annotations

import contextlib
import os
import stat
from collections.abc import Iterator, Mapping
from pathlib import Path

from certpush.config import files
from certpush.config.loading import load
from certpush.errors import ConfigError, SafetyRefusal
from certpush.kit.escaping import escaped
from certpush.kit.files import Directory, beside
from certpush.model import Secret
from certpush.records import record

PASSWORD_FILE = "provisioner-password"  # noqa: S105 - the file's name
MODE, DIRECTORY_MODE = 0o600, 0o700


@record(frozen=True, slots=True)
class Written:
    """What was written, and where what was there before is kept."""

    configuration: Path
    password: Path | None
    kept: tuple[Path, ...]


@record(frozen=True, slots=True)
class Place:
    """The file to write, and the password beside it. ``usual`` where certpush finds it without being told."""

    configuration: Path
    usual: bool
    force: bool

    @classmethod
    def choose(cls, explicit: str | None, environ: Mapping[str, str], *, force: bool, superuser: bool) -> Place:
        """What was named, else the system's place for root, and the user's own for others.

        Raises:
            ConfigError: that is no path of a file, or another configuration would be found before it.

        """
        if named := explicit or environ.get("CERTPUSH_CONFIG"):
            return cls(_absolute(named), usual=explicit is None, force=force)
        own = files.user_configuration(environ).absolute()
        if superuser and os.path.lexists(own):
            raise ConfigError(
                f"{escaped(str(own))} is there already, and comes before {files.SYSTEM_CONFIGURATION}",
                hint="remove it, or name it with --config",
            )
        return cls(files.SYSTEM_CONFIGURATION if superuser else own, usual=True, force=force)

    @property
    def password(self) -> Path:
        """Where a password that was typed is kept."""
        return self.configuration.with_name(PASSWORD_FILE)

    def check(self) -> None:
        """Find out whether it can be written, by writing a trial; nothing of it stays.

        Raises:
            ConfigError: there is a configuration already, or the directory is not ours to write to.
            SafetyRefusal: a link or something else that is no plain file is in the way.

        """
        self._refuse_another()
        with _writing(self.configuration):
            ancestor = next(one for one in self.configuration.parents if os.path.lexists(one))
            with Directory.open(str(ancestor)) as directory:
                if ancestor == self.configuration.parent:
                    directory.refuse_odd(self.configuration.name)
                directory.replace(f".{self.configuration.name}.trial", b"")
                directory.remove(f".{self.configuration.name}.trial")

    def write(self, text: str, password: Secret | None) -> Written:
        """Put the configuration, and the password that it refers to, in their places; all of it or nothing.

        Raises:
            ConfigError: it cannot be read as a configuration, or cannot be written.

        """
        with _writing(self.configuration), _made(self.configuration.parent) as directory:
            names = [self.configuration.name]
            contents = {self.configuration.name: text.encode()}
            if password is not None:
                names.insert(0, PASSWORD_FILE)  # a configuration never refers to what is not there
                contents[PASSWORD_FILE] = f"{password.reveal()}\n".encode()
            with _prepared(directory, contents):
                self._try(directory)
                self._refuse_another()
                kept = [_keep(directory, name) for name in names]
                _put(directory, names)
        return Written(self.configuration, self.password if password else None, tuple(one for one in kept if one))

    def _refuse_another(self) -> None:
        if not self.force and os.path.lexists(self.configuration):
            raise ConfigError(
                f"{escaped(str(self.configuration))} is there already",
                hint="--force writes a new one and keeps the old one beside it; --config FILE writes another one",
            )

    def _try(self, directory: Directory) -> None:
        """Read what was prepared as every command will, with the conf.d beside it."""
        prepared = Path(directory.path) / beside(self.configuration.name)
        try:
            load(prepared)
        except ConfigError as error:
            raise ConfigError(error.message.replace(str(prepared), str(self.configuration)), hint=error.hint) from None


@contextlib.contextmanager
def _prepared(directory: Directory, contents: Mapping[str, bytes]) -> Iterator[None]:
    """Have the new files beside their places while inside; what is not put there in the meantime is removed."""
    mine: list[str] = []
    try:
        for name, content in contents.items():
            mine.append(beside(name))
            _take(directory, mine, content)
        yield
    except FileExistsError:
        raise ConfigError(
            f"another `certpush init` is at work in {escaped(directory.path)}, or was killed there",
            hint=f"if none is: rm {escaped(directory.path)}/{', '.join(beside(name) for name in contents)}",
        ) from None
    finally:
        for name in mine:
            with contextlib.suppress(OSError):
                directory.remove(name)


def _take(directory: Directory, mine: list[str], content: bytes) -> None:
    """Write the last of the files that are mine. Its name can be taken once only: of two at work, one is told so."""
    try:
        directory.write_new(mine[-1], content, mode=MODE)
    except FileExistsError:
        mine.pop()
        raise


def _put(directory: Directory, names: list[str]) -> None:
    new = [name for name in names if directory.look(name) is None]
    try:
        for name in names:
            directory.refuse_odd(name)
            directory.rename(beside(name), directory, name)
    except BaseException:
        for name in new:
            directory.remove(name)
        raise


def _keep(directory: Directory, name: str) -> Path | None:
    """Keep a copy of what is to be replaced, under the first name that is free."""
    if directory.look(name) is None:
        return None
    directory.refuse_odd(name)
    taken = set(directory.names())
    kept = next(one for number in range(1, len(taken) + 2) if (one := f"{name}.bak{number if number > 1 else ''}") not in taken)
    directory.write_new(kept, directory.read(name), mode=MODE)
    return Path(directory.path) / kept


@contextlib.contextmanager
def _made(path: Path) -> Iterator[Directory]:
    """Open a directory; what is missing of the way to it is made for us alone, and removed again when what is inside fails."""
    missing = [one for one in (path, *path.parents) if not os.path.lexists(one)]
    made: list[Path] = []
    try:
        for one in reversed(missing):
            with Directory.open(str(one.parent)) as parent:
                made.append(one)
                parent.make(one.name, mode=DIRECTORY_MODE)
        with Directory.open(str(path)) as directory:
            yield directory
    except BaseException:
        for one in reversed(made):
            with contextlib.suppress(OSError, SafetyRefusal), Directory.open(str(one.parent)) as parent:
                parent.remove_directory(one.name)
        raise


@contextlib.contextmanager
def _writing(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise ConfigError(
            f"{escaped(str(path))} cannot be written: {error.strerror}",
            hint="nothing was written; see who may write there, or name another file with --config",
        ) from None


def _absolute(text: str) -> Path:
    if not text.isprintable():
        raise ConfigError(f"{text[:120]!a} is not a path for a configuration", hint="name a file with letters that can be seen")
    path = Path(files.expanded(text)).absolute()
    if text.endswith("/") or _is_directory(path):
        raise ConfigError(f"{escaped(text)[:120]} is a directory", hint="name the file in it: certpush.toml")
    return path


def _is_directory(path: Path) -> bool:
    try:
        return stat.S_ISDIR(path.stat().st_mode)
    except OSError:
        return False
