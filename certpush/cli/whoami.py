"""Who sits there: what the journal keeps of a decision."""

from __future__ import annotations

import os
import pwd
import socket
from collections.abc import Mapping


def whoami(environ: Mapping[str, str] = os.environ) -> str:
    """The user and the host, and who called sudo where that was used: ``root (anna)@desk``."""
    try:
        user = pwd.getpwuid(os.geteuid()).pw_name
    except KeyError:
        user = f"uid {os.geteuid()}"
    called = environ.get("SUDO_USER", "")
    return f"{user}{f' ({called[:40]})' if called and called != user else ''}@{socket.gethostname()}"
