"""The lab's real step-ca."""

import http.client
import json
import os
import ssl

import pytest

from certpush.testing.authority.provisioners import JwkProvisioner
from certpush.testing.lab.step_ca import RealCa

pytestmark = pytest.mark.live("step-ca")


def get(ca, path):
    port = int(ca.url.rpartition(":")[2])
    connection = http.client.HTTPSConnection("127.0.0.1", port, timeout=5, context=ssl.create_default_context(cadata=ca.root_pem.decode()))
    try:
        connection.request("GET", path)
        return json.loads(connection.getresponse().read())
    finally:
        connection.close()


def test_it_answers_under_its_own_root(real_ca):
    assert get(real_ca, "/health") == {"status": "ok"}
    assert get(real_ca, f"/root/{real_ca.fingerprint}") == {"ca": real_ca.root_pem.decode()}


def test_its_provisioner_is_listed_as_configured(real_ca):
    assert get(real_ca, "/provisioners")["provisioners"] == [real_ca.admin.configuration()]


def test_new_claims_stand_after_update_at_the_same_address():
    with RealCa(admin=JwkProvisioner.make(p2c=1000), encrypt_intermediate_key=True) as ca:
        before = ca.url
        ca.update(admin_claims={"disableRenewal": True})
        assert ca.url == before
        assert get(ca, "/provisioners")["provisioners"][0]["claims"] == {"disableRenewal": True}


def test_nothing_is_left_behind():
    with RealCa(admin=JwkProvisioner.make(p2c=1000), database=False) as ca:
        pid = ca._process.pid
    assert not ca.directory.exists()
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)
