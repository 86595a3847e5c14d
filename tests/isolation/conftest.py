"""A third party's plugin for memory devices, laid down as pip would, that misbehaves on request, and fleets of its targets."""

from __future__ import annotations

import contextlib
import importlib
import os
import re
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from types import MappingProxyType

import pytest

from certpush import Fleet, Receipt, Secret, Target, TargetKind
from certpush.plugins import PluginLoader
from certpush.plugins.isolation import limits
from certpush.testing.memory import MemoryDevice

ACME = Path(__file__).with_name("acme.py").read_text()
TOKEN = "canary-token-of-the-device"


def lay_down(site: Path, distribution: str, offers: dict[str, str], modules: dict[str, str], *, more: str = "") -> None:
    """A distribution, as pip would leave it there."""
    info = site / f"{distribution}-4.2.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {distribution}\nVersion: 4.2\n{more}")
    (info / "entry_points.txt").write_text("[certpush]\n" + "".join(f"{kind} = {module}\n" for kind, module in offers.items()))
    for name, source in modules.items():
        (site / f"{name}.py").write_text(source)


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder for distributions, on the import path."""
    folder = tmp_path / "site"
    folder.mkdir()
    monkeypatch.syspath_prepend(str(folder))
    importlib.invalidate_caches()
    return folder


@pytest.fixture
def acme(site: Path) -> None:
    """The plugin, of which each of two distributions has a copy."""
    for name in ("acme", "other"):
        lay_down(site, f"{name}-dist", {name: f"fake_{name}"}, {f"fake_{name}": ACME.replace("acme", name)})


@pytest.fixture
def kind(acme: None) -> Iterator[TargetKind]:
    """The plugin's kind, as the core has it."""
    with PluginLoader() as loader:
        yield loader.load_kind("acme")


@pytest.fixture
def device(tmp_path: Path) -> MemoryDevice:
    """One that serves nobody, and has only a certificate of its own."""
    return MemoryDevice(tmp_path / "device.json", token=TOKEN, own_certificate=True)


@pytest.fixture
def opened(kind: TargetKind, device: MemoryDevice) -> Callable[..., Target]:
    """Open a target of the kind at the device: ``opened("stage:hang")``."""
    return lambda does="": kind.open(kind.settings(state=str(device.path), token=Secret(TOKEN), does=does))


@pytest.fixture
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """Deadlines that a test can wait for: only for what hangs, since what works may take as long where the machine is busy."""
    short = dict.fromkeys(("stage", "activate", "hear"), timedelta(seconds=4))
    monkeypatch.setattr(limits, "DEADLINES", MappingProxyType({**limits.DEADLINES, **short}))


@dataclass
class Yard:
    """Devices that serve, and a configuration that names them."""

    tables: dict
    folder: Path
    devices: dict[str, MemoryDevice] = field(default_factory=dict)
    serving: contextlib.ExitStack = field(default_factory=contextlib.ExitStack)

    def add(self, name: str, *, kind: str = "acme", does: str = "", **more: object) -> MemoryDevice:
        device = self.serving.enter_context(MemoryDevice(self.folder / f"{name}.json", token=TOKEN, own_certificate=True))
        self.devices[name] = device
        own = {"kind": kind, "names": ["127.0.0.1"], "state": str(device.path), "token": f"file:{self.folder}/token", "does": does}
        self.tables["target"][name] = own | more
        return device

    def says(self, name: str, does: str) -> None:
        """From now on the plugin does this at that target."""
        self.tables["target"][name]["does"] = does

    def deploy(self, *names: str, **more: object) -> dict[str, Receipt]:
        with Fleet.from_tables(self.tables) as fleet:
            return {one.target: one for one in fleet.deploy(*names, **more)}


@pytest.fixture
def yard(acme: None, tmp_path: Path, embedded_ca) -> Iterator[Yard]:
    """No device yet."""
    for name, text in (("password", embedded_ca.password), ("token", TOKEN)):
        (tmp_path / name).write_text(text)
        (tmp_path / name).chmod(0o600)
    ca = {"url": embedded_ca.url, "fingerprint": embedded_ca.fingerprint, "provisioner": embedded_ca.provisioner}
    tables = {
        "ca": {**ca, "password": f"file:{tmp_path}/password"},
        "state": {"directory": str(tmp_path / "state")},
        "target": {},
    }
    with contextlib.ExitStack() as serving:
        yield Yard(tables, tmp_path, serving=serving)


@pytest.fixture
def nothing_left() -> Iterator[None]:
    """Nothing of a plugin is there afterwards: no process, no descriptor."""
    before, descriptors = _processes(), _descriptors()
    yield
    deadline = time.monotonic() + 5  # the threads that read of it end a moment after it
    while not (_processes() <= before and _descriptors() <= descriptors) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert _processes() <= before
    assert _descriptors() <= descriptors


def _descriptors() -> set[str]:
    found = set()
    for one in Path("/proc/self/fd").iterdir():
        with contextlib.suppress(OSError):  # closed meanwhile
            found.add(f"{one.name}: {one.readlink()}")
    return found


def _processes() -> set[str]:
    """The processes of plugins that this one started, and what these started: all are called like their guard."""
    found = set()
    for one in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):
            called = one.read_bytes().replace(b"\0", b" ").decode(errors="replace")
            if re.search(rf"isolation/boot\.py \d+ {os.getpid()} ", called):
                found.add(f"{one.parent.name}: {called}")
    return found
