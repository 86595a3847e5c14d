"""What is asked for all the time starts at once: no test measures time, but what is imported is counted."""

from __future__ import annotations

import ast
import shlex
import stat
import subprocess
import sys
from importlib import metadata
from pathlib import Path

import pytest

from certpush.cli.commands import COMMANDS
from cli.frame.conftest import environment, file_target

HEAVY = (
    "argcomplete",
    "certpush_file",
    "certpush_proxmox",
    "certpush_ssh",
    "cryptography",
    "idna",
    "importlib.metadata",
    "msgspec",
    "paramiko",
    "pluggy",
    "proxmoxer",
    "requests",
    "rich",
    "sqlite3",
    "ssl",
)
TELL = "import sys; sys.stderr.write(repr(sorted(sys.modules)))"  # no json: it must be seen whether that was loaded
CALL = f"""
import sys
sys.argv = ["certpush", *sys.argv[1:]]
from certpush.cli.main import main
try:
    main()
finally:
    {TELL}
"""


def imported_by(*command: str, home: Path) -> set[str]:
    done = subprocess.run([sys.executable, *command], capture_output=True, text=True, check=False, env=environment(home))
    return set(ast.literal_eval(done.stderr[done.stderr.rindex("[") :]))


@pytest.fixture(scope="module")
def with_nothing(tmp_path_factory):
    """What Python imports by itself here."""
    return imported_by("-c", TELL, home=tmp_path_factory.mktemp("home"))


def imported(with_nothing: set[str], home: Path, *words: str) -> set[str]:
    return imported_by("-c", CALL, *words, home=home) - with_nothing


@pytest.mark.parametrize("words", [("--help",), ("-h",), ("--version",), ()])
def test_help_and_version_import_nothing_of_certpush_but_the_table(with_nothing, tmp_path, words):
    seen = imported(with_nothing, tmp_path, *words)
    assert {one for one in seen if one.startswith("certpush")} == {
        "certpush",
        "certpush._version",
        "certpush.cli",
        "certpush.cli.commands",
        "certpush.cli.main",
    }
    assert not seen & {*HEAVY, "argparse", "dataclasses", "importlib", "logging", "tomllib"}


@pytest.mark.parametrize(
    "words",
    [
        ("deplyo",),
        ("--nonsense",),
        *((command, "--help") for command in COMMANDS),
        ("deploy", "--nonsense"),
        ("history", "--limit", "none"),
    ],
    ids=" ".join,
)
def test_the_help_of_a_command_and_a_mistyped_line_import_nothing_heavy(with_nothing, tmp_path, words):
    seen = imported(with_nothing, tmp_path, *words)
    assert not seen & set(HEAVY)
    assert not {one for one in seen if one.startswith("certpush.fleet")}


@pytest.fixture
def deployed(place, serve):
    """A configuration with one target, in place and seen at its endpoint."""
    server, reload = serve("wiki"), place.directory / "reload"
    reload.write_text(f"#!/bin/sh\nexec {shlex.join(server.reload_command)}\n")
    reload.chmod(stat.S_IRWXU)
    place.targets = file_target(place.directory, "wiki", port=server.port, reload=[str(reload)])
    done = place.run("deploy")
    assert done.returncode == 0, done.stderr
    return str(place.configuration)


def test_a_look_at_one_endpoint_loads_neither_a_plugin_nor_what_talks_to_a_ca_or_to_other_machines(deployed, with_nothing, tmp_path):
    seen = imported(with_nothing, tmp_path, "status", "--config", deployed)
    assert {"certpush.fleet.status", "certpush.kit.tls"} <= seen
    assert not seen & {"certpush_file", "certpush_ssh", "importlib.metadata", "paramiko", "pluggy", "requests", "rich", "urllib3"}
    assert not {one for one in seen if one.startswith(("certpush.plugins", "certpush.rotation.run", "certpush.stepca"))}


def test_a_look_at_one_endpoint_that_is_right_costs_neither_cryptography_nor_threads_nor_what_a_rotation_needs(
    deployed, with_nothing, tmp_path
):
    """Each of these was there once; together they were a third of what the look cost."""
    seen = imported(with_nothing, tmp_path, "status", "--config", deployed)
    assert not {one for one in seen if one.startswith(("cryptography", "email", "http"))}
    assert not seen & {"concurrent.futures", "difflib", "encodings.idna", "json", "queue", "shutil", "subprocess", "tempfile"}
    assert not seen & {f"certpush.model.{one}" for one in ("certificates", "findings", "keys", "plans", "receipts", "unresolved")}
    assert not seen & {"certpush.fleet.cluster", "certpush.fleet.trusted", "certpush.kit.command", "certpush.kit.trust", "certpush.window"}


CLASSES = """
import dataclasses, sys
made = dataclasses._process_class
def counted(cls, *rest):
    found.append(cls.__qualname__)
    return made(cls, *rest)
found = []
dataclasses._process_class = counted
"""


def test_a_look_makes_few_dataclasses(deployed, tmp_path):
    """Each is half a millisecond, a twentieth of starting Python: Python writes their methods as text, and compiles it, in every process."""
    call = f"{CLASSES}\n{CALL.replace(TELL, 'sys.stderr.write(repr(found))')}"
    made = imported_by("-c", call, "status", "--config", deployed, home=tmp_path)
    assert len(made) <= 20, sorted(made)


def test_a_deploy_with_nothing_due_loads_the_plugin_that_is_configured_and_nothing_that_talks_to_a_ca(deployed, with_nothing, tmp_path):
    seen = imported(with_nothing, tmp_path, "deploy", "--config", deployed)
    assert {"certpush.rotation.run", "certpush_file"} <= seen
    assert not seen & {"certpush_ssh", "certpush.kit.allowance", "certpush.stepca.client", "http.client"}
    assert not seen & NOT_FOR_A_ROTATION


def test_a_renewal_with_nothing_due_loads_no_plugin_and_nothing_that_rotates(deployed, with_nothing, tmp_path):
    """A timer asks that all day; once a day the CA is asked for its roots, too."""
    imported(with_nothing, tmp_path, "renew", "--config", deployed)
    seen = imported(with_nothing, tmp_path, "renew", "--config", deployed)
    assert {"certpush.rotation.glance", "certpush.kit.tls"} <= seen
    assert seen & {"certpush_file", "certpush.rotation.run", "certpush.stepca.client", "http.client", "json", "pluggy"} == set()
    assert not {one for one in seen if one.startswith("certpush.plugins")}
    assert not seen & NOT_FOR_A_ROTATION


NOT_FOR_A_ROTATION = {
    "bz2",
    "certpush.fleet.hearing",
    "certpush.fleet.trusted",
    "certpush.kit.command",
    "certpush.kit.ssh",
    "certpush.kit.starttls",
    "certpush.stepca.durations",
    "certpush.stepca.jose",
    "certpush.window",
    "csv",
    "difflib",
    "encodings.idna",
    "grp",
    "importlib.metadata",
    "lzma",
    "packaging",
    "paramiko",
    "requests",
    "rich",
    "shutil",
    "subprocess",
    "tempfile",
    "urllib3",
    "zipfile",
}


@pytest.fixture
def always_due(place):
    """A configuration with one target of two files, in place, whose certificate is due at any time."""
    place.targets = f"""
[target.due]
kind = "file"
names = ["due.home.example"]
renew_at = "1/100000"
fullchain = "{place.directory}/due.crt"
key_file = "{place.directory}/due.key"
verify = "files"
"""
    done = place.run("deploy")
    assert done.returncode == 0, done.stderr
    return str(place.configuration)


def test_a_renewal_of_files_loads_what_it_needs_and_the_metadata_of_nobody(always_due, with_nothing, tmp_path):
    """Each of these was there once; with what they load in turn they were a tenth of what the renewal cost."""
    seen = imported(with_nothing, tmp_path, "renew", "--config", always_due)
    assert {"certpush.rotation.run", "certpush.stepca.client", "certpush_file"} <= seen
    assert not seen & NOT_FOR_A_ROTATION
    assert not {one for one in seen if one.startswith(("certpush.plugins.isolation", "certpush.stepca.tokens", "certpush_ssh"))}


def test_a_renewal_compiles_no_class_of_ours(always_due, tmp_path):
    """A record is not compiled; what changes and is loaded each time is a plain class."""
    call = f"{CLASSES.replace('    found', '    if rest[0]: found')}\n{CALL.replace(TELL, 'sys.stderr.write(repr(found))')}"
    made = imported_by("-c", call, "renew", "--config", always_due, home=tmp_path)
    assert made <= {"_SSHCipher"}  # of cryptography


def test_checking_the_configuration_loads_nothing_that_talks_to_a_ca_or_to_other_machines(place, with_nothing, tmp_path):
    seen = imported(with_nothing, tmp_path, "config", "check", "--config", str(place.configuration))
    assert {"certpush.fleet.config_check", "certpush_file"} <= seen
    assert not seen & {"certpush.stepca.client", "paramiko", "requests", "sqlite3", "urllib3"}


NODE = """
[target.node]
kind = "proxmox"
names = ["pve1.home.example", "127.0.0.1"]
host = "127.0.0.1"
token_id = "certpush@pve!deploy"
token = "file:{token}"
endpoints = ["127.0.0.1:1"]
"""


@pytest.mark.parametrize(
    "words", [("config", "check"), ("targets",), ("targets", "proxmox"), ("config", "schema"), ("status",), ("history",)]
)
def test_with_a_proxmox_target_nothing_is_loaded_that_talks_to_it_before_it_is_talked_to(place, with_nothing, tmp_path, words):
    (tmp_path / "token").touch(mode=0o600)
    (tmp_path / "token").write_text("11111111-2222-3333-4444-555555555555")
    place.targets = NODE.format(token=tmp_path / "token")
    seen = imported(with_nothing, tmp_path, *words, "--config", str(place.configuration))
    assert any(one.startswith("certpush.cli.") for one in seen)
    assert not seen & {"proxmoxer", "requests", "urllib3"}
    assert ("certpush_proxmox" in seen) == (words[0] in ("config", "targets"))


@pytest.mark.parametrize("root_is_here", [False, True], ids=["no CA is known", "the root is a file"])
def test_looking_into_a_file_loads_no_http_client_where_no_ca_is_asked(place, serve, with_nothing, tmp_path, root_is_here):
    serve("wiki")
    more = []
    if root_is_here:
        (tmp_path / "root.pem").write_bytes(place.ca.root_pem)
        (tmp_path / "rooted.toml").write_text(f'[ca]\nurl = "{place.ca.url}"\nroot = "{tmp_path}/root.pem"\n')
        more = ["--config", str(tmp_path / "rooted.toml")]
    (tmp_path / "home").mkdir()
    seen = imported(with_nothing, tmp_path / "home", "inspect", str(place.directory / "wiki.crt"), *more)
    assert "certpush.cli.verdict" in seen
    assert not seen & {"certpush.stepca.client", "paramiko", "pluggy", "requests", "urllib3"}


def test_the_console_script_leads_to_the_same_door():
    (script,) = metadata.entry_points(group="console_scripts", name="certpush")
    assert script.value == "certpush.cli.main:main"


def test_running_the_package_is_running_the_command(tmp_path):
    said = subprocess.run(
        [sys.executable, "-m", "certpush", "--version"], capture_output=True, text=True, check=True, env=environment(tmp_path)
    )
    assert said.stdout == f"certpush {metadata.version('certpush')}\n"
