"""The container's files, as far as they can be looked at without an engine: they parse, fit each other, and say words that certpush takes."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path

import pytest
import yaml

from certpush.cli.options import parser_for
from certpush.config import load
from certpush.fleet.needs import needs_of
from certpush.plugins import PluginLoader
from docs.reading import ROOT

FOLDER = ROOT / "container"
IMAGE = FOLDER / "Containerfile"
COMPOSE = yaml.safe_load((FOLDER / "compose.yaml").read_text())
LINES = [line for line in IMAGE.read_text().replace("\\\n", " ").splitlines() if line and not line.startswith("#")]


def of(word: str) -> list[str]:
    return [line.partition(" ")[2] for line in LINES if line.startswith(f"{word} ")]


def last_list(word: str) -> list[str]:
    found: list[str] = json.loads(of(word)[-1].partition("CMD ")[2] or of(word)[-1])
    return found


@pytest.mark.parametrize("words", [last_list("CMD"), last_list("HEALTHCHECK")[1:]], ids=" ".join)
def test_what_the_image_calls_is_taken(words: list[str]) -> None:
    from certpush.cli import daemon

    command, *rest = words
    parser = parser_for(command, "as a container runs it")
    daemon.configure(parser)
    assert parser.parse_args(rest).health_file == "/tmp/health.json"
    assert last_list("ENTRYPOINT") == ["certpush"]


def test_the_image_holds_no_secret_and_does_not_run_as_root() -> None:
    assert of("USER") == ["10001:10001"]
    copied = [name for line in of("COPY") if "--from" not in line for name in shlex.split(line)[:-1]]
    assert copied == ["pyproject.toml", "README.md", "LICENSE", "certpush", "plugins"]
    assert [name for name in copied if not (ROOT / name).exists()] == []
    ignored = (ROOT / ".dockerignore").read_text().split()
    assert sorted(line[1:] for line in ignored if line.startswith("!")) == sorted(copied)


def test_what_it_remembers_and_its_secrets_are_where_the_image_says() -> None:
    image = dict(re.findall(r"(\w+)=(\S+)", of("ENV")[0]))
    service = COMPOSE["services"]["certpush"]
    assert f"state:{image['STATE_DIRECTORY']}" in service["volumes"]
    assert of("VOLUME") == [image["STATE_DIRECTORY"]]
    assert (image["CREDENTIALS_DIRECTORY"], service["read_only"], service["cap_drop"]) == ("/run/secrets", True, ["ALL"])


def test_every_secret_of_its_configuration_is_given_to_it_and_the_ca_is_the_one_beside_it() -> None:
    configuration = load(FOLDER / "certpush.toml", {"HOME": "/nonexistent"})
    needs = needs_of(configuration, PluginLoader(), {"HOME": "/nonexistent"})
    assert {one.scheme for one in needs.secrets} == {"cred"}
    assert sorted(one.name for one in needs.secrets) == sorted(COMPOSE["services"]["certpush"]["secrets"])
    assert configuration.ca_tables["default"]["url"] == "https://ca:9000"
    assert {f"secrets/{name}" for name in COMPOSE["secrets"]} == {one["file"] for one in COMPOSE["secrets"].values()}
    files = [volume.split(":")[0] for volume in COMPOSE["services"]["certpush"]["volumes"] if volume.startswith("./")]
    assert [name for name in files if not (FOLDER / Path(name)).exists()] == []


def test_it_has_the_time_to_finish_a_switch() -> None:
    configuration = load(FOLDER / "certpush.toml", {"HOME": "/nonexistent"})
    needs = needs_of(configuration, PluginLoader(), {"HOME": "/nonexistent"})
    assert COMPOSE["services"]["certpush"]["stop_grace_period"] == f"{int(needs.switch.total_seconds()) // 60}m"
