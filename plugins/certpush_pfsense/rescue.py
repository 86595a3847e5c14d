"""The box's own way back: a detached timer that points the web GUI at its old certificate unless it is told not to.

It is armed before the configuration is written, in the same script. A token, renamed by whoever
comes first, decides between it and us (``certpush.kit.ssh``). It needs neither our host nor our
connection, and no key: what it holds are two refids and the program of the transaction. It lies
in a directory of root's on the disk, and a script in /usr/local/etc/rc.d, which pfSense runs once
it is up, starts it again after a reboot, so that also then nothing stays unconfirmed.
"""

from __future__ import annotations

import secrets
import shlex
from datetime import timedelta
from typing import TYPE_CHECKING

from certpush.kit.ssh.session import TO_THE_LOG, Steps, armed
from certpush_pfsense.box import library
from certpush_pfsense.transaction import PROGRAM, Transaction, task

if TYPE_CHECKING:
    from certpush_pfsense.settings import PfSenseSettings

FOLDER = "/root/.certpush.rescue"
RESTARTING = timedelta(seconds=60)
"""How long a rescue that is at work may take: one write, one restart of the web GUI."""


def arm(steps: Steps, settings: PfSenseSettings, back: Transaction, refid: str) -> None:
    """Start the timer, as a step; the steps after it are taken only when it runs. ``back`` undoes the switch to ``refid``."""
    steps.step("free_for", refid)
    old, everywhere = str(back.edit.point_to), "all" if back.edit.repoint else ""
    end = f"CERTPUSH_{secrets.token_hex(8)}"
    flip = [f"[ -x /usr/local/bin/php ] && run_php <<'{end}'", PROGRAM.told(task(back)).removesuffix("\n"), end]
    script = [
        library(),
        f"# for {refid}",
        TO_THE_LOG,
        "flip_back() {",
        *(flip if settings.commit == "php" else [":"]),
        "}",
        f"go_back() {{ {shlex.join(['go_back_to', old, refid, everywhere])}; }}",
        '[ "${1-}" != boot ] || after_boot',
    ]
    steps.lines += armed(FOLDER, settings.rescue_after, script)
    steps.step("hook_in")


def insist(steps: Steps) -> None:
    """Go on only while the timer waits: on a slow box it may have fired before there was anything to put back."""
    steps.step("still_armed", FOLDER)


def stand_down(steps: Steps) -> None:
    """Take the decision away from the timer before going back ourselves; where it was faster, wait until it is done."""
    steps.step("stand_down", FOLDER, f"{RESTARTING.total_seconds():.0f}")
    steps.within += RESTARTING


def confirm(steps: Steps) -> None:
    """Take the decision away from the timer for good; where it was faster, refuse to go on."""
    steps.step("confirm", FOLDER)
