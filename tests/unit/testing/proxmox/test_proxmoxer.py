"""proxmoxer, as it is, talks to the stand-in."""

import pytest
from proxmoxer import ProxmoxAPI
from proxmoxer.core import ResourceException

from unit.testing.proxmox.asking import AUTHORITY, look, parts


@pytest.fixture
def api(node, trusted):
    user, _, name = node.token_id.partition("!")
    return ProxmoxAPI(node.host, port=node.port, user=user, token_name=name, token_value=node.token, verify_ssl=trusted, timeout=10)


def test_a_token_asks_uploads_and_removes(api, node, new):
    assert api.version.get()["version"] == "9.2.11"
    assert api.access.permissions.get() == {"/nodes": {"Sys.Audit": 1, "Sys.Modify": 1}}
    certificates = api.nodes("pve1").certificates
    told = certificates.custom.post(**parts(new, force=1, restart=1))
    assert told["filename"] == "pveproxy-ssl.pem"
    assert look(node) == new.fingerprint
    assert [one["filename"] for one in certificates.info.get()] == ["pve-root-ca.pem", "pve-ssl.pem", "pveproxy-ssl.pem"]
    assert certificates.custom.delete(restart=1) is None
    assert look(node) == node.own_fingerprint


def test_refusals_arrive_as_proxmoxer_tells_them(api, node, new):
    custom = api.nodes("pve1").certificates.custom
    with pytest.raises(ResourceException) as refused:
        custom.post(**parts(new, force=True))
    assert (refused.value.status_code, refused.value.errors) == (400, {"force": "type check ('boolean') failed - got 'True'"})
    custom.post(**parts(new, force=1))
    with pytest.raises(ResourceException) as refused:
        custom.post(**parts(new))
    assert (refused.value.status_code, refused.value.content) == (500, "Custom certificate file exists but force flag is not set.")
    node.acl.token.clear()
    with pytest.raises(ResourceException) as refused:
        custom.delete()
    assert (refused.value.status_code, refused.value.content) == (403, "Permission check failed (/nodes/pve1, Sys.Modify)")


def test_a_wrong_token_gets_bytes_as_its_errors(node, trusted):
    api = ProxmoxAPI(node.host, port=node.port, user=node.user, token_name="deploy", token_value="wrong", verify_ssl=trusted)
    with pytest.raises(ResourceException) as refused:
        api.version.get()
    assert (refused.value.status_code, refused.value.content) == (401, "Authentication failed!")
    assert refused.value.errors == {"errors": b""}


def test_who_does_not_trust_it_sends_nothing(node, tmp_path):
    (tmp_path / "other.pem").write_bytes(AUTHORITY.root_pem)
    api = ProxmoxAPI(
        node.host, port=node.port, user=node.user, token_name="deploy", token_value=node.token, verify_ssl=str(tmp_path / "other.pem")
    )
    with pytest.raises(OSError, match="CERTIFICATE_VERIFY_FAILED"):
        api.version.get()
    assert node.requests == []
