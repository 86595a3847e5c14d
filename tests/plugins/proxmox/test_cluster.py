"""A cluster as one target: each node by itself, one after the other, the one that is asked last; the first failure stops the rest."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from certpush.errors import ConfigError, Interrupted, TargetRefused, TargetUnreachable
from certpush.kit.tls import look, utc_now
from certpush.kit.trust import Trust
from certpush.model import CertificateRequest, Endpoint, Outcome, Secret
from certpush.testing.lab.process import wait_until
from certpush.testing.lab.proxmox import Answer, Broken, ProxmoxCluster
from certpush_proxmox.ve import certpush_target, members
from certpush_proxmox.ve_settings import ProxmoxSettings
from plugins.proxmox.conftest import CUSTOM, Site, exit_code, posts

pytestmark = pytest.mark.timeout(120)

ALL = ["pve1.home.example", "pve2.home.example", "pve3.home.example", "127.0.0.1", "127.0.0.2", "127.0.0.3"]
AUDIT = {"/": {"Sys.Audit"}, "/nodes": {"Sys.Modify", "Sys.Audit"}}


@pytest.fixture
def cluster() -> Iterator[ProxmoxCluster]:
    with ProxmoxCluster(overlap=0.3, first_new=0.05, refusal_delay=0.0, pin_refresh=0.5) as cluster:
        cluster.acl.user.update(AUDIT)
        cluster.acl.token.update(AUDIT)
        yield cluster


@pytest.fixture
def three(site: Site, cluster: ProxmoxCluster) -> Site:
    site.targets["proxmox"] = {
        "kind": "proxmox",
        "names": ALL,
        "host": cluster.host,
        "port": cluster.port,
        "nodes": "all",
        "token_id": cluster.token_id,
        "token": site.secret(cluster.token),
        "trust": f"sha256:{cluster.nodes['pve1'].own_fingerprint}",
        "lifetime": "24h",
    }
    return site


def settings(cluster: ProxmoxCluster, **more: object) -> ProxmoxSettings:
    table = {
        "host": cluster.host,
        "port": cluster.port,
        "token_id": cluster.token_id,
        "token": Secret(cluster.token),
        "nodes": "all",
        "trust": Trust(pins=(cluster.nodes["pve1"].own_fingerprint,)),
    }
    return ProxmoxSettings(**{**table, **more})


def served(cluster: ProxmoxCluster) -> list[str | None]:
    return [node.served() for node in cluster.nodes.values()]


# --- who, where, in which order -------------------------------------------------------------------


def test_the_node_that_is_asked_comes_last_and_each_is_talked_to_by_itself(three, cluster):
    receipts = three.deploy()
    assert [(one.target, one.outcome) for one in receipts] == [
        ("proxmox/pve2", Outcome.ROTATED),
        ("proxmox/pve3", Outcome.ROTATED),
        ("proxmox/pve1", Outcome.ROTATED),
    ]
    assert len({one.now for one in receipts}) == 1, "one certificate for all"
    assert served(cluster) == [receipts[0].now] * 3
    assert [len(posts(node)) for node in cluster.nodes.values()] == [1, 1, 1]
    assert not any(one.proxied for node in cluster.nodes.values() for one in node.requests if one.path.endswith(CUSTOM))
    again = three.deploy()
    assert {one.outcome for one in again} == {Outcome.UNCHANGED}
    with three.fleet() as fleet:
        assert [one.target for one in fleet.status()] == [one.target for one in receipts]


def test_a_list_gives_the_order_but_the_entry_stays_last(three):
    three.targets["proxmox"]["nodes"] = ["pve1", "pve3"]
    assert [one.target for one in three.deploy()] == ["proxmox/pve3", "proxmox/pve1"]


def test_a_certificate_for_each_node_with_its_own_names_and_those_of_nobody(three, cluster):
    three.targets["proxmox"] |= {"per_node": True, "names": [*ALL, "cluster.home.example"]}
    receipts = three.deploy()
    assert [one.outcome for one in receipts] == [Outcome.ROTATED] * 3
    assert len({one.now for one in receipts}) == 3
    from cryptography import x509

    for number, node in enumerate(cluster.nodes.values(), 1):
        leaf = x509.load_pem_x509_certificate(node.files["pveproxy-ssl.pem"])
        san = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        assert san.get_values_for_type(x509.DNSName) == [f"pve{number}.home.example", "cluster.home.example"]
        assert [str(one) for one in san.get_values_for_type(x509.IPAddress)] == [f"127.0.0.{number}"]
    assert {one.outcome for one in three.deploy()} == {Outcome.UNCHANGED}
    assert [one.outcome for one in three.deploy(force=True)] == [Outcome.ROTATED] * 3


def test_a_node_is_asked_for_the_name_that_is_its_own_where_its_address_is_not_covered(cluster):
    request = CertificateRequest.of("pve1.home.example", "pve2.home.example", "*.lab.example")
    kinds = {one.name: one.settings for one in members(settings(cluster), request)}
    assert kinds["pve2"].endpoint == Endpoint("127.0.0.2", cluster.port, "pve2.home.example")
    assert kinds["pve3"].endpoint == Endpoint("127.0.0.3", cluster.port, "pve3.lab.example")
    assert kinds["pve1"].endpoint == Endpoint("127.0.0.1", cluster.port, "pve1.home.example")


def test_nodes_are_recognised_by_what_the_entry_says_of_them(cluster):
    for one in members(settings(cluster), CertificateRequest.of(*ALL)):
        assert cluster.nodes[one.name].own_fingerprint in one.settings.trust.pins
        assert one.settings.node == one.name
        assert one.settings.nodes == ()


def test_addresses_are_told_or_written_and_never_guessed(cluster):
    cluster.acl.token.pop("/")
    request = CertificateRequest.of(*ALL)
    with pytest.raises(ConfigError, match="does not tell where the node pve2 answers") as caught:
        members(settings(cluster), request)
    assert 'addresses = ["pve2=ADDRESS"]' in caught.value.hint
    assert "pveum acl modify / --users 'certpush@pve'" in caught.value.hint
    assert "pveum acl modify / --tokens 'certpush@pve!deploy'" in caught.value.hint
    written = settings(cluster, addresses=("pve2=127.0.0.2", f"pve3=127.0.0.3:{cluster.port}"))
    assert [one.settings.host for one in members(written, request)] == ["127.0.0.2", "127.0.0.3", "127.0.0.1"]


def test_a_cluster_goes_without_the_right_to_look_around_where_all_addresses_are_written(three, cluster):
    cluster.acl.token.pop("/")
    three.targets["proxmox"]["addresses"] = ["pve1=127.0.0.1", "pve2=127.0.0.2", "pve3=127.0.0.3"]
    for _ in range(2):  # from the second time on all show the same certificate
        assert [(one.target, one.outcome) for one in three.deploy(force=True)] == [
            ("proxmox/pve2", Outcome.ROTATED),
            ("proxmox/pve3", Outcome.ROTATED),
            ("proxmox/pve1", Outcome.ROTATED),
        ]
    del three.targets["proxmox"]["addresses"]
    (receipt,) = three.deploy(force=True)
    assert "which node of the cluster answers there cannot be told" in receipt.error.message
    assert "pveum acl modify / --tokens" in receipt.error.hint


def test_without_any_right_to_look_around_the_node_is_recognised_by_its_own_certificate(three, cluster):
    """One node of a cluster as a target of its own, and no Sys.Audit on /."""
    cluster.acl.token.pop("/")
    del three.targets["proxmox"]["nodes"]
    three.targets["proxmox"] |= {"host": "127.0.0.2", "trust": f"sha256:{cluster.nodes['pve2'].own_fingerprint}"}
    receipt = three.deploy_one()
    assert receipt.outcome is Outcome.ROTATED
    assert receipt.plan.changes[0].startswith("pveproxy-ssl.pem and pveproxy-ssl.key on pve2")
    assert len(posts(cluster.nodes["pve2"])) == 1


@pytest.mark.parametrize("audit", [True, False], ids=["told", "recognised"])
def test_another_node_than_the_one_that_is_meant_is_refused(three, cluster, audit):
    if not audit:
        cluster.acl.token.pop("/")
    del three.targets["proxmox"]["nodes"]
    three.targets["proxmox"]["node"] = "pve2"
    receipt = three.deploy_one()
    assert isinstance(receipt.error, TargetRefused)
    assert "the node pve1 answers there, not pve2" in receipt.error.message
    assert "address of pve2 itself as host" in receipt.error.hint
    assert exit_code(receipt) == 1
    assert served(cluster) == [node.own_fingerprint for node in cluster.nodes.values()]


@pytest.mark.parametrize("more", [{"node": "pve9"}, {"nodes": ["pve1", "pve9"]}])
def test_a_node_that_is_not_there_is_named_with_those_that_are(three, more):
    del three.targets["proxmox"]["nodes"]
    three.targets["proxmox"] |= more
    (receipt,) = three.deploy()
    assert "there is no node pve9" in receipt.error.message
    assert "pve1, pve2, pve3" in receipt.error.hint
    assert exit_code(receipt) == 1


def test_a_node_without_a_name_of_its_own_is_told_before_anything_is_done(three, cluster):
    three.targets["proxmox"] |= {"per_node": True, "names": ["pve1.home.example", "127.0.0.1", "pve2.home.example"]}
    (receipt,) = three.deploy()
    assert isinstance(receipt.error, ConfigError)
    assert "names has none for the node pve3" in receipt.error.message
    assert exit_code(receipt) == 2
    assert not any(posts(node) for node in cluster.nodes.values())


# --- failures ---------------------------------------------------------------------------------


def test_the_second_node_fails_the_first_stays_done_and_the_third_is_not_begun(three, cluster):
    before = [node.own_fingerprint for node in cluster.nodes.values()]
    cluster.nodes["pve3"].faults.reload_does_nothing = True
    first, second, third = three.deploy()
    assert (first.target, first.outcome) == ("proxmox/pve2", Outcome.ROTATED)
    assert (second.target, second.outcome) == ("proxmox/pve3", Outcome.ROLLED_BACK)
    assert (third.target, third.outcome) == ("proxmox/pve1", Outcome.FAILED)
    assert isinstance(third.error, Interrupted)
    assert third.error.message == "proxmox/pve1: not begun, because proxmox/pve3 failed; done before it: proxmox/pve2"
    assert exit_code(first, second, third) == 1
    assert served(cluster) == [before[0], first.now, before[2]]
    cluster.nodes["pve3"].faults.reload_does_nothing = False
    assert [one.outcome for one in three.deploy()] == [Outcome.UNCHANGED, Outcome.ROTATED, Outcome.ROTATED]
    assert served(cluster) == [first.now] * 3


def test_a_node_that_is_down_stops_the_round_at_its_turn(three, cluster):
    cluster.nodes["pve3"].stop()
    receipts = three.deploy()
    assert [one.outcome for one in receipts] == [Outcome.ROTATED, Outcome.FAILED, Outcome.FAILED]
    assert isinstance(receipts[1].error, TargetUnreachable)
    assert exit_code(*receipts) == 1
    assert cluster.nodes["pve1"].served() == cluster.nodes["pve1"].own_fingerprint


def test_without_quorum_nothing_is_uploaded(three, cluster):
    cluster.quorate = False
    receipts = three.deploy()
    assert exit_code(*receipts) == 5
    assert "no quorum" in receipts[0].error.message
    assert "pvecm status" in receipts[0].error.hint
    assert not any(posts(node) for node in cluster.nodes.values())


def test_a_quorum_that_is_lost_after_the_checks_is_noticed_before_the_upload(three, cluster, monkeypatch):
    monkeypatch.setattr("certpush_proxmox.preflight.cluster", lambda _: ())
    cluster.quorate = False
    receipt = three.deploy()[0]
    assert "the cluster has no quorum" in receipt.error.message
    assert "pvecm status" in receipt.error.hint
    assert not any(posts(node) for node in cluster.nodes.values())


def test_one_node_can_be_brought_back_by_itself(three, cluster):
    old = three.deploy()[0].now
    new = three.deploy(force=True)[0].now
    with three.fleet() as fleet:
        receipt = fleet.rollback("proxmox/pve3")
    assert receipt.outcome is Outcome.ROLLED_BACK
    assert served(cluster) == [new, new, old]


def test_a_lost_answer_of_one_node_is_settled_there(three, cluster):
    cluster.nodes["pve2"].faults.broken.append(Broken(Answer.LOST, method="POST", path=CUSTOM, times=1))
    assert [one.outcome for one in three.deploy()] == [Outcome.ROTATED] * 3
    assert len(posts(cluster.nodes["pve2"])) == 1


def test_configured_endpoints_cannot_be_right_for_all(three):
    three.targets["proxmox"]["endpoints"] = ["127.0.0.1:8006"]
    (receipt,) = three.deploy()
    assert isinstance(receipt.error, ConfigError)
    assert "leave endpoints out" in receipt.error.hint


def test_every_node_can_be_recognised_after_it_got_a_certificate_of_its_own(three, cluster):
    """The entry's word for the others is as old as its own look at their files; pins of our own deployments close that gap."""
    three.targets["proxmox"]["per_node"] = True
    for _ in range(2):
        assert [one.outcome for one in three.deploy(force=True)] == [Outcome.ROTATED] * 3
    for number, node in enumerate(cluster.nodes.values(), 1):
        wait_until(lambda node=node: node.settled, "the old workers go")
        assert look(Endpoint(f"127.0.0.{number}", cluster.port), (), utc_now()).fingerprint == node.served()


def test_the_kind_expands_only_what_is_a_cluster(cluster):
    alone = settings(cluster, nodes=())
    assert certpush_target().members(alone, CertificateRequest.of("a.example")) == ()
