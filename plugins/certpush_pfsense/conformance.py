"""The contract, held against pfSense boxes of the lab: by PHP, by editing the file, and one of a pair."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import pytest
from msgspec.structs import replace

from certpush import Endpoint
from certpush.kit.settings import Duration
from certpush.model import CertificateBundle, Secret
from certpush.testing.contract import Cluster, TargetCase, TargetContract
from certpush.testing.lab.pfsense import PfSense, PfSensePair
from certpush.testing.lab.process import free_port, wait_until
from certpush.testing.lab.ssh_keys import unknown_key
from certpush_pfsense.config_xml.entries import encoded
from certpush_pfsense.pfsense import certpush_target
from certpush_pfsense.settings import PfSenseSettings, Role, in_pair

RESCUE_AFTER = Duration(seconds=10)  # on a busy machine both halves of it must be long enough to bring a GUI back
OTHERS = "64b00000000ab"


def the_case(box: PfSense, **more: Any) -> TargetCase[PfSenseSettings]:
    """Put a box on trial."""
    login: dict[str, Any] = {
        "host": box.host,
        "user": box.user,
        "host_key": box.host_key_fingerprint,
        "identity": Secret(box.client_key_path.read_text()),
        "rescue_after": RESCUE_AFTER,
        "connect_timeout": Duration(seconds=10),
        **more,
    }
    return TargetCase(
        kind=certpush_target(),
        settings=PfSenseSettings(port=box.port, **login),
        unreachable=PfSenseSettings(port=free_port(), **login),
        wrong_login=PfSenseSettings(port=box.port, **login | {"identity": Secret(unknown_key())}),
        secrets=(box.client_key_path.read_text().splitlines()[2],),
        snapshot=lambda: everything_of(box),
        broken_switch=lambda: dying_gui(box),
        foreign=lambda bundle: another_administrator_imports(box, bundle),
        rescue_after=timedelta(seconds=RESCUE_AFTER.total_seconds() + 1),
        wait=box.pass_time,
    )


def everything_of(box: PfSense) -> dict[str, object]:
    """The configuration but for who wrote it last, and every file but those that each write of it makes."""
    understood = dict(box.understood())
    understood.pop("revision", None)
    written = ("/cf/conf/", "/tmp/config.", "/var/", "/root/.ssh")  # noqa: S108 - in the box
    return {**understood, **{name: facts for name, facts in box.files().items() if not name.startswith(written) or "certpush" in name}}


@contextmanager
def dying_gui(box: PfSense) -> Iterator[None]:
    """While inside, a restart of the GUI ends it."""
    box.faults.restart_dies = True
    try:
        yield
    finally:
        box.faults.restart_dies = False


def another_administrator_imports(box: PfSense, bundle: CertificateBundle) -> Callable[[], bool]:
    """Add a certificate that nothing uses yet."""
    crt, prv = encoded(bundle.leaf_pem), encoded(bundle.key.reveal_pem())
    box.as_administrator(f'$config["cert"][] = ["refid" => "{OTHERS}", "descr" => "theirs", "crt" => "{crt}", "prv" => "{prv}"];')
    return lambda: OTHERS in box.config().certs


class TestPfSense(TargetContract):
    """The usual way: PHP of the box, as admin."""

    @pytest.fixture
    def target_case(self) -> Iterator[TargetCase[PfSenseSettings]]:
        """See Trial."""
        with PfSense("2.7.2") as box:
            yield dataclasses.replace(the_case(box), cluster=both_of_a_pair)


class TestPfSenseByEditing(TargetContract):
    """config.xml edited in place, by a user of sudo whose shell is tcsh."""

    @pytest.fixture
    def target_case(self) -> Iterator[TargetCase[PfSenseSettings]]:
        """See Trial."""
        with PfSense("2.8.0", user="deploy", sudo=True) as box:
            yield the_case(box, commit="xml", sudo=True)


class TestSecondaryOfAPair(TargetContract):
    """The box whose certificates come from another one."""

    @pytest.fixture
    def target_case(self) -> Iterator[TargetCase[PfSenseSettings]]:
        """See Trial."""
        with PfSensePair("2.7.2", delay=0.05) as pair:
            yield the_secondary(pair)


@contextmanager
def both_of_a_pair() -> Iterator[Cluster[PfSenseSettings]]:
    """A pair of which the primary's certificates are carried to the secondary; neither is asked for the other."""
    with PfSensePair("2.7.2", delay=0.05) as pair:
        own = the_case(pair.secondary, identity=Secret(pair.primary.client_key_path.read_text()))
        primary, secondary = pair.primary, Endpoint(pair.secondary.host, pair.secondary.port)
        settings: PfSenseSettings = replace(  # type: ignore[type-var] # a Struct, to msgspec
            own.settings,
            host=primary.host,
            port=primary.port,
            host_key=primary.host_key_fingerprint,
            peers=(str(secondary),),
            peer_host_key=pair.secondary.host_key_fingerprint,
        )
        yield Cluster(settings=settings, unreachable=None)


def the_secondary(pair: PfSensePair) -> TargetCase[PfSenseSettings]:
    """Put the second box of a pair on trial."""
    own = the_case(pair.secondary, identity=Secret(pair.primary.client_key_path.read_text()))
    primary = Endpoint(pair.primary.host, pair.primary.port)

    def paired(settings: PfSenseSettings) -> PfSenseSettings:
        known: PfSenseSettings = replace(  # type: ignore[type-var] # a Struct, to msgspec
            settings, peers=(str(primary),), peer_host_key=pair.primary.host_key_fingerprint
        )
        return in_pair(known, Role.SECONDARY, Endpoint(settings.host, settings.port), primary, swapped=False)

    return dataclasses.replace(
        own,
        settings=paired(own.settings),
        unreachable=paired(own.unreachable) if own.unreachable else None,
        wrong_login=paired(own.wrong_login) if own.wrong_login else None,
        snapshot=lambda: [everything_of(one) for one in synchronised(pair)],
        foreign=lambda bundle: another_administrator_imports(pair.primary, bundle),
    )


def synchronised(pair: PfSensePair) -> tuple[PfSense, PfSense]:
    """Both boxes, once what the primary saved has arrived."""
    wait_until(lambda: {*pair.primary.config().certs} == {*pair.secondary.config().certs}, "the synchronisation")
    return pair.primary, pair.secondary
