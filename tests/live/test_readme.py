"""What the README shows is what happens: its configuration, its command, its library."""

from __future__ import annotations

import re
import shlex
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from certpush import config
from certpush.cli.commands import COMMANDS

README = (Path(__file__).parents[2] / "README.md").read_text()

pytestmark = pytest.mark.timeout(120)


def block(language: str, position: int = 0) -> str:
    return re.findall(rf"```{language}\n(.*?)```", README, re.DOTALL)[position]


def test_its_configuration_is_one(tmp_path):
    path = tmp_path / "certpush.toml"
    path.write_text(block("toml"))
    read = config.load(path, {"HOME": str(tmp_path)})
    assert list(read.targets) == ["wiki"]
    assert str(read.targets["wiki"].endpoints[0]) == "wiki.local.lan:443"


def test_every_command_that_it_names_is_there():
    named = set(re.findall(r"certpush ([a-z]+)\b", README.replace("certpush.toml", ""))) & set(COMMANDS)
    shown = set(re.findall(r"\$ certpush ([a-z]+)", README))
    assert shown <= set(COMMANDS)
    assert {"deploy", "init"} <= named


def test_every_page_that_it_links_to_is_there():
    links = [one for one in re.findall(r"\]\(([^)#]+)", README) if not one.startswith("https://")]
    assert links
    assert [one for one in links if not (Path(__file__).parents[2] / one).is_file()] == []


@pytest.mark.live
def test_its_library_deploys(site):
    assert site.configuration.name == "certpush.toml"
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", block("python")], cwd=site.directory, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    first, second = done.stdout.splitlines()
    assert first == f"wiki rotated {site.served}"
    assert second.strip().startswith(f"127.0.0.1:{site.endpoint.port} serves {site.served[:12]} until ")


@pytest.mark.live
def test_its_command_prints_its_receipts(site):
    receipts = re.findall(r"\$ certpush (deploy .*?)\n(.*?)(?=\n\$|```)", README, re.DOTALL)
    assert len(receipts) >= 3
    for number, (words, shown) in enumerate(receipts):
        table, error, why = shown.partition("error:")
        if error:
            let_nginx_refuse(site, why)
        done = site.certpush(*words.split())
        assert alike(done.stdout) == alike(table), number
        assert done.stderr.partition("error:")[2].rstrip() == as_printed(site, why), number
        assert done.returncode == (1 if error else 0)


def let_nginx_refuse(site, why: str) -> None:
    """Have an `nginx -t` that says what the README's says."""
    said = why.partition("(exit status 1): ")[2].partition("  hint:")[0]
    program = site.directory / "nginx"
    program.write_text("#!/bin/sh\n" + "".join(f"echo {shlex.quote(line.strip())}\n" for line in said.splitlines()) + "exit 1\n")
    program.chmod(stat.S_IRWXU)
    site.check = f'check = ["{program}", "-t"]'


def as_printed(site, why: str) -> str:
    """The README's error with the names of this site."""
    where = f"{site.sshd.host}:{site.sshd.port}: " if site.sshd else ""
    return why.replace("wiki.local.lan:22: ", where).replace("failed: nginx -t", f"failed: {site.directory}/nginx -t")


def alike(text: str) -> list[list[str]]:
    """The words of a table; fingerprints and times are anybody's."""
    plain = re.sub(r"\b[0-9a-f]{12}\b", "#", re.sub(r"\b[0-9hmsd]+ left, due in [0-9hmsd]+", "time", text))
    return [line.split() for line in plain.strip().splitlines()]
