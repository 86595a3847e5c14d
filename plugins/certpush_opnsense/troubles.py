"""Why a step on the firewall could not be taken, in a person's words."""

from __future__ import annotations

from certpush.errors import CertpushError, NoWayBack, TargetRefused
from certpush.kit.ssh import firewall
from certpush.kit.ssh.session import Told


def failure(told: Told, where: str) -> CertpushError:
    """Make the error for what a step said."""
    return firewall.explain(told, where, _WORDS)


_WORDS: firewall.Words = {
    **firewall.words(chosen_under="System > Settings > Administration", backups="System > Configuration > Backups", timer_in="/var/run"),
    "gone": (
        NoWayBack,
        "the certificate to go back to is not in its configuration any more, or has no key",
        "System > Configuration > Backups has former ones; on the console, `/usr/local/etc/rc.restart_webgui renew` makes a new one",
    ),
    "write_config": (TargetRefused, "OPNsense did not write its configuration", "see whether there is room: df -h /conf"),
    "php": (TargetRefused, "PHP failed there", "see System > Log Files > General; `php -v` must work in a shell"),
    "no-php": (TargetRefused, "there is no /usr/local/bin/php", "is it an OPNsense? `opnsense-version` tells"),
    "restart": (TargetRefused, "the web GUI could not be restarted", "on its console: configctl webgui restart"),
}
