from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import timedelta

import pytest

from certpush.kit.settings import Duration
from certpush.model import CertificateBundle, Secret
from certpush.testing.contract import TargetCase, TargetContract
from certpush.testing.lab.pfsense import PfSense
from certpush.testing.lab.process import free_port
from certpush_pfsense.config_xml.entries import encoded
from certpush_pfsense.pfsense import certpush_target
from certpush_pfsense.settings import PfSenseSettings

RESCUE_AFTER = Duration(seconds=10)  # on a busy machine both halves of it must be long enough to bring a GUI back
OTHERS = "64b00000000ab"


def the_case(box: PfSense, **more: object) -> TargetCase[PfSenseSettings]:
    login = {
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
        secrets=(box.client_key_path.read_text().splitlines()[2],),
        snapshot=lambda: everything_of(box),
        broken_switch=lambda: dying_gui(box),
        foreign=lambda bundle: another_administrator_imports(box, bundle),
        rescue_after=timedelta(seconds=RESCUE_AFTER.total_seconds() + 1),
    )


def everything_of(box: PfSense) -> dict[str, object]:
    """The configuration but for who wrote it last, and every file but those that each write of it makes."""
    understood = dict(box.understood())
    understood.pop("revision", None)
    written = ("/cf/conf/", "/tmp/config.", "/var/", "/root/.ssh")
    return {**understood, **{name: facts for name, facts in box.files().items() if not name.startswith(written) or "certpush" in name}}


@contextmanager
def dying_gui(box: PfSense) -> Iterator[None]:
    box.faults.restart_dies = True
    try:
        yield
    finally:
        box.faults.restart_dies = False


def another_administrator_imports(box: PfSense, bundle: CertificateBundle) -> Callable[[], bool]:
    crt, prv = encoded(bundle.leaf_pem), encoded(bundle.key.reveal_pem())
    box.as_administrator(f'$config["cert"][] = ["refid" => "{OTHERS}", "descr" => "theirs", "crt" => "{crt}", "prv" => "{prv}"];')
    return lambda: OTHERS in box.config().certs


def box_of(version: str, **more: object) -> AbstractContextManager[PfSense]:
    return PfSense(version, **more)


@pytest.mark.live("sshd", "nginx", "php")
class TestPfSense(TargetContract):
    """The usual way: PHP of the box, as admin."""

    @pytest.fixture
    def target_case(self) -> Iterator[TargetCase[PfSenseSettings]]:
        with box_of("2.7.2") as box:
            yield the_case(box)


@pytest.mark.live("sshd", "nginx", "php")
class TestPfSenseByEditing(TargetContract):
    """config.xml edited in place, by a user of sudo whose shell is tcsh."""

    @pytest.fixture
    def target_case(self) -> Iterator[TargetCase[PfSenseSettings]]:
        with box_of("2.8.0", user="deploy", sudo=True) as box:
            yield the_case(box, commit="xml", sudo=True)
