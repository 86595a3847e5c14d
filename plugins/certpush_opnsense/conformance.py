"""The contract, held against an OPNsense box of the lab: its API, and SSH for the first switch."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from typing import Any
from xml.etree import ElementTree as ET

import pytest

from certpush.kit.settings import Duration
from certpush.kit.trust import Trust
from certpush.model import CertificateBundle, Secret
from certpush.testing import TargetCase, TargetContract
from certpush.testing.lab.opnsense import OpnSense
from certpush.testing.lab.process import free_port
from certpush_opnsense import certpush_target
from certpush_opnsense.settings import OpnsenseSettings


class TestOpnsense(TargetContract):
    """A box whose API is asked, and SSH for the first switch."""

    @pytest.fixture
    def target_case(self) -> Iterator[TargetCase[OpnsenseSettings]]:
        """See Trial."""
        with OpnSense() as box:
            yield opnsense_case(box)


def opnsense_case(box: OpnSense) -> TargetCase[OpnsenseSettings]:
    """Put a box on trial."""
    key = box.client_key_path.read_text()
    login: dict[str, Any] = {
        "api_key": box.api_key,
        "api_secret": Secret(box.api_secret),
        "identity": Secret(key),
        "host_key": box.host_key_fingerprint,
        "label": "fw",
        "restart_timeout": Duration(seconds=1),
        "trust": Trust(pins=(box.served() or "",)),
    }
    return TargetCase(
        kind=replace(certpush_target(), deadline=timedelta(seconds=10)),
        settings=OpnsenseSettings(host=box.host, port=box.gui_port, ssh_port=box.port, **login),
        unreachable=OpnsenseSettings(host=box.host, port=free_port(), ssh_port=free_port(), **login),
        wrong_login=OpnsenseSettings(
            host=box.host, port=box.gui_port, ssh_port=box.port, **login | {"api_secret": Secret("not-the-secret-of-the-key")}
        ),
        secrets=(box.api_secret, key.splitlines()[2]),
        snapshot=lambda: entries_of(box),
        broken_switch=lambda: restart_does_nothing(box),
        foreign=lambda bundle: plant(box, bundle),
    )


def entries_of(box: OpnSense) -> dict[str, object]:
    """The configuration without its revision, by number where there is one: what a rotation could change."""
    root = box.config().root
    found: dict[str, object] = {}
    for number, element in enumerate(root):
        if element.tag != "revision":
            name = f"{element.tag} {element.get('uuid', number)}"
            found[name] = hashlib.sha256(ET.tostring(element).strip()).hexdigest()
    return found


def plant(box: OpnSense, bundle: CertificateBundle) -> Callable[[], bool]:
    """Another administrator imports a certificate that nothing uses yet."""
    crt, prv = (base64.b64encode(pem).decode() for pem in (bundle.leaf_pem, bundle.key.reveal_pem()))
    entry = f'["refid" => "66b1c2d3e4fff", "descr" => "certpush elsewhere", "crt" => "{crt}", "prv" => "{prv}"]'
    box.as_administrator(f'$config["cert"][] = {entry};')
    return lambda: "66b1c2d3e4fff" in box.config().certs


@contextmanager
def restart_does_nothing(box: OpnSense) -> Iterator[None]:
    """While inside, the web GUI is not brought to take anything up."""
    box.gui_faults.restart_does_nothing = True
    yield
    box.gui_faults.restart_does_nothing = False
