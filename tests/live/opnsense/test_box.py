"""What an OPNsense box of the lab promises: the traps of its store and of its web GUI, as the real one has them."""

from __future__ import annotations

import base64
import json
import ssl
import urllib.error
import urllib.request
from collections.abc import Iterator

import pytest

from certpush.model import to_pem
from certpush.testing.authority import Authority
from certpush.testing.lab import NotPossibleHere
from certpush.testing.lab.opnsense import OpnSense
from certpush.testing.lab.process import wait_until
from conftest import not_run

pytestmark = pytest.mark.live("sshd", "nginx", "php")
GUI, VPN = "0b1ba2a8-4a3c-4b8e-9d50-6f0f2b2a1c04", "0b1ba2a8-4a3c-4b8e-9d50-6f0f2b2a1c05"


@pytest.fixture
def box() -> Iterator[OpnSense]:
    try:
        made = OpnSense()
    except NotPossibleHere as error:
        not_run(error.message)
    with made:
        yield made


def call(box, path, body=None, *, secret=None, kind="application/json"):
    """Status and answer of a call."""
    login = base64.b64encode(f"{box.api_key}:{secret or box.api_secret}".encode()).decode()
    headers = {"Authorization": f"Basic {login}", **({"Content-Type": kind} if body is not None else {})}
    data = None if body is None else body if isinstance(body, bytes) else json.dumps(body).encode()
    request = urllib.request.Request(f"https://{box.host}:{box.gui_port}/api/{path}", data, headers)
    context = ssl._create_unverified_context()
    try:
        with urllib.request.urlopen(request, timeout=10, context=context) as answer:
            return answer.status, json.loads(answer.read())
    except urllib.error.HTTPError as error:
        with error:
            return error.code, json.loads(error.read())


def importing(bundle, descr="x", **more):
    return {"cert": {"action": "import", "descr": descr, "crt_payload": bundle.leaf_pem.decode(), **more}}


def key_of(bundle):
    return bundle.key.reveal_pem().decode()


@pytest.fixture
def bundle():
    return Authority("Some").issue("fw.home.example")


def test_who_may_call_what(box):
    assert call(box, "trust/cert/search", {}, secret="wrong")[0] == 401
    assert call(box, "trust/cert/nothing", {})[0] == 404
    assert call(box, "trust/cert/search", b"")[0] == 400
    box.api.privileges.remove("page-system-camanager")
    assert call(box, "trust/ca/search")[0] == 403
    assert call(box, "trust/cert/search")[0] == 200


def test_a_search_tells_all_keys_and_what_is_used(box):
    _, found = call(box, "trust/cert/search", {"searchPhrase": "road warriors"})
    (row,) = found["rows"]
    assert (row["descr"], row["in_use"], row["caref"]) == ("Road warriors", "1", "66b1c2d3e4f5c")
    assert "PRIVATE KEY" in row["prv_payload"]


def test_an_import_links_by_subject_whoever_signed(box, bundle):
    stranger = Authority("Office").issue("fw.home.example")  # of the name of the one that is there, with another key
    _, saved = call(box, "trust/cert/add", importing(stranger, prv_payload=key_of(stranger)))
    _, got = call(box, f"trust/cert/get/{saved['uuid']}")
    assert got["cert"]["caref"] == "66b1c2d3e4f5c"
    other = Authority("Office")
    call(box, "trust/ca/add", {"ca": {"action": "existing", "descr": "new", "crt_payload": to_pem(other.intermediate).decode()}})
    (new,) = (one.refid for one in box.config().cas.values() if one.descr == "new")
    assert box.config().certs["66b1c2d3e4f5b"].caref == new, "the newest of a name takes all of that name"


def test_half_a_pair_is_saved_and_ends_the_web_gui(box, bundle):
    assert call(box, f"trust/cert/set/{GUI}", importing(bundle, prv_payload=""))[1] == {"result": "saved"}
    box.restart_gui()
    assert box.served() is None
    assert box.happened("gui-failed")


def test_a_whole_pair_that_does_not_match_is_refused(box, bundle):
    wrong = Authority("Some").issue("fw.home.example")
    status, said = call(box, f"trust/cert/set/{GUI}", importing(bundle, prv_payload=key_of(wrong)))
    assert (status, said["errorTitle"]) == (500, "Certificate error")
    assert call(box, "trust/cert/add", {"cert": {"action": "import", "descr": ""}})[1]["result"] == "failed"


def test_what_is_used_is_not_removed_but_an_authority_is(box):
    assert call(box, f"trust/cert/del/{VPN}", {})[0] == 500
    assert call(box, "trust/ca/del/0b1ba2a8-4a3c-4b8e-9d50-6f0f2b2a1c06", {})[1] == {"result": "deleted"}


def test_a_set_under_an_unknown_number_adds(box, bundle):
    call(box, "trust/cert/set/11111111-2222-3333-4444-555555555555", importing(bundle, "added", prv_payload=key_of(bundle)))
    assert "added" in [one.descr for one in box.config().certs.values()]


def test_a_pointer_to_nothing_makes_a_certificate_of_its_own_and_another_pointer(box):
    box.as_administrator('$config["system"]["webgui"]["ssl-certref"] = "66b1c2d3e4f99";')
    former = box.served()
    box.restart_gui()
    assert box.served() not in (None, former)
    assert box.happened("selfsigned")
    assert box.config().certref not in ("66b1c2d3e4f99", "66b1c2d3e4f5a")


def test_a_sync_of_a_pair_overwrites_whole_sections_and_no_pointer(box, bundle):
    with OpnSense() as primary:
        call(box, "trust/cert/add", importing(bundle, "ours", prv_payload=key_of(bundle)))
        box.receive_sync(primary)
    assert "ours" not in [one.descr for one in box.config().certs.values()]
    assert box.config().certref == "66b1c2d3e4f5a"


def test_a_restart_takes_its_own_answer_away(box):
    with pytest.raises(OSError, match=r".*"):
        call(box, "core/service/restart/webgui", {})
    wait_until(lambda: box.served() is not None, "the web GUI comes back")


def test_configctl_restarts_and_the_file_stays_the_same_one(box):
    before = box.path("/cf/conf/config.xml").stat().st_ino
    assert box.run("/usr/local/sbin/configctl", "webgui", "restart").stdout == "OK\n"
    box.as_administrator('$config["system"]["hostname"] = "x";')
    assert box.path("/cf/conf/config.xml").stat().st_ino == before
    assert box.path("/cf/conf/config.xml").stat().st_mode & 0o777 == 0o640
