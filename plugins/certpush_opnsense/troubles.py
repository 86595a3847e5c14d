"""Why a step on the firewall could not be taken, in a person's words."""

from __future__ import annotations

from certpush.errors import CertpushError, NoWayBack, RescueFired, SafetyRefusal, TargetDrifted, TargetRefused
from certpush.kit.command import escaped
from certpush.kit.ssh.session import Told


class Changed(TargetDrifted):
    """Somebody else wrote the configuration between our look and our write; nothing of ours was written."""


def failure(told: Told, where: str) -> CertpushError:
    """Make the error for what a step said."""
    trouble, detail = (escaped(" ".join(told.of(word)[-1:])) for word in ("fail", "detail"))
    known = _WORDS.get(trouble)
    if known is None:
        return TargetRefused(f"{where}: a step failed for an unknown reason ({trouble})")
    maker, message, hint = known
    return maker(f"{where}: {message}" + (f" ({detail})" if detail else ""), hint=hint)


_WORDS: dict[str, tuple[type[CertpushError], str, str]] = {
    "changed": (
        Changed,
        "the configuration was changed by somebody else again and again; nothing was switched",
        "run again when nobody saves pages of the web GUI",
    ),
    "pointer": (
        TargetDrifted,
        "the web GUI was given another certificate meanwhile; it is left alone",
        "look under System > Settings > Administration who chose it, then run again",
    ),
    "gone": (
        NoWayBack,
        "the certificate to go back to is not in its configuration any more, or has no key",
        "System > Configuration > Backups has former ones; on the console, `/usr/local/etc/rc.restart_webgui renew` makes a new one",
    ),
    "unreadable": (
        SafetyRefusal,
        "config.xml cannot be used",
        "look at it on the console; System > Configuration > Backups has former ones",
    ),
    "write_config": (TargetRefused, "OPNsense did not write its configuration", "see whether there is room: df -h /conf"),
    "php": (TargetRefused, "PHP failed there", "see System > Log Files > General; `php -v` must work in a shell"),
    "no-php": (TargetRefused, "there is no /usr/local/bin/php", "is it an OPNsense? `opnsense-version` tells"),
    "restart": (TargetRefused, "the web GUI could not be restarted", "on its console: configctl webgui restart"),
    "arm": (
        TargetRefused,
        "the timer that brings the old certificate back could not be started; nothing was switched",
        "see that /var/run can be written to, and that processes may stay after the login",
    ),
    "rescued": (
        RescueFired,
        "it went back to its former certificate by itself before the new one was confirmed",
        "see why the run took so long, or give it longer with rescue_after",
    ),
}
