"""A certpush that is killed right after it switched a firewall, and the firewall that goes back by itself."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from certpush.errors import CertpushError

if TYPE_CHECKING:
    from pathlib import Path

    from certpush.testing.lab.homelab import Homelab
    from certpush.testing.lab.pfsense import PfSense

_PATIENCE_SECONDS = 30.0
_PAUSE_SECONDS = 0.05
_IN_ITS_LOG = "has its old certificate back"


def deploy_and_kill(lab: Homelab, firewall: PfSense, old: str, between: Callable[[], None]) -> str:
    """Run certpush as a process of its own, and kill it when the web GUI begins its restart; gives what the GUI shows then.

    ``between`` is called again and again, and may raise to end it all.

    Raises:
        CertpushError: it ended before, or the new certificate is not shown.

    """
    said = lab.directory / "killed.log"
    with _run(["deploy", "firewall", "--config", str(lab.hasty)], said) as run:
        moment = firewall.at("restart", run.kill)
        try:
            _until(lambda: run.poll() is not None, "certpush comes to the restart of the web GUI", between)
        finally:
            moment.cancel()
    if run.returncode != -signal.SIGKILL:
        raise CertpushError(f"certpush was to be killed, and ended before that: {said.read_text(errors='replace').strip()[-500:]}")
    _until(lambda: firewall.served() not in (None, old), "the firewall shows its new certificate", between)
    return firewall.served() or ""


def back_by_itself(firewall: PfSense, old: str | None, between: Callable[[], None]) -> str:
    """Wait until the firewall shows its old certificate again; gives what its log says of that.

    Raises:
        CertpushError: it does not.

    """
    _until(lambda: firewall.served() == old and _IN_ITS_LOG in firewall.system_log, "the firewall goes back by itself", between)
    said = next(line for line in reversed(firewall.system_log.splitlines()) if _IN_ITS_LOG in line)
    return said[said.find("certpush:") :]


@contextmanager
def _run(words: list[str], said: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Start certpush, out of reach of a Ctrl-C at the terminal; it is dead at the end, however that comes."""
    with said.open("wb") as log:
        run = subprocess.Popen(  # noqa: S603 -- certpush itself
            [sys.executable, "-P", "-m", "certpush", *words],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        yield run
    finally:
        run.kill()
        run.wait()


def _until(true: Callable[[], bool], what: str, between: Callable[[], None]) -> None:
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while not true():
        between()
        if time.monotonic() > deadline:
            raise CertpushError(f"the demo waited in vain: {what}", hint="please report it, with what -v shows")
        time.sleep(_PAUSE_SECONDS)
