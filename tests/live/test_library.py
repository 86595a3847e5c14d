"""The library as a program's author uses it: what docs/library.md shows, and beyond."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import tomllib
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

import certpush
from certpush import (
    Action,
    CertificateRequest,
    CertpushError,
    ConfigError,
    Event,
    Fleet,
    Interrupted,
    Outcome,
    SafetyRefusal,
    Standing,
    StateError,
    TargetError,
)
from certpush.errors import NoWayBack, TargetRefused
from docs.reading import ROOT, blocks

PAGE = ROOT / "docs" / "library.md"
BLOCKS = blocks(PAGE, "python")
PROGRAM = ROOT / "tests" / "typing" / "nightly.py"

pytestmark = [pytest.mark.live, pytest.mark.timeout(120)]
by_files = pytest.mark.parametrize("site", ["file"], indirect=True)


DNS_HINT = "add it to your DNS, where clients should find it by that name; nothing to do where only others resolve it"


def block(mark: str) -> str:
    (found,) = [one for one in BLOCKS if mark in one]
    return found


def run(site, text: str) -> subprocess.CompletedProcess[str]:
    """Run a program beside the site's configuration; a warning ends it."""
    assert site.configuration.name == "certpush.toml"
    return subprocess.run(
        [sys.executable, "-W", "error", "-c", text],
        cwd=site.directory,
        capture_output=True,
        text=True,
        timeout=90,
        check=False,
        env={**os.environ, "HOME": str(site.directory)},
    )


def ran(site, text: str) -> str:
    done = run(site, text)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    return done.stdout


def tables_of(site) -> dict:
    return tomllib.loads(site.configuration.read_text())


MAIL = '[target.mail]\nkind = "file"\nnames = ["mail.home.example"]\ntags = ["edge"]\nverify = "files"\n'


def with_mail(site) -> None:
    site.extra_tables = f'{MAIL}fullchain = "{site.directory}/mail.crt"\nkey_file = "{site.directory}/mail.key"\n'


# --- what the page shows ----------------------------------------------------------------------


def test_deploying_and_going_back(site):
    before = site.served
    earliest = datetime.now(UTC) + timedelta(hours=24)
    said = ran(site, block("receipt.error.hint"))
    latest = datetime.now(UTC) + timedelta(hours=24)
    assert said in {f"wiki: rotated, until {one:%Y-%m-%d}\n" for one in (earliest, latest)}
    first = site.served
    assert first != before
    said = ran(site, block("observe=watch")).splitlines()
    phases = [line.split()[2] for line in said]
    assert phases[0] == "inspect"
    assert phases[-2:] == ["done", "ended"]
    assert set(phases) >= {"plan", "preflight", "obtain", "stage", "activate", "verify", "confirm"}
    assert site.served != first
    out, *history = ran(site, block("fleet.rollback")).splitlines()
    assert out == f"rolled-back {first}"
    assert site.served == first
    assert [line.split()[-1] for line in history] == ["rolled-back", "rotated"]


@by_files
def test_looking_before(site):
    out = ran(site, block("fleet.doctor()")).splitlines()
    assert out[0].startswith("wiki obtain first certificate | way back: ")
    assert out[1].startswith("wiki new ")
    assert [line for line in out if "->" in line] == [f"target.wiki wiki.home.example does not resolve here: no such name -> {DNS_HINT}"]
    assert not (site.directory / "state").exists()


@by_files
def test_a_configuration_without_a_file(site):
    text = block("Fleet.from_tables(tables)")
    ca = tables_of(site)["ca"]
    for shown, real in {
        "https://ca.local.lan:9000": ca["url"],
        "0d7d3834cf187726cf331c40a31aa7ef6b29ba4df601416c9788f6ee01058cf3": ca["fingerprint"],
        "file:/etc/certpush/provisioner-password": ca["password"],
        "/var/lib/certpush": f"{site.directory}/state-of-its-own",
        "/etc/ssl": str(site.directory),
    }.items():
        assert shown in text
        text = text.replace(shown, real)
    assert ran(site, text) == "mail rotated\n"
    assert (site.directory / "mail.crt").is_file()


@by_files
def test_a_certificate_for_the_program_itself(site):
    assert ran(site, block("CertificateRequest.of")) == ""
    bundle = certpush.CertificateBundle.from_pem((site.directory / "app.crt").read_bytes(), (site.directory / "app.key").read_bytes())
    assert [str(name) for name in bundle.names] == ["app.local.lan", "192.168.10.9"]
    assert (site.directory / "app.key").stat().st_mode & 0o777 == 0o600
    assert timedelta(hours=11) < bundle.not_after - datetime.now(UTC) < timedelta(hours=13)


@by_files
def test_errors(site):
    text = block("case Stranded()")
    assert ran(site, text) == ""
    site.break_reload(1)
    forced = text.replace("fleet.deploy()", "fleet.deploy(force=True)")
    assert ran(site, forced).startswith("wiki ")
    site.strand()
    assert ran(site, forced) == "a person is needed at once: wiki\n"
    site.more = "surprise = 1"
    refused = run(site, text)
    assert refused.returncode == 0
    assert "surprise: unknown key" in refused.stdout
    site.more = 'tags = "edge"'
    refused = run(site, text)
    assert refused.returncode == 1
    assert "target.wiki.tags" in refused.stderr
    assert "Traceback" not in refused.stderr


def test_every_example_of_the_page_was_run():
    marks = (
        "receipt.error.hint",
        "observe=watch",
        "fleet.rollback",
        "fleet.doctor()",
        "Fleet.from_tables(tables)",
        "CertificateRequest.of",
        "case Stranded()",
    )
    assert sorted(block(mark) for mark in marks) == sorted(BLOCKS)


# --- a whole program, which mypy --strict reads too -------------------------------------------


def test_a_typed_program_does_a_nights_work(site):
    with_mail(site)
    done = run(site, PROGRAM.read_text())
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    assert report["planned"] == {"wiki": "obtain", "mail": "obtain"}
    assert report["deployed"] == {"wiki": "rotated", "mail": "rotated"}
    assert report["standing"] == {"wiki": "ok", "mail": "ok"}
    assert report["history"] == [["mail", "rotated"], ["wiki", "rotated"]]
    assert report["heard"] == ["mail", "wiki"]
    again = json.loads(run(site, PROGRAM.read_text()).stdout)
    assert again["planned"] == {}
    assert again["deployed"] == {"wiki": "unchanged", "mail": "unchanged"}


# --- and beyond -------------------------------------------------------------------------------


@by_files
def test_file_and_tables_are_one_configuration(site):
    first = site.deploy()
    with Fleet.from_tables(tables_of(site)) as fleet:
        (receipt,) = fleet.deploy()
        (status,) = fleet.status()
    assert (receipt.outcome, receipt.now) == (Outcome.UNCHANGED, first.now)
    assert (status.standing, status.served[0].fingerprint) == (Standing.OK, first.now)


@by_files
def test_several_targets_at_once_each_with_its_receipt(site):
    with_mail(site)
    site.more = 'tags = ["web"]'
    with site.fleet() as fleet:
        assert [one.name for one in fleet.select(["@edge", "wiki"])] == ["mail", "wiki"]
        receipts = {one.target: one for one in fleet.deploy()}
        site.break_reload(1)
        again = {one.target: one for one in fleet.deploy(force=True)}
    assert {one.outcome for one in receipts.values()} == {Outcome.ROTATED}
    assert [receipts["wiki"].seen, receipts["mail"].seen] == [True, False]
    assert (again["wiki"].outcome, again["mail"].outcome) == (Outcome.ROLLED_BACK, Outcome.ROTATED)
    assert isinstance(again["wiki"].error, TargetRefused | TargetError)
    assert site.served == receipts["wiki"].now == again["wiki"].now


@by_files
def test_after_too_many_failures_no_further_target_is_begun(site):
    with_mail(site)
    site.extra_tables += "[fleet]\ncanary = 1\n"
    site.break_reload(1)
    with site.fleet() as fleet:
        receipts = {one.target: one for one in fleet.deploy()}
    assert receipts["wiki"].outcome is Outcome.ROLLED_BACK
    assert isinstance(receipts["mail"].error, Interrupted)
    assert receipts["mail"].error.message == "mail: not begun, because wiki failed before it"
    assert not (site.directory / "mail.crt").exists()


@by_files
def test_a_plan_is_carried_out_by_nobody(site):
    before = site.served
    with site.fleet() as fleet:
        (receipt,) = fleet.plan()
    assert receipt.plan.action is Action.OBTAIN
    assert receipt.plan.way_back.text
    assert site.served == before
    assert not (site.directory / "state").exists()


@by_files
def test_a_deploy_that_nobody_iterates_over_is_told(site):
    before = site.served
    with site.fleet() as fleet, pytest.warns(RuntimeWarning, match="not iterated over: nothing was deployed"):
        fleet.deploy()
    assert site.served == before


@by_files
def test_who_goes_on_after_the_end_is_told_so_and_nothing_is_done(site):
    first = site.deploy()
    with site.fleet() as fleet:
        receipts = fleet.deploy(force=True)
    (receipt,) = receipts
    assert receipt.error.message == "the journal was closed already"
    assert "inside of its `with`" in receipt.error.hint
    assert site.served == first.now
    with site.fleet() as fleet:
        pass
    with pytest.raises(StateError, match="this fleet was closed already"):
        fleet.status()


@by_files
def test_who_leaves_a_loop_early_begins_nothing_more(site):
    with_mail(site)
    site.extra_tables += "[fleet]\ncanary = 1\n"
    with site.fleet() as fleet:
        receipts = fleet.deploy()
        assert next(receipts).target == "wiki"
        receipts.close()
    assert not (site.directory / "mail.crt").exists()


@by_files
def test_one_who_is_told_to_stop_switches_nothing(site):
    before, stop = site.served, threading.Event()

    def observe(event: Event) -> None:
        if event.phase == "preflight":
            stop.set()

    with site.fleet(observe=observe) as fleet:
        (receipt,) = fleet.deploy(stop=stop)
    assert isinstance(receipt.error, Interrupted)
    assert site.served == before


@by_files
def test_an_observer_that_fails_alters_nothing(site):
    def observe(event: Event) -> None:
        raise ZeroDivisionError

    with site.fleet(observe=observe) as fleet:
        (receipt,) = fleet.deploy()
    assert receipt.outcome is Outcome.ROTATED


@by_files
def test_going_back_where_there_is_no_way_is_a_receipt_too(site):
    with site.fleet() as fleet:
        receipt = fleet.rollback("wiki")
        assert fleet.history() == ()
    assert receipt.outcome is Outcome.REFUSED
    assert isinstance(receipt.error, NoWayBack | SafetyRefusal)


@by_files
def test_words_and_configurations_that_are_wrong_raise_before_anything_is_begun(site):
    with site.fleet() as fleet:
        for call in (fleet.deploy, fleet.plan, fleet.status):
            with pytest.raises(ConfigError, match="'wikki'"):
                call(["wikki"])
        with pytest.raises(ConfigError, match="'wikki'"):
            next(fleet.doctor(["wikki"]))
        for name in (fleet.rollback, fleet.identities, fleet.pinned):
            with pytest.raises(ConfigError, match="'wikki'"):
                name("wikki")
    with pytest.raises(ConfigError, match="there is no configuration file"):
        Fleet.load(site.directory / "nowhere.toml")
    with pytest.raises(ConfigError, match="there is no table 'targets'"):
        Fleet.from_tables({"targets": {}})


@by_files
def test_a_request_is_made_from_texts(site):
    with pytest.raises(ConfigError, match="not a host name"):
        CertificateRequest.of("not a name")
    with site.fleet() as fleet:
        bundle = fleet.issue(CertificateRequest.of("app.home.example", key=certpush.KeySpec.RSA_2048))
        serial = bundle.serial
        assert fleet.revoke(f"0x{serial:x}") == (serial,)
        with pytest.raises(CertpushError, match="already revoked"):
            fleet.revoke(str(serial))


def test_everything_public_is_there_and_typed():
    assert set(dir(certpush)) == set(certpush.__all__)
    for name in certpush.__all__:
        assert getattr(certpush, name) is not None
    with pytest.raises(AttributeError, match="no attribute 'Fleeet'"):
        certpush.Fleeet  # noqa: B018


def test_the_pages_examples_pass_mypy_strict(tmp_path: Path):
    pytest.importorskip("mypy")
    files = []
    for number, text in enumerate(BLOCKS):
        files.append(tmp_path / f"example_{number}.py")
        files[-1].write_text(text)
    checked = subprocess.run(
        [sys.executable, "-m", "mypy", "--strict", *map(str, files)], cwd=ROOT, capture_output=True, text=True, timeout=110, check=False
    )
    assert checked.returncode == 0, checked.stdout
