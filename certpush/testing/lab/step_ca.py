"""A real step-ca on loopback with a PKI of its own, as a context manager."""

from __future__ import annotations

import http.client
import json
import os
import ssl
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Self

from cryptography import x509

from certpush.model import JsonValue, to_pem
from certpush.testing.authority.pki import Pki
from certpush.testing.authority.provisioners import Claims, JwkProvisioner, Provisioner
from certpush.testing.authority.served import ServedCa
from certpush.testing.lab.process import LabError, NotPossibleHere, ServerProcess, find_program, free_port

GO_PACKAGE = "github.com/smallstep/certificates/cmd/step-ca@v0.30.2"
_ATTEMPTS = 3  # somebody else may take the free port before step-ca does


def find_step_ca() -> Path | None:
    """Find the step-ca binary: $CERTPUSH_STEP_CA, PATH, where `go install` puts it, or where `make test` keeps its own."""
    if chosen := os.environ.get("CERTPUSH_STEP_CA"):
        return Path(chosen) if os.access(chosen, os.X_OK) else None
    kept = kept_step_ca()
    return find_program("step-ca", *_go_folders()) or (kept if os.access(kept, os.X_OK) else _in_gopath())


def kept_step_ca() -> Path:
    """Where a step-ca that was built for the lab is kept: outside any checkout, so that it is built once."""
    cache = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(cache) / "certpush" / "bin" / f"step-ca-{GO_PACKAGE.rpartition('@')[2]}"


def _go_folders() -> list[Path]:
    gobin = os.environ.get("GOBIN")
    return [*([Path(gobin)] if gobin else []), Path.home() / "go" / "bin"]


def _in_gopath() -> Path | None:
    go = find_program("go", Path("/usr/local/go/bin"))
    if go is None:
        return None
    asked = subprocess.run([str(go), "env", "GOPATH"], capture_output=True, text=True, check=False)  # noqa: S603 -- found above
    places = [Path(place) / "bin" for place in asked.stdout.strip().split(os.pathsep) if place]
    return find_program("step-ca", *places)


class RealCa(ServedCa):
    """A running step-ca; use it in ``with``, or call ``start`` and ``close``.

    ``claims`` are the authority's; those of a provisioner are given with ``admin``.
    ``provisioners`` are further entries of ca.json, ``authority`` further keys of its
    ``authority``, ``extra`` of its top level (``{"crl": {"enabled": true}}``).
    """

    def __init__(  # noqa: PLR0913 -- each is a part of ca.json, and none is positional
        self,
        *,
        pki: Pki | None = None,
        admin: JwkProvisioner | None = None,
        claims: Claims | None = None,
        provisioners: Sequence[Provisioner | Mapping[str, JsonValue]] = (),
        dns_names: Sequence[str] = ("localhost", "127.0.0.1"),
        database: bool = True,
        encrypt_intermediate_key: bool = False,
        authority: Mapping[str, JsonValue] | None = None,
        extra: Mapping[str, JsonValue] | None = None,
    ) -> None:
        super().__init__("step-ca")
        self.log_path = self.directory / "step-ca.log"
        self._pki = pki or Pki.make("Lab")
        self.admin = admin or JwkProvisioner.make()
        self._claims = claims
        self._provisioners = [dict(one) if isinstance(one, Mapping) else one.configuration() for one in provisioners]
        self._authority = dict(authority or {})
        self._rest: dict[str, JsonValue] = {"dnsNames": list(dns_names), "logger": {"format": "text"}, **(extra or {})}
        if database:
            self._rest["db"] = {"type": "badgerv2", "dataSource": str(self.directory / "db")}
        self._key_password = os.urandom(16).hex() if encrypt_intermediate_key else None
        self._port = 0
        self._process: ServerProcess | None = None
        self._write_pki()

    # --- what tests and clients ask for ----------------------------------------------------

    @property
    def url(self) -> str:
        """Where it answers."""
        return f"https://127.0.0.1:{self._port}"

    @property
    def pki(self) -> Pki:
        """Root and intermediate."""
        return self._pki

    @property
    def running(self) -> bool:
        """Whether step-ca runs now."""
        return self._process is not None and self._process.running

    def log(self) -> str:
        """What step-ca has logged so far; reasons of a generic 401 stand here beside the request id."""
        return self.log_path.read_text(errors="replace")

    # --- life ------------------------------------------------------------------------------

    def start(self) -> Self:
        """Start it and wait until /health answers.

        Raises:
            LabError: there is no step-ca here, or it did not come up.

        """
        binary = find_step_ca()
        if binary is None:
            raise NotPossibleHere("there is no step-ca here", hint=f"go install {GO_PACKAGE}")
        for _ in range(_ATTEMPTS - 1):
            try:
                return self._start_on_port(binary, self._port or free_port())
            except LabError as error:
                if self._port or "address already in use" not in error.message:
                    raise
        return self._start_on_port(binary, self._port or free_port())

    def stop(self) -> None:
        """End it; url, key and database stay, so that ``start`` brings the same CA back."""
        if self._process:
            self._process.stop()
            self._process = None

    def update(
        self,
        *,
        claims: Claims | None = None,
        admin_claims: Claims | None = None,
        admin: JwkProvisioner | None = None,
    ) -> None:
        """Change the authority's claims, the JWK provisioner or its claims, and restart."""
        self._claims = claims if claims is not None else self._claims
        self.admin = admin or self.admin
        if admin_claims is not None:
            self.admin = replace(self.admin, claims=admin_claims)
        self.restart()

    def announce(self, root: x509.Certificate) -> None:
        """Name another root beside its own, as who is about to change it does, and restart; it goes on signing below its own."""
        announced = self.directory / "announced.crt"
        _write(announced, to_pem(root))
        self._rest["root"] = [str(self.directory / "root_ca.crt"), str(announced)]
        self.restart()

    # --- inside ----------------------------------------------------------------------------

    def _start_on_port(self, binary: Path, port: int) -> Self:
        config = self.directory / "ca.json"
        config.write_text(json.dumps(self._configuration(port), indent=2))
        environment = {"HOME": str(self.directory), "STEPPATH": str(self.directory), "PATH": os.environ.get("PATH", "")}
        command = [str(binary), str(config), *self._password_option()]
        process = ServerProcess(command, log_path=self.log_path, environment=environment, cwd=self.directory)
        process.wait_until_ready(lambda: self._is_healthy(port))
        self._port, self._process = port, process
        return self

    def _is_healthy(self, port: int) -> bool:
        context = ssl.create_default_context(cadata=self.root_pem.decode())
        context.check_hostname = False  # dns_names may be anything; the root is this CA's alone
        connection = http.client.HTTPSConnection("127.0.0.1", port, timeout=2, context=context)
        try:
            connection.request("GET", "/health")
            return connection.getresponse().status == 200
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()

    def _password_option(self) -> list[str]:
        return ["--password-file", str(self.directory / "password")] if self._key_password else []

    def _write_pki(self) -> None:
        _write(self.directory / "root_ca.crt", self.root_pem)
        _write(self.directory / "intermediate_ca.crt", to_pem(self.pki.intermediate))
        password = self._key_password.encode() if self._key_password else None
        _write(self.directory / "intermediate_ca_key", self.pki.intermediate_key_pem(password))
        if password:
            _write(self.directory / "password", password)

    def _configuration(self, port: int) -> dict[str, JsonValue]:
        authority: dict[str, JsonValue] = {"provisioners": [self.admin.configuration(), *self._provisioners]}
        if self._claims is not None:
            authority["claims"] = dict(self._claims)
        return {
            "root": str(self.directory / "root_ca.crt"),
            "crt": str(self.directory / "intermediate_ca.crt"),
            "key": str(self.directory / "intermediate_ca_key"),
            "address": f"127.0.0.1:{port}",
            "authority": {**authority, **self._authority},
            **self._rest,
        }


def _write(path: Path, content: bytes) -> None:
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(content)
