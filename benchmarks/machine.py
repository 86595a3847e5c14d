"""What the figures were made on."""

from __future__ import annotations

import os
import platform
import ssl
import subprocess
import sys
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path

from certpush import __version__


def describe(tools: dict[str, Path | None]) -> dict[str, str]:
    """The machine, the interpreter, and the versions of what is measured."""
    return {
        "date": f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC",
        "certpush": f"{__version__}, {_first_line(['git', '-C', str(Path(__file__).parent), 'describe', '--always', '--dirty'])}",
        "machine": f"{_cpu()}, {os.cpu_count()} CPUs, {_memory()}; servers share it with the clients",
        "load": f"{os.getloadavg()[0]:.1f} before the first run",
        "system": f"{_os_release()}, Linux {platform.release()}",
        "python": f"{sys.version.split()[0]}, {ssl.OPENSSL_VERSION}; {len([*metadata.distributions()])} distributions in its environment",
        "step": _file_name(tools["step"]),
        "step-ca": _file_name(tools["step-ca"]),
        "ssh": _version(tools["ssh"], "-V"),
        "nginx": _version(tools["nginx"], "-v"),
        "curl": _version(tools["curl"], "--version"),
    }


def _file_name(tool: Path | None) -> str:
    # Own builds call themselves 0000000-dev; the file is named after the version that was built.
    return tool.name if tool else "not here"


def _version(tool: Path | None, option: str) -> str:
    return _first_line([str(tool), option]) if tool else "not here"


def _first_line(command: list[str]) -> str:
    try:
        ran = subprocess.run(command, capture_output=True, text=True, check=False)
    except OSError:
        return "unknown"
    lines = (ran.stdout or ran.stderr).strip().splitlines()
    return lines[0] if lines else "unknown"


def _cpu() -> str:
    return _after("model name", Path("/proc/cpuinfo")) or platform.machine()


def _memory() -> str:
    kib = _after("MemTotal", Path("/proc/meminfo")).split()
    return f"{int(kib[0]) / 1024**2:.0f} GiB" if kib else "memory unknown"


def _os_release() -> str:
    return _after("PRETTY_NAME", Path("/etc/os-release"), "=").strip('"') or platform.system()


def _after(word: str, path: Path, sign: str = ":") -> str:
    try:
        lines = path.read_text().splitlines()
    except OSError:
        return ""
    return next((line.partition(sign)[2].strip() for line in lines if line.startswith(word)), "")
