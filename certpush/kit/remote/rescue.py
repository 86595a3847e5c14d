"""The machine's own way back: a detached timer that puts the old files back unless it is told not to.

It is armed right before the switch. A token, renamed by whoever comes first, decides between it
and us, so exactly one of confirm (or rollback) and rescue wins. It survives the login and our
death; a reboot ends it, and the next run of certpush then finds and removes what is left of it.
"""

from __future__ import annotations

import shlex

from certpush.kit.placement import Placement, Prepared, parent
from certpush.kit.remote.hands import RemoteHands
from certpush.kit.remote.settings import RemoteSettings
from certpush.kit.remote.shell import library
from certpush.kit.ssh.session import TO_THE_LOG, armed

# A service that is just starting may refuse one reload.
_ALONE = """\
reload_if() {
	[ -e "$1" ] || return 0
	shift 3
	for again in 1 2 3 4 5; do
		obey "$@" >/dev/null 2>&1 && return
		sleep 2
	done
	say "the old files are back, but a reload command fails: $ended"
}
"""


def rescue_folder(placement: Placement) -> str:
    """Where the timer lives."""
    return f"{placement.home}/{placement.slot}.rescue"


def arm(hands: RemoteHands, settings: RemoteSettings, placement: Placement, prepared: Prepared) -> None:
    """Start the timer, as a step of ``hands``; the steps after it are taken only when it runs."""
    alone = RemoteHands(settings.limits)
    placement.go_back(alone, prepared.before, prepared)
    script = [library(), TO_THE_LOG, _ALONE, "go_back() {", *alone.lines, "}"]
    leaving = f"leave {shlex.quote(parent(placement.home))}"
    hands.lines += armed(rescue_folder(placement), settings.rescue_after, script, after=(leaving,))


def insist(hands: RemoteHands, placement: Placement) -> None:
    """Go on only while the timer waits: on a slow machine it may have fired before there was anything to put back."""
    hands.step("still_armed", rescue_folder(placement))


def stand_down(hands: RemoteHands, settings: RemoteSettings, placement: Placement) -> None:
    """Take the decision away from the timer before going back ourselves; where it was faster, wait until it is done."""
    patience = f"{settings.reload_timeout.total_seconds() + 15:.0f}"
    hands.step("stand_down", rescue_folder(placement), patience)
    hands.within += settings.reload_timeout


def confirm(hands: RemoteHands, placement: Placement, prepared: Prepared) -> None:
    """Take the decision away from the timer for good; where it was faster, or the files are not ours, refuse to go on."""
    hands.step("confirm", rescue_folder(placement))
    for path, state in prepared.switched.items():
        hands.step("settled", path, state)
    hands.remove(placement.marker)
