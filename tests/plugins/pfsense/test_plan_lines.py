"""The plan shows the edit as it would be made, by the code that makes it, and never a key."""

from __future__ import annotations

import pytest

from certpush import Secret
from certpush.testing.lab.pfsense.configs import VERSIONS, filled
from certpush_pfsense.config_xml.reading import read
from certpush_pfsense.plan import lines
from certpush_pfsense.settings import PfSenseSettings


def told(version: str, condition: str, **more: object) -> tuple[str, ...]:
    config = read(filled(version, condition).text)
    return lines(config, PfSenseSettings(host="fw", identity=Secret("x"), **more))


@pytest.mark.parametrize("version", VERSIONS)
def test_the_pointer_and_the_new_entry_are_shown_as_lines_of_a_diff(version):
    old = read(filled(version).text).webgui.certref
    shown = [line.strip() for line in told(version, "default")]
    assert f"-<ssl-certref>{old}</ssl-certref>" in shown
    assert "+<ssl-certref>(new)</ssl-certref>" in shown
    assert "+   <crt>(the new certificate)</crt>" in shown
    assert not any("<prv>" in line or "0000000000000" in line for line in shown)


def test_who_changes_over_as_well_is_in_it():
    without, along = told("2.7.2", "haproxy-and-openvpn"), told("2.7.2", "haproxy-and-openvpn", also=("haproxy",))
    assert sum("(new)</" in line for line in along) > sum("(new)</" in line for line in without)
