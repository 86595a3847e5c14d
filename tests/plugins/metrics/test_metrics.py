"""The metrics observer: what Prometheus' own client reads in the file, run after run."""

from __future__ import annotations

import math
from datetime import timedelta
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from certpush import Outcome
from certpush.config import from_tables
from certpush.errors import ConfigError, ObserverFailed, SafetyRefusal
from certpush.kit.settings import convert
from certpush_metrics import certpush_observer
from certpush_metrics.exposition import exposition
from certpush_metrics.settings import MetricsSettings, what_is_wrong
from certpush_metrics.tally import Known, Tally
from plugins.runs import DAY, NOON, Scheduler, failed, receipt, skipped


@pytest.fixture
def page(tmp_path):
    (tmp_path / "state").mkdir(mode=0o700)
    return Scheduler(certpush_observer(), MetricsSettings(file=str(tmp_path / "certpush.prom")), tmp_path / "state")


def series(page: Scheduler) -> dict[tuple[str, str], float]:
    """What stands in the file: by name and by what tells its series apart."""
    families = list(text_string_to_metric_families(Path(page.settings.file).read_text()))
    assert all(family.documentation and family.type in ("gauge", "counter") for family in families)
    return {
        (sample.name, "/".join(value for label, value in sample.labels.items() if label != "kind")): sample.value
        for family in families
        for sample in family.samples
    }


def of(page: Scheduler, name: str) -> dict[str, float]:
    return {labels: value for (one, labels), value in series(page).items() if one == f"certpush_{name}"}


def test_each_target_has_its_series(page):
    assert page.run(receipt("wiki"), failed("mail")) == f"2 targets in {page.settings.file}"
    assert of(page, "certificate_not_before_timestamp_seconds") == {"wiki": NOON.timestamp(), "mail": NOON.timestamp()}
    assert of(page, "certificate_not_after_timestamp_seconds")["wiki"] == (NOON + DAY).timestamp()
    assert of(page, "certificate_due_timestamp_seconds")["wiki"] == (NOON + timedelta(hours=16)).timestamp()
    assert of(page, "certificate_danger_timestamp_seconds")["wiki"] == (NOON + timedelta(hours=20)).timestamp()
    assert of(page, "last_attempt_timestamp_seconds") == {"wiki": NOON.timestamp(), "mail": NOON.timestamp()}
    assert of(page, "last_success_timestamp_seconds") == {"wiki": NOON.timestamp()}
    assert of(page, "rotations_total") == {"wiki": 1, "mail": 0}
    assert of(page, "failures_total") == {"wiki": 0, "mail": 1}
    outcomes = of(page, "last_outcome")
    assert len(outcomes) == 2 * len(Outcome)
    assert [name for name, value in outcomes.items() if value] == ["mail/failed", "wiki/rotated"]
    assert set(of(page, "build_info").values()) == {1}


def test_the_file_is_for_others_to_read_and_the_memory_is_not(page, tmp_path):
    page.run(receipt("wiki"))
    assert (tmp_path / "certpush.prom").stat().st_mode & 0o777 == 0o644
    assert (tmp_path / "state" / "observers" / "it.json").stat().st_mode & 0o777 == 0o600
    page.settings = MetricsSettings(file=page.settings.file, mode="0640")
    page.run(receipt("wiki"))
    assert (tmp_path / "certpush.prom").stat().st_mode & 0o777 == 0o640
    assert sorted(one.name for one in tmp_path.iterdir()) == ["certpush.prom", "state"], "no part of a file is left for node_exporter"


def test_a_run_for_one_target_leaves_the_others_as_they_were_and_counters_go_on(page):
    page.run(receipt("wiki"), receipt("mail"))
    page.now += timedelta(hours=1)
    page.run(receipt("wiki"))
    assert of(page, "rotations_total") == {"wiki": 2, "mail": 1}
    assert of(page, "last_attempt_timestamp_seconds")["mail"] == NOON.timestamp()
    page.now += timedelta(hours=1)
    page.run(receipt("wiki", Outcome.UNCHANGED))
    assert of(page, "rotations_total")["wiki"] == 2
    assert of(page, "last_success_timestamp_seconds")["wiki"] == page.now.timestamp()


def test_a_removed_target_vanishes(page):
    page.run(receipt("wiki"), receipt("mail"))
    del page.targets["mail"]
    page.run()
    assert of(page, "rotations_total") == {"wiki": 1}


def test_one_that_is_not_enabled_and_was_named_stands_while_it_is_heard(page):
    page.run(receipt("wiki"), receipt("other"))
    assert set(of(page, "rotations_total")) == {"wiki", "other"}
    page.run(receipt("wiki"))
    assert set(of(page, "rotations_total")) == {"wiki"}


def test_a_turn_that_did_not_come_says_nothing_of_the_target(page):
    page.run(receipt("wiki"))
    page.now += timedelta(hours=1)
    page.run(skipped("wiki"), skipped("mail"))
    assert of(page, "last_attempt_timestamp_seconds") == {"wiki": NOON.timestamp()}
    assert of(page, "failures_total") == {"wiki": 0, "mail": 0}
    assert [name for name, value in of(page, "last_outcome").items() if value] == ["wiki/rotated"]


def test_going_back_on_request_is_no_failure(page):
    page.run(receipt("wiki", Outcome.ROLLED_BACK), command="rollback")
    assert of(page, "failures_total") == {"wiki": 0}
    page.run(failed("wiki", outcome=Outcome.ROLLED_BACK))
    assert of(page, "failures_total") == {"wiki": 1}


def test_members_come_and_go_with_their_cluster(page):
    page.run(receipt("wiki/one"), receipt("wiki/two"))
    assert set(of(page, "rotations_total")) == {"wiki/one", "wiki/two"}
    page.run(receipt("wiki/one", Outcome.ROLLED_BACK), command="rollback")
    assert set(of(page, "rotations_total")) == {"wiki/one", "wiki/two"}, "one member only was meant"
    page.run(failed("wiki"))
    assert set(of(page, "rotations_total")) == {"wiki", "wiki/one", "wiki/two"}, "nobody could list them"
    page.run(receipt("wiki/one"))
    assert set(of(page, "rotations_total")) == {"wiki/one"}
    page.run(receipt("wiki"))
    assert set(of(page, "rotations_total")) == {"wiki"}, "it is no cluster any more"


def test_the_last_run_of_each_command_is_told(page):
    observer = page.open("renew")
    page.now += timedelta(seconds=2.5)
    observer.close()
    page.run(receipt("wiki"), failed("mail"), command="deploy")
    assert of(page, "last_run_duration_seconds") == {"renew": 2.5, "deploy": 0}
    assert of(page, "last_run_timestamp_seconds")["renew"] == page.now.timestamp()
    assert of(page, "last_run_targets") == {"renew": 0, "deploy": 2}
    assert of(page, "last_run_failures") == {"renew": 0, "deploy": 1}


def test_when_a_foreign_certificate_is_due_is_not_told(page, monkeypatch):
    whole = page.validity()
    monkeypatch.setattr(page, "validity", lambda: type(whole)(whole.not_before, whole.not_after, whole.danger_from))
    page.run(receipt("wiki", Outcome.REFUSED))
    assert of(page, "certificate_due_timestamp_seconds") == {}
    assert of(page, "certificate_danger_timestamp_seconds")["wiki"] > 0


def test_labels_cannot_break_out(page):
    odd = 'a"b\\c\nd} 1'
    text = exposition(Tally({odd: Known(kind="ssh", outcome="rotated", rotations=1)})).decode()
    (family,) = [one for one in text_string_to_metric_families(text) if one.name == "certpush_rotations"]
    assert family.samples[0].labels["target"] == odd
    assert not math.isnan(family.samples[0].value)


def test_a_memory_of_another_form_is_begun_anew(page):
    page.open().close()
    (page.directory / "observers" / "it.json").write_text('{"targets": 5}')
    page.run(receipt("wiki"))
    assert of(page, "rotations_total") == {"wiki": 1}


def test_trying_it_writes_what_is_known_and_counts_nothing(page):
    page.run(receipt("wiki"))
    before = series(page)
    assert page.open("test").test() == f"1 target in {page.settings.file}"
    assert series(page) == before


def test_where_it_cannot_write_the_old_file_stays(page, tmp_path, monkeypatch):
    page.run(receipt("wiki"))
    page.settings = MetricsSettings(file=str(tmp_path / "gone" / "certpush.prom"))
    with pytest.raises(ObserverFailed, match="No such file or directory"):
        page.run(receipt("wiki"))
    (tmp_path / "link.prom").symlink_to(tmp_path / "victim")
    page.settings = MetricsSettings(file=str(tmp_path / "link.prom"))
    with pytest.raises(SafetyRefusal, match="symbolic link"):
        page.run(receipt("wiki"))


# --- settings -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("table", "problem"),
    [
        ({}, "the key 'file' is missing"),
        ({"file": "certpush.prom"}, "no full path"),
        ({"file": "/var/lib/certpush.txt"}, "does not end with .prom"),
        ({"file": "/a.prom", "mode": "0666"}, "only its owner writes"),
        ({"file": "/a.prom", "mode": "rw"}, "only its owner writes"),
        ({"file": "/a.prom", "fiel": "x"}, "unknown key"),
    ],
    ids=str,
)
def test_a_wrong_table_is_refused_with_its_path(table, problem):
    spec = from_tables({"observer": {"page": {"kind": "metrics", **table}}}, {"HOME": "/"}).observers["page"]
    with pytest.raises(ConfigError, match=problem) as refused:
        convert(spec.table, MetricsSettings, path=spec.path, read_secret=lambda _: None)
    assert refused.value.message.startswith("observer.page")
    assert refused.value.hint


def test_a_directory_that_is_not_there_or_not_ours_is_found_before(tmp_path, monkeypatch):
    assert what_is_wrong(MetricsSettings(file=str(tmp_path / "a.prom")))[0].severity == "ok"
    (missing,) = what_is_wrong(MetricsSettings(file=str(tmp_path / "gone" / "a.prom")))
    assert (missing.severity, missing.message) == ("error", f"there is no directory {tmp_path}/gone")
    monkeypatch.setattr("os.access", lambda *_: False)
    (closed,) = what_is_wrong(MetricsSettings(file=str(tmp_path / "a.prom")))
    assert "not ours to write to" in closed.message
