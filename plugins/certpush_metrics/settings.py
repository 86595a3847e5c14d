"""What a ``metrics`` observer is told, and what would keep it from its work."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Annotated

from certpush import Doc, Finding, Settings, Severity
from certpush.errors import ConfigError

_MODE = re.compile(r"0?[0-7]{3}")


class MetricsSettings(Settings):
    """Keys of ``kind = "metrics"``."""

    file: Annotated[str, Doc("where the text is put, by its full path: /var/lib/prometheus/node-exporter/certpush.prom")]
    mode: Annotated[str, Doc("who may read the file; node_exporter is mostly another user")] = "0644"

    def __post_init__(self) -> None:
        if not self.file.startswith("/") or self.file.endswith("/"):
            raise ConfigError(f"file: {self.file[:120]!a} is no full path of a file", hint="write it from the first /")
        if not self.file.endswith(".prom"):
            raise ConfigError("file: node_exporter reads no file whose name does not end with .prom", hint=f'file = "{self.file}.prom"')
        if not _MODE.fullmatch(self.mode) or int(self.mode, 8) & 0o133:
            raise ConfigError(f"mode: {self.mode[:20]!a} is no mode of a file that only its owner writes", hint='write "0644" or "0640"')


def directories(settings: MetricsSettings) -> tuple[str, ...]:
    """Where the file is put; it takes the old one's place there, so the file alone would not do."""
    return (str(Path(settings.file).parent),)


def what_is_wrong(settings: MetricsSettings) -> tuple[Finding, ...]:
    """Look whether the file can be put where it should be; changes nothing."""
    directory = Path(settings.file).parent
    if not directory.is_dir():
        return (
            Finding(
                Severity.ERROR,
                "directory",
                f"there is no directory {directory}",
                "make it, or name node_exporter's --collector.textfile.directory",
            ),
        )
    if not os.access(directory, os.W_OK | os.X_OK):
        return (Finding(Severity.ERROR, "directory", f"{directory} is not ours to write to", f"let the user {os.geteuid()} write there"),)
    return (Finding(Severity.OK, "directory", f"{settings.file} can be written"),)
