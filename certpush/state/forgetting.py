"""What is remembered of a target, taken out of the journal and the escrow; its records stay, in a file of their own.

``forgotten/NAME-MOMENT.json`` is written first, durably, and has every record with its checksum.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

from certpush.errors import StateError
from certpush.kit.files import Directory
from certpush.state.journal import Journal
from certpush.state.snapshot import FORGOTTEN


def archive(journal: Journal, names: Sequence[str], home: Path, now: datetime) -> Path:
    """Write down all that the journal holds of these targets and members; gives the file.

    Raises:
        StateError: it cannot be written. Nothing was forgotten.

    """
    name = f"{names[0].replace('/', '+')}-{now:%Y%m%dT%H%M%SZ}.json"
    text = json.dumps({"format": 1, "forgotten": now.isoformat(), "targets": list(names), **journal.rows(names)}, indent=1)
    try:
        with Directory.open(str(home)) as place, place.private(FORGOTTEN) as folder:
            folder.replace(name, text.encode())
    except OSError as error:
        raise StateError(
            f"the records cannot be kept in {home / FORGOTTEN}: {error.strerror}",
            hint="free space on its disk and check its rights; nothing was forgotten",
        ) from error
    return home / FORGOTTEN / name
