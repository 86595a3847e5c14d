"""Take the steps on this machine, each durable before the next."""

# ruff: noqa: D102 - placement.Hands says what each step promises

from __future__ import annotations

import contextlib
import errno
import logging
import re
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import ExitStack
from datetime import timedelta

from certpush.errors import CertpushError, TargetRefused
from certpush.kit.boundary import translate
from certpush.kit.escaping import escaped
from certpush.kit.files import ABSENT, LINK, Directory, beside
from certpush.kit.layout import CURRENT, GENERATION, GENERATION_NAMES
from certpush.kit.order import Content, Order
from certpush.kit.placement import PRIVATE, Rights, Was, digest, name, parent
from certpush.kit.trouble import Trouble, explain

_log = logging.getLogger(__name__)
_KEPT = re.compile(r"(?P<name>.+)\.[0-9a-f]{32}\.(?P<leaf>[0-9a-f]{16})\.old", re.DOTALL)


class LocalHands:
    """Hands on this machine. Directories are walked to once and held open until ``close``."""

    def __init__(self, *, limits: Mapping[Trouble, timedelta]) -> None:
        self._limits = limits
        self._open: dict[str, Directory] = {}
        self._held = ExitStack()
        self._staged_generation = ""

    def close(self) -> None:
        """Let go of all directories."""
        self._open.clear()
        self._held.close()

    # --- preparing

    def private(self, directory: str) -> None:
        self._let_go(f"{directory}/{PRIVATE}")
        with self._writing(f"{directory}/{PRIVATE}"):
            self._remember(f"{directory}/{PRIVATE}", self._directory(directory).private(PRIVATE))

    def keep(self, path: str, was: Was) -> None:
        here, copy = self._directory(parent(path)), self._directory(parent(was.kept))
        with self._writing(was.kept):
            if copy.state(name(was.kept)) == was.state:
                return
            if here.state(name(path)) != was.state:
                raise explain(Trouble.DRIFT, escaped(path))
            copy.remove(name(was.kept))
            if was.state.startswith(LINK):
                copy.write_link(name(was.kept), was.state.removeprefix(LINK))
                return
            here.refuse_odd(name(path))
            copy.replace(name(was.kept), here.read(name(path)), mode=was.mode, uid=was.uid, gid=was.gid)

    def put(self, staged: str, text: bytes, rights: Rights) -> None:
        place = self._directory(parent(staged))
        uid, gid = _account(rights.owner, uid_of), _account(rights.group, gid_of)
        with self._writing(staged):
            place.remove(name(staged))
            place.write_new(name(staged), text, mode=rights.mode, uid=uid, gid=gid)
            if place.state(name(staged)) != digest(text):
                raise explain(Trouble.DAMAGED, escaped(staged))

    def link(self, staged: str, target: str) -> None:
        with self._writing(staged):
            self._directory(parent(staged)).remove(name(staged))
            self._directory(parent(staged)).write_link(name(staged), target)

    def make(self, directory: str) -> None:
        with self._writing(directory):
            self._directory(parent(directory)).make(name(directory), mode=0o755)
            self._directory(directory)

    def staged(self) -> None:
        """All is written: what waits in the private directories keeps them where they are."""
        for path in [one for one in self._open if name(one) == PRIVATE]:
            self._let_go(path)

    # --- switching

    def ready(self, path: str, staged: str, new: str, was: Was) -> None:
        now, waiting = self._state(path), self._state(staged)
        if not new.startswith(LINK):
            self._directory(parent(path)).refuse_odd(name(path))
        if now not in (new, was.state):
            raise explain(Trouble.DRIFT, escaped(path))
        if new not in (now, waiting):
            raise explain(Trouble.DAMAGED, escaped(staged))
        if was.state and self._state(was.kept) != was.state:
            raise explain(Trouble.GONE, escaped(path))

    def intact(self, path: str, state: str) -> None:
        if self._state(path) != state:
            raise explain(Trouble.DAMAGED, escaped(path))

    def mark(self, marker: str, directories: Collection[str] = ()) -> None:  # noqa: ARG002 - each step was durable by itself
        place = self._directory(parent(marker))
        with self._writing(marker):
            if place.look(name(marker)) is None:
                place.write_new(name(marker), b"")

    def swap(self, staged: str, path: str) -> None:
        with self._writing(path), contextlib.suppress(FileNotFoundError):
            self._directory(parent(staged)).rename(name(staged), self._directory(parent(path)), name(path))

    # --- going back

    def unstage(self, staged: str) -> None:
        place = self._present(parent(staged))
        if place is None:
            return
        with self._writing(staged):
            state = place.state(name(staged))
            if state.startswith(LINK):
                self._staged_generation = state.removeprefix(LINK)
            place.remove(name(staged))
            for leftover in GENERATION_NAMES.values() if state.startswith(LINK) else ():
                place.remove(f"{leftover}.new")

    def guard(self, path: str, was: Was, behind: Was) -> None:
        if self._state(path) != was.state and self._state(behind.kept) != behind.state:
            raise explain(Trouble.GONE, escaped(behind.kept))

    def restore(self, path: str, was: Was, new: str, marker: str) -> None:
        here = self._directory(parent(path))
        now = self._state(path)
        if was.kept:
            self.remove(f"{parent(was.kept)}/{beside(name(was.kept))}")
        if now == was.state:
            if was.kept:
                self.remove(was.kept)
            return
        if not new and not self._exists(marker):
            return  # we never switched it: whoever changed it meant to
        if not was.state:
            if now == new:
                self._begin(marker)
                here.remove(name(path))
            return
        if self._state(was.kept) != was.state:
            raise explain(Trouble.GONE, escaped(path))
        self._begin(marker)
        if now not in (ABSENT, new):
            self._put_aside(path, now)
        self.swap(was.kept, path)

    def reload_if(self, marker: str, order: Order, *, must: bool) -> None:
        if not self._exists(marker):
            return
        try:
            self.command(Trouble.RELOAD, order)
        except TargetRefused as error:
            if must:
                raise
            _log.warning("%s; nothing was installed before, so there is nothing to go back to", error.message)

    def remove(self, path: str) -> None:
        if place := self._present(parent(path)):
            place.remove(name(path))

    def drop(self, directory: str, generation: str) -> None:
        here = self._directory(directory)
        for one in {generation, self._staged_generation}:
            if GENERATION.fullmatch(one) and here.state(CURRENT) != LINK + one:
                self._remove_generation(here, one)

    def leave(self, directory: str) -> None:
        self._let_go(f"{directory}/{PRIVATE}")
        if here := self._present(directory):
            here.leave(PRIVATE)

    # --- afterwards

    def tidy(self, directory: str, name: str, keep: Collection[str]) -> None:
        place = self._present(f"{directory}/{PRIVATE}")
        for one in place.names() if place else ():
            found = _KEPT.fullmatch(one)
            if place and found and found["name"] == name and found["leaf"] not in keep:
                place.remove(one)

    def tidy_generations(self, directory: str, keep: Collection[str]) -> None:
        here = self._directory(directory)
        for one in here.names():
            found = GENERATION.fullmatch(one)
            if found and found[1] not in keep and here.state(CURRENT) != LINK + one:
                self._remove_generation(here, one)

    def command(self, label: str, order: Order) -> None:
        from certpush.kit import command as commands  # not every service has to be told

        words = escaped(" ".join(order.words))
        try:
            given = b"".join(self._content(one.path) if isinstance(one, Content) else one.encode() for one in order.given)
            ended = commands.run(order.words, within=self._limits[Trouble(label)], given=given)
        except TargetRefused as error:
            raise explain(Trouble(label), words, error.message) from error
        if ended.status != 0:
            raise explain(Trouble(label), f"{words} (exit status {ended.status})", ended.tail())
        if order.expects.encode() not in ended.output:
            raise explain(Trouble(label), f"{words} (it did not say: {escaped(order.expects)})", ended.tail())

    # --- details

    def _content(self, path: str) -> bytes:
        with translate({OSError: lambda why: explain(Trouble.READ, escaped(path), why)}):
            text = self._directory(parent(path)).read(name(path))
        return b"".join(line + b"\n" for line in text.splitlines() if line.strip())

    def _directory(self, path: str) -> Directory:
        if path not in self._open:
            with self._writing(path):
                self._remember(path, Directory.open(path))
        return self._open[path]

    def _remember(self, path: str, directory: Directory) -> None:
        self._held.callback(directory.close)
        self._open[path] = directory

    def _let_go(self, path: str) -> None:
        """Close a directory, and with it the lock that keeps others from removing it."""
        if path in self._open:
            self._open.pop(path).close()

    def _present(self, path: str) -> Directory | None:
        """The directory, or None where it is not there."""
        try:
            return self._directory(path)
        except CertpushError as error:
            if isinstance(error.__cause__, FileNotFoundError | NotADirectoryError):
                return None
            raise

    def _state(self, path: str) -> str:
        place = self._present(parent(path))
        return place.state(name(path)) if place else ABSENT

    def _exists(self, path: str) -> bool:
        return self._state(path) != ABSENT

    def _begin(self, marker: str) -> None:
        self.private(parent(parent(marker)))
        self.mark(marker)

    def _put_aside(self, path: str, state: str) -> None:
        """Move away what somebody put there between the switch and now; nothing of it is lost, and nobody tidies it."""
        self.private(parent(path))
        self.swap(path, f"{parent(path)}/{PRIVATE}/{name(path)}.{digest(state.encode())[:32]}.changed")

    def _remove_generation(self, here: Directory, generation: str) -> None:
        with self._writing(f"{here.path}/{generation}"):
            if here.look(generation) is None:
                return
            with here.enter(generation) as there:
                for one in GENERATION_NAMES.values():
                    there.remove(one)
            self._open.pop(f"{here.path}/{generation}", None)
            here.remove_directory(generation)

    @contextlib.contextmanager
    def _writing(self, path: str) -> Iterator[None]:
        """Name the path in whatever the system refuses."""
        try:
            yield
        except OSError as error:
            # The system says EPERM of a change of owner, EACCES and others of all else.
            trouble = Trouble.OWNER if error.errno == errno.EPERM else Trouble.WRITE
            raise explain(trouble, escaped(path), error.strerror or "") from error


def uid_of(name: str) -> int:
    """The number of an account; KeyError where there is none."""
    import pwd

    return pwd.getpwnam(name).pw_uid


def gid_of(name: str) -> int:
    """The number of a group; KeyError where there is none."""
    import grp

    return grp.getgrnam(name).gr_gid


def _account(name: str, look_up: Callable[[str], int]) -> int:
    if not name or name.isdecimal():
        return int(name or -1)
    try:
        return look_up(name)
    except KeyError:
        raise explain(Trouble.OWNER, escaped(name), "there is no such account") from None
