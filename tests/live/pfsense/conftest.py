"""Boxes, and a hand at their SSH and their PHP."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest

from certpush.testing.lab import NotPossibleHere
from certpush.testing.lab.pfsense import PfSense
from conftest import need, not_run


@pytest.fixture
def start_box() -> Iterator[Callable[..., PfSense]]:
    """Start a box: ``start_box("2.6.0", user="root")``."""
    need("sshd", "nginx", "php")
    with ExitStack() as boxes:

        def start(*args, **wishes) -> PfSense:
            try:
                return boxes.enter_context(PfSense(*args, **wishes))
            except NotPossibleHere as error:
                not_run(error.message)

        yield start


@pytest.fixture
def box(start_box) -> PfSense:
    return start_box()


@pytest.fixture
def ssh(tmp_path) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Run a command over SSH by OpenSSH's client: ``ssh(box, "id -u")``; ``options`` are those of ssh."""

    def ssh(box: PfSense, *command: str, user: str | None = None, text: str = "", options=(), timeout=30):
        known = tmp_path / f"known-{box.port}"
        known.write_text("".join(f"{line}\n" for line in box.known_hosts_lines))
        way = ["-i", str(box.client_key_path), "-p", str(box.port), "-o", f"UserKnownHostsFile={known}", "-o", "IdentitiesOnly=yes"]
        way += ["-o", "BatchMode=yes", "-o", "LogLevel=ERROR", *options, f"{user or box.user}@{box.host}"]
        return subprocess.run(
            ["ssh", "-F", "none", *way, *command], input=text, capture_output=True, text=True, timeout=timeout, check=False
        )

    return ssh


@pytest.fixture
def php(ssh):
    """Run PHP on a box as root does over SSH, and give what it echoed as JSON: ``php(box, 'out(1 + 1);')``."""

    def php(box: PfSense, code: str):
        program = '<?php\nfunction out($x) { echo "\\n=" . json_encode($x); }\nrequire_once("config.inc");\nglobal $config;\n' + code
        done = ssh(box, "/usr/local/bin/php", user="root", text=program)
        marked = [line for line in done.stdout.splitlines() if line.startswith("=")]
        assert marked, done.stdout + done.stderr
        return json.loads(marked[-1][1:])

    return php
