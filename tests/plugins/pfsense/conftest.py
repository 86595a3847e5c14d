"""Boxes, and settings that reach them."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass

import pytest

from certpush import CertificateBundle, CertificateRequest, Installed, Severity, Staged
from certpush.kit.settings import Duration
from certpush.model import Secret, parse_name
from certpush.testing.lab import NotPossibleHere
from certpush.testing.lab.pfsense import PfSense
from certpush_pfsense.settings import PfSenseSettings
from certpush_pfsense.target import PfSenseTarget
from conftest import need, not_run

REQUEST = CertificateRequest((parse_name("svc.example.com"),))
OLD = "64b1c2d3e4f5a"
"""What the web GUI of a new box uses."""
BOTH = pytest.mark.parametrize("how", ["php", "xml"])
LONG, SOON = Duration(seconds=120), Duration(seconds=6)


def settings_of(box: PfSense, **more: object) -> PfSenseSettings:
    """What reaches a box as its user."""
    usual = {
        "host": box.host,
        "port": box.port,
        "user": box.user,
        "identity": Secret(box.client_key_path.read_text()),
        "host_key": box.host_key_fingerprint,
        "connect_timeout": Duration(seconds=10),
        "rescue_after": LONG,
    }
    return PfSenseSettings(**usual | more)


@dataclass
class Switched:
    """A switch that nobody has confirmed yet."""

    target: PfSenseTarget
    before: Installed
    staged: Staged
    bundle: CertificateBundle


def switch(settings: PfSenseSettings, bundle: CertificateBundle) -> Switched:
    """Inspect, stage, activate, all on one instance, which stays open."""
    target = PfSenseTarget(settings)
    before = target.inspect()
    staged = target.stage(bundle)
    target.activate(staged, bundle)
    return Switched(target, before, staged, bundle)


def deploy(settings: PfSenseSettings, bundle: CertificateBundle, *, keep: tuple[str, ...] = ()) -> Switched:
    """All of a healthy run."""
    done = switch(settings, bundle)
    with contextlib.closing(done.target):
        done.target.confirm(done.staged)
        done.target.tidy({bundle.fingerprint, *(done.before.fingerprint or "",), *keep})
    return done


def rolled_back(settings: PfSenseSettings, done: Switched, previous: CertificateBundle | None = None):
    """The way back, on a fresh instance."""
    with contextlib.closing(PfSenseTarget(settings)) as target:
        return target.rollback(done.before, done.staged, previous)


def leftovers(box: PfSense) -> list[str]:
    """Files and processes of ours that should not be there."""
    files = [name for name in box.files() if "certpush" in name]
    return [*files, *(one.command for one in box.processes() if "nginx" not in one.command)]  # the box's own, in the middle of a start


def meaning(box: PfSense) -> Mapping[str, object]:
    """The configuration as pfSense reads it, without who wrote it last."""
    return {name: value for name, value in box.understood().items() if name != "revision"}


@pytest.fixture
def start_box() -> Iterator[Callable[..., PfSense]]:
    """Start a box: ``start_box("2.6.0", user="root")``; all are ended with the test."""
    need("sshd", "nginx", "php")
    with ExitStack() as boxes:

        def start(*args: object, **wishes: object) -> PfSense:
            try:
                return boxes.enter_context(PfSense(*args, **wishes))
            except NotPossibleHere as error:
                not_run(error.message)

        yield start


@pytest.fixture
def box(start_box: Callable[..., PfSense]) -> PfSense:
    """The usual one."""
    return start_box()


@pytest.fixture
def open_target(request):
    """Targets that are closed at the end."""

    def opened(box, **more):
        target = PfSenseTarget(settings_of(box, **more))
        request.addfinalizer(target.close)
        return target

    return opened


def problems(target: PfSenseTarget, severity: Severity = Severity.ERROR, request: CertificateRequest = REQUEST) -> set[str]:
    """The codes of what preflight finds."""
    return {one.code for one in target.preflight(request) if one.severity is severity}


def as_before(box: PfSense) -> None:
    """The old certificate is chosen and served, and nothing of ours is left."""
    assert box.config().certref == OLD
    assert box.served() == box.config().certs[OLD].sha256
    assert not any(one.descr.startswith("certpush svc") for one in box.config().certs.values())
    assert leftovers(box) == []
