"""docs/output.md and what the commands print are the same: fields, types, values, examples; each command has its section."""

from __future__ import annotations

import copy
import importlib
import json
import re
from pathlib import Path
from typing import Any

import pytest

from certpush import errors
from certpush.cli.commands import COMMANDS as BUILT_IN
from certpush.cli.trust_store.places import Deed
from certpush.model import Action, Known, Outcome, Phase, Severity, Standing, WayBackKind
from cli.frame.documents import COMMANDS, Documents, all_documents
from cli.frame.page import EVERY, PAGE, SIMPLE, Comparison, Page, alike, parsed
from conftest import not_run, once_for_all

pytestmark = pytest.mark.timeout(300)

TEXT = PAGE.read_text()
READ = Page.read(TEXT)
OTHER_SECTIONS = {"When a command fails", "deploy --plan", "targets KIND", "Help and version"}
WITHOUT_EXAMPLE = {"config schema", "completion", "demo", "Help and version"}  # long, and nothing to learn from
ENUMERATED = {
    "receipt: outcome": Outcome,
    "receipt: action": Action,
    "receipt: way_back.kind": WayBackKind,
    "record: phase": Phase,
    "finding: severity": Severity,
    "status: targets[].standing": Standing,
    "store: done": Deed,
    "resolve: unresolved[].there[].known": Known,
}


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory, embedded_ca) -> dict[str, Documents]:
    """The documents of each section."""

    def make(directory: Path) -> None:
        (directory / "made.json").write_text(json.dumps(all_documents(directory, embedded_ca)))

    documents: dict[str, Documents] = json.loads((once_for_all(tmp_path_factory, "documents", make) / "made.json").read_text())
    return documents


def of(made: dict[str, Documents], title: str) -> Documents:
    if not made[title]:
        not_run("an sshd of one's own cannot be started (openssh-server)")
    return made[title]


# --- both sides -------------------------------------------------------------------------------


def test_every_command_has_its_section_and_is_run() -> None:
    modules = {name: importlib.import_module(f"certpush.cli.{name}") for name in BUILT_IN}
    commands = {
        f"{name} {subcommand}".rstrip() for name, module in modules.items() for subcommand in getattr(module, "SUBCOMMANDS", None) or [""]
    }
    assert sorted(READ.commands) == sorted(commands | OTHER_SECTIONS)
    assert set(COMMANDS) == set(READ.commands)


@pytest.mark.parametrize("title", COMMANDS)
def test_every_document_is_as_the_page_says(made, title: str) -> None:
    comparison = Comparison(READ)
    for document in of(made, title):
        assert comparison.document(title, document) == []


@pytest.mark.parametrize("title", [title for title in COMMANDS if title not in ("When a command fails", "Help and version")])
def test_every_document_names_its_command(made, title: str) -> None:
    command = {"deploy --plan": "deploy", "targets KIND": "targets"}.get(title, title)
    assert {document["command"] for document in of(made, title)} == {command}


def test_what_the_page_promises_is_seen_in_documents(made) -> None:
    """Each field with a value, each "or null" as null, each "missing" left out: otherwise the page says what is not so."""
    comparison = Comparison(READ)
    for title, documents in made.items():
        for document in documents:
            comparison.document(title, document)
    run = {name: one for name, one in READ.fields.items() if made.get(name.partition(":")[0], True)}
    if not any("killed" in step for step in made["demo"][0]["steps"]):  # no pfSense box is possible here
        run = {name: one for name, one in run.items() if not name.startswith("demo: steps[].killed")}
    wanted = {(name, "value") for name in run}
    wanted |= {(name, "null") for name, one in run.items() if one.null}
    wanted |= {(name, "missing") for name, one in run.items() if one.missing}
    assert sorted(wanted - {(name, state) for name, states in comparison.seen.items() for state in states}) == []


def test_an_error_and_a_zero_exclude_each_other_and_errors_are_those_that_there_are(made) -> None:
    documents = [document for several in made.values() for document in several]
    for document in (one for one in documents if "error" in one):
        assert document["exit"] != 0
        assert issubclass(getattr(errors, document["error"]["type"]), errors.CertpushError)
    assert {document["exit"] for document in documents} >= {0, 1, 2, 5}


def test_the_steps_of_the_demo_are_the_documents_of_its_commands(made) -> None:
    comparison = Comparison(READ)
    head = {key: made["demo"][0][key] for key in ("certpush", "command", "exit")}
    for step in made["demo"][0]["steps"]:
        if "killed" in step:  # before it printed any
            continue
        own = {key: value for key, value in step.items() if key != "command"}
        name = step["command"].split()[1]
        assert comparison.document(name, head | own) == []


@pytest.mark.parametrize("name", ENUMERATED)
def test_one_of_names_every_value_that_there_is(name: str) -> None:
    assert READ.fields[name].choices == {str(one) for one in ENUMERATED[name]}


def test_only_known_types_stand_in_the_page() -> None:
    parts = {f"[{title}](#{title})" for title in READ.sections}
    kinds = {one.type.removeprefix("list of ") for one in READ.fields.values()}
    assert kinds <= {*SIMPLE, "object", *parts}
    assert all(one.choices for one in READ.fields.values() if one.name in ENUMERATED)
    assert len(READ.fields) == len(re.findall(r"^\| `", TEXT, re.MULTILINE))


# --- examples ---------------------------------------------------------------------------------


def test_every_section_has_its_example() -> None:
    assert set(READ.examples) == set(READ.commands) - WITHOUT_EXAMPLE
    assert "@@" not in TEXT


@pytest.mark.parametrize("title", READ.examples)
def test_an_example_is_a_real_document_shortened(made, title: str) -> None:
    for example in map(parsed, READ.examples[title]):
        assert Comparison(READ).shortened(title, example) == []
        assert list(example)[:3] == ["certpush", "command", "exit"]
        assert any(alike(example, document) for document in of(made, title)), f"none of the real ones: {of(made, title)}"


# --- the comparison itself --------------------------------------------------------------------

DEMO_PAGE = """\
## Every document

| field | type | meaning |
|---|---|---|
| `exit` | number | the code |
| `error` | [error](#error) | why; missing where all is well |

### error

| field | type | meaning |
|---|---|---|
| `message` | text | what happened |

## look

| field | type | meaning |
|---|---|---|
| `targets` | list of object | each |
| `targets[].name` | text | its name |
| `targets[].how` | text | one of `good`, `bad` (not good, `really`) |
| `targets[].ends` | moment or null | the end |
| `targets[].last` | [error](#error) or null | the last error |
"""
GOOD: dict[str, Any] = {"exit": 0, "targets": [{"name": "wiki", "how": "good", "ends": "2026-11-26T22:24:03Z", "last": {"message": "no"}}]}


def changed(**target: object) -> dict[str, Any]:
    document = copy.deepcopy(GOOD)
    document["targets"][0].update(target)
    return document


@pytest.mark.parametrize(
    ("document", "problem"),
    [
        (GOOD, None),
        (changed(ends=None, last=None), None),
        ({"exit": 1, "error": {"message": "no"}}, None),
        (changed(name=None), "look.targets[0].name is null"),
        (changed(name=3), "look.targets[0].name is no text: 3"),
        (changed(how="really"), "look.targets[0].how is none of ['bad', 'good']: 'really'"),
        (changed(ends="2026-11-26T22:24:03+00:00"), "look.targets[0].ends is no moment: '2026-11-26T22:24:03+00:00'"),
        (changed(more=1), "look.targets[0].more is not in the page"),
        (changed(last={}), "look.targets[0].last.message is missing"),
        (changed(last=[]), "look.targets[0].last is no object: []"),
        ({"exit": 0, "targets": {}}, "look.targets is no list of object: {}"),
        ({"exit": True, "targets": []}, "look.exit is no number: True"),
        ({"exit": 0}, "look.targets is missing"),
        ({"exit": 0, "targets": [], "why": ""}, "look.why is not in the page"),
    ],
    ids=str,
)
def test_whatever_differs_from_the_page_is_found(document: dict[str, Any], problem: str | None) -> None:
    assert Comparison(Page.read(DEMO_PAGE)).document("look", document) == ([problem] if problem else [])


def test_what_was_not_seen_is_known() -> None:
    comparison = Comparison(Page.read(DEMO_PAGE))
    comparison.document("look", GOOD)
    assert comparison.seen[f"{EVERY}: error"] == {"missing"}
    assert comparison.seen["look: targets[].ends"] == {"value"}
    comparison.document("look", changed(ends=None))
    assert comparison.seen["look: targets[].ends"] == {"value", "null"}


@pytest.mark.parametrize(
    ("example", "real", "same"),
    [
        ({"a": 1}, {"a": 1, "b": 2}, True),
        ({"a": 1, "b": 2}, {"a": 1}, False),
        ([2], [1, 2, 3], True),
        ([3, 1], [1, 2, 3], False),
        ([], [1], False),
        ([], [], True),
        ("at /etc/tls/a.crt", "at /tmp/x-1/a.crt", True),
        ("at /etc/tls/a.crt", "at /tmp/x-1/b.crt", False),
        ("at /etc/tls/a.crt", "at /tmp/pytest-of-somebody/pytest-0/documents0/a.crt", True),
        ("/a/step/root_ca.crt", "/tmp/a/b/documents0/step/certs/long/root_ca.crt", True),
        ("key SHA256:Gu/L0707DC0bPp/MIGIYSk9uGwd3vx98RAQ03yzHs/o", "key SHA256:/u+/0707DC0bPp/MIGIYSk9uGwd3vx98RAQ03yzHs/o", True),
        ("wiki.home.example:443", "127.0.0.1:40123", True),
        ("https://ca.home.example:9000", "https://127.0.0.1:40123", True),
        ("2026-11-26T22:24:03Z", "2027-01-01T00:00:00Z", True),
        ("11h59m left", "12h left", True),
        ("forced", "first certificate", False),
        (42000, 43199, True),
        (-0.8, 0.2, True),
        ("a", 43199, False),
        (0, 1, False),
        (False, True, False),
        (None, "", False),
    ],
    ids=str,
)
def test_an_example_may_be_shorter_and_is_else_the_same(example: Any, real: Any, same: bool) -> None:
    assert alike(example, real) is same
