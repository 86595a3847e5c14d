"""docs/observers.md and the alert rules are as the observers are: tables that can be read, series that there are."""

from __future__ import annotations

import re
import tomllib

import pytest
import yaml

from certpush import Secret
from certpush.config import from_tables
from certpush.fleet.observing import read_observer
from certpush.plugins import PluginLoader
from certpush_metrics.exposition import exposition
from certpush_metrics.tally import Known, Ran, Tally
from certpush_notify.message import message_of
from certpush_notify.settings import OCCASIONS
from docs.reading import ROOT, blocks

PAGE = ROOT / "docs" / "observers.md"
RULES = ROOT / "docs" / "prometheus" / "certpush.rules.yml"
EVERYTHING = Tally({"wiki": Known("ssh", "rotated", 1.0, 1.0, 1, 1, 1.0, 1.0, 1.0, 1.0)}, {"renew": Ran(1.0, 1.0, 1, 0)})
SERIES = {
    name: set(re.findall(r'(\w+)="', labels))
    for name, labels in re.findall(r"^(\w+)\{(.*)\}", exposition(EVERYTHING).decode(), re.MULTILINE)
}


@pytest.mark.parametrize("block", blocks(PAGE, "toml"))
def test_every_table_of_the_page_can_be_read(block: str) -> None:
    loader = PluginLoader()
    for spec in from_tables(tomllib.loads(block), {"HOME": "/"}).observers.values():
        settings = read_observer(spec, loader.load_observer(spec.kind), Secret)
        assert settings


def test_the_page_has_every_series_with_its_labels() -> None:
    told: dict[str, set[str]] = {}
    for row in re.findall(r"^\| (`certpush_.*?) \| (.*?) \|", PAGE.read_text(), re.MULTILINE):
        told.update({name: set(row[1].split(", ")) for name in re.findall(r"`(\w+)`", row[0])})
    assert told == SERIES


def test_every_occasion_is_explained() -> None:
    assert [one for one in OCCASIONS if f"| `{one}` |" not in PAGE.read_text()] == []
    assert message_of([], host="x", now=None).severity == "info"


def test_the_alert_rules_are_rules_about_series_that_there_are() -> None:
    (group,) = yaml.safe_load(RULES.read_text())["groups"]
    assert len({rule["alert"] for rule in group["rules"]}) == len(group["rules"]) == 5
    for rule in group["rules"]:
        assert set(rule) <= {"alert", "expr", "for", "labels", "annotations"}
        assert set(re.findall(r"certpush_\w+", rule["expr"])) <= set(SERIES), rule["alert"]
        assert rule["labels"]["severity"] in ("critical", "warning")
        assert set(rule["annotations"]) == {"summary", "description"}
        (name,) = re.findall(r"certpush_\w+", rule["expr"])
        known = SERIES[name] | {"instance"}  # Prometheus' own
        assert set(re.findall(r"\$labels\.(\w+)", str(rule["annotations"]))) <= known
        assert set(re.findall(r'(\w+)=~?"', rule["expr"])) <= SERIES[name]
