"""One change of a box's configuration, said once and made in either of two ways: by PHP on the box, or by editing the file."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from importlib import resources
from typing import NamedTuple

from certpush.kit.ssh.firewall import Program
from certpush.kit.ssh.session import SLACK, Steps
from certpush.model import JsonValue
from certpush_pfsense.box import Sight
from certpush_pfsense.config_xml.consumers import Reference
from certpush_pfsense.config_xml.edit import Edit
from certpush_pfsense.config_xml.new_entry import NewEntry
from certpush_pfsense.config_xml.reading import Revision
from certpush_pfsense.config_xml.splice import apply

PROGRAM = Program(resources.files(__package__).joinpath("transaction.php").read_text(encoding="ascii"))
WRITING = 4 * SLACK
"""Packages may hang their own work on every write of the configuration."""

Make = Callable[[Sight], "Transaction"]
"""Plans a transaction for what was just seen; asked again when somebody else was faster."""


class Transaction(NamedTuple):
    """What is to become of the configuration. ``told`` is what stands in its history."""

    told: str
    edit: Edit = Edit()
    sha256: str = ""
    """The fingerprint of the leaf that is imported."""
    instead_of: tuple[str, ...] = ()
    """The web GUI is switched only while it uses one of these refids."""
    or_the_boxs_own: bool = False
    """It is switched also from a certificate that pfSense made because it did not like ours."""
    even_if_missing: bool = False
    """The refid to switch to may lead nowhere, as it did before."""

    @property
    def nothing(self) -> bool:
        """Whether there is nothing to be done."""
        return self.edit == Edit()


def task(transaction: Transaction, *, seen: str | None = None) -> dict[str, JsonValue]:
    """The same for ``transaction.php``; with ``seen`` only while the file has this hash."""
    edit = transaction.edit
    found: dict[str, JsonValue] = {
        "description": transaction.told,
        "repoint": list(_repoint(edit.repoint, str(edit.repoint_to or edit.point_to))),
        "remove": [*sorted(edit.remove)],
        "even_if_missing": transaction.even_if_missing,
        "or_the_boxs_own": transaction.or_the_boxs_own,
        "from": [*transaction.instead_of],
    }
    if seen is not None:
        found["seen"] = seen
    if edit.point_to is not None:
        found["to"] = edit.point_to
    for one in edit.certs:
        found |= {"cert": _fields(one), "cas": [_fields(ca) for ca in edit.cas], "sha256": transaction.sha256}
    return found


def by_php(steps: Steps, transaction: Transaction, sight: Sight) -> None:
    """Add the step that has the box do it."""
    steps.feed("transact", text=PROGRAM.told(task(transaction, seen=sight.sha256)))
    steps.within += WRITING


def by_editing(steps: Steps, transaction: Transaction, sight: Sight) -> None:
    """Add the step that puts an edited file in the place of config.xml; ``sight`` must be of the whole file.

    Raises:
        SafetyRefusal: the file cannot be edited safely.

    """
    before = sight.config.revision
    moment = max(sight.now, (before.time if before else 0) + 1)
    revision = Revision(moment, f"(system): {transaction.told}", "(system)")
    edited = apply(sight.config, transaction.edit._replace(revision=revision))
    backup = f"/cf/conf/backup/config-{before.time}.xml" if before and before.time else ""
    steps.files["config.xml"] = edited.to_bytes()
    steps.step("exchange", "config.xml", sight.sha256, edited.sha256, backup)
    steps.within += WRITING


def _fields(entry: NewEntry) -> dict[str, JsonValue]:
    return {path[1]: text for path, _, text in entry.records() if len(path) == 2}


def _repoint(references: Sequence[Reference], to: str) -> Sequence[JsonValue]:
    by_refid: dict[str, list[str]] = {}
    for one in references:
        by_refid.setdefault(one.refid, []).append(one.path)
    return [{"from": refid, "to": to, "paths": [*sorted(set(paths))]} for refid, paths in by_refid.items()]
