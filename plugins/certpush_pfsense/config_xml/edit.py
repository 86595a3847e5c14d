"""What may be done to a config.xml, said in one record."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from certpush_pfsense.config_xml.consumers import Reference
    from certpush_pfsense.config_xml.new_entry import NewEntry
    from certpush_pfsense.config_xml.reading import Revision


class Edit(NamedTuple):
    """Entries to add and to remove, where the web GUI and other users of a certificate shall point, and who did it."""

    cas: tuple[NewEntry, ...] = ()
    certs: tuple[NewEntry, ...] = ()
    point_to: str | None = None
    """The refid that system/webgui/ssl-certref shall have."""
    repoint: tuple[Reference, ...] = ()
    """Uses of another refid that shall have ``repoint_to`` instead; found by ``consumers.references`` in the same file."""
    repoint_to: str | None = None
    """Left out, it is ``point_to``."""
    remove: frozenset[str] = frozenset()
    revision: Revision | None = None
