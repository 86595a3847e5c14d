"""The journal: what was meant and what was done, on disk before it happens.

SQLite with a write-ahead log and ``synchronous=FULL``: a record that was written survives the
next power cut. Every row of a deployment carries a checksum, because SQLite itself notices a
damaged page but not a changed letter. Never a secret in it.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Iterator, Sequence
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from certpush.model import Deployment, Outcome, Phase
from certpush.state.database import OPEN, Database, connect
from certpush.state.record import checksum_of, found_by, read_record, seal
from certpush.state.setbacks import Setbacks

_LISTED = "(SELECT value FROM json_each(?))"  # any number of values as one
_BY_TARGET = ("deployments", "adoptions", "pins", "setbacks")
_EVERYTHING = {
    "steps": "deployment IN (SELECT id FROM deployments WHERE target IN (SELECT value FROM json_each(?)))",
    **dict.fromkeys(_BY_TARGET, f"target IN {_LISTED}"),
}
"""Each table, and which of its rows are about a list of targets; the steps first, which are found by their record."""
_SOME = 64
_FEW = 4
_PAST_ALL = 2**63 - 1
_COLUMNS = "id, target, certificate, wanted, phase, record, checksum"


class Journal:
    """The record of every deployment. Safe to use from many threads; one writer at a time.

    Without a path it is empty, and in memory only: for a look where nothing was deployed yet,
    which must leave no file behind.
    """

    def __init__(self, path: Path | None) -> None:
        self._database = Database(path)
        self.setbacks = Setbacks(self._database)

    # --- deployments ---

    def begin(self, deployment: Deployment) -> None:
        """Write down what is meant to happen, durably, before anything does."""
        with self._database.writing() as connection:
            connection.execute(
                "INSERT INTO deployments (id, target, certificate, wanted, phase, record, checksum) VALUES (?, ?, ?, ?, ?, ?, ?)",
                (deployment.id, deployment.target, deployment.certificate, deployment.wanted, *seal(deployment)),
            )
            _add_step(connection, deployment, deployment.started)

    def enter(self, deployment: Deployment, at: datetime, note: str = "") -> None:
        """Write down that ``deployment`` enters its phase (and with it the staged handle, outcome and error)."""
        with self._database.writing() as connection:
            changed = connection.execute(
                "UPDATE deployments SET phase = ?, record = ?, checksum = ? WHERE id = ?",
                (*seal(deployment), deployment.id),
            )
            if changed.rowcount != 1:
                raise self._database.damaged(f"record {deployment.id} is gone")
            _add_step(connection, deployment, at, note)

    def unfinished(self, target: str, *, members: bool = False) -> tuple[Deployment, ...]:
        """Deployments to this target (or to its ``members``) that a run left without settling them, oldest first.

        Raises:
            JournalUnreadable: an open record of any target is damaged: whose it is cannot be told any more.

        """
        with self._database.reading() as connection:
            rows = connection.execute(f"SELECT {_COLUMNS} FROM deployments WHERE {OPEN} ORDER BY seq").fetchall()  # noqa: S608 - constants of this module
        for row in rows:  # those of a whole fleet under way, of which one is read
            self._refuse(row, _wrong_with(*row))
        return tuple(read_record(row[5]) for row in rows if (row[1].startswith(f"{target}/") if members else row[1] == target))

    def last(self, target: str, *, outcome: Outcome | None = None) -> Deployment | None:
        """The newest deployment to this target, of this outcome where one is given."""
        for one in self._iterate("target = ? ORDER BY seq DESC", (target,)):
            if outcome is None or one.outcome is outcome:
                return one
        return None

    def first(self, target: str) -> Deployment | None:
        """The oldest deployment to this target that came to a good end: what it found is what was there before certpush."""
        every = self._iterate("target = ? ORDER BY seq", (target,))
        return next((one for one in every if one.phase is Phase.CONFIRMED), None)

    def newest(self, target: str) -> tuple[Deployment, ...]:
        """The newest deployment to the target itself and to each of its members, the newest of all first."""
        where, values = _and_members(target)
        found: dict[str, Deployment] = {}
        for one in self._iterate(f"{where} ORDER BY seq DESC", values):
            found.setdefault(one.target, one)
        return tuple(found.values())

    def deployed(self, target: str) -> frozenset[str]:
        """Fingerprints of all certificates that certpush ever sent to this target."""
        with self._database.reading() as connection:
            rows = connection.execute("SELECT DISTINCT wanted FROM deployments WHERE target = ?", (target,)).fetchall()
        return frozenset(row[0] for row in rows)

    def confirmed(self, target: str) -> frozenset[str]:
        """Fingerprints of the certificates that were seen to be served by this target, or installed where nothing serves them."""
        with self._database.reading() as connection:
            where = "target = ? AND phase = ?"
            rows = connection.execute(f"SELECT DISTINCT wanted FROM deployments WHERE {where}", (target, Phase.CONFIRMED.value)).fetchall()  # noqa: S608 - constants
        return frozenset(row[0] for row in rows)

    def ours(self, target: str) -> frozenset[str]:
        """Fingerprints that may be replaced there without asking: certpush sent them, or a person gave them into its hands.

        A target that becomes a cluster, or is one no more, keeps what was its: so what went to
        the whole counts for a member, and what went to the members for the whole.
        """
        where, values = _and_members(target)
        whole = target.partition("/")[0]
        with self._database.reading() as connection:
            rows = [
                connection.execute(f"SELECT DISTINCT {what} FROM {table} WHERE target = ? OR {where}", (whole, *values)).fetchall()  # noqa: S608 - constants of this module
                for what, table in (("wanted", "deployments"), ("fingerprint", "adoptions"))
            ]
        return frozenset(row[0] for some in rows for row in some)

    def needed(self, certificate: str, among: Collection[str]) -> frozenset[str]:
        """Fingerprints that a way back may still need, ``among`` those that begin so: each target's last one and the one before.

        Targets that share a certificate mostly need the same two, so the newest records tell. Where nobody
        needs one any more, they are read until each target has been heard; of a single one, that is at once.
        """
        found: set[str] = set()
        seen: set[str] = set()
        for position, one in enumerate(self._backwards(certificate) if among else ()):
            if position == _FEW and seen == self._having(certificate):
                break
            if one.target not in seen and (one.outcome is Outcome.ROTATED or not one.phase.settled):
                seen.add(one.target)
                found |= {either for either in (one.wanted, one.before.fingerprint) if either and either.startswith(tuple(among))}
                if len({either[:16] for either in found}) == len(among):
                    break
        return frozenset(found)

    def in_use(self, certificate: str) -> frozenset[str]:
        """Fingerprints of this certificate that some target has now, as far as the journal knows."""
        newest: dict[str, tuple[str | None, ...]] = {}
        for one in self._iterate("certificate = ? ORDER BY seq", (certificate,)):
            newest[one.target] = _perhaps_there(one)
        return frozenset(fingerprint for either in newest.values() for fingerprint in either if fingerprint)

    def history(
        self,
        targets: Sequence[str] = (),
        *,
        limit: int = 50,
        since: datetime | None = None,
        until: datetime | None = None,
        outcomes: Sequence[str] = (),
    ) -> tuple[Deployment, ...]:
        """Deployments, newest first; those to a target's members are its own, too.

        ``since`` and ``until`` are about when one began. ``outcomes`` are those wanted; ``""``
        means unfinished.
        """
        conditions = [
            *([_any_of(targets)] if targets else []),
            *([_told_by("datetime(json_extract(record, '$.started')) >= datetime(?)", _in_utc(since))] if since else []),
            *([_told_by("datetime(json_extract(record, '$.started')) < datetime(?)", _in_utc(until))] if until else []),
            *([_told_by(f"ifnull(json_extract(record, '$.outcome'), '') IN {_LISTED}", _as_json(outcomes))] if outcomes else []),
        ]
        where = " AND ".join(condition for condition, _ in conditions) or "1"
        values = tuple(value for _, some in conditions for value in some)
        return self._deployments(f"{where} ORDER BY seq DESC LIMIT ?", (*values, limit))

    def steps(self, deployment: str) -> tuple[tuple[str, datetime, str], ...]:
        """The phases that a deployment went through: (phase, when, note)."""
        with self._database.reading() as connection:
            rows = connection.execute("SELECT phase, at, note FROM steps WHERE deployment = ? ORDER BY seq", (deployment,)).fetchall()
        return tuple((phase, datetime.fromisoformat(at), note) for phase, at, note in rows)

    def examine(self) -> Iterator[tuple[str, Deployment | str]]:
        """Every record by its id, oldest first; in place of one that was changed by others, what is wrong with it."""
        with self._database.reading() as connection:
            rows = connection.execute(f"SELECT {_COLUMNS} FROM deployments ORDER BY seq").fetchall()  # noqa: S608 - constants of this module
        return ((row[0], _wrong_with(*row) or read_record(row[5])) for row in rows)

    def copy(self) -> bytes:
        """All of it as it is at one moment, as a file that SQLite opens; others may write meanwhile."""
        with self._database.reading() as connection, closing(connect(":memory:")) as fresh:
            connection.backup(fresh)
            return fresh.serialize()

    def known(self, target: str) -> tuple[str, ...]:
        """Of the target and its members those of which anything is remembered, the target itself first."""
        where, values = _and_members(target)
        with self._database.reading() as connection:
            found = {row[0] for table in _BY_TARGET for row in connection.execute(f"SELECT target FROM {table} WHERE {where}", values)}  # noqa: S608 - constants of this module
        return tuple(sorted(found))

    def certificates_of(self, targets: Sequence[str]) -> frozenset[str]:
        """The names of the certificates that were deployed to these and to no other target."""
        where, values = f"target IN {_LISTED}", (_as_json(targets),)
        with self._database.reading() as connection:
            mine, others = (
                {row[0] for row in connection.execute(f"SELECT DISTINCT certificate FROM deployments WHERE {which}", values)}  # noqa: S608 - likewise
                for which in (where, f"NOT {where}")
            )
        return frozenset(mine - others)

    def rows(self, targets: Sequence[str]) -> dict[str, list[dict[str, object]]]:
        """All that is remembered of these targets and members, by table, as it stands there."""
        found: dict[str, list[dict[str, object]]] = {}
        with self._database.reading() as connection:
            for table, where in _EVERYTHING.items():
                rows = connection.execute(f"SELECT * FROM {table} WHERE {where}", (_as_json(targets),))  # noqa: S608 - likewise
                found[table] = [dict(zip((column[0] for column in rows.description), row, strict=True)) for row in rows]
        return found

    def forget(self, targets: Sequence[str]) -> None:
        """Take all of that out, or nothing."""
        with self._database.writing() as connection:
            for table, where in _EVERYTHING.items():
                connection.execute(f"DELETE FROM {table} WHERE {where}", (_as_json(targets),))  # noqa: S608 - likewise

    # --- what people decided ---

    def adopt(self, target: str, fingerprint: str, at: datetime) -> None:
        """Record that a person allowed certpush to replace this foreign certificate."""
        with self._database.writing() as connection:
            connection.execute("INSERT OR IGNORE INTO adoptions VALUES (?, ?, ?)", (target, fingerprint, at.isoformat()))

    def adopted(self, target: str) -> frozenset[str]:
        """Foreign certificates on this target that a person gave into our hands."""
        with self._database.reading() as connection:
            rows = connection.execute("SELECT fingerprint FROM adoptions WHERE target = ?", (target,)).fetchall()
        return frozenset(row[0] for row in rows)

    def pin(self, target: str, setting: str, value: str, at: datetime) -> None:
        """Record the identity that a person compared and found right."""
        with self._database.writing() as connection:
            connection.execute("INSERT OR REPLACE INTO pins VALUES (?, ?, ?, ?)", (target, setting, value, at.isoformat()))

    def pins(self, target: str) -> dict[str, str]:
        """Recorded identities: settings field to value."""
        with self._database.reading() as connection:
            rows = connection.execute("SELECT setting, value FROM pins WHERE target = ?", (target,)).fetchall()
        return dict(rows)

    def close(self) -> None:
        """Give back the file."""
        self._database.close()

    # --- within ---

    def _deployments(self, where: str, values: Sequence[object]) -> tuple[Deployment, ...]:
        return tuple(self._iterate(where, values))

    def _having(self, certificate: str) -> set[str]:
        """The targets that this certificate was ever deployed to."""
        with self._database.reading() as connection:
            rows = connection.execute("SELECT DISTINCT target FROM deployments WHERE certificate = ?", (certificate,)).fetchall()
        return {row[0] for row in rows}

    def _backwards(self, certificate: str) -> Iterator[Deployment]:
        """Deployments of a certificate, newest first, some at a time: who has seen enough reads no further."""
        before = _PAST_ALL
        while True:
            with self._database.reading() as connection:
                rows = connection.execute(
                    f"SELECT seq, {_COLUMNS} FROM deployments WHERE certificate = ? AND seq < ? ORDER BY seq DESC LIMIT {_SOME}",  # noqa: S608 - constants of this module
                    (certificate, before),
                ).fetchall()
            if not rows:
                return
            before = rows[-1][0]
            yield from (self._sound(row[1:]) for row in rows)

    def _iterate(self, where: str, values: Sequence[object]) -> Iterator[Deployment]:
        with self._database.reading() as connection:
            rows = connection.execute(f"SELECT {_COLUMNS} FROM deployments WHERE {where}", values).fetchall()  # noqa: S608 - constants of this module
        yield from map(self._sound, rows)

    def _sound(self, row: tuple[str, ...]) -> Deployment:
        self._refuse(row, _wrong_with(*row))
        return read_record(row[5])

    def _refuse(self, row: tuple[str, ...], problem: str) -> None:
        if problem:
            raise self._database.damaged(f"record {row[0]} {problem}")


def _wrong_with(identifier: str, target: str, certificate: str, wanted: str, phase: str, record: str, checksum: str) -> str:
    """What is wrong with a row; empty where nothing is."""
    if checksum_of(phase, record) != checksum:
        return "does not match its checksum"
    if found_by(record) != (identifier, target, certificate, wanted):
        return "does not match what it is found by"
    return ""


def _as_json(values: Sequence[str]) -> str:
    return msgspec.json.encode(values).decode()


def _any_of(targets: Sequence[str]) -> tuple[str, tuple[str, ...]]:
    """The condition for records of several targets and of their members: one of them is found by the index, any number in one pass."""
    if len(targets) == 1:
        return _and_members(targets[0])
    names = _as_json(targets)
    return f"(target IN {_LISTED} OR substr(target, 1, instr(target, '/') - 1) IN {_LISTED})", (names, names)


def _told_by(condition: str, value: str) -> tuple[str, tuple[str, ...]]:
    """A condition on what stands in a record; one that cannot be read is not passed over, for its checksum names it."""
    return f"iif(json_valid(record), {condition}, 1)", (value,)


def _in_utc(when: datetime) -> str:
    return when.astimezone(UTC).isoformat()


def _and_members(target: str) -> tuple[str, tuple[str, ...]]:
    """The condition for records of a target and of its members: ``TARGET/...`` ends before ``TARGET0``, in the order of the index."""
    return "(target = ? OR target >= ? AND target < ?)", (target, f"{target}/", f"{target}0")


def _perhaps_there(deployment: Deployment) -> tuple[str | None, ...]:
    """What the target has after this deployment; where it was not brought to an end, either of the two."""
    there = deployment.there_since
    return (there,) if deployment.outcome is Outcome.ROTATED or deployment.phase.settled else (there, deployment.wanted)


def _add_step(connection: sqlite3.Connection, deployment: Deployment, at: datetime | None, note: str = "") -> None:
    when = at.isoformat() if at else ""
    connection.execute(
        "INSERT INTO steps (deployment, phase, at, note) VALUES (?, ?, ?, ?)", (deployment.id, deployment.phase.value, when, note)
    )
