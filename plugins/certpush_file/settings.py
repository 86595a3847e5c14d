"""What a target of kind ``file`` can be told."""

from __future__ import annotations

from pathlib import PurePosixPath

from certpush.kit.layout import LayoutSettings
from certpush.target import Footprint


class FileSettings(LayoutSettings):
    """Files on this machine."""

    def footprint(self) -> Footprint:
        """The directories of the files; the managed one, where there is one, with the link in it."""
        single = {str(PurePosixPath(path).parent) for path in self.places().values()}
        directories = {self.directory} if self.directory is not None else single
        return Footprint(tuple(sorted(directories)), commands=bool(self.check or self.reload))
