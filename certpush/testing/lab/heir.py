"""Who ends the servers of a process that was killed: a shell that hears of each, and of the end of the process by that of a pipe.

The kernel's own way (PR_SET_PDEATHSIG) asks for the end of the thread that started a server, and forgets it where a
program changes its user.
"""

from __future__ import annotations

import contextlib
import subprocess
import threading
import weakref
from pathlib import Path

# A number may be another process's by then: the time at which that one started tells.
_SCRIPT = r"""
trap '' INT HUP TERM
ours=
while read -r deed pid since; do
  case $deed in
    took) ours="$ours $pid:$since" ;;
    ended) ours=$(for one in $ours; do [ "${one%:*}" = "$pid" ] || printf ' %s' "$one"; done) ;;
  esac
done
for one in $ours; do
  { read -r line <"/proc/${one%:*}/stat"; } 2>/dev/null || continue
  set -- ${line##*)}
  [ "${20}" != "${one#*:}" ] || kill "${one%:*}"
done
"""
_one = threading.Lock()


class Heir:
    """Ends what it was entrusted with where this process no longer can."""

    def __init__(self) -> None:
        self._shell = subprocess.Popen(  # noqa: S603 -- a constant command
            ["/bin/sh", "-c", _SCRIPT],
            bufsize=0,
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env={"PATH": "/usr/bin:/bin"},
            cwd="/",
            start_new_session=True,
        )
        self._finalizer = weakref.finalize(self, _dismiss, self._shell)

    def take(self, pid: int) -> None:
        """A child was started."""
        with contextlib.suppress(OSError):  # a system that does not tell, or a child that has ended: nothing to end
            since = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19]
            self._tell(f"took {pid} {since}")

    def forget(self, pid: int) -> None:
        """That child has ended."""
        self._tell(f"ended {pid} -")

    def _tell(self, line: str) -> None:
        with contextlib.suppress(OSError, ValueError):  # it was killed, or dismissed: then nobody inherits
            if self._shell.stdin:
                self._shell.stdin.write(f"{line}\n".encode())


_heirs: list[Heir] = []


def heir() -> Heir:
    """The one of this process."""
    with _one:
        if not _heirs:
            _heirs.append(Heir())
        return _heirs[0]


def _dismiss(shell: subprocess.Popen[bytes]) -> None:
    if shell.stdin:
        with contextlib.suppress(OSError):
            shell.stdin.close()
    shell.wait()
