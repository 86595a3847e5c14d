"""A CA inside this process that answers as step-ca 0.30 does, with a clock and faults of the test's choice."""

from __future__ import annotations

import os
import ssl
import threading
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Self

from cryptography.hazmat.primitives.asymmetric import ec

from certpush.model import PrivateKey, to_pem
from certpush.testing.authority.faults import Answer, Fault, spoil
from certpush.testing.authority.go_text import split_names
from certpush.testing.authority.http_server import serve_connection
from certpush.testing.authority.in_memory import BACKDATE, DAY, Authority, Clock, real_clock
from certpush.testing.authority.leaf import Profile, sign_leaf
from certpush.testing.authority.pki import Pki
from certpush.testing.authority.provisioners import Claims, JwkProvisioner, Provisioner
from certpush.testing.authority.routes import Request, Response, answer, signed
from certpush.testing.authority.served import ServedCa
from certpush.testing.authority.state import CaState
from certpush.testing.listener import Listener

_NO_CHECK_TIME = 0x200000  # OpenSSL's X509_V_FLAG_NO_CHECK_TIME, which ssl does not name


@dataclass(frozen=True)
class Exchange:
    """One request that came in, and what was answered."""

    request: Request
    response: Response
    broken: Answer | None = None


class EmbeddedCa(ServedCa):
    """A running CA on loopback; use it in ``with``, or call ``start`` and ``close``.

    It has what ``RealCa`` has, and more: ``exchanges`` are the requests so far, ``inject``
    makes it answer wrongly, and ``authority.clock`` decides what "now" is. TLS libraries use
    this machine's time, whatever the clock says.

    ``allowed_dns`` is a policy: only these names (``*.example.com``) are signed.
    """

    def __init__(  # noqa: PLR0913 -- each is a part of ca.json, and none is positional
        self,
        *,
        authority: Authority | None = None,
        clock: Clock = real_clock,
        admin: JwkProvisioner | None = None,
        provisioners: Sequence[Provisioner] = (),
        claims: Claims | None = None,
        dns_names: Sequence[str] = ("localhost", "127.0.0.1"),
        database: bool = True,
        allowed_dns: Sequence[str] | None = None,
    ) -> None:
        super().__init__("embedded-ca")
        self.authority = authority or Authority("Lab", clock=clock)
        self.admin = admin or JwkProvisioner.make()
        self.exchanges: list[Exchange] = []
        self._others = tuple(provisioners)
        self._faults: list[Fault] = []
        self._lock = threading.Lock()
        self.state = CaState(
            self.authority.pki,
            self.authority.clock,
            (self.admin, *self._others),
            dns_names,
            claims or {},
            database=database,
            allowed_dns=allowed_dns,
        )
        self._context, self._due = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), real_clock()
        self._listener = Listener(lambda connection: serve_connection(connection, self._secured(), self._answer, self.authority.clock))

    # --- what tests and clients ask for ----------------------------------------------------

    @property
    def url(self) -> str:
        """Where it answers."""
        return f"https://127.0.0.1:{self._listener.port}"

    @property
    def pki(self) -> Pki:
        """Root and intermediate."""
        return self.state.pki

    @property
    def running(self) -> bool:
        """Whether it answers now."""
        return self._listener.listening

    def log(self) -> str:
        """What a CA would have logged: the reasons behind refusals, beside the request ids."""
        return "".join(_log_line(one) for one in self.exchanges)

    # --- faults ----------------------------------------------------------------------------

    def inject(self, *faults: Fault) -> None:
        """Answer wrongly from now on; the first fault that fits a request counts."""
        with self._lock:
            self._faults.extend(faults)

    def heal(self) -> None:
        """Answer rightly again."""
        with self._lock:
            self._faults.clear()

    # --- life ------------------------------------------------------------------------------

    def start(self) -> Self:
        """Answer from now on, at the same address as before where there was one."""
        self.state.start()
        self._renew_tls()
        self._listener.start()
        return self

    def stop(self) -> None:
        """Answer no more; url, keys and what was signed stay."""
        self._listener.stop()

    def update(
        self,
        *,
        claims: Claims | None = None,
        admin_claims: Claims | None = None,
        admin: JwkProvisioner | None = None,
    ) -> None:
        """Change the authority's claims, the JWK provisioner or its claims, and restart."""
        if claims is not None:
            self.state.claims = claims
        self.admin = admin or self.admin
        if admin_claims is not None:
            self.admin = replace(self.admin, claims=admin_claims)
        self.state.provisioners = (self.admin, *self._others)
        self.restart()

    def replace_pki(self, pki: Pki, *, keep_root: bool = False) -> None:
        """Sign with another intermediate, perhaps under another root, and restart; ``keep_root`` still names the old one, too."""
        self.state.further_roots = (self.pki.root,) if keep_root and self.pki.root != pki.root else ()
        self.state.pki = pki
        self.restart()

    # --- inside ----------------------------------------------------------------------------

    def _answer(self, request: Request) -> tuple[Response, Answer | None]:
        fault = self._next_fault(request)
        response = _refusal(fault.status, fault.retry_after) if fault and fault.status else answer(self.state, request)
        if fault and fault.leaf and response.chain:
            response = signed(spoil(response.chain[0], fault.leaf, self.pki, self.authority.clock()))
        broken = fault.answer if fault else None
        self.exchanges.append(Exchange(request, response, broken))
        return response, broken

    def _next_fault(self, request: Request) -> Fault | None:
        with self._lock:
            for place, fault in enumerate(self._faults):
                if fault.times == 0 or not request.path.startswith(fault.path):
                    continue
                if fault.times is not None:
                    self._faults[place] = replace(fault, times=fault.times - 1)
                return fault
        return None

    def _secured(self) -> ssl.SSLContext:
        """The TLS context to answer with; its certificate lives for a day and is replaced in time."""
        with self._lock:
            if real_clock() >= self._due:
                self._renew_tls()
            return self._context

    def _renew_tls(self) -> None:
        self._context, self._due = self._tls(), real_clock() + DAY * 2 / 3

    def _tls(self) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        # Verified if given; the intermediate is trusted, too, so that a client may send its leaf alone.
        context.verify_mode = ssl.CERT_OPTIONAL
        context.load_verify_locations(cadata=to_pem(*self.state.roots, self.pki.intermediate).decode())
        if self.authority.clock is not real_clock:
            context.verify_flags |= _NO_CHECK_TIME
        context.set_alpn_protocols(["http/1.1"])
        context.load_cert_chain(*self._write_server_certificate())
        return context

    def _write_server_certificate(self) -> tuple[Path, Path]:
        key = PrivateKey(ec.generate_private_key(ec.SECP256R1()))
        # As step-ca's own: for a day. By this machine's time, for that is what TLS libraries compare it with.
        now = real_clock()
        valid = (now - BACKDATE, now + DAY)
        names = split_names(self.state.dns_names)
        leaf = sign_leaf(self.pki, key.reveal_key().public_key(), Profile("Step Online CA", names, *valid))
        _write(self.directory / "root_ca.crt", self.root_pem)
        _write(self.directory / "server.key", key.reveal_pem())
        _write(self.directory / "server.crt", to_pem(leaf, self.pki.intermediate))
        return self.directory / "server.crt", self.directory / "server.key"


def _refusal(status: int, retry_after: str | None) -> Response:
    headers = {} if retry_after is None else {"Retry-After": retry_after}
    return Response(status, b"<html><body>" + str(status).encode() + b"</body></html>\n", "text/html", headers=headers)


def _log_line(exchange: Exchange) -> str:
    request, response = exchange.request, exchange.response
    reason = f' error="{response.reason}"' if response.reason else ""
    return f"method={request.method} path={request.target} request-id={request.headers['X-Request-Id']} status={response.status}{reason}\n"


def _write(path: Path, content: bytes) -> None:
    path.unlink(missing_ok=True)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(content)
