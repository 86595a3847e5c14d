"""config.xml as pfSense reads and writes it: entities, lists, cache, lock, backups."""

import json
import re
import time

import pytest

from certpush.testing.lab.pfsense.configs import conditions, filled
from certpush.testing.lab.pfsense.releases import RELEASES

pytestmark = pytest.mark.live("sshd", "nginx", "php")

ALL = tuple(RELEASES)


def put(box, more: str) -> None:
    """Put elements before the end of the root."""
    box.by_hand(lambda xml: xml.replace(b"</pfsense>", more.encode() + b"</pfsense>"))


@pytest.mark.parametrize("version", ALL)
def test_each_release_writes_in_its_form(start_box, php, version):
    box = start_box(version)
    assert php(box, '$config["system"]["hostname"] = "fw2"; out(is_array(write_config("renamed")));') is True
    text = box.config_bytes.decode()
    assert text.startswith('<?xml version="1.0"?>\n<pfsense>\n\t<version>')
    assert text.endswith("\n</pfsense>\n")
    assert not re.search(r"<\w+/>|\r", text)
    assert box.config().text("system/hostname") == "fw2"
    assert box.config().revision == "(system): renamed"
    assert box.path("/cf/conf/config.xml").stat().st_mode & 0o777 == 0o644
    assert box.path("/etc/version").read_text().strip() == RELEASES[version].version


@pytest.mark.parametrize("version", ALL)
def test_each_condition_of_the_fixtures_is_read_and_written_without_loss(start_box, version):
    box = start_box(version)
    for condition in conditions(version):
        box.by_hand(lambda _, condition=condition: filled(version, condition, port=box.gui_port).text)
        before = box.understood()
        box.as_administrator(";")
        after = box.understood()
        assert _without_empty_lists(before) == _without_empty_lists(after), condition


def _without_empty_lists(config):
    """What a write drops: empty entries of lists, and lists that have nothing else; and what it changes, the revision."""
    if isinstance(config, list):
        return [_without_empty_lists(one) for one in config if one not in ("", [])]
    if isinstance(config, dict):
        kept = {name: _without_empty_lists(one) for name, one in config.items() if name != "revision"}
        return {name: one for name, one in kept.items() if one != []}
    return config


def test_a_second_write_changes_only_the_revision(box, php):
    php(box, 'write_config("one"); out(0);')
    first = box.config_bytes
    php(box, 'write_config("two"); out(0);')
    strip = re.compile(rb"<revision>.*</revision>", re.DOTALL)
    assert strip.sub(b"", first) == strip.sub(b"", box.config_bytes)


def test_texts_are_decoded_twice_and_written_encoded_in_cdata(box, php):
    put(
        box,
        "<widgets><descr><![CDATA[R&amp;D]]></descr><detail><![CDATA[R&D]]></detail><hint>R&amp;D</hint><other>a&amp;b</other></widgets>",
    )
    assert php(box, 'write_config("x"); out($config["widgets"]);') == {"descr": "R&D", "detail": "R&D", "hint": "R&D", "other": "a&b"}
    assert b"<descr><![CDATA[R&amp;D]]></descr>" in box.config_bytes
    assert b"<other>a&amp;b</other>" in box.config_bytes


@pytest.mark.parametrize(("version", "written"), [("2.7.2", "Caf&eacute;"), ("2.9-dev", "Caf\u00e9")])
def test_letters_beyond_ascii(start_box, php, version, written):
    box = start_box(version)
    put(box, "<widgets><descr><![CDATA[Caf\u00e9]]></descr></widgets>")
    assert php(box, 'write_config("x"); out($config["widgets"]["descr"]);') == "Caf\u00e9"
    assert f"<descr><![CDATA[{written}]]></descr>" in box.config_bytes.decode()


def test_lists_are_gathered_from_anywhere_and_empty_ones_go(box, php):
    before = list(box.config().certs)
    put(
        box,
        "<cert><refid>6500000000001</refid></cert>\n\t<theme>x</theme>\n\t<cert><refid>6500000000002</refid></cert><dhcpd><lan><winsserver></winsserver></lan></dhcpd>",
    )
    read = php(box, 'write_config("x"); out(array_column($config["cert"], "refid"));')
    assert read == [*before, "6500000000001", "6500000000002"]
    assert b"winsserver" not in box.config_bytes
    assert re.search(rb"</cert>\n\t<cert>\n\t\t<refid>6500000000002", box.config_bytes)


@pytest.mark.parametrize("version", ["2.5.2", "2.7.2"])
def test_a_second_singleton_kills_every_page_up_to_2_7(start_box, version):
    box = start_box(version)
    put(box, "<system><hostname>other</hostname></system>")
    broken = box.config_bytes
    done = box.run("/usr/local/bin/php-cgi", "-f", "/lab/read.php")
    assert done.returncode == 255
    assert "cannot occur more than once" in done.stdout
    assert box.config_bytes == broken


def test_a_second_singleton_brings_the_last_backup_back_from_2_8_on(start_box, php):
    box = start_box("2.8.0")
    php(box, 'write_config("x"); out(0);')
    good = box.config_bytes
    php(box, 'write_config("y"); out(0);')
    put(box, "<system><hostname>other</hostname></system>")
    box.understood()
    assert box.config_bytes == good
    assert box.path("/cf/conf/config.xml.bad").exists()
    # Another page may load it at the same moment, and finds the same.
    assert len({one.facts["why"] for one in box.happened("restored")}) == 1


def test_a_torn_file_is_replaced_by_the_state_before_the_last_save(box, php):
    php(box, '$config["system"]["hostname"] = "saved"; write_config("x"); out(0);')
    box.by_hand(lambda xml: xml[: len(xml) // 2])
    assert box.understood()["system"]["hostname"] != "saved"
    assert not box.path("/cf/conf/config.xml.bad").exists()


@pytest.mark.parametrize("version", ["2.5.2", "2.7.2", "2.8.0"])
def test_the_cache_counts_whatever_the_file_says(start_box, version):
    box = start_box(version)
    assert box.path("/tmp/config.cache").exists()
    new = box.config_bytes.replace(b"<hostname>", b"<hostname>x-")
    box.path("/cf/conf/config.xml").write_bytes(new)
    assert not box.understood()["system"]["hostname"].startswith("x-")
    box.as_administrator('$config["system"]["timezone"] = "Etc/UTC";')
    assert b"<hostname>x-" not in box.config_bytes  # lost, silently
    box.by_hand(lambda xml: xml.replace(b"<hostname>", b"<hostname>x-"))
    assert box.understood()["system"]["hostname"].startswith("x-")


def test_the_cache_must_be_fresh_in_2_9(start_box):
    box = start_box("2.9-dev")
    box.path("/cf/conf/config.xml").write_bytes(box.config_bytes.replace(b"<hostname>", b"<hostname>x-"))
    assert box.understood()["system"]["hostname"].startswith("x-")


@pytest.mark.parametrize(
    ("version", "there", "missing"),
    [
        ("2.5.2", ["parse_config"], ["config_read_file", "config_get_path"]),
        ("2.6.0", ["parse_config"], ["config_read_file", "config_set_path"]),
        ("2.7.2", ["parse_config", "config_get_path", "config_set_path"], ["config_read_file"]),
        ("2.8.0", ["parse_config", "config_get_path", "config_read_file"], []),
        ("plus-24.11", ["parse_config", "config_get_path", "config_read_file"], []),
        ("2.9-dev", ["config_get_path", "config_read_file"], ["parse_config"]),
    ],
)
def test_what_a_release_has_of_functions(start_box, php, version, there, missing):
    names = json.dumps([*there, *missing])
    found = php(start_box(version), f"out(array_values(array_filter({names}, 'function_exists')));")
    assert found == there


@pytest.mark.parametrize(("version", "items"), [("2.5.2", False), ("2.7.2", False), ("2.8.0", True), ("2.9-dev", True)])
def test_looking_up_a_certificate_has_two_shapes(start_box, php, version, items):
    box = start_box(version)
    refid = box.config().certref
    found = php(box, f'out([lookup_cert("{refid}"), lookup_cert("none")]);')
    assert (found[0]["item"] if items else found[0])["refid"] == refid
    assert found[1] == ({"idx": None, "item": None} if items else False)


@pytest.mark.parametrize(
    ("version", "fresh"),
    [("2.6.0", "parse_config(true)"), ("2.8.0", "config_read_file(false, false)"), ("2.9-dev", "config_read_file(false, false)")],
)
def test_a_fresh_read_sees_what_the_cache_does_not(start_box, php, version, fresh):
    box = start_box(version)
    box.path("/cf/conf/config.xml").write_bytes(box.config_bytes.replace(b"<hostname>", b"<hostname>x-"))
    assert php(box, f'$config = {fresh}; out($config["system"]["hostname"]);').startswith("x-")


def test_every_write_keeps_a_backup_and_the_last_thirty_stay(box, php):
    before = box.config_bytes
    php(box, "for ($i = 0; $i < 34; $i++) { $config['revision']['time'] = 1700000000 + $i; write_config(\"x$i\"); } out(0);")
    backups = sorted(box.path("/cf/conf/backup").glob("config-*.xml"))
    assert 28 <= len(backups) <= 30
    assert backups[0].name > "config-1700000000.xml"
    assert before not in [one.read_bytes() for one in backups]
    known = php(box, 'out(unserialize(file_get_contents("/cf/conf/backup/backup.cache")));')
    assert {f"config-{time}.xml" for time in known} == {one.name for one in backups}
    assert set(next(iter(known.values()))) == {"description", "version", "filesize"}


def test_a_refused_write_gives_false_and_a_failed_one_minus_one(box, php):
    before = box.config_bytes
    box.faults.config_readonly = True
    assert php(box, 'out(write_config("x"));') is False
    box.faults.config_readonly = False
    box.faults.write_fails = 1
    assert php(box, 'out(write_config("x"));') == -1
    assert box.config_bytes == before
    assert php(box, 'out(is_array(write_config("x")));') is True


def test_the_lock_covers_the_file_alone_so_a_change_in_between_is_lost(box, php):
    page = box.open_page()
    php(box, '$config["system"]["hostname"] = "mine"; write_config("mine"); out(0);')
    page.save('$config["system"]["timezone"] = "Europe/Berlin";')
    assert box.config().text("system/hostname") != "mine"
    assert box.config().text("system/timezone") == "Europe/Berlin"


def test_who_holds_the_lock_and_writes_waits_for_ever(box, ssh):
    program = '<?php require_once("config.inc"); $held = lock("config", LOCK_EX); write_config("x"); echo "written";'
    done = ssh(box, "timeout 1 /usr/local/bin/php", user="root", text=program)
    assert (done.stdout, done.returncode) == ("", 124)


@pytest.mark.parametrize(("where", "written"), [("load", False), ("write", False), ("after-write", True)])
def test_php_may_die(box, ssh, where, written):
    before = box.config_bytes
    box.faults.php_dies = where
    done = ssh(box, "/usr/local/bin/php", user="root", text='<?php require_once("config.inc"); write_config("x"); echo "done";')
    assert done.returncode == 255
    assert "done" not in done.stdout
    assert (box.config_bytes != before) is written
    box.as_administrator('$config["system"]["hostname"] = "gui";')  # which does not share it


def test_php_may_be_missing(box, ssh):
    box.php = False
    assert ssh(box, "/usr/local/bin/php -v").returncode == 127
    box.php = True
    assert ssh(box, "/usr/local/bin/php -v").returncode == 0


def test_php_says_more_than_was_asked(box, ssh, php):
    box.faults.php_notices = True
    box.booting = True
    done = ssh(box, "/usr/local/bin/php", user="root", text='<?php require_once("config.inc"); echo "=1";')
    assert done.stdout.startswith(".")
    assert "Warning: Undefined array key" in done.stdout
    assert done.stdout.endswith("=1")
    assert "Undefined array key" in box.path("/tmp/PHP_errors.log").read_text()


def test_a_full_disk_leaves_the_file_as_it_was(box, php):
    before = box.config_bytes
    with box.full_disk():
        assert php(box, 'out(write_config("x"));') == -1
        assert box.config_bytes == before
        assert not list(box.path("/cf/conf").glob("config.xml.*"))
    assert php(box, 'out(is_array(write_config("x")));') is True


def test_a_readonly_disk(box, php, ssh):
    with box.readonly_disk():
        assert ssh(box, "touch /cf/conf/x").returncode == 1
        assert php(box, 'out(write_config("x"));') == -1
    assert ssh(box, "touch /cf/conf/x").returncode == 0


def test_slow_packages_hold_a_write_up(box, php):
    box.faults.hook_seconds = 1.0
    begun = time.monotonic()
    php(box, 'write_config("x"); out(0);')
    assert time.monotonic() - begun > 1.0
