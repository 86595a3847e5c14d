"""The one voice in which a file is refused: what is wrong with it, where, and what its owner can do."""

from __future__ import annotations

from certpush.errors import SafetyRefusal

LOOK = "nothing was changed; open it on the firewall under Diagnostics > Backup & Restore, or restore an older configuration there"


def refused(what: str, hint: str = LOOK) -> SafetyRefusal:
    """Say why this config.xml is left alone."""
    return SafetyRefusal(f"config.xml {what}", hint=hint)
