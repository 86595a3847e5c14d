"""Every sort of document that certpush prints for machines, made by running the commands."""

from __future__ import annotations

import json
import os
import shlex
import shutil
import signal
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

from certpush.cli.ca.stores import _document as store_document
from certpush.cli.trust_store.places import Deed, Report
from certpush.model import to_pem
from certpush.testing import self_signed
from certpush.testing.authority import Authority
from certpush.testing.device import DEFAULT, TOKEN, MemoryDevice, Reload
from certpush.testing.lab import NotPossibleHere
from certpush.testing.lab.sshd import Sshd
from certpush.testing.lab.tls import TlsServer
from cli.ca.conftest import scripted_ca
from cli.frame.conftest import Place, file_target, until
from unit.stepca.scripted import Reply

Document = dict[str, Any]
Documents = list[Document]

PROVISIONERS = [
    {
        "type": "JWK",
        "name": "admin",
        "key": {"kty": "EC", "kid": "eIRRdSBwQrzC2zePJAsqYXUXmOye23XgQ4ZKddxz1Tg"},
        "encryptedKey": "sealed",
        "claims": {"minTLSCertDuration": "5m0s", "maxTLSCertDuration": "9480h0m0s", "defaultTLSCertDuration": "24h0m0s"},
    },
    {"type": "ACME", "name": "acme"},
    {"type": "OIDC", "name": "sso", "state": "Uninitialized", "stateReason": "failed to connect to https://sso.home.example"},
]

FORGETFUL = '''
import pytest
from certpush.testing.contract import GoingBack, Switching, Trial
from certpush.testing.faults import FAULTS


class TestForgetful(Trial):
    """A device whose plugin forgets to switch."""

    test_activate_makes_the_new_one_served = Switching.test_activate_makes_the_new_one_served
    test_rollback_leaves_nothing_of_the_failed_attempt = GoingBack.test_rollback_leaves_nothing_of_the_failed_attempt

    @pytest.fixture
    def target_case(self, tmp_path):
        with next(one for one in FAULTS if one.name == "LiesAboutSuccess").on_trial(tmp_path) as case:
            yield case
'''


class Runs:
    """A place where everything has happened once, and the documents that the commands print there."""

    def __init__(self, directory: Path, ca: Any, servers: ExitStack) -> None:
        self.directory = directory
        self.servers = servers
        _write_private(directory / "password", ca.password.encode() + b"\n")
        own = self_signed("made by the installer", life=timedelta(days=30))
        certificate, key = own.leaf_pem, own.key.reveal_pem()
        (directory / "wiki.crt").write_bytes(certificate)
        _write_private(directory / "wiki.key", key)
        self.server = servers.enter_context(TlsServer(directory / "wiki.crt", directory / "wiki.key"))
        self.targets = file_target(directory, "wiki", port=self.server.port, reload=[str(self._reload())], more='tags = ["web"]')
        self.targets += file_target(directory, "mail")
        self.place = Place(directory, ca, self.targets)

    def _reload(self) -> Path:
        """A reload command that fails once, or kills who called it, when the test wants it to."""
        self.fails, self.kills, script = (self.directory / name for name in ("fails-once", "kills-once", "reload-wiki"))
        script.write_text(
            f"#!/bin/sh\nrm {self.fails} 2>/dev/null && exit 1\nrm {self.kills} 2>/dev/null && kill -9 $PPID\n"
            f"exec {shlex.join(self.server.reload_command)}\n"
        )
        script.chmod(0o700)
        return script

    @contextmanager
    def with_targets(self, targets: str) -> Iterator[None]:
        """Other targets in the configuration, for a while."""
        self.place.targets = targets
        yield
        self.place.targets = self.targets

    def _cluster(self) -> Document:
        """Three devices, of which the second takes back what it served before."""
        devices = {name: self.directory / f"{name}.json" for name in ("pve1", "pve2", "pve3")}
        running = {name: self.servers.enter_context(MemoryDevice(path, own_certificate=True)) for name, path in devices.items()}
        _write_private(self.directory / "token", TOKEN.encode())
        target = f"""
[target.proxmox]
kind = "memory-cluster"
names = ["pve.home.example", "127.0.0.1"]
devices = {json.dumps([str(path) for path in devices.values()])}
token = "file:{self.directory}/token"
"""
        with self.with_targets(target), self._plugin("memory-cluster", "memory-cluster = certpush.testing.memory_cluster"):
            self.place.document("deploy")
            running["pve2"].break_reload(Reload.REFUSED, of=running["pve2"].served())
            for name in ("pve1", "pve2"):  # an administrator was here
                running[name].select(DEFAULT)
                running[name].reload()
            return self.place.document("deploy", code=1)

    @contextmanager
    def _plugin(self, distribution: str, entry_point: str, forgetful: str = "") -> Iterator[None]:
        """Another distribution on the import path, for a while, which offers a kind."""
        info = self.directory / f"site of {distribution}" / f"{distribution.replace('-', '_')}-1.0.dist-info"
        info.mkdir(parents=True)
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {distribution}\nVersion: 1.0\n")
        (info / "entry_points.txt").write_text(f"[certpush]\n{entry_point}\n")
        (info.parent / "forgetful.py").write_text(forgetful)
        self.place.more = {"PYTHONPATH": os.pathsep.join(filter(None, [str(info.parent), os.environ.get("PYTHONPATH")]))}
        yield
        self.place.more = {}

    def deploy(self) -> Documents:
        cluster = self._cluster()
        first = self.place.document("deploy")
        self.fails.touch()
        failed = self.place.document("deploy", "wiki", "--force", code=1)
        with self.with_targets(self.targets.replace("reload =", "relaod =")):
            refused = self.place.document("deploy", code=2)
        return [cluster, first, failed, refused, self.place.document("deploy"), self.place.document("deploy", "wiki", "--force")]

    def renew(self) -> Documents:
        good = self.place.document("renew")
        with self.with_targets(self.targets.replace('tags = ["web"]', 'tags = ["web"]\nlifetime = "6h"')):
            self.fails.touch()
            failed = self.place.document("renew", code=1)
            waiting = self.place.document("renew", code=1)
        return [good, failed, waiting, self.place.document("renew", "wiki")]

    def status(self) -> Documents:
        good = self.place.document("status", "--html", f"{self.directory}/status.html")
        with self.with_targets(self.targets.replace('tags = ["web"]', 'tags = ["web"]\nlifetime = "6h"')):
            self.fails.touch()
            self.place.document("renew", "wiki", code=1)
        self.server.stop()
        with self.with_targets(self.targets + file_target(self.directory, "new")):
            bad = self.place.document("status")
        self.server.start()
        self.place.document("renew", "wiki")
        return [good, bad]

    def check(self) -> Documents:
        good = self.place.document("check")
        self.server.stop()
        bad = self.place.document("check", code=1)
        self.server.start()
        with self.with_targets(self.targets.replace('["web"]', '"web"')):
            return [good, bad, self.place.document("check", code=2)]

    def history(self) -> Documents:
        self.kills.touch()
        assert self.place.run("deploy", "wiki", "--force").returncode == -signal.SIGKILL
        unfinished = self.place.document("history")
        self.place.document("deploy", "wiki")
        return [unfinished, self.place.document("history", "--limit", "2")]

    def rollback(self) -> Documents:
        return [self.place.document("rollback", "wiki"), self.place.document("rollback", "wiki", code=5)]

    def resolve(self) -> Documents:
        self.kills.touch()
        assert self.place.run("deploy", "wiki", "--force").returncode == -signal.SIGKILL
        nobody = self.place.document("resolve", "wiki", code=2)
        with self.with_targets(self.targets.replace("reload =", "relaod =")):
            unseen = self.place.document("resolve", "wiki", code=2)
        decided = self.place.document("resolve", "wiki", "--finish", "--reason", "nobody knows why")
        return [nobody, unseen, decided, self.place.document("resolve", "wiki")]

    def state_backup(self) -> Documents:
        return [self.place.document("state", "backup", f"{self.directory}/backup.tar")]

    def state_check(self) -> Documents:
        return [self.place.document("state", "check"), self.place.document("state", "check", f"{self.directory}/backup.tar")]

    def state_restore(self) -> Documents:
        backup = f"{self.directory}/backup.tar"
        refused = self.place.document("state", "restore", backup, code=5)
        kept = self.place.document("state", "restore", backup, "--replace")
        state, moved = self.directory / "state", self.directory / "moved"
        state.rename(moved)
        fresh = self.place.document("state", "restore", backup)
        shutil.rmtree(state)
        moved.rename(state)
        return [refused, kept, fresh]

    def forget(self) -> Documents:
        kept = self.place.document("forget", "wiki", "--clean", "--yes", code=5)  # after so many certificates the first is kept no more
        return [kept, self.place.document("forget", "proxmox", "--yes"), self.place.document("forget", "mail", "--clean", "--yes")]

    def doctor(self) -> Documents:
        good = self.place.document("doctor")
        with self.with_targets(f'{self.targets}owner = "nobody-of-that-name"\n'):
            return [good, self.place.document("doctor", code=1)]

    def trust(self) -> Documents:
        try:
            sshd = self.servers.enter_context(Sshd())
        except NotPossibleHere:
            return []
        with self.with_targets(f"""
[target.wiki]
kind = "ssh"
names = ["wiki.home.example"]
host = "{sshd.host}"
port = {sshd.port}
user = "{sshd.user}"
identity = "file:{sshd.client_key_path}"
fullchain = "/etc/nginx/tls/wiki.crt"
key_file = "/etc/nginx/tls/wiki.key"
verify = "files"
"""):
            nobody = self.place.document("trust", "wiki", code=2)
            pin = ["trust", "wiki", "--fingerprint", nobody["identities"][0]["value"]]
            return [nobody, self.place.document(*pin), self.place.document(*pin)]

    def issue(self) -> Documents:
        files = ["--cert", f"{self.directory}/nas.crt", "--key-file", f"{self.directory}/nas.key"]
        return [self.place.document("issue", "nas.home.example", "192.168.10.9", *files)]

    def inspect(self) -> Documents:
        served = self.place.document("inspect", f"127.0.0.1:{self.server.port}", "--server-name", "wiki.home.example")
        pair = self.directory / "installer.pem"
        own = self_signed("made by the installer", life=timedelta(days=30))
        pair.write_bytes(own.leaf_pem + own.key.reveal_pem())
        nobody = self._without_a_ca("inspect", str(pair))
        return [served, self.place.document("inspect", str(pair)), nobody]

    def _without_a_ca(self, *words: str) -> Document:
        empty = self.directory / "empty.toml"
        empty.touch()
        return self.place.document("--config", str(empty), *words)

    def ca_health(self) -> Documents:
        with scripted_ca() as ca:
            ca.routes = {route: replace(reply, headers={"Date": ""}) for route, reply in ca.routes.items()}
            ca.routes["GET /health"] = Reply(body={"status": "on fire"})
            bad = self.place.document("ca", "health", *_of(ca), code=1)
        return [self.place.document("ca", "health"), bad]

    def ca_root(self) -> Documents:
        written = self.place.document("ca", "root", "--file", f"{self.directory}/root.pem")
        return [self.place.document("ca", "root"), written, {**written, "stores": _stores()}]

    def ca_bootstrap(self) -> Documents:
        self.place.more = {"STEPPATH": f"{self.directory}/step"}
        known = ["ca", "bootstrap", self.place.ca.url, "--fingerprint", self.place.ca.fingerprint]
        first = self.place.document(*known)
        with scripted_ca() as other:
            replaced = self.place.document("ca", "bootstrap", other.url, "--fingerprint", other.fingerprint, "--force")
            nobody = self.place.document("ca", "bootstrap", other.url, code=2)
        named = self.place.document(*known, "--context", "lab", "--force")
        self.place.more = {}
        return [first, nobody, replaced, named, {**first, "stores": _stores()}]

    def ca_provisioners(self) -> Documents:
        with scripted_ca() as ca:
            ca.routes["GET /provisioners"] = Reply(body={"provisioners": PROVISIONERS, "nextCursor": ""})
            return [self.place.document("ca", "provisioners", *_of(ca))]

    def ca_advise(self) -> Documents:
        with scripted_ca() as ca:
            ca.routes["GET /provisioners"] = Reply(body={"provisioners": PROVISIONERS, "nextCursor": ""})
            known = [self.place.document("ca", "advise", lifetime, *_of(ca)) for lifetime in ("395d", "1m", "9000d")]
        return [*known, self.place.document("ca", "advise", "395d"), self._without_a_ca("ca", "advise", "12h")]

    def config_check(self) -> Documents:
        good = self.place.document("config", "check")
        with self.with_targets(self.targets.replace('kind = "file"', 'kind = "fil"')):
            return [good, self.place.document("config", "check", code=2)]

    def init(self) -> Documents:
        directory, ca = self.directory, self.place.ca
        new = directory / "new" / "certpush.toml"
        new.parent.mkdir()
        command = ["init", "--config", str(new), "--password-file", f"{directory}/password", "--lifetime", "395d"]
        target = [
            "--target",
            "wiki",
            "--names",
            "wiki.home.example",
            "--fullchain",
            f"{directory}/w.crt",
            "--key-file",
            f"{directory}/w.key",
        ]
        whole = self.place.document(*command, *_of(ca), *target, "--reload", "/bin/true", "--endpoint", "none")
        self.place.more = {"STEPPATH": str(self._bootstrapped_with_a_root_alone())}
        again = self.place.document(*command, "--force")
        self.place.more = {}
        return [whole, again]

    def _bootstrapped_with_a_root_alone(self) -> Path:
        folder = self.directory / "old-step"
        (folder / "config").mkdir(parents=True)
        (folder / "root_ca.crt").write_bytes(to_pem(self.place.ca.pki.root))
        known = {"ca-url": self.place.ca.url, "root": str(folder / "root_ca.crt")}
        (folder / "config" / "defaults.json").write_text(json.dumps(known))
        return folder

    def demo(self) -> Documents:
        return [self.place.document("demo", seconds=400)]  # three times it looks for 6 s, and others use the machine, too

    def observer_test(self) -> Documents:
        with self.with_targets(f'{self.targets}\n[observer.page]\nkind = "metrics"\nfile = "{self.directory}/certpush.prom"\n'):
            return [self.place.document("observer", "test", "page")]

    def plugins(self) -> Documents:
        good = self.place.document("plugins")
        with self._plugin("acme-thing", "file = acme_thing"):  # claims a name of ours
            return [good, self.place.document("plugins")]

    def plugin_new(self) -> Documents:
        return [self.place.document("plugin", "new", "acme-nas", "--directory", str(self.directory / "certpush-acme-nas"))]

    def plugin_install(self) -> Documents:
        shown = self.place.document("plugin", "install", "certpush-acme-nas", "--print")
        with self._plugin("certpush-acme-nas", "acme-nas = certpush_acme_nas"):
            offers = [one for one in self.place.document("plugins")["plugins"] if one["kind"] == "acme-nas"]
        # Made by hand, for it would change the environment of these tests; tests/cli/plugin/test_install.py has one of its own.
        by_pipx = {**shown, "environment": "pipx", "run": ["pipx", "inject", "certpush", "certpush-acme-nas"]}
        return [shown, by_pipx, {**by_pipx, "environ": {"PIPX_HOME": "/srv/pipx"}, "ran": True, "said": "done!", "plugins": offers}]

    def plugin_remove(self) -> Documents:
        with self._plugin("certpush-acme-thing", "acme-thing = certpush_acme_thing"):
            shown = self.place.document("plugin", "remove", "certpush-acme-thing", "--print")
        by_pipx = {
            **shown,
            "environment": "pipx",
            "run": ["pipx", "uninject", "certpush", "certpush-acme-nas"],
            "ran": True,
            "said": "done!",
        }
        return [shown, by_pipx, {**by_pipx, "environ": {"PIPX_HOME": "/srv/pipx"}}]  # likewise

    def conformance(self) -> Documents:
        refused = self.place.document("conformance", "metrics", code=2)
        with self._plugin("acme-memory", "memory = certpush.testing.memory\n[certpush.conformance]\nmemory = forgetful", FORGETFUL):
            return [refused, self.place.document("conformance", "memory", code=1)]

    def schedule_install(self) -> Documents:
        self.place.more = {"XDG_CONFIG_HOME": f"{self.directory}/config"}
        units = self.place.document("schedule", "install", "--user", "--by", "systemd")
        return [units, self.place.document("schedule", "install", "--user", "--by", "cron")]

    def schedule_status(self) -> Documents:
        with self.with_targets(self.targets.replace('kind = "file"', 'kind = "file"\nlifetime = "395d"')):
            there = self.place.document("schedule", "status", "--user")
        assert there["units"][0]["drift"]
        told = {"active": True, "next": "2026-11-27T07:11:04Z", "last": "2026-11-27T06:03:02Z", "result": "success", "status": 0}
        by_systemd = {**there, "units": [{**there["units"][0], **told}]}  # made by hand: nothing starts a timer here
        return [there, {**by_systemd, "last_deployment": None}]

    def schedule_remove(self) -> Documents:
        removed = self.place.document("schedule", "remove", "--user")
        self.place.more = {}
        return [removed]

    def daemon(self) -> Documents:
        file = self.directory / "health.json"
        running = self.place.start("daemon", "--output", "json", "--health-file", str(file))
        until(lambda: file.exists() and json.loads(file.read_bytes())["doing"] == "waiting", "the daemon's first run")
        alive = self.place.document("daemon", "--healthcheck", "--health-file", str(file))
        running.send_signal(signal.SIGTERM)
        stopped: Document = json.loads(running.communicate(timeout=120)[0])
        # Made by hand, for they last only for a moment: before its first run, and after a reload that was refused.
        new = {**alive, "health": {**alive["health"], "doing": "working", "next": None, "last": None}}
        refused = {**alive, "health": {**alive["health"], "refused_configuration": "target.wiki.nmaes: unknown key"}}
        with_names = {**stopped["last"], "rotated": ["wiki"], "failed": ["mail"]}
        return [stopped, {**stopped, "last": None}, {**stopped, "last": with_names}, alive, new, refused]

    def failure(self) -> Documents:
        typo = self.place.document("deplyo", code=2)
        with self.with_targets(self.targets.replace('["web"]', '"web"')):
            broken = self.place.document("deploy", code=2)
        unreachable = self.place.document("ca", "health", "--ca-url", "https://127.0.0.1:1", "--fingerprint", "0" * 64, code=1)
        return [typo, broken, unreachable, self.place.document("deploy", "nosuch", code=2)]


def _of(ca: Any) -> tuple[str, ...]:
    return "--ca-url", ca.url, "--fingerprint", ca.fingerprint


def _stores() -> Documents:
    """What --install and --remove say; made by hand, for they would change this machine."""
    root = Authority("Lab").pki.root
    return [store_document(root, Report("Debian's trust store", deed, "in it", "do that")) for deed in Deed]


def _write_private(path: Path, content: bytes) -> None:
    path.touch(mode=0o600)
    path.write_bytes(content)


def only(*commands: str) -> Callable[[Runs], Documents]:
    """Commands that need nothing made ready, and succeed."""
    return lambda runs: [runs.place.document(*shlex.split(command)) for command in commands]


# In the order in which they can be run: what is deployed first is looked at later.
COMMANDS: dict[str, Callable[[Runs], Documents]] = {
    "When a command fails": Runs.failure,
    "deploy": Runs.deploy,
    "deploy --plan": only("deploy --plan --force", "deploy --plan"),
    "renew": Runs.renew,
    "status": Runs.status,
    "check": Runs.check,
    "history": Runs.history,
    "rollback": Runs.rollback,
    "resolve": Runs.resolve,
    "doctor": Runs.doctor,
    "trust": Runs.trust,
    "issue": Runs.issue,
    "inspect": Runs.inspect,
    "revoke": only("revoke 99", "revoke mail"),
    "ca health": Runs.ca_health,
    "ca root": Runs.ca_root,
    "ca bootstrap": Runs.ca_bootstrap,
    "ca provisioners": Runs.ca_provisioners,
    "ca advise": Runs.ca_advise,
    "forget": Runs.forget,
    "state backup": Runs.state_backup,
    "state check": Runs.state_check,
    "state restore": Runs.state_restore,
    "config check": Runs.config_check,
    "config schema": only("config schema"),
    "init": Runs.init,
    "targets": only("targets"),
    "targets KIND": only("targets ssh", "targets recipe"),
    "observer kinds": only("observer kinds", "observer kinds metrics"),
    "observer test": Runs.observer_test,
    "plugins": Runs.plugins,
    "plugin new": Runs.plugin_new,
    "plugin install": Runs.plugin_install,
    "plugin remove": Runs.plugin_remove,
    "conformance": Runs.conformance,
    "schedule install": Runs.schedule_install,
    "schedule status": Runs.schedule_status,
    "schedule remove": Runs.schedule_remove,
    "daemon": Runs.daemon,
    "completion": only("completion bash", "completion zsh", "completion fish"),
    "demo": Runs.demo,
    "Help and version": only("--help", "--version", "deploy --help"),
}


def all_documents(directory: Path, ca: Any) -> dict[str, Documents]:
    """Run everything once: the documents of each section of the page."""
    with ExitStack() as servers:
        runs = Runs(directory, ca, servers)
        return {title: run(runs) for title, run in COMMANDS.items()}
