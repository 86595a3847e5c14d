"""`certpush renew` under strace, which ends it, or lets it fail, at a chosen system call.

Each run is a fork of one program that has loaded what a run needs, and stops until strace has it: what it does from then on is its
work alone, and no start of Python is traced again and again.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from collections import Counter
from pathlib import Path

from certpush.testing.lab.process import wait_until
from conftest import not_run

FORKED = """
import ctypes, json, os, signal, sys
import certpush_file.target, certpush.stepca.issuer, certpush.cli.renew, certpush.fleet.hearing, certpush.state.journal
from certpush.cli.main import run
from certpush.testing.lab import hurry

PR_SET_PTRACER, ANYBODY = 0x59616d61, -1
hurry.looks()
for line in sys.stdin:
    child = os.fork()
    if child == 0:
        out = os.open(json.loads(line)[1], os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        os.dup2(out, 1), os.dup2(out, 2)
        ctypes.CDLL(None).prctl(PR_SET_PTRACER, ANYBODY, 0, 0, 0)
        os.kill(os.getpid(), signal.SIGSTOP)
        os._exit(run(json.loads(line)[0]))
    os.waitpid(child, os.WUNTRACED)
    print(child, flush=True)
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
"""

_OURS_ALONE = ("-f", "-b", "execve")
"""Each thread, and no command that is called: that is another program, and mostly on a device."""


class Traced:
    """The program that forks them."""

    def __init__(self, directory: Path) -> None:
        self._strace = shutil.which("strace") or not_run("there is no strace here")
        self._said, self._trace = directory / "said", directory / "trace"
        self._program = subprocess.Popen([sys.executable, "-c", FORKED], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def run(self, words: list[str], calls: str, *, inject: str = "", options: tuple[str, ...] = _OURS_ALONE) -> int:
        """Run certpush with these words, see these system calls, and do to them what is to be done; gives how it ended."""
        print(json.dumps([words, str(self._said)]), file=self._program.stdin, flush=True)
        pid = int(self._program.stdout.readline())
        expressions = ["-e", f"trace={calls}", *(["-e", f"inject={calls}:{inject}"] if inject else [])]
        self._trace.unlink(missing_ok=True)
        tracer = subprocess.Popen([self._strace, "-qq", *options, *expressions, "-o", self._trace, "-p", str(pid)])
        wait_until(lambda: f"TracerPid:\t{tracer.pid}\n" in Path(f"/proc/{pid}/status").read_text(), "strace")
        subprocess.run(["kill", "-CONT", str(pid)], check=True)
        ended = int(self._program.stdout.readline())
        tracer.wait(20)
        return ended

    @property
    def said(self) -> str:
        """What the latest run wrote to its user."""
        return self._said.read_text()

    @property
    def seen(self) -> list[str]:
        """The system calls of the latest run, in their order."""
        return self._trace.read_text().splitlines()

    @property
    def most(self) -> int:
        """How often one thread of the latest run made one of the calls that were to be seen: so many points there are to end it at."""
        return max(Counter(re.findall(r"^(\d+) +(\w+)\(", self._trace.read_text(), re.MULTILINE)).values(), default=0)

    def close(self) -> None:
        self._program.stdin.close()
        self._program.wait(10)
        self._program.stdout.close()
