"""What the benchmarks say is what was measured: ratios pair by pair, verdicts, and no figure for a process that did something else."""

from __future__ import annotations

import json
import subprocess
import sys
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from xml.etree import ElementTree as ET

import pytest

from certpush.config import load
from certpush.plugins import PluginLoader
from certpush.testing.authority import Authority

BENCHMARKS = Path(__file__).parents[3] / "benchmarks"
NAMES = (
    "pairs",
    "rows",
    "picture",
    "tools",
    "parts",
    "obtain",
    "on_proxmox",
    "few_looks",
    "config_splice",
    "splice_bytes",
    "many",
    "fleet",
    "document",
    "over_there",
)


@pytest.fixture
def bench(monkeypatch):
    """The benchmarks' modules, which import each other by their plain names; gone from the interpreter afterwards."""
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    found = SimpleNamespace(**{name: __import__(name) for name in NAMES})
    yield found
    for name in NAMES:
        sys.modules.pop(name, None)


@pytest.fixture
def runner(bench, tmp_path):
    with bench.pairs.Runner(tmp_path) as runner:
        yield runner


def python(bench, code: str, **more):
    return bench.pairs.Command(name="it", argv=[sys.executable, "-I", "-S", "-c", code], **more)


def row(bench, ours: list[float], theirs: list[float], **more):
    sides = (tuple(bench.pairs.Cost(cpu, 2 * cpu, 12.0) for cpu in side) for side in (ours, theirs))
    return bench.rows.Row(group="g", what="ours", against="theirs", pairs=bench.pairs.Pairs(*sides), **more)


def test_a_ratio_is_the_median_of_the_pairs_and_not_of_the_sides(bench):
    # The second pair ran while the machine was busy with something else: both took ten times as long.
    assert row(bench, [0.02, 0.20, 0.06], [0.01, 0.10, 0.01]).ratio == pytest.approx(2)


@pytest.mark.parametrize(("goal", "verdict"), [(None, "no goal"), (2.0, "met"), (1.9, "NOT MET")])
def test_a_goal_is_the_most_that_ours_may_cost(bench, goal, verdict):
    assert row(bench, [0.02] * 3, [0.01] * 3, goal=goal).verdict == verdict


def test_a_goal_may_be_of_wall_time_as_well(bench):
    assert row(bench, [0.02] * 3, [0.01] * 3, goal=2.0, wall_goal=1.9).verdict == "NOT MET in wall time"
    assert row(bench, [0.02] * 3, [0.01] * 3, goal=2.0, wall_goal=2.1).verdict == "met"


def test_results_take_the_place_of_earlier_ones_in_the_page(bench):
    figure = bench.rows.Figure(group="memory", what="more", value=4.21, unit="MiB", goal=4)
    rows = [row(bench, [0.03], [0.01], goal=2), bench.rows.Row(group="g", what="absent", against="x", not_run="why"), figure]
    about = dict.fromkeys(bench.document._MACHINE, "it") | {"date": "2026-11-27 10:00 UTC", "load": "0.5 before"}
    results = {"machine": about, "rows": [one.document() for one in rows]}
    page = f"# Title\n{bench.document.BEGIN}old\n{bench.document.END}the rest\n"
    once = bench.document.written(page, [results])
    assert once == bench.document.written(once, [results])
    assert once.startswith("# Title\n")
    assert once.endswith("the rest\n")
    assert "| ours | theirs | 30 | 10 | 3.00 | 3.00-3.00 | 2 | **missed** | 3.00 |" in once
    assert "| more | 4.21 MiB | 4 | **missed** |" in once
    assert "not run: why" in once
    assert "old" not in once


def test_a_figure_stands_by_itself(bench):
    figure = bench.rows.Figure(group="memory", what="more for 3000", value=4.21, unit="MiB", goal=4)
    assert figure.document()["verdict"] == "NOT MET"
    assert "more for 3000: 4.21 MiB (goal: at most 4), NOT MET" in bench.rows.table([figure])


def test_a_figure_may_have_no_goal(bench):
    figure = bench.rows.Figure(group="over there", what="sshd", value=4.21, unit="ms")
    assert figure.document()["verdict"] == "no goal"
    assert bench.rows.table([figure]).endswith("  sshd: 4.21 ms")
    about = dict.fromkeys(bench.document._MACHINE, "it") | {"date": "2026-11-27 10:00 UTC", "load": "0.5 before"}
    page = bench.document.written(f"{bench.document.BEGIN}{bench.document.END}", [{"machine": about, "rows": [figure.document()]}])
    assert "| sshd | 4.21 ms | - |  |" in page


def test_what_a_server_started_is_counted_also_once_it_has_ended(bench):
    busy = "import sys, time\nwhile time.process_time() < 0.3: pass\nprint(flush=True)\nsys.stdin.read()"
    shell = f"{sys.executable} -I -S -c '{busy}'; echo; cat"
    with subprocess.Popen(["/bin/sh", "-c", shell], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as server:
        server.stdout.readline()
        assert bench.over_there.cpu_of(server.pid) >= 0.25  # its child lives, and waits for us
        server.stdin.close()
    assert bench.over_there.cpu_of(server.pid) == 0  # nobody there any more


def test_what_many_targets_cost_is_told_for_one(bench, runner):
    cost = runner.run(python(bench, 'print(\'{"cpu": 10, "wall": 20}\')', tells=True, times=5))
    assert (cost.cpu, cost.wall) == (2, 4)


def test_a_fleet_is_described_as_its_user_would(bench, tmp_path):
    """The configurations can be read, and each target has a name, files and an endpoint of its own."""
    ca = SimpleNamespace(url="https://127.0.0.1:1", provisioner="admin")
    over = SimpleNamespace(host="127.0.0.1", port=22, user="root", client_key_path="/key", host_key_fingerprint="SHA256:" + "A" * 43)
    there = bench.many.Many(tmp_path, 443, over, ca)
    names = bench.many.names(3)
    there.make(names)
    assert {one.name for one in (tmp_path / "t0002").iterdir()} == {"site.crt", "site.key"}
    fleet = load(there.configuration(tmp_path / "fleet.toml", names), {})
    assert [one.endpoints[0].name for one in fleet.targets.values()] == [f"{name}.example" for name in names]
    runs = SimpleNamespace(directory=tmp_path)
    scanned = load(Path(bench.fleet.files_here(runs, there, tmp_path / "scan.toml", 3, served=True)), {})
    assert {one.certificate.name for one in scanned.targets.values()} == {"shared"}


def test_what_was_not_run_has_no_figure_and_says_why(bench):
    absent = bench.rows.Row(group="g", what="ours", against="theirs", goal=2, not_run="nginx not here")
    assert absent.verdict == "not run"
    assert absent.document()["not_run"] == "nginx not here"
    assert "not run: nginx not here" in bench.rows.table([absent])
    assert bench.tools.missing({"nginx": None, "ssh": Path("/bin/ssh")}, "nginx", "ssh") == "nginx not here"


def test_the_table_and_the_document_tell_the_same(bench):
    one = row(bench, [0.04, 0.03], [0.01, 0.01], goal=2, p2c=600_000)
    assert one.document()["cpu"] == {"ratio": pytest.approx(3.5), "lowest": pytest.approx(3), "highest": pytest.approx(4)}
    table = bench.rows.table([one])
    assert all(word in table for word in ("3.50", "[3.00-4.00]", "600,000", "<= 2x", "NOT MET"))


def test_the_picture_is_xml_and_shows_each_row_that_was_run(bench):
    rows = [
        row(bench, [0.01], [1.0], goal=0.02),
        bench.rows.Row(group="g", what="absent", against="x", not_run="why"),
        row(bench, [3.0], [1.0]),
    ]
    drawn = ET.fromstring(bench.picture.picture([one.document() for one in rows], "a < b"))
    said = ["".join(one.itertext()) for one in drawn.iter("{http://www.w3.org/2000/svg}text")]
    assert {"a < b", "0.010x", "3.00x"} <= set(said)
    assert said.count("against theirs") == 2
    assert "absent" not in said


def test_two_processes_are_run_in_turn_and_the_first_pair_does_not_count(bench, runner, tmp_path):
    def one(name: str):
        return python(bench, f"open({str(tmp_path / 'order')!r}, 'a').write({name!r})")

    pairs = runner.alternate(one("A"), one("B"), 2)
    assert (tmp_path / "order").read_text() == "ABABAB"
    assert len(pairs.ours) == len(pairs.theirs) == 2
    assert all(cost.cpu > 0 and cost.wall > 0 and cost.peak > 1 for cost in (*pairs.ours, *pairs.theirs))


@pytest.mark.parametrize(
    ("code", "expects"), [("print('other')", "wanted"), ("import sys; print('wanted'); sys.exit(3)", "wanted")], ids=["says else", "fails"]
)
def test_a_process_that_did_something_else_has_no_figure(bench, runner, code, expects):
    with pytest.raises(bench.pairs.Broken, match="it: exit"):
        runner.run(python(bench, code, expects=expects))


def test_a_process_may_measure_a_part_of_itself(bench, runner):
    cost = runner.run(python(bench, """print('{"cpu": 0.5, "wall": 0.25}')""", tells=True))
    assert (cost.cpu, cost.wall) == (0.5, 0.25)


def test_nothing_of_the_caller_s_environment_reaches_what_is_measured(bench, runner, monkeypatch):
    monkeypatch.setenv("PYTHONDONTWRITEBYTECODE", "1")
    runner.run(python(bench, "import os; print(sorted(os.environ))", expects="['HOME', 'LANG', 'PATH']"))


# --- the deploy on a Proxmox node ---------------------------------------------------------------


@pytest.fixture
def nodes(bench, tmp_path):
    """Two nodes in a process of their own, and the CA that signs for them."""
    ca = Authority("Bench")
    with bench.on_proxmox._nodes(tmp_path, ca, "ours", "theirs") as started:
        yield started, ca


def test_where_step_is_missing_proxmoxer_is_still_measured_and_without_a_ca_nothing_is(bench, runner):
    here = dict.fromkeys(("step", "step-ca", "curl", "openssl"), Path("/bin/true"))
    absent = bench.parts.Bench(runner, here | {"step-ca": None, "curl": None}, None)
    rows = list(bench.on_proxmox.measure(absent))
    assert [(one.against, one.not_run) for one in rows] == [
        (bench.on_proxmox.SCRIPT, "step-ca, curl not here"),
        (bench.on_proxmox.SCRIPT, "step-ca, curl not here"),
        (bench.on_proxmox.POST, "step-ca not here"),
    ]


def test_the_bare_post_puts_a_pair_on_the_node_and_recognises_the_node_again_afterwards(bench, runner, nodes):
    (_, theirs), ca = nodes
    post = bench.on_proxmox._post(bench.parts.Bench(runner, {}, None), ca, theirs)
    assert all(runner.run(post).cpu > 0 for _ in range(2))


def test_what_reaches_a_node_is_written_down_for_its_owner_alone(bench, nodes):
    (ours, theirs), _ = nodes
    assert {path.name for path in ours.directory.iterdir() if path.stat().st_mode & 0o077} == {"ca.pem", "trusted.pem"}
    assert json.loads((theirs.directory / "access.json").read_text())["name"] == "theirs"
    assert ours.port != theirs.port


def test_nodes_end_with_the_benchmark(bench, tmp_path):
    started = []
    real = bench.on_proxmox.subprocess.Popen
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(bench.on_proxmox.subprocess, "Popen", lambda *words, **how: started.append(real(*words, **how)) or started[0])
        with bench.on_proxmox._nodes(tmp_path, Authority("Bench"), "one"):
            assert started[0].poll() is None
    assert started[0].returncode == 0


def told(kind, name: str):
    """A field of a kind; functions that are made for each asking are equal when they do the same."""
    value = getattr(kind, name)
    return (value.func, value.args) if isinstance(value, partial) else value


def test_few_looks_are_the_command_with_nothing_but_the_time_of_looks_changed(bench):
    usual = PluginLoader().load_kind("proxmox")
    hurried = bench.few_looks._load_hurried(PluginLoader(), "proxmox")
    changed = {name for name in usual.__dataclass_fields__ if told(usual, name) != told(hurried, name)}
    assert changed == {"steady"}
    assert not hurried.steady


def test_the_large_config_has_what_is_edited_and_the_edit_is_made(bench, tmp_path, capsys):
    before, after, body = (tmp_path / one for one in ("before.xml", "after.xml", "body"))
    before.write_bytes(bench.config_splice.large_config(300_000))
    body.write_text("bWFkZSB1cA==")
    bench.splice_bytes.main(str(before), str(after), str(body))
    assert capsys.readouterr().out == f"edited into {after.stat().st_size} bytes\n"
    old, new = (ET.parse(one).getroot() for one in (before, after))
    assert 290_000 < before.stat().st_size < 330_000
    assert new.findtext("system/webgui/ssl-certref") == new.findall("cert")[-1].findtext("refid") == bench.splice_bytes.CERT
    assert len(new) == len(old) + 2


@pytest.mark.parametrize(("peak", "verdict"), [(24.0, "met"), (25.0, "NOT MET")])
def test_memory_has_a_goal_of_its_own(bench, peak, verdict):
    pairs = bench.pairs.Pairs((bench.pairs.Cost(1, 1, peak),), (bench.pairs.Cost(1, 1, 80.0),))
    assert f"at most 15 more, {verdict})" in bench.config_splice._memory(pairs, 10_000_000)
