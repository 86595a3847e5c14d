"""The ssh target: certificates in files of another machine, which puts the old ones back by itself unless it is told not to."""

from __future__ import annotations

from certpush import TargetKind, hookimpl
from certpush.kit.ssh import identify
from certpush_ssh.settings import SshTargetSettings
from certpush_ssh.target import SshTarget


@hookimpl
def certpush_target() -> TargetKind[SshTargetSettings]:
    """Declare the kind ``ssh``."""
    return TargetKind(
        "ssh",
        "files on a machine reached by SSH, with a check and a reload command",
        SshTargetSettings,
        SshTarget,
        self_rescue=True,
        switches_again=True,
        identify=identify,
    )
