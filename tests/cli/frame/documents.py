"""Every sort of document that certpush prints for machines, made by running the commands."""

from __future__ import annotations

import json
import shlex
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from certpush.cli.ca.stores import _document as store_document
from certpush.cli.trust_store.places import Deed, Report
from certpush.testing.authority import Authority, EmbeddedCa
from certpush.testing.lab.sshd import Sshd
from certpush.testing.lab.tls import TlsServer
from cli.frame.conftest import Place, environment, file_target
from live.conftest import self_signed

Documents = list[dict[str, Any]]


class Runs:
    """A place where everything has happened once, and the documents that the commands print there."""

    def __init__(self, directory: Path, ca: EmbeddedCa, servers: ExitStack) -> None:
        (directory / "password").touch(mode=0o600)
        (directory / "password").write_text(ca.password + "\n")
        certificate, key = self_signed("made by the installer")
        (directory / "wiki.crt").write_bytes(certificate)
        (directory / "wiki.key").touch(mode=0o600)
        (directory / "wiki.key").write_bytes(key)
        self.servers = servers
        self.server = servers.enter_context(TlsServer(directory / "wiki.crt", directory / "wiki.key"))
        reload = directory / "reload-wiki"
        self.fails_once = directory / "fails-once"
        reload.write_text(f"#!/bin/sh\nrm {self.fails_once} 2>/dev/null && exit 1\nexec {shlex.join(self.server.reload_command)}\n")
        reload.chmod(0o700)
        self.targets = file_target(directory, "wiki", port=self.server.port, reload=[str(reload)], more='tags = ["web"]')
        self.targets += file_target(directory, "mail", more='owner = "root"')
        self.place = Place(directory, ca, self.targets)

    def deploy(self) -> Documents:
        first = self.place.document("deploy")
        self.fails_once.touch()
        failed = self.place.document("deploy", "wiki", "--force", code=1)
        return [first, failed, self.place.document("deploy"), self.place.document("deploy", "wiki", "--force")]

    def plan(self) -> Documents:
        return [self.place.document("deploy", "--plan", "--force"), self.place.document("deploy", "--plan")]

    def status(self) -> Documents:
        good = self.place.document("status")
        self.server.stop()
        bad = self.place.document("status")
        self.server.start()
        return [good, bad]

    def history(self) -> Documents:
        return [self.place.document("history")]

    def rollback(self) -> Documents:
        return [self.place.document("rollback", "wiki"), self.place.document("rollback", "wiki", code=5)]

    def doctor(self) -> Documents:
        good = self.place.document("doctor")
        self.place.targets = self.targets.replace('owner = "root"', 'owner = "nobody-of-that-name"')
        bad = self.place.document("doctor", code=1)
        self.place.targets = self.targets
        return [good, bad]

    def trust(self) -> Documents:
        sshd = self.servers.enter_context(Sshd())
        self.place.targets = f"""
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
"""
        nobody = self.place.document("trust", "wiki", code=2)
        pinned = self.place.document("trust", "wiki", "--fingerprint", nobody["identities"][0]["value"])
        self.place.targets = self.targets
        return [nobody, pinned]

    def revoke(self) -> Documents:
        return [self.place.document("revoke", "99"), self.place.document("revoke", "mail")]

    def issue(self) -> Documents:
        directory = self.place.directory
        files = ["--cert", f"{directory}/nas.crt", "--key-file", f"{directory}/nas.key"]
        return [self.place.document("issue", "nas.home.example", "192.168.10.9", *files)]

    def inspect(self) -> Documents:
        (self.place.directory / "installer.pem").write_bytes(b"".join(self_signed("made by the installer")))
        return [
            self.place.document("inspect", f"{self.place.directory}/installer.pem"),
            self.place.document("inspect", f"127.0.0.1:{self.server.port}", "--server-name", "wiki.home.example"),
        ]

    def ca_health(self) -> Documents:
        return [self.place.document("ca", "health")]

    def ca_root(self) -> Documents:
        written = self.place.document("ca", "root", "--file", f"{self.place.directory}/root.pem")
        root = Authority("Lab").pki.root
        # --install would change this machine: what it says is made by hand.
        stores = [store_document(root, Report("Debian's trust store", deed, "in it", "do that")) for deed in Deed]
        return [self.place.document("ca", "root"), written, {**written, "stores": stores}]

    def ca_bootstrap(self) -> Documents:
        ca, directory = self.place.ca, self.place.directory
        self.place.more = {"STEPPATH": f"{directory}/step"}
        known = ["ca", "bootstrap", ca.url, "--fingerprint", ca.fingerprint]
        documents = [self.place.document(*known), self.place.document(*known), self.place.document("ca", "bootstrap", ca.url, code=2)]
        self.place.more = {}
        return documents

    def ca_provisioners(self) -> Documents:
        return [self.place.document("ca", "provisioners")]

    def ca_advise(self) -> Documents:
        return [self.place.document("ca", "advise", "395d")]

    def config_check(self) -> Documents:
        return [self.place.document("config", "check")]

    def config_schema(self) -> Documents:
        return [self.place.document("config", "schema")]

    def init(self) -> Documents:
        ca, directory = self.place.ca, self.place.directory
        authority = ["--ca-url", ca.url, "--fingerprint", ca.fingerprint, "--password-file", f"{directory}/password", "--lifetime", "395d"]
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
        return [self._elsewhere("init", *authority, *target, "--reload", "/bin/true", "--endpoint", "none")]

    def _elsewhere(self, *words: str) -> dict[str, Any]:
        """Run a command that writes a configuration, away from ours."""
        path = self.place.directory / "new" / "certpush.toml"
        path.parent.mkdir()
        done = subprocess.run(
            [sys.executable, "-m", "certpush", "--config", str(path), "--output", "json", *words],
            capture_output=True,
            text=True,
            check=False,
            env=environment(self.place.directory),
        )
        assert done.returncode == 0, done.stdout + done.stderr
        document: dict[str, Any] = json.loads(done.stdout)
        return document

    def targets_all(self) -> Documents:
        return [self.place.document("targets")]

    def targets_kind(self) -> Documents:
        return [self.place.document("targets", "ssh")]

    def plugins(self) -> Documents:
        return [self.place.document("plugins")]

    def completion(self) -> Documents:
        return [self.place.document("completion", shell) for shell in ("bash", "zsh", "fish")]

    def demo(self) -> Documents:
        return [self.place.document("demo")]

    def help(self) -> Documents:
        return [self.place.document(*words) for words in (["--help"], ["--version"], ["deploy", "--help"])]

    def failure(self) -> Documents:
        return [
            self.place.document("deplyo", code=2),
            self.place.document("deploy", "nosuch", code=2),
            self.place.document("inspect", "127.0.0.1:1", code=1),
        ]


# In the order in which they can be run: what is deployed first is looked at later.
COMMANDS: dict[str, Callable[[Runs], Documents]] = {
    "When a command fails": Runs.failure,
    "deploy": Runs.deploy,
    "deploy --plan": Runs.plan,
    "status": Runs.status,
    "history": Runs.history,
    "rollback": Runs.rollback,
    "doctor": Runs.doctor,
    "trust": Runs.trust,
    "issue": Runs.issue,
    "inspect": Runs.inspect,
    "revoke": Runs.revoke,
    "ca health": Runs.ca_health,
    "ca root": Runs.ca_root,
    "ca bootstrap": Runs.ca_bootstrap,
    "ca provisioners": Runs.ca_provisioners,
    "ca advise": Runs.ca_advise,
    "config check": Runs.config_check,
    "config schema": Runs.config_schema,
    "init": Runs.init,
    "targets": Runs.targets_all,
    "targets KIND": Runs.targets_kind,
    "plugins": Runs.plugins,
    "completion": Runs.completion,
    "demo": Runs.demo,
    "Help and version": Runs.help,
}


@contextmanager
def runs_in(directory: Path, ca: EmbeddedCa) -> Iterator[Runs]:
    with ExitStack() as servers:
        yield Runs(directory, ca, servers)
