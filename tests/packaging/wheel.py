"""What a wheel must do in an environment that knows nothing of the checkout: ``wheel.py WHEEL BIN``."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SOURCES = (ROOT, ROOT / "plugins")
KINDS = {"file", "ssh"}
LEFT_BY_TOOLS = {"__pycache__", ".mypy_cache", ".ruff_cache", ".pytest_cache"}


def main(wheel: Path, bin_directory: Path) -> None:
    """Say what was found right; end with what was not."""
    holds_every_source(wheel)
    with tempfile.TemporaryDirectory() as elsewhere:
        certpush = Certpush(bin_directory / "certpush", Path(elsewhere))
        says_its_version(certpush, wheel)
        knows_its_kinds(certpush)
        writes_a_plugin(certpush)
        tells_the_story(certpush)


class Certpush:
    """The command of the wheel, run where no source can be found, in an environment without settings of this one."""

    def __init__(self, program: Path, directory: Path) -> None:
        self._program, self._directory = program, directory

    def __call__(self, *words: str) -> str:
        environment = {"PATH": "/usr/local/bin:/usr/bin:/bin:/usr/sbin", "HOME": str(self._directory), "LANG": "C.UTF-8"}
        done = subprocess.run(
            [self._program, *words],
            cwd=self._directory,
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        insist(done.returncode == 0, f"`certpush {' '.join(words)}` gave {done.returncode}\n{done.stdout}{done.stderr}")
        return done.stdout


def holds_every_source(wheel: Path) -> None:
    """Every file below certpush/ and plugins/ is in the wheel: one that was forgotten is missed only after installing."""
    with zipfile.ZipFile(wheel) as archive:
        packed = set(archive.namelist())
    packages = [root / name for root in SOURCES for name in ("certpush", "certpush_file", "certpush_ssh") if (root / name).is_dir()]
    wanted = {
        str(path.relative_to(package.parent))
        for package in packages
        for path in package.rglob("*")
        if path.is_file() and not LEFT_BY_TOOLS.intersection(path.parts)
    }
    insist(len(packages) == 1 + len(KINDS), f"the sources are elsewhere now: {packages}")
    insist(not wanted - packed, f"not in the wheel: {sorted(wanted - packed)}")
    print(f"the wheel holds all {len(wanted)} files")


def says_its_version(certpush: Certpush, wheel: Path) -> None:
    """The command, the wheel's name and its metadata agree."""
    version = wheel.name.split("-")[1]
    insist(certpush("--version") == f"certpush {version}\n", f"the wheel is {version}, the command says otherwise")
    print(f"version {version}")


def knows_its_kinds(certpush: Certpush) -> None:
    """The entry points of the built-in kinds lead somewhere, and their settings can be read."""
    listed = certpush("targets")
    insist({line.split()[0] for line in listed.splitlines() if line.strip()} >= KINDS, f"kinds are missing:\n{listed}")
    print(f"kinds: {', '.join(sorted(KINDS))}")


def writes_a_plugin(certpush: Certpush) -> None:
    """The project that a plugin begins as came with the wheel, with the files whose names begin with a dot."""
    shown = json.loads(certpush("plugin", "new", "acme-nas", "--output", "json"))["project"]["files"]
    wanted = {"pyproject.toml", ".gitignore", "src/certpush_acme_nas/py.typed", ".github/workflows/test.yml"}
    insist(wanted <= set(shown), f"files of a new plugin are missing: {wanted - set(shown)}")
    print(f"a new plugin has {len(shown)} files")


def tells_the_story(certpush: Certpush) -> None:
    """The demo runs: CA, deployment, rollback, all from what the wheel brings."""
    shown = certpush("demo")
    insist("rolled-back" in shown, f"the demo rolled nothing back:\n{shown}")
    print("the demo ran")


def insist(holds: bool, otherwise: str) -> None:
    """End here where it does not hold."""
    if not holds:
        sys.exit(f"error: {otherwise}")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
