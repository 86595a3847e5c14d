"""Log in to machines by SSH, run scripts there, and hand over files.

The settings are light; paramiko is loaded when the first connection is made.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from certpush.kit.ssh.settings import JumpHost as JumpHost
from certpush.kit.ssh.settings import SshAccount as SshAccount
from certpush.kit.ssh.settings import SshSettings as SshSettings
from certpush.kit.ssh.settings import check_login as check_login
from certpush.kit.ssh.settings import check_rescue as check_rescue
from certpush.kit.ssh.settings import login_at as login_at
from certpush.kit.ssh.settings import parse_jump as parse_jump

if TYPE_CHECKING:
    from certpush.kit.ssh.connection import SshConnection
    from certpush.model import Identity


def connect(login: SshSettings) -> SshConnection:
    """Connect, check the host key, and only then log in.

    Raises:
        TargetUnreachable: no answer within the time.
        HostKeyMismatch: it is another machine, or one that nobody has confirmed; nothing secret was sent.
        TrustError: it offers only algorithms that are too weak.
        TargetAuthFailed: the login was refused.

    """
    from certpush.kit.ssh.reach import open_connection

    return open_connection(login)


def identify(login: SshSettings) -> tuple[Identity, ...]:
    """Fetch the host keys without logging in, for a person to compare.

    Behind a jump host whose own key is not confirmed yet, only the jump host's can be fetched.

    Raises:
        TargetUnreachable: no answer within the time.
        TrustError: it offers only algorithms that are too weak.

    """
    from certpush.kit.ssh.reach import identities

    return identities(login)
