"""The verbs of the Target contract, for files of another machine."""

from __future__ import annotations

from certpush import Target
from certpush.kit.remote.files import RemoteFiles


class SshTarget(RemoteFiles, Target):
    """Files of a machine that is reached by SSH, which puts the old ones back by itself unless it is told not to."""
