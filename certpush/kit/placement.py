"""The moves between old and new files, told once for this machine and for remote ones.

Whatever is switched is switched by one rename: a file, or the ``current`` link of a managed
directory. ``Placement`` says in which order which step is taken; a ``Hands`` takes it, at once
(``kit.local``) or as a line of a script (``kit.remote``). No step looks at the result of
another, each is harmless when repeated, and all that a step needs stands in its arguments, so a
run that died can be finished, or undone, by anyone who has the two handles.

New files are prepared, and old ones kept, in a private directory ``.certpush`` beside them: on
the same file system, closed to others, and passed over by servers that read a whole directory.
"""

from __future__ import annotations

import hashlib
import posixpath
from collections.abc import Collection, Mapping
from dataclasses import field
from pathlib import PurePosixPath
from typing import Protocol

import msgspec

from certpush.errors import BundleInvalid
from certpush.kit.escaping import escaped
from certpush.kit.layout import CURRENT, LayoutSettings, generation_name, generation_paths
from certpush.kit.order import Order
from certpush.kit.rendering import Role, read_leaf
from certpush.kit.shapes import known
from certpush.kit.trouble import Trouble, explain
from certpush.model import CertificateBundle, Handle, Installed, Staged
from certpush.records import record

PRIVATE = ".certpush"
ABSENT = ""
LINK = "link:"
OTHER = "other"


# --- what is known ---------------------------------------------------------------------------


@record(frozen=True, slots=True)
class Seen:
    """What is at a path now: its state (SHA-256, ``link:target``, ``other`` or nothing), rights, and what shows the certificate.

    ``text`` is the certificates of a PEM file, or a PKCS#12 file whole; never a private key in the clear.
    ``public_key`` is the public half of a key file, where it could be read without moving the key.
    """

    state: str = ABSENT
    mode: int = 0
    uid: int = 0
    gid: int = 0
    text: bytes = field(default=b"", repr=False)
    public_key: bytes | None = field(default=None, repr=False)


class Was(msgspec.Struct, frozen=True, omit_defaults=True):
    """What was at a path before, and where its copy is kept."""

    state: str = ABSENT
    kept: str = ""
    mode: int = 0
    uid: int = 0
    gid: int = 0


class Before(msgspec.Struct, frozen=True, omit_defaults=True):
    """The way back: what each switched path was; for a managed directory also the files behind the link."""

    switched: dict[str, Was]
    behind: dict[str, Was] = {}
    note: str = ""


class Prepared(msgspec.Struct, frozen=True, omit_defaults=True):
    """What was staged: the state that each switched path will have, and what it had when it was staged."""

    fingerprint: str
    switched: dict[str, str]
    before: Before
    behind: dict[str, str] = {}
    generation: str = ""


@record(frozen=True, slots=True)
class Rights:
    """Mode and owner of a new file; an empty name leaves that to the system."""

    mode: int
    owner: str = ""
    group: str = ""


class Hands(Protocol):
    """Takes steps on one machine. Every step may be repeated; a step that cannot be taken raises, and nothing after it happens."""

    def private(self, directory: str) -> None:
        """Have a directory of our own in ``directory``; refuse one that is not."""

    def keep(self, path: str, was: Was) -> None:
        """Have a copy of ``path`` as it was; refuse when neither it nor the copy is as it was."""

    def put(self, staged: str, text: bytes, rights: Rights) -> None:
        """Write a new file beside its place, read it back, then give it its rights."""

    def link(self, staged: str, target: str) -> None:
        """Make a new link beside its place."""

    def make(self, directory: str) -> None:
        """Have a directory that everybody may enter."""

    def ready(self, path: str, staged: str, new: str, was: Was) -> None:
        """Refuse to go on unless ``staged`` is in order (or in place), ``path`` is as it was (or new), and the way back exists."""

    def intact(self, path: str, state: str) -> None:
        """Refuse to go on unless ``path`` has this state."""

    def mark(self, marker: str, directories: Collection[str] = ()) -> None:
        """Write down, durably, that from here on the service may see new files; what waits in these directories is durable then, too."""

    def swap(self, staged: str, path: str) -> None:
        """Rename ``staged`` to ``path``; when it is not there any more, it was done before."""

    def unstage(self, staged: str) -> None:
        """Remove what was staged, so that no late ``swap`` finds it."""

    def guard(self, path: str, was: Was, behind: Was) -> None:
        """Unless ``path`` is as it was: refuse to go on when a file that the way back needs is not as it was."""

    def restore(self, path: str, was: Was, new: str, marker: str) -> None:
        """Put ``path`` back to what it was, if we switched it; a file that is neither old nor new is kept aside."""

    def command(self, label: str, order: Order) -> None:
        """Run a command; refuse to go on unless it succeeds."""

    def reload_if(self, marker: str, order: Order, *, must: bool) -> None:
        """Run a reload command if the marker says that new files may have been seen."""

    def remove(self, path: str) -> None:
        """Remove a file or link of our private directory."""

    def drop(self, directory: str, generation: str) -> None:
        """Remove a generation that is not the current one; by default the one that was being staged."""

    def leave(self, directory: str) -> None:
        """Remove our private directory if nothing is left in it."""

    def tidy(self, directory: str, name: str, keep: Collection[str]) -> None:
        """Remove kept copies of ``name`` whose certificate is not in ``keep`` (first 16 digits)."""

    def tidy_generations(self, directory: str, keep: Collection[str]) -> None:
        """Remove generations that are neither current nor in ``keep`` (first 16 digits)."""


# --- the moves --------------------------------------------------------------------------------


class Placement:
    """Where one target's files are, and the moves between old and new ones."""

    def __init__(self, settings: LayoutSettings) -> None:
        self._settings = settings
        self._managed = settings.directory
        self._rendered: tuple[str, dict[Role, bytes]] = ("", {})
        self.places = settings.places()
        self.switched = (f"{self._managed}/{CURRENT}",) if self._managed else tuple(self.places.values())
        self.directories = tuple(dict.fromkeys(parent(path) for path in self.switched))
        self.slot = hashlib.sha256("\n".join(self.switched).encode()).hexdigest()[:12]
        self.home = f"{self.directories[0]}/{PRIVATE}"
        self.marker = f"{self.home}/{self.slot}.switched"

    @property
    def in_words(self) -> str:
        """What is switched, as a shell would write it: ``/etc/tls/{svc.crt, svc.key}``."""
        there = {one: [name(path) for path in self.switched if parent(path) == one] for one in self.directories}
        return ", ".join(f"{one}/{names[0]}" if len(names) == 1 else f"{one}/{{{', '.join(names)}}}" for one, names in there.items())

    def installed(self, seen: Mapping[str, Seen]) -> Installed:
        """Judge what ``seen`` shows of ``switched`` and ``places``: the leaf that is installed, and the way back."""
        leaf, note = self._leaf(seen)
        before = Before(
            {path: self._was(path, seen[path], leaf) for path in self.switched},
            {role.value: was for role, was in self._behind(seen).items()} if self._managed else {},
            note,
        )
        return Installed(leaf, to_handle(before))

    def stage(self, hands: Hands, bundle: CertificateBundle, before: Before) -> Prepared:
        """Keep the old files and write the new ones beside them; return what ``switch`` and ``go_back`` need."""
        for directory in self.directories:
            hands.private(directory)
        for path, was in before.switched.items():
            if was.state:
                self._refuse_other_kind(path, was.state)
                hands.keep(path, was)
        contents = self._contents(bundle)
        if self._managed:
            return self._stage_generation(hands, bundle, before, contents)
        for role, text in contents.items():
            path = self.places[role]
            hands.put(staged(path), text, self._rights(role, before.switched[path]))
        return Prepared(bundle.fingerprint, {self.places[role]: digest(text) for role, text in contents.items()}, before)

    def staged_paths(self, prepared: Prepared) -> dict[Role, str]:
        """Where the new files are before the switch, for a check command that names files."""
        if self._managed:
            return generation_paths(f"{self._managed}/{prepared.generation}")
        return {role: staged(path) for role, path in self.places.items()}

    def make_ready(self, hands: Hands, prepared: Prepared) -> None:
        """See that everything is in order for the switch and for the way back, before anything is switched."""
        for path, new in prepared.switched.items():
            hands.ready(path, staged(path), new, prepared.before.switched[path])
        for path, state in prepared.behind.items():
            hands.intact(path, state)
        for was in prepared.before.behind.values():
            if was.kept not in prepared.behind:  # the same certificate again: its files were just written
                hands.intact(was.kept, was.state)

    def switch(self, hands: Hands, prepared: Prepared) -> None:
        """Put the new files in place."""
        hands.mark(self.marker, self.directories)
        for path in prepared.switched:
            hands.swap(staged(path), path)

    def go_back(self, hands: Hands, before: Before, prepared: Prepared | None) -> None:
        """Put the old files back in place, and have the service take them up if it may have seen the new ones."""
        # What is staged goes first: a switch that is still on its way, over a lost connection, finds nothing to rename then.
        for path in before.switched:
            hands.unstage(staged(path))
        for path, was in before.switched.items():
            for behind in before.behind.values():
                hands.guard(path, was, behind)
        for path, was in before.switched.items():
            hands.restore(path, was, prepared.switched.get(path, ABSENT) if prepared else ABSENT, self.marker)
        self._finish_going_back(hands, before, prepared.generation if prepared else "")

    def rebuild(self, hands: Hands, before: Before, prepared: Prepared | None, previous: CertificateBundle) -> None:
        """Go back without the kept copies, by writing the previous certificate anew."""
        rights = {path: _without_state(was) for path, was in before.switched.items()}
        renewed = self.stage(hands, previous, Before(rights, before.behind))
        hands.mark(self.marker, self.directories)
        for path in renewed.switched:
            hands.swap(staged(path), path)
        for path, state in renewed.switched.items():
            hands.intact(path, state)
            if before.switched[path].kept:
                hands.remove(before.switched[path].kept)
        self._finish_going_back(hands, before, prepared.generation if prepared else "")

    def confirmed(self, hands: Hands, prepared: Prepared) -> None:
        """The new files stay: see that they are there, and forget that a way back was open."""
        for path, state in prepared.switched.items():
            hands.intact(path, state)
        hands.remove(self.marker)

    def tidy(self, hands: Hands, keep: Collection[str], current: str | None) -> None:
        """Remove kept copies and generations of certificates that are neither in ``keep`` nor installed."""
        short = sorted({one[:16] for one in (*keep, current) if one})
        for path in self.switched:
            hands.tidy(parent(path), name(path), short)
        if self._managed:
            hands.tidy_generations(self._managed, short)
        for directory in self.directories:
            hands.leave(directory)

    # --- details

    def _refuse_other_kind(self, path: str, state: str) -> None:
        """Refuse a link where a file belongs, and the other way round; and what is neither."""
        if state == OTHER or state.startswith(LINK) != bool(self._managed):
            raise explain(Trouble.ODD, escaped(path))

    def _stage_generation(self, hands: Hands, bundle: CertificateBundle, before: Before, contents: Mapping[Role, bytes]) -> Prepared:
        assert self._managed is not None  # noqa: S101 - asked by the caller
        generation = generation_name(bundle.fingerprint)
        # The link first: it tells whoever finds it after a crash which generation was on its way.
        hands.link(staged(self.switched[0]), generation)
        hands.make(f"{self._managed}/{generation}")
        paths = generation_paths(f"{self._managed}/{generation}")
        for role, text in contents.items():
            beside = f"{self._managed}/{PRIVATE}/{name(paths[role])}.new"
            hands.put(beside, text, self._rights(role, before.behind.get(role.value, Was())))
            hands.swap(beside, paths[role])
        behind = {paths[role]: digest(text) for role, text in contents.items()}
        return Prepared(bundle.fingerprint, {self.switched[0]: LINK + generation}, before, behind, generation)

    def _finish_going_back(self, hands: Hands, before: Before, generation: str) -> None:
        # Where nothing was installed the service may well be unable to reload without it: that is how it was before.
        for order in self._settings.reloads():
            hands.reload_if(self.marker, order, must=any(was.state for was in before.switched.values()))
        hands.remove(self.marker)
        if self._managed:
            hands.drop(self._managed, generation)
        for directory in self.directories:
            hands.leave(directory)

    def _contents(self, bundle: CertificateBundle) -> dict[Role, bytes]:
        # A PKCS#12 file has other random bytes each time: one rotation must see one content.
        if self._rendered[0] != bundle.fingerprint:
            self._rendered = (bundle.fingerprint, self._settings.contents(bundle))
        return self._rendered[1]

    def _rights(self, role: Role, was: Was) -> Rights:
        wanted = self._settings.mode_of(role)
        usual = was.mode or (0o600 if role.holds_key else 0o644)
        return Rights(
            usual if wanted is None else wanted,
            self._settings.owner or (str(was.uid) if was.mode else ""),
            self._settings.group or (str(was.gid) if was.mode else ""),
        )

    def _was(self, path: str, seen: Seen, leaf: str | None) -> Was:
        if not seen.state:
            return Was()
        return Was(seen.state, kept(path, seen.state, leaf), seen.mode, seen.uid, seen.gid)

    def _behind(self, seen: Mapping[str, Seen]) -> dict[Role, Was]:
        """The files that the link of a managed directory leads to, by their real paths."""
        target = seen[self.switched[0]].state.removeprefix(LINK)
        paths = generation_paths(str(PurePosixPath(str(self._managed)) / target))
        found = {role: seen[path] for role, path in self.places.items()}
        return {role: Was(one.state, paths[role], one.mode, one.uid, one.gid) for role, one in found.items() if one.state}

    def _leaf(self, seen: Mapping[str, Seen]) -> tuple[str | None, str]:
        """The leaf that all files agree on; else None, and why."""
        found = {role: seen[path] for role, path in self.places.items() if seen[path].state}
        if not found:
            return None, ""
        missing = [role.value for role in self._required() if role not in found]
        if missing:
            return None, f"{', '.join(missing)} is missing"
        leaves = set()
        public = {one.public_key for one in found.values() if one.public_key}
        for role, one in found.items():
            if role.holds_leaf:
                try:
                    leaf = read_leaf(role, one.text, self._settings.pkcs12_password)
                except BundleInvalid as error:
                    return None, f"{self.places[role]}: {error.message}"
                leaves.add(leaf.fingerprint)
                public.add(leaf.public)
        if len(leaves) != 1 or len(public) != 1:
            return None, "the files do not belong together"
        return leaves.pop(), ""

    def _required(self) -> tuple[Role, ...]:
        """The files without which nothing can be served."""
        if self._managed:
            return (Role.FULLCHAIN, Role.KEY)
        return tuple(role for role in self.places if role.holds_leaf or role.holds_key)


def parent(path: str) -> str:
    """The directory of a path; `refuse_bad_path` has seen that it has nothing to be made plain first."""
    return posixpath.dirname(path)


def name(path: str) -> str:
    """The last part of a path."""
    return posixpath.basename(path)


def digest(text: bytes) -> str:
    """The state of a file with this content."""
    return hashlib.sha256(text).hexdigest()


def staged(path: str) -> str:
    """Where the new file waits."""
    return f"{parent(path)}/{PRIVATE}/{name(path)}.new"


def kept(path: str, state: str, leaf: str | None) -> str:
    """Where a copy of the old file is kept: named by content, so that no repetition can put the new file there."""
    return f"{parent(path)}/{PRIVATE}/{name(path)}.{digest(state.encode())[:32]}.{(leaf or '0' * 16)[:16]}.old"


def to_handle(record: msgspec.Struct) -> Handle:
    """Write a record down for the journal."""
    handle: Handle = msgspec.to_builtins(record)
    return handle


def before_of(installed: Installed) -> Before:
    """Read the way back from the journal."""
    return msgspec.convert(installed.handle, known(Before))


def prepared_of(staged_: Staged) -> Prepared:
    """Read what was staged from the journal."""
    return msgspec.convert(staged_.handle, known(Prepared))


def _without_state(was: Was) -> Was:
    return msgspec.structs.replace(was, state=ABSENT)
