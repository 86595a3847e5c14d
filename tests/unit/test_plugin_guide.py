"""docs/plugins.md is a plugin, its test and its packaging: what stands there is run."""

from __future__ import annotations

import re
import socket
import ssl
import subprocess
import sys
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from certpush.errors import ObserverFailed, PinMismatch
from certpush.kit.own_certificate import show_in_tls
from certpush.kit.trust import Trust
from certpush.model import CertificateRequest, Secret
from certpush.plugins import RESERVED_NAMES, PluginLoader
from certpush.testing.authority import Authority
from certpush.testing.listener import Listener
from plugins.runs import Scheduler, failed, receipt, skipped
from unit.kit.appliance import Appliance

GUIDE = Path(__file__).parents[2] / "docs" / "plugins.md"

# The vendor's client and the fake device that the guide takes for granted, on top of the memory device.
CLIENT = '''
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from certpush.testing.device import DeviceGone, DeviceRefuses, LoginRefused, MemoryDevice

STATE = Path(__file__).with_name("nas.json")

class NasOffline(Exception): ...
class NasRefused(Exception): ...
class NasLoginRefused(Exception): ...

@dataclass
class Active:
    id: str
    sha256: str

class NasClient:
    """What the maker of the NAS gives."""

    def __init__(self, host: str, token: str, *, timeout: float) -> None:
        self._host, self._token = host, token

    def _device(self) -> MemoryDevice:
        if self._host != "127.0.0.1":
            raise NasOffline(f"no route to {self._host}")
        device = MemoryDevice.at(STATE)
        try:
            device.login(self._token)
        except LoginRefused:
            raise NasLoginRefused("401") from None
        return device

    def active_certificate(self) -> Active | None:
        device = self._device()
        id_ = device.selected()
        return Active(id_, device.certificates()[id_].fingerprint) if id_ else None

    def upload(self, name: str, fullchain: bytes, key: bytes) -> str:
        self._device().put(name, fullchain, key, by="certpush")
        return name

    def select(self, id_: str) -> None:
        device = self._device()
        device.select(id_ or None)
        try:
            device.reload()
        except DeviceRefuses as error:
            raise NasRefused(str(error)) from error

    def delete(self, id_: str) -> None:
        self._device().remove(id_)
'''

CONFTEST = """
import contextlib
import pytest
from acme_nas_client import STATE
from certpush.testing.memory import MemoryDevice, Reload

@pytest.fixture
def fake_nas():
    STATE.unlink(missing_ok=True)
    with MemoryDevice(STATE, token="s3cret-token") as device:
        yield Knobs(device)

class Knobs:
    def __init__(self, device):
        self.device = device
        self.port = device.port()

    def dump(self):
        state = self.device.snapshot()
        return (state.store, state.selected, state.loaded)

    @contextlib.contextmanager
    def reload_fails(self):
        self.device.break_reload(Reload.REFUSED)
        yield
        self.device.break_reload(Reload.WORKS)
"""


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", GUIDE.read_text(), re.DOTALL | re.MULTILINE)


@pytest.fixture
def plugin(tmp_path: Path) -> Path:
    """The guide's plugin, laid down as pip would."""
    code, _, _, _, test, observer = blocks("python")
    project = tomllib.loads(blocks("toml")[0])["project"]
    (tmp_path / "certpush_acme_nas.py").write_text(code)
    (tmp_path / "test_acme_nas.py").write_text(test)
    (tmp_path / "logbook_observer.py").write_text(observer)
    (tmp_path / "acme_nas_client.py").write_text(CLIENT)
    (tmp_path / "conftest.py").write_text(CONFTEST)
    (tmp_path / "pytest.ini").write_text("[pytest]\naddopts = --strict-markers\nfilterwarnings = error\n")
    info = tmp_path / f"{project['name']}-{project['version']}.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {project['name']}\nVersion: {project['version']}\n")
    entry_points = {**project["entry-points"]["certpush"], "logbook": "logbook_observer"}
    (info / "entry_points.txt").write_text("[certpush]\n" + "".join(f"{name} = {module}\n" for name, module in entry_points.items()))
    return tmp_path


@pytest.mark.timeout(120)
def test_the_plugin_of_the_guide_keeps_the_contract(plugin: Path) -> None:
    ran = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "test_acme_nas.py"],
        cwd=plugin,
        capture_output=True,
        text=True,
        check=False,
        timeout=110,
    )
    assert ran.returncode == 0, ran.stdout
    passed = re.search(r"(\d+) passed", ran.stdout)
    assert passed is not None
    assert int(passed[1]) > 40


def test_the_plugin_of_the_guide_is_found_by_its_entry_point(plugin: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(plugin))
    loader = PluginLoader()
    kind = loader.load_kind("acme-nas")
    opened = kind.open(kind.settings(host="nas.lan", token=Secret("x")))
    assert [str(one) for one in opened.endpoints()] == ["nas.lan:443"]
    assert "certpush_acme_nas" not in sys.modules, "it lives in a process of its own"


def test_the_observer_of_the_guide_hears_a_run(plugin: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.syspath_prepend(str(plugin))
    kind = PluginLoader().load_observer("logbook")
    diary = Scheduler(kind, kind.settings(file=str(tmp_path / "diary")), tmp_path / "state")
    assert diary.run(receipt("wiki"), failed("mail"), skipped("nas")) == f"2 lines in {tmp_path}/diary"
    assert diary.open("test").test().startswith("1 lines")
    assert (tmp_path / "diary").read_text().splitlines() == [
        "2026-01-01 12:00 wiki rotated, lasts until 2026-01-02 12:00:00+00:00",
        "2026-01-01 12:00 mail failed, lasts until 2026-01-02 12:00:00+00:00",
        "this is a test of it",
    ]
    diary.settings = kind.settings(file=str(tmp_path / "gone" / "diary"))
    with pytest.raises(ObserverFailed, match="No such file"):
        diary.run(receipt("wiki"))


def test_the_request_of_the_guide_reaches_the_right_appliance_alone() -> None:
    known: dict[str, Callable[[Trust, str], str]] = {}
    exec(blocks("python")[1], known)
    bundle = Authority("Nas").issue("127.0.0.1")
    answer = b'HTTP/1.1 200 OK\r\nContent-Length: 18\r\n\r\n{"version": "7.2"}'
    with Appliance(bundle, answer=answer) as appliance:
        address = f"127.0.0.1:{appliance.port}"
        assert known["version"](Trust(pins=(bundle.fingerprint,)), address) == "7.2"
        with pytest.raises(PinMismatch, match=f"^{address} shows"):
            known["version"](Trust(pins=("0" * 64,)), address)
        assert appliance.requests == 1


def test_the_greeting_of_the_guide_comes_from_the_right_appliance_alone() -> None:
    known: dict[str, Callable[[Trust, str, int], bytes]] = {}
    exec(blocks("python")[2], known)
    bundle = Authority("Box").issue("127.0.0.1")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    show_in_tls(context, bundle)

    def greet(plain: socket.socket) -> None:
        with context.wrap_socket(plain, server_side=True) as secured:
            secured.sendall(b"hello\n")

    with Listener(greet) as box:
        assert known["greeting"](Trust(pins=(bundle.fingerprint,)), "127.0.0.1", box.port) == b"hello\n"
        with pytest.raises(PinMismatch, match=f"^127.0.0.1:{box.port} shows"):
            known["greeting"](Trust(pins=("0" * 64,)), "127.0.0.1", box.port)


def test_the_cluster_of_the_guide_has_members_in_order_with_one_certificate_or_one_each() -> None:
    known: dict[str, Any] = {}
    exec(blocks("python")[3], known)
    rack, members, request = known["RackSettings"], known["members"], CertificateRequest.of("a.lan", "b.lan", "rack.lan")
    assert members(rack(hosts=("a.lan",), token=Secret("x")), request) == ()
    shared = members(rack(hosts=("b.lan", "a.lan"), token=Secret("x")), request)
    assert [(one.name, one.settings.hosts, one.names) for one in shared] == [("b", ("b.lan",), ()), ("a", ("a.lan",), ())]
    own = members(rack(hosts=("b.lan", "a.lan"), token=Secret("x"), per_host=True), request)
    assert [[str(name) for name in one.names] for one in own] == [["b.lan"], ["a.lan"]]


def test_the_guide_names_all_reserved_kinds_and_every_verb() -> None:
    text = GUIDE.read_text()
    assert [name for name in RESERVED_NAMES if f"`{name}`" not in text] == []
    verbs = ("inspect", "preflight", "changes", "stage", "activate", "confirm", "rollback", "endpoints", "tidy", "close")
    assert [verb for verb in verbs if f"| `{verb}(" not in text] == []
