"""What docs/getting-started.md prints is what is printed: the configuration that init writes, plan, receipts, status."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys

import pytest

from docs.reading import ROOT, blocks

pytestmark = [pytest.mark.live, pytest.mark.timeout(120)]

GUIDE = ROOT / "docs" / "getting-started.md"
CALL = re.compile(r"^\$ certpush (.*)\n((?:(?!\$ ).*\n)*)", re.MULTILINE)


def shown_calls() -> list[tuple[str, str]]:
    """Every call of the guide whose output it shows, in order: the words, and the output. A timer is not installed here."""
    found = [call for block in blocks(GUIDE, "console") for call in CALL.findall(block)]
    return [(words, output) for words, output in found if output.strip() and not words.startswith(("trust", "init", "schedule"))]


def alike(text: str) -> list[list[str]]:
    """The words; fingerprints, times, and the site's own names are anybody's."""
    for pattern, name in (
        (r"\b[0-9a-f]{12}\b", "FINGERPRINT"),
        (r"\b\d+h\d+m left, due in \d+h\d+m", "TIME"),
        (r"\b\d\d-\d\d \d\d:\d\d\b", "WHEN"),
        (r"\b(29|30)d left", "DAYS"),
        (r"\b1[3-6]h\b", "DUE"),
    ):
        text = re.sub(pattern, name, text)
    return [line.split() for line in text.strip().splitlines()]


@pytest.mark.parametrize("site", ["ssh"], indirect=True)
def test_what_it_shows_from_the_plan_to_the_failure_is_printed(site):
    site.check, site.rescue_after = 'check = ["true"]', "180s"
    of_the_guide = {
        f"{site.sshd.host}:": "wiki.local.lan:",
        f"{site.sshd.host} puts": "wiki.local.lan puts",
        str(site.directory) + "/{": "/etc/nginx/tls/{",
        "then true": "then nginx -t",
        f"then {site.directory}/reload": "then systemctl reload nginx",
    }
    calls = shown_calls()
    assert [words for words, _ in calls][:2] == ["deploy --plan", "deploy"]
    assert any("error:" in output for _, output in calls)
    for words, output in calls:
        if words.startswith("rollback"):
            assert site.certpush("deploy", "wiki", "--force").returncode == 0
        if "error:" in output:
            site.check = 'check = ["false"]'
        table = output.partition("error:")[0]
        done = site.certpush(*words.split(), *(["--force"] if "error:" in output else []))
        printed = done.stdout
        for ours, theirs in of_the_guide.items():
            printed = printed.replace(ours, theirs)
        assert alike(printed) == alike(table), words
        assert ("error: wiki: " in done.stderr) == ("error:" in output)


def test_the_configuration_that_it_shows_is_the_one_that_init_writes(start_embedded_ca, tmp_path):
    block = next(block for block in blocks(GUIDE, "console") if "certpush init --ca-url" in block)
    words = shlex.split(block.replace("\\\n", " ").removeprefix("$ certpush "))
    home = tmp_path / "home"
    (home / ".config" / "certpush").mkdir(parents=True, mode=0o700)
    with_shell = [word.replace("~", str(home), 1) if word.startswith("~") else word for word in words]
    ca = start_embedded_ca()
    password = home / ".config" / "certpush" / "provisioner-password"
    password.touch(mode=0o600)
    password.write_text(ca.password)
    shown = blocks(GUIDE, "toml")[0]
    fingerprint = re.search(r'fingerprint = "(\w+)"', shown)[1]
    here = {"https://ca.local.lan:9000": ca.url, fingerprint: ca.fingerprint}
    done = subprocess.run(
        [sys.executable, "-m", "certpush", *(here.get(word, word) for word in with_shell), "--config", str(tmp_path / "certpush.toml")],
        env={"PATH": "/usr/bin:/bin", "HOME": str(home)},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    written = (tmp_path / "certpush.toml").read_text().replace(str(home), "/home/alice")
    for theirs, ours in here.items():
        written = written.replace(ours, theirs)
    assert settings_of(written) == settings_of(shown)


def settings_of(toml: str) -> list[str]:
    return [line for line in toml.splitlines() if line and not line.startswith("#")]
