"""The byte edit of config.xml, as pfSense's own way of reading sees it (parser, entities and list tags in PHP)."""

from __future__ import annotations

import pytest

from certpush.testing.lab.pfsense.configs import VERSIONS, conditions, filled
from certpush_pfsense.config_xml.reading import Revision, read
from certpush_pfsense.config_xml.splice import Edit, apply
from plugins.pfsense.config_xml.trees import NEW_CA, NEW_CERT, new_ca, new_cert

pytestmark = pytest.mark.live("sshd", "nginx", "php")

US = Revision(1_795_780_800, "certpush: R&D <fw> 'x'", "(system)")


def entries(understood, kind: str) -> list[dict]:
    return [one for one in understood.get(kind, []) if isinstance(one, dict)]


@pytest.mark.parametrize("version", VERSIONS)
def test_pfsense_sees_the_entries_the_pointer_and_the_revision_and_nothing_else(start_box, version):
    box = start_box(version)
    for condition in conditions(version):
        config = read(filled(version, condition, port=box.gui_port).text)
        edited = apply(config, Edit((new_ca(),), (new_cert(caref=NEW_CA),), NEW_CERT, revision=US)).to_bytes()
        box.by_hand(lambda _, config=config: config.source)
        before = box.understood()
        box.by_hand(lambda _, edited=edited: edited)
        after = box.understood()
        assert [one["refid"] for one in entries(after, "cert")] == [*(one["refid"] for one in entries(before, "cert")), NEW_CERT]
        assert entries(after, "ca")[-1]["descr"] == new_ca().descr
        assert [one["descr"] for one in entries(before, "cert")] == [one.descr for one in config.certs if one.refid]
        assert after["revision"]["description"] == US.description
        assert before["system"]["webgui"].pop("ssl-certref") == config.webgui.certref
        assert after["system"]["webgui"].pop("ssl-certref") == NEW_CERT
        changed = {name for name in after if after[name] != before.get(name)}
        assert changed == {"ca", "cert", "revision"}, condition
