"""certpush observer: which kinds there are, what each takes, and trying one; and how the others speak of observers."""

from __future__ import annotations

import pytest
from jsonschema import Draft7Validator

from certpush.kit.description import describe
from certpush.plugins import PluginLoader


@pytest.fixture
def written(home, tmp_path):
    """Write a configuration with this observer."""

    def write(table: str) -> None:
        path = home / ".config" / "certpush" / "certpush.toml"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f'[ca]\nurl = "https://ca.lan"\nfingerprint = "{"ab" * 32}"\n[state]\ndirectory = "{tmp_path}/state"\n{table}')
        path.chmod(0o600)

    return write


def test_the_kinds_are_listed_and_shown_with_all_their_keys(certpush):
    listed = certpush("observer", "kinds")
    assert listed.code == 0
    assert {line.split()[0] for line in listed.out.splitlines() if line} >= {"metrics", "notify"}
    assert not [line for line in listed.out.splitlines() if line.startswith(("file", "ssh"))]
    for kind in ("metrics", "notify"):
        shown = certpush("observer", "kinds", kind)
        keys = {line.split()[0] for line in shown.out.splitlines() if line.strip()}
        assert {one.key for one in describe(PluginLoader().load_observer(kind).settings)} | {"deadline", "enabled"} <= keys
    assert certpush("observer", "kinds", "notfy").code == 2
    wrong = certpush("observer", "kinds", "ssh")
    assert (wrong.code, "declares no observer" in wrong.err) == (2, True)


def test_an_observer_is_no_target(certpush):
    assert "metrics" not in certpush("targets").out
    assert "metrics" in certpush("plugins").out
    wrong = certpush("targets", "metrics")
    assert (wrong.code, '[observer.NAME] kind = "metrics"' in wrong.err) == (2, True)


def test_one_that_works_says_what_it_did(certpush, written, tmp_path):
    written(f'[observer.page]\nkind = "metrics"\nfile = "{tmp_path}/page.prom"\n')
    done = certpush("observer", "test", "page")
    assert (done.code, done.out) == (0, f"page  0 targets in {tmp_path}/page.prom\n")
    assert certpush("observer", "test", "page", "--output", "json").document["observer"]["name"] == "page"


def test_one_that_does_not_says_why_and_what_to_do(certpush, written, tmp_path):
    written(f'[observer.page]\nkind = "metrics"\nfile = "{tmp_path}/gone/page.prom"\n')
    failed = certpush("observer", "test", "page")
    assert failed.code == 1
    assert f"error: {tmp_path}/gone/page.prom: No such file or directory" in failed.err
    assert "hint: check the directory" in failed.err


def test_the_check_reads_observers_as_a_run_would(certpush, written, tmp_path):
    written(
        f'[observer.page]\nkind = "metrics"\nfile = "{tmp_path}/gone/page.prom"\n[observer.off]\nkind = "notify"\ncommand = ["sh"]\nenabled = false\n'
    )
    checked = certpush("config", "check")
    assert checked.code == 2
    assert f"there is no directory {tmp_path}/gone" in checked.out
    assert "notify (not enabled)" in checked.out
    written('[observer.chat]\nkind = "notify"\nurl_from = "https://hooks.slack.com/services/canary"\n')
    checked = certpush("config", "check")
    assert "observer.chat.url_from: a secret stands in the configuration as plain text" in checked.out
    assert "canary" not in checked.out + checked.err


def test_the_schema_knows_the_tables_of_observers(certpush):
    schema = Draft7Validator(certpush("config", "schema", "--output", "json").document["schema"])
    good = {"kind": "notify", "url": "https://x.lan", "headers": {"X-Token": "file:/x"}, "deadline": "5s"}
    schema.validate({"observer": {"a": good, "b": {"kind": "metrics", "file": "/a.prom"}, "c": {"kind": "acme", "whatever": 1}}})
    for wrong in ({"kind": "metrics"}, {**good, "headers": {"X-Token": "Bearer x"}}, {**good, "on": ["skip"]}, {"file": "/a.prom"}):
        assert not schema.is_valid({"observer": {"a": wrong}})
