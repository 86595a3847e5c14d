"""The file target: certificates in files of this machine, switched by one rename, with the old ones kept."""

from __future__ import annotations

from certpush import TargetKind, hookimpl
from certpush_file.settings import FileSettings
from certpush_file.target import FileTarget


@hookimpl
def certpush_target() -> TargetKind[FileSettings]:
    """Declare the kind ``file``."""
    return TargetKind(
        "file",
        "files on this machine, with a check and a reload command",
        FileSettings,
        FileTarget,
        switches_again=True,
        footprint=FileSettings.footprint,
    )
