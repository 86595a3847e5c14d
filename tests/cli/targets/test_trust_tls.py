"""`certpush trust` and the core's key `trust` with a kind that talks to an appliance by TLS."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from certpush.config import load
from certpush.kit.tls import utc_now
from certpush.kit.trust import with_colons
from certpush.model import Deployment, Installed, Outcome, Phase, WayBack, WayBackKind
from certpush.state.directory import open_state_directory
from certpush.state.journal import Journal
from certpush.testing.authority import Authority
from unit.kit.appliance import Appliance

NAS = '''
"""A kind that only shows who answers, and what it was told of trust."""
from certpush import Endpoint, Expected, Installed, Settings, Staged, Target, TargetKind, hookimpl
from certpush.errors import TrustError
from certpush.kit.handshake import connect_trusted
from certpush.kit.allowance import allowing
from certpush.kit.tls import tls_identity
from certpush.kit.trust import Trust


class NasSettings(Settings):
    host: str
    port: int
    trust: Trust = Trust()


class Nas(Target):
    def __init__(self, settings):
        self.settings = settings

    def inspect(self):
        with allowing(seconds=5):
            connect_trusted(self.settings.host, self.settings.port, self.settings.trust, where="nas:443").close()
        return Installed(None)

    def stage(self, bundle):
        return Staged()

    def activate(self, staged, bundle):
        """Nothing."""

    def rollback(self, to, staged, previous):
        return Expected.nothing()

    def endpoints(self):
        return (Endpoint(self.settings.host, self.settings.port),)


@hookimpl
def certpush_target():
    return TargetKind(
        "nas", "a NAS", NasSettings, Nas,
        identify=lambda settings: tls_identity(Endpoint(settings.host, settings.port), compare="on its console"),
    )
'''
OWN = Authority("Nas").issue("127.0.0.1")
OURS = Authority("Ours").issue("127.0.0.1")


@pytest.fixture
def nas(home: Path, tmp_path: Path, monkeypatch):
    """A NAS with a certificate of its own, and what writes its table."""
    module = f"certpush_nas_{tmp_path.name.replace('-', '_')}"
    (tmp_path / f"{module}.py").write_text(NAS)
    metadata = tmp_path / "certpush_nas-1.0.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: certpush-nas\nVersion: 1.0\n")
    (metadata / "entry_points.txt").write_text(f"[certpush]\nnas = {module}\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    with Appliance(OWN) as appliance:
        appliance.state = tmp_path / "state"
        path = home / ".config" / "certpush" / "certpush.toml"
        path.parent.mkdir(parents=True)

        def describe(trust: str = "") -> None:
            path.write_text(
                f'[ca]\nurl = "https://127.0.0.1:1"\nfingerprint = "{"0" * 64}"\n[state]\ndirectory = "{appliance.state}"\n'
                f'[target.nas]\nkind = "nas"\nnames = ["127.0.0.1"]\nhost = "127.0.0.1"\nport = {appliance.port}\n{trust}\n'
            )
            path.chmod(0o600)

        appliance.describe, appliance.path = describe, path
        describe()
        yield appliance
    sys.modules.pop(module, None)


def test_what_nobody_has_confirmed_is_refused_pinned_and_then_trusted(certpush, nas):
    refused = certpush("deploy", "nas", "--plan")
    assert refused.code == 4
    assert with_colons(OWN.fingerprint) in refused.err
    assert "run `certpush trust nas`" in refused.err
    shown = certpush("trust", "nas", "--fingerprint", with_colons(OWN.fingerprint), "--output=json")
    assert shown.code == 0
    assert shown.document["pinned"] == {"setting": "trust", "value": f"sha256:{OWN.fingerprint}"}
    assert shown.document["identities"][0]["shown"][0] == with_colons(OWN.fingerprint)
    trusted = certpush("deploy", "nas", "--plan")
    assert "which nobody has confirmed" not in trusted.err
    assert trusted.code != 4
    nas.show(OURS)
    changed = certpush("deploy", "nas", "--plan")
    assert changed.code == 4
    assert f"not the pinned {with_colons(OWN.fingerprint)}" in changed.err
    assert nas.received == []


def test_a_script_that_expects_another_pins_nothing(certpush, nas):
    ended = certpush("trust", "nas", "--fingerprint", "0" * 64)
    assert ended.code == 4
    assert "nothing was pinned" in ended.err


def test_another_than_the_configured_is_not_recorded(certpush, nas):
    nas.describe(f'trust = "sha256:{"0" * 64}"')
    ended = certpush("trust", "nas", "--fingerprint", OWN.fingerprint)
    assert ended.code == 2
    assert "target.nas: trust stands in the configuration" in ended.err
    assert f'trust = "sha256:{OWN.fingerprint}"' in ended.err


@pytest.mark.parametrize("trust", ['"ca"', "sha256", "file"])
def test_beside_a_ca_and_the_same_fingerprint_it_is(certpush, nas, tmp_path, trust):
    (tmp_path / "root.pem").write_bytes(OURS.roots_pem)
    words = {"sha256": f'"SHA256:{with_colons(OWN.fingerprint)}"', "file": f'"{tmp_path}/root.pem"'}
    nas.describe(f"trust = {words.get(trust, trust)}")
    assert certpush("trust", "nas", "--fingerprint", OWN.fingerprint).code == 0


def test_what_certpush_deployed_itself_is_no_stranger(certpush, nas):
    assert certpush("trust", "nas", "--fingerprint", OWN.fingerprint).code == 0
    deployed = Deployment(
        "1", "nas", "nas", Installed(OWN.fingerprint), OURS.fingerprint, Phase.CONFIRMED, WayBack(WayBackKind.EXACT, ""),
        outcome=Outcome.ROTATED, started=utc_now(),
    )  # fmt: skip
    journal = Journal(open_state_directory(load(nas.path).state_directory) / "journal.sqlite3")
    journal.begin(deployed)
    journal.close()
    nas.show(OURS)
    shown = certpush("trust", "nas")
    assert "certpush deployed this certificate itself" in shown.out
    assert "NOT what was pinned" not in shown.out
    assert certpush("deploy", "nas", "--plan").code != 4


@pytest.mark.parametrize(("trust", "said"), [('"sha256:00"', "no SHA-256 fingerprint"), ('"/nowhere.pem"', "/nowhere.pem cannot be read")])
def test_what_cannot_be_read_is_found_by_config_check_and_by_every_run(certpush, nas, trust, said):
    nas.describe(f"trust = {trust}")
    for words in (("config", "check"), ("deploy", "nas", "--plan")):
        ended = certpush(*words)
        assert ended.code == 2
        assert "target.nas.trust: " in ended.out + ended.err
        assert said in ended.out + ended.err


def test_trust_is_described_once_as_the_cores_key(certpush, nas):
    keys = certpush("targets", "nas", "--output=json").document["kind"]["keys"]
    (trust,) = [one for one in keys if one["key"] == "trust"]
    assert (trust["type"], trust["default"]) == ("text", '"ca"')
    assert "a PEM path" in trust["for"]
    schema = json.loads(certpush("config", "schema", "--kind", "nas").out)
    (mine,) = [one for one in schema["properties"]["target"]["additionalProperties"]["oneOf"] if one.get("title") == "nas"]
    assert mine["properties"]["trust"]["type"] == "string"
    assert "trust" not in mine["required"]
