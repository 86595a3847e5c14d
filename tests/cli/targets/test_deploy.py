"""`certpush deploy`, as its user meets it."""

from __future__ import annotations

import json
import re

import pytest

from certpush.testing.lab.process import free_port

pytestmark = pytest.mark.timeout(120)


def outcomes(ended) -> dict[str, str]:
    return {one["target"]: one["outcome"] for one in ended.document["targets"]}


# --- which targets --------------------------------------------------------------------------------


@pytest.fixture
def three(yard):
    yard.serve("wiki", 'tags = ["web"]')
    yard.serve("mail", 'tags = ["web", "slow"]')
    yard.serve("old", 'tags = ["slow"]\nenabled = false')
    return yard


@pytest.mark.parametrize(
    ("words", "meant"),
    [
        ([], ["wiki", "mail"]),
        (["mail"], ["mail"]),
        (["mail", "wiki"], ["wiki", "mail"]),
        (["file"], ["wiki", "mail"]),
        (["@web"], ["wiki", "mail"]),
        (["@slow"], ["mail"]),
        (["@slow", "wiki", "mail"], ["wiki", "mail"]),
        (["old"], ["old"]),
    ],
)
def test_targets_are_meant_by_name_kind_and_tag_and_a_disabled_one_by_its_name_alone(certpush, three, words, meant):
    ended = certpush("deploy", "--plan", *words, "--output=json")
    assert ended.code == 0
    assert [one["target"] for one in ended.document["targets"]] == meant


@pytest.mark.parametrize(
    ("word", "says"),
    [
        ("nothing", "there are targets: wiki, mail, old; kinds: file; tags: @web, @slow"),
        ("wikki", "did you mean 'wiki'?"),
        ("@wed", "did you mean '@web'?"),
        ("@", "there are targets: wiki, mail, old"),
        ("ssh", "there are targets: wiki, mail, old"),
    ],
)
@pytest.mark.parametrize("command", ["deploy", "status", "doctor"])
def test_a_word_that_means_nothing_is_answered_with_what_there_is(certpush, three, command, word, says):
    ended = certpush(command, "wiki", word)
    assert ended.code == 2
    assert f"error: no target, kind or @tag is called '{word}'" in ended.err
    assert says in ended.err
    assert ended.out == ""
    assert three.signed == 0


def test_a_tag_of_disabled_targets_alone_says_that_they_are_disabled(certpush, three):
    three.describe("mail", 'tags = ["web"]')
    ended = certpush("deploy", "@slow")
    assert ended.code == 2
    assert "every target that '@slow' means is disabled: old" in ended.err


def test_without_any_target_it_does_not_look_like_success(certpush, yard):
    ended = certpush("deploy")
    assert ended.code == 2
    assert "there is no target yet" in ended.err
    yard.serve("old", "enabled = false")
    assert "every target is disabled" in certpush("deploy", "--plan").err


# --- the plan -------------------------------------------------------------------------------------


def test_a_plan_reads_as_what_will_be_done_and_how_it_is_undone(certpush, yard):
    yard.serve("wiki")
    ended = certpush("deploy", "--plan")
    assert ended.code == 0
    lines = ended.out.splitlines()
    assert lines[0] == "wiki  rotate    served: self-signed, 29d left  ->  24h, ec-p256  (first certificate)"
    assert lines[1] == f"      changes   {yard.directory}/{{wiki.crt, wiki.key}}"
    assert lines[2].startswith("      changes   then ")
    assert lines[3] == "      way back  exact: the previous certificate stays on the target"
    assert len(lines) == 4


def test_a_plan_changes_nothing_anywhere(certpush, yard):
    yard.serve("wiki")
    yard.describe("mail", 'verify = "files"')
    before = yard.everything()
    assert certpush("deploy", "--plan").code == 0
    assert yard.everything() == before
    assert yard.signed == 0
    assert yard.ca.log() == ""  # not even looked at


def test_a_plan_after_deployments_changes_nothing_either(certpush, yard):
    yard.serve("wiki")
    assert certpush("deploy").code == 0
    before, asked = yard.everything(), yard.ca.log()
    for words in ([], ["--force"], ["--adopt"], ["wiki", "--force", "-v"]):
        assert certpush("deploy", "--plan", *words).code == 0
    assert yard.everything() == before
    assert yard.ca.log() == asked


@pytest.mark.parametrize("command", ["status", "history", "doctor"])
def test_who_only_looks_leaves_no_file_behind(certpush, yard, command):
    yard.serve("wiki")
    before = yard.everything()
    assert certpush(command).code == 0
    assert yard.everything() == before


def test_a_plan_names_what_would_refuse_it_and_exits_as_the_deployment_would(certpush, yard, authority):
    yard.serve("wiki", before=authority.issue("wiki.home.example"))
    yard.serve("mail", f'fullchain = "{yard.directory}/missing/mail.crt"')
    planned = certpush("deploy", "--plan")
    done = certpush("deploy")
    assert planned.code == done.code == 5
    for ended in (planned, done):
        assert "error: wiki: a certificate that certpush did not deploy is there (CN=wiki.home.example" in ended.err
        assert "--adopt` takes it over" in ended.err
        assert f"error: mail: {yard.directory}/missing is not there" in ended.err
    assert "wiki  refuse    served: CN=wiki.home.example, 23h left" in planned.out
    assert yard.signed == 0


def test_a_plan_of_a_target_that_cannot_be_asked_does_not_claim_to_have_seen_it(certpush, yard):
    yard.describe("far", f'kind = "ssh"\nhost = "127.0.0.1"\nport = {free_port()}\nuser = "root"\nidentity = "file:{yard.directory}/id"')
    yard.tables["target.far"] += '\nendpoints = ["127.0.0.1:1"]'
    yard.write()
    (yard.directory / "id").touch(mode=0o600)
    (yard.directory / "id").write_text("not a key\n")
    ended = certpush("deploy", "--plan")
    assert ended.code == 1
    assert ended.out == "far  failed    not looked at\n"


def test_a_machine_gets_the_plan_with_its_changes_and_way_back(certpush, yard):
    yard.serve("wiki")
    (one,) = certpush("deploy", "--plan", "--output", "json").document["targets"]
    assert one["action"] == "obtain"
    assert one["why"] == "first certificate"
    assert one["way_back"] == {"kind": "exact", "text": "the previous certificate stays on the target"}
    assert one["changes"][0] == f"{yard.directory}/{{wiki.crt, wiki.key}}"
    assert one["exit"] == 0


# --- rotating -------------------------------------------------------------------------------------


def test_what_is_deployed_is_served_and_a_second_run_finds_nothing_to_do(certpush, yard):
    yard.serve("wiki")
    first = certpush("deploy", "--output=json")
    assert first.code == 0
    (one,) = first.document["targets"]
    assert one["outcome"] == "rotated"
    assert one["now"] == yard.served("wiki")
    assert one["served"][0]["chain_ok"] is True
    second = certpush("deploy")
    assert second.code == 0
    assert re.search(r"^wiki +\w{12} +\w{12} +23h +- +unchanged: 23h5\dm left, due in 15h\d+m$", second.out, re.MULTILINE)
    assert yard.signed == 1
    assert "nothing   served: CN=wiki.home.example, 23h left" in certpush("deploy", "--plan").out


def test_force_replaces_what_is_not_due(certpush, yard):
    yard.serve("wiki")
    certpush("deploy")
    before = yard.served("wiki")
    ended = certpush("deploy", "--force", "--output=json")
    (one,) = ended.document["targets"]
    assert one["was"] == before
    assert one["now"] == yard.served("wiki") != before
    assert one["why"] == "forced"


@pytest.mark.parametrize(
    ("more", "why"),
    [
        ('names = ["wiki.home.example", "docs.home.example"]', "other names are configured"),
        ('key = "rsa-3072"', "another key is configured: rsa-3072 instead of ec-p256"),
        ('lifetime = "12h"', "another lifetime is configured: 12h"),
    ],
)
def test_a_changed_wish_rotates_and_says_why(certpush, yard, more, why):
    yard.serve("wiki")
    certpush("deploy")
    yard.describe("wiki", more)
    assert f"({why})" in certpush("deploy", "--plan").out
    (one,) = certpush("deploy", "--output=json").document["targets"]
    assert (one["outcome"], one["why"]) == ("rotated", why)
    assert certpush("deploy", "--plan", "--output=json").document["targets"][0]["action"] == "nothing"


def test_a_certificate_that_nothing_serves_is_installed_not_seen(certpush, yard):
    yard.describe("mail", 'verify = "files"')
    ended = certpush("deploy")
    assert ended.code == 0
    assert ended.out.splitlines()[1].endswith("rotated (installed, not seen)")
    assert certpush("deploy", "--output=json").document["targets"][0]["seen"] is False


def test_without_an_endpoint_silence_is_not_taken_for_success(certpush, yard):
    yard.describe("mail")
    ended = certpush("deploy")
    assert ended.code == 2
    assert "error: target.mail: nothing says where the certificate is served" in ended.err.replace("mail: target.mail", "target.mail")
    assert 'verify = "files"' in ended.err
    assert yard.signed == 0
    assert not (yard.directory / "mail.crt").exists()


def test_a_reload_that_fails_is_rolled_back_and_the_same_certificate_is_good_the_next_time(certpush, yard):
    yard.serve("wiki")
    certpush("deploy")
    before = yard.served("wiki")
    yard.break_reload("wiki")
    failed = certpush("deploy", "--force")
    assert failed.code == 1
    assert failed.out.splitlines()[1].endswith("rolled-back")
    assert "broken on purpose" in failed.err
    assert yard.served("wiki") == before
    again = certpush("deploy", "--output=json")
    assert again.code == 0
    assert again.document["targets"][0]["action"] == "push"
    assert yard.served("wiki") == again.document["targets"][0]["now"] != before
    assert yard.signed == 2


def test_a_reload_that_goes_on_failing_leaves_the_target_stranded_and_says_so(certpush, yard):
    yard.serve("wiki")
    yard.strand("wiki", times=9)
    ended = certpush("deploy")
    assert ended.code == 3
    assert "STRANDED" in ended.out
    assert "error: STRANDED" in ended.err
    assert "hint:" in ended.err
    assert certpush("status", "--output=json").document["targets"][0]["standing"] == "stranded"


# --- foreign certificates -------------------------------------------------------------------------


def test_a_foreign_certificate_is_taken_over_with_adopt_only_and_once(certpush, yard, authority):
    theirs = authority.issue("wiki.home.example")
    yard.serve("wiki", before=theirs)
    assert certpush("deploy").code == 5
    assert yard.served("wiki") == theirs.fingerprint
    assert certpush("deploy", "--adopt").code == 0
    assert yard.served("wiki") != theirs.fingerprint
    assert certpush("deploy", "--force").code == 0


def test_the_pair_that_was_handed_over_is_what_a_rollback_brings_back(certpush, yard, authority):
    theirs = authority.issue("wiki.home.example")
    yard.serve("wiki", before=theirs)
    pair = yard.directory / "wiki.crt", yard.directory / "copy.key"
    pair[1].touch(mode=0o600)
    pair[1].write_bytes(theirs.key.reveal_pem())
    assert certpush("deploy", "wiki", "--adopt", "--plan", "--previous", *pair).code == 0
    ended = certpush("deploy", "wiki", "--adopt", "--previous", *pair, "--output=json")
    assert ended.code == 0, ended.out
    assert ended.document["targets"][0]["way_back"]["kind"] == "exact"
    assert certpush("rollback", "wiki").code == 0
    assert yard.served("wiki") == theirs.fingerprint
    assert (yard.directory / "wiki.crt").read_bytes() == theirs.fullchain_pem
    assert (yard.directory / "wiki.key").read_bytes() == theirs.key.reveal_pem()


def test_what_is_handed_over_must_be_what_is_there(certpush, yard, authority):
    theirs, other = authority.issue("wiki.home.example"), authority.issue("wiki.home.example")
    yard.serve("wiki", before=theirs)
    yard.serve("mail")
    for name, bundle in (("theirs", theirs), ("other", other)):
        (yard.directory / f"{name}.crt").write_bytes(bundle.fullchain_pem)
        (yard.directory / f"{name}.key").touch(mode=0o600)
        (yard.directory / f"{name}.key").write_bytes(bundle.key.reveal_pem())
    at = yard.directory
    assert "--previous goes with --adopt" in certpush("deploy", "wiki", "--previous", at / "theirs.crt", at / "theirs.key").err
    for words, code, says in (
        (["wiki", "--previous", at / "other.crt", at / "other.key"], 2, "is not the certificate that is there"),
        (["wiki", "--previous", at / "other.crt", at / "theirs.key"], 2, "key"),
        (["wiki", "--previous", at / "nothing.crt", at / "theirs.key"], 2, "cannot be read"),
        (["--previous", at / "theirs.crt", at / "theirs.key"], 2, "belongs to one target"),
    ):
        for plan in ([], ["--plan"]):
            ended = certpush("deploy", "--adopt", *plan, *words)
            assert (ended.code, says in ended.err) == (code, True), (words, plan, ended)
    assert yard.signed == 0
    assert yard.served("wiki") == theirs.fingerprint


# --- many -----------------------------------------------------------------------------------------


def test_one_that_fails_does_not_keep_the_others_and_the_worst_decides(certpush, yard, authority):
    yard.serve("wiki")
    yard.serve("foreign", before=authority.issue("foreign.home.example"))
    yard.serve("broken")
    yard.break_reload("broken")
    ended = certpush("deploy", "--output=json")
    assert outcomes(ended) == {"wiki": "rotated", "foreign": "refused", "broken": "rolled-back"}
    assert {one["target"]: one["exit"] for one in ended.document["targets"]} == {"wiki": 0, "foreign": 5, "broken": 1}
    assert ended.code == 5
    assert yard.served("wiki") == ended.document["targets"][0]["now"]


def test_a_shared_certificate_is_obtained_once_and_pushed_to_each(certpush, yard):
    yard.tables["certificate.wildcard"] = 'names = ["*.home.example"]'
    for name in ("wiki", "mail", "chat"):
        yard.serve(name, 'certificate = "wildcard"')
    ended = certpush("deploy", "--output=json")
    assert ended.code == 0, ended.err
    assert outcomes(ended) == {"wiki": "rotated", "mail": "rotated", "chat": "rotated"}
    assert yard.signed == 1
    assert len({yard.served(name) for name in yard.servers}) == 1
    assert len({one["deployment"] for one in ended.document["targets"]}) == 3
    assert len(certpush("history", "--output=json").document["deployments"]) == 3
    one_more = certpush("deploy", "wiki", "--force", "--output=json")
    assert one_more.code == 0
    others = certpush("deploy", "--output=json")
    assert outcomes(others) == {"wiki": "unchanged", "mail": "rotated", "chat": "rotated"}
    assert yard.signed == 2


def test_targets_are_rotated_at_the_same_time(certpush, yard):
    for name, other in (("wiki", "mail"), ("mail", "wiki")):
        yard.serve(name)
        yard.describe(name, first=f"touch {yard.directory}/{name}.here; until [ -e {yard.directory}/{other}.here ]; do sleep 0.02; done")
    ended = certpush("deploy")
    assert ended.code == 0, ended.err


def test_an_unreachable_ca_touches_no_target(certpush, yard):
    yard.serve("wiki")
    before = yard.served("wiki")
    yard.ca.stop()
    ended = certpush("deploy")
    assert ended.code == 1
    assert "hint:" in ended.err
    assert yard.served("wiki") == before
    assert certpush("history").out == "nothing was deployed yet\n"


def test_the_document_tells_the_cause_of_each_target(certpush, yard, authority):
    yard.serve("foreign", before=authority.issue("foreign.home.example"))
    ended = certpush("deploy", "--output=json")
    assert ended.err == ""
    (one,) = json.loads(ended.out)["targets"]
    assert one["error"]["type"] == "ForeignCertificate"
    assert "--adopt" in one["error"]["hint"]
    assert one["not_after"] is not None
