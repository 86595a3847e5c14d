"""The verbs of the Target contract, for files of this machine."""

from __future__ import annotations

from certpush import Target
from certpush.kit.local.files import LocalFiles


class FileTarget(LocalFiles, Target):
    """Files of this machine, switched by one rename each, with the old ones kept."""
