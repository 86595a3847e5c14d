"""What a target of kind ``ssh`` can be told."""

from __future__ import annotations

from certpush.kit.remote.settings import RemoteSettings


class SshTargetSettings(RemoteSettings):
    """Files on a machine that is reached by SSH."""
