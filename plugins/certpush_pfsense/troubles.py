"""Why a step on a box could not be taken, in a person's words."""

from __future__ import annotations

from certpush.errors import CertpushError, ClockSkew, NoWayBack, SafetyRefusal, TargetRefused
from certpush.kit.ssh import firewall
from certpush.kit.ssh.firewall import Changed
from certpush.kit.ssh.session import Told


class PhpFailed(TargetRefused):
    """PHP on the box is not there, or ended in a way that does not tell whether it wrote."""


def failure(told: Told, where: str) -> CertpushError:
    """Make the error for what a step said."""
    return firewall.explain(told, where, _WORDS)


_WORDS: firewall.Words = {
    **firewall.words(chosen_under="System > Advanced > Admin Access", backups="Diagnostics > Backup & Restore", timer_in="/root"),
    "lost": (
        Changed,
        "somebody else wrote the configuration at the same moment, and our change is gone from it",
        "run again when nobody saves pages of the web GUI",
    ),
    "gone": (
        NoWayBack,
        "the certificate to go back to is not in its configuration any more",
        "restore it from Diagnostics > Backup & Restore, or make a new one: pfSsh.php playback generateguicert",
    ),
    "not-for-us": (
        TargetRefused,
        "there is no config.xml that this user can read",
        "log in as admin or root, or install the package sudo there and write sudo = true",
    ),
    "circle": (
        SafetyRefusal,
        "its authorities name each other in a circle: the web GUI would hang when it starts",
        "open System > Certificates > Authorities and remove the wrong one",
    ),
    "booting": (TargetRefused, "it is starting up", "run again when it is up; /var/run/booting is there until then"),
    "write_config": (
        TargetRefused,
        "pfSense did not write its configuration",
        "see whether there is room on /cf, and whether the user may write ('User - Config: Deny Config Write')",
    ),
    "php": (PhpFailed, "PHP failed there", "see /tmp/PHP_errors.log and System Logs; `php -v` must work in a shell"),
    "no-php": (PhpFailed, "there is no /usr/local/bin/php", 'use commit = "xml", or repair the box: pkg-static check -s php*'),
    "locked": (TargetRefused, "another program keeps its configuration locked", "run again; `fuser /tmp/config.lock` tells who"),
    "write": (TargetRefused, "cannot write config.xml", "see that /cf is mounted read-write and has room: df -h /cf"),
    "clock": (
        ClockSkew,
        "its clock is before the certificate's first second",
        "set it right under System > General Setup > Timeservers",
    ),
    "busy": (
        TargetRefused,
        "another run of certpush has switched it and is about to confirm",
        "wait for it; without a confirmation the box goes back by itself",
    ),
}
