"""Each row of what PVE answers to an upload, and what is on the disk afterwards."""

import os

import pytest
from cryptography.hazmat.primitives import serialization

from certpush.model import KeySpec
from certpush.testing.lab.process import wait_until
from certpush.testing.lab.proxmox import ProxmoxNode
from unit.testing.proxmox.asking import AUTHORITY, COPIES, CUSTOM, PAIR, added, ask, holds, look, parts, upload

NOT_PEM = "invalid format - not a valid PEM-formatted string.\n"
NO_CERTIFICATE = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"


# --- what is taken ----------------------------------------------------------------------------


def test_a_pair_is_taken_told_and_served(node, new):
    said = upload(node, new)
    assert said.status == 200
    told = said.json["data"]
    assert told["filename"] == "pveproxy-ssl.pem"
    assert told["fingerprint"].replace(":", "").lower() == new.fingerprint
    assert told["fingerprint"] == told["fingerprint"].upper()
    assert told["subject"] == "/CN=pve1.lan"
    assert told["issuer"] == "/O=Steps/CN=Steps Intermediate CA"
    assert told["san"] == ["pve1.lan", "127.0.0.1"]
    assert told["pem"] == new.leaf_pem.decode()
    assert (told["public-key-type"], told["public-key-bits"]) == ("id-ecPublicKey", 256)
    assert (told["notbefore"], told["notafter"]) == (int(new.not_before.timestamp()), int(new.not_after.timestamp()))
    assert holds(node, new)
    assert added(node) == PAIR
    assert node.served() == look(node) == new.fingerprint


def test_a_pair_replaces_another_without_a_trace(node, old, new):
    upload(node, old)
    assert upload(node, new, key=AUTHORITY.issue("a.lan").key.reveal_pem().decode()).status == 500
    assert added(node) == PAIR | COPIES
    assert upload(node, new).status == 200
    assert holds(node, new)
    assert added(node) == PAIR


def test_without_restart_the_files_change_and_what_is_served_does_not(node, new):
    assert upload(node, new, restart=0).status == 200
    assert holds(node, new)
    assert node.served() == look(node) == node.own_fingerprint


def test_addresses_of_ip_version_6_are_told_in_full(node):
    told = upload(node, AUTHORITY.issue("fd00::1")).json["data"]
    assert told["san"] == ["fd00:0000:0000:0000:0000:0000:0000:0001"]


@pytest.mark.parametrize(
    ("spec", "kind", "bits"),
    [(KeySpec.RSA_2048, "rsaEncryption", 2048), (KeySpec.EC_P384, "id-ecPublicKey", 384), (KeySpec.ED25519, "ED25519", 256)],
)
def test_keys_of_every_type_are_taken_and_served(node, spec, kind, bits):
    bundle = AUTHORITY.issue("127.0.0.1", key=spec)
    told = upload(node, bundle).json["data"]
    assert (told["public-key-type"], told["public-key-bits"]) == (kind, bits)
    assert look(node) == bundle.fingerprint


@pytest.mark.parametrize(
    "shape",
    [
        lambda pem: "a word before\n" + pem,
        lambda pem: pem.replace("\n", "\r\n"),
        lambda pem: pem.rstrip("\n"),
        lambda pem: pem.replace("-----\n-----", "-----\n\n\n-----"),
    ],
    ids=["leading text", "CRLF", "no final newline", "blank lines between"],
)
def test_untidy_chains_are_taken(node, new, shape):
    assert upload(node, new, certificates=shape(new.fullchain_pem.decode())).status == 200
    assert look(node) == new.fingerprint


@pytest.mark.parametrize("traditional", [False, True], ids=["PKCS#8", "traditional"])
def test_open_keys_are_taken(node, traditional):
    bundle = AUTHORITY.issue("127.0.0.1", key=KeySpec.RSA_2048)
    assert upload(node, bundle, key=bundle.key.reveal_pem(traditional=traditional).decode()).status == 200


@pytest.mark.parametrize("make", [AUTHORITY.expired, AUTHORITY.not_yet_valid, lambda name: AUTHORITY.issue(name, intermediate=False)])
def test_what_no_client_would_accept_is_accepted(node, make):
    bundle = make("127.0.0.1")
    assert upload(node, bundle).status == 200
    assert look(node) == bundle.fingerprint


def test_json_takes_booleans_of_every_kind(node, new):
    for yes in (True, 1, "1"):
        assert ask(node, "POST", CUSTOM, parts(new, force=yes, restart=yes), as_json=True).status == 200


def test_without_a_key_the_one_on_the_disk_stays(node, old):
    upload(node, old)
    again = AUTHORITY.issue("127.0.0.1", key=old.key)
    assert ask(node, "POST", CUSTOM, {"certificates": again.fullchain_pem.decode(), "force": 1, "restart": 1}).status == 200
    assert node.files["pveproxy-ssl.key"] == old.key.reveal_pem()
    assert look(node) == again.fingerprint


# --- what is refused, and what is left --------------------------------------------------------


def refused_as_parameters(said, **errors):
    assert (said.status, said.reason) == (400, "Parameter verification failed.")
    assert said.message == "Parameter verification failed.\n"
    assert said.json["data"] is None
    assert said.json["errors"] == errors


@pytest.mark.parametrize(
    "spoil",
    [
        lambda pem: "no PEM",
        lambda pem: "",
        lambda pem: pem.replace("-----\n-----", "-----\nbetween\n-----"),
        lambda pem: pem.replace("CERTIFICATE", "TRUSTED CERTIFICATE"),
        lambda pem: pem + "after",
        lambda pem: pem.replace("\n", ""),
    ],
    ids=["none", "empty", "text between", "other label", "text after", "all on one line"],
)
def test_a_chain_that_is_no_pem_is_refused(node, old, new, spoil):
    upload(node, old)
    spoilt = spoil(new.fullchain_pem.decode())
    if spoilt:
        refused_as_parameters(upload(node, new, certificates=spoilt), certificates=NOT_PEM)
    assert ask(node, "POST", CUSTOM, parts(new, certificates=spoilt), as_json=True).json["errors"] == {"certificates": NOT_PEM}
    assert holds(node, old)
    assert added(node) == PAIR


def _ec_with_parameters(bundle):
    return (
        "-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n-----END EC PARAMETERS-----\n" + bundle.key.reveal_pem(traditional=True).decode()
    )


def _locked(form):
    def lock(bundle):
        best = serialization.BestAvailableEncryption(b"x")
        return bundle.key.reveal_key().private_bytes(serialization.Encoding.PEM, form, best).decode()

    return lock


@pytest.mark.parametrize("spoil", [_ec_with_parameters, _locked(serialization.PrivateFormat.TraditionalOpenSSL)])
def test_a_key_that_is_more_than_one_block_or_traditionally_encrypted_is_refused(node, new, spoil):
    refused_as_parameters(upload(node, new, key=spoil(new)), key=NOT_PEM)
    assert not added(node)


def test_missing_and_unknown_parameters_are_named(node, new):
    said = ask(node, "POST", CUSTOM, {"key": new.key.reveal_pem().decode(), "reload": "1"})
    refused_as_parameters(
        said,
        certificates="property is missing and it is not optional",
        reload="property is not defined in schema and the schema does not allow additional properties",
    )


@pytest.mark.parametrize("yes", ["True", "true", "yes", "on", "2"])
def test_booleans_of_forms_are_1_or_0(node, new, yes):
    wrong = f"type check ('boolean') failed - got '{yes}'"
    refused_as_parameters(upload(node, new, force=yes, restart=yes), force=wrong, restart=wrong)
    assert not added(node)


def test_another_node_in_the_body_is_a_conflict(node, new):
    assert ask(node, "POST", CUSTOM, parts(new, node="pve1")).status == 200
    refused_as_parameters(
        ask(node, "POST", CUSTOM, parts(new, node="pve2", force=1)),
        node="duplicate parameter (already defined in URI) with conflicting values!",
    )


def test_without_a_key_where_none_is(node, new):
    said = ask(node, "POST", CUSTOM, {"certificates": new.fullchain_pem.decode()})
    refused_as_parameters(said, key="Attempted to upload custom certificate without (existing) key.")


def refused_as_failure(said, text):
    assert (said.status, said.reason) == (500, text)
    assert said.message.startswith(f"{text}\n")
    assert said.json["data"] is None
    assert "errors" not in said.json


def test_without_force_nothing_is_overwritten(node, old, new):
    upload(node, old)
    refused_as_failure(upload(node, new, force=0), "Custom certificate file exists but force flag is not set.")
    del node.files["pveproxy-ssl.pem"]
    refused_as_failure(upload(node, new, force=0), "Custom certificate key file exists but force flag is not set.")
    assert node.files["pveproxy-ssl.key"] == old.key.reveal_pem()


def test_pem_that_is_no_certificate_is_left_behind_by_a_first_upload(node, new):
    text = "Setting certificate files failed - unable to read certificate from '/etc/pve/nodes/pve1/pveproxy-ssl.pem'"
    refused_as_failure(upload(node, new, certificates=NO_CERTIFICATE), text)
    assert node.files["pveproxy-ssl.pem"] == NO_CERTIFICATE.encode()
    assert added(node) == PAIR


def test_base64_beside_the_label_passes_the_first_check_alone(node, new):
    said = upload(node, new, certificates=new.leaf_pem.decode().replace("CERTIFICATE-----\n", "CERTIFICATE-----", 1))
    assert said.reason.startswith("Setting certificate files failed - unable to read certificate from ")


def test_pem_that_is_no_certificate_does_not_replace_an_old_pair(node, old, new):
    upload(node, old)
    assert upload(node, new, certificates=NO_CERTIFICATE).status == 500
    assert holds(node, old)
    assert added(node) == PAIR | COPIES


@pytest.mark.parametrize(
    "key", [lambda bundle: AUTHORITY.issue("a.lan").key.reveal_pem().decode(), _locked(serialization.PrivateFormat.PKCS8)]
)
def test_a_key_of_the_same_type_that_does_not_belong_or_is_locked(node, old, new, key):
    text = f"Setting certificate files failed - {os.getpid()}: key does not match the certificate (chain) ()"
    refused_as_failure(upload(node, new, key=key(new)), text)
    assert not added(node)
    upload(node, old)
    refused_as_failure(upload(node, new, key=key(new)), text)
    assert holds(node, old)
    assert added(node) == PAIR | COPIES
    assert look(node) == old.fingerprint


def test_a_key_of_another_type_is_accepted_and_tls_is_dead_once_the_old_workers_are_gone(new):
    other = AUTHORITY.issue("a.lan", key=KeySpec.RSA_2048).key
    with ProxmoxNode(overlap=1, first_new=0) as node:
        said = upload(node, new, key=other.reveal_pem().decode())
        assert said.status == 200
        assert said.json["data"]["fingerprint"].replace(":", "").lower() == new.fingerprint
        assert {look(node), look(node)} == {node.own_fingerprint, None}
        wait_until(lambda: node.settled, "the old workers are gone")
        assert [look(node) for _ in range(4)] == [None] * 4
        assert node.served() is None
        node.restart()
        assert look(node) is None


def test_a_chain_in_the_wrong_order_with_a_key_of_another_type_is_accepted_and_dead(node):
    bundle = AUTHORITY.issue("127.0.0.1", key=KeySpec.RSA_2048)  # its intermediate has an EC key
    assert upload(node, bundle, certificates=(bundle.chain_pem + bundle.leaf_pem).decode()).status == 200
    assert look(node) is None


def test_a_certificate_of_the_chain_that_cannot_be_read(node, new):
    said = upload(node, new, certificates=new.leaf_pem.decode() + NO_CERTIFICATE)
    refused_as_failure(said, f"Setting certificate files failed - {os.getpid()}: could not load certificate (chain) ()")
    assert not added(node)


@pytest.mark.parametrize(
    "key", [lambda bundle: AUTHORITY.issue("a.lan").key.reveal_pem().decode(), _locked(serialization.PrivateFormat.PKCS8)]
)
def test_an_older_pve_takes_any_key(new, key):
    with ProxmoxNode(overlap=0, checks_pairs=False) as node:
        assert upload(node, new, key=key(new)).status == 200
        assert look(node) is None
