"""step-ca's API, one method a route. Nothing here decides: refusals are explained, answers are read strictly, nothing is tried twice."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, TypeVar
from urllib.parse import quote

from cryptography import x509

from certpush.errors import IssuerRefused, TrustError
from certpush.issuer import Issued
from certpush.kit.allowance import PinnedContext
from certpush.kit.own_certificate import show_in_tls
from certpush.model import CertificateBundle, JsonValue, issued_by, to_pem
from certpush.stepca import wire
from certpush.stepca.address import CaAddress
from certpush.stepca.answers import accepted
from certpush.stepca.refusal import Asked
from certpush.stepca.skew import refuse_skew
from certpush.stepca.transport import Answer, Transport
from certpush.stepca.transport_errors import naming

if TYPE_CHECKING:
    from certpush.stepca.tokens import Audience, Clock

T = TypeVar("T")
_MOST_PAGES = 1000
_LONGEST_CURSOR = 256


def utc_now() -> datetime:
    """The moment by this machine's clock."""
    return datetime.now(UTC)


class StepCa:
    """One step-ca whose root is known. May be used from many threads; ``close`` gives the connections back."""

    def __init__(self, url: str, roots: Sequence[x509.Certificate], *, clock: Clock = utc_now) -> None:
        if url.strip().lower().startswith("http://"):
            raise TrustError(
                f"the CA's url {url[:100]!a} is not https", hint="write https://HOST:PORT; tokens must not travel in the clear"
            )
        self.address = CaAddress.parse(url)
        self.roots = tuple(roots)
        self._clock = clock
        self._transport = Transport(self.address, self._context())
        self._skew: timedelta | None = None

    # --- what it says about itself ---------------------------------------------------------

    def health(self) -> wire.Health:
        """Whether the CA is well: ``status`` is ``ok``."""
        return self._get("/health", wire.Health)

    def version(self) -> wire.Version:
        """The CA's version (``N/A`` for own builds)."""
        return self._get("/version", wire.Version)

    def root(self, fingerprint: str) -> x509.Certificate:
        """The root with this SHA-256; IssuerRefused where the CA has none."""
        answer = self._get(f"/root/{fingerprint}", wire.RootAnswer)
        return wire.read_one(answer.ca, f"GET {self.address}/root")

    def all_roots(self) -> tuple[x509.Certificate, ...]:
        """All roots that the CA names, the pinned ones among them; more than one while roots are rotated."""
        return self._certificates("/roots")

    def intermediates(self) -> tuple[x509.Certificate, ...]:
        """The intermediates that the CA signs with."""
        return self._certificates("/intermediates")

    def provisioners(self) -> tuple[wire.Provisioner, ...]:
        """All provisioners, from as many pages as there are (at most 1000)."""
        found: list[wire.Provisioner] = []
        seen, cursor = set[str](), ""
        while cursor not in seen and len(seen) < _MOST_PAGES:
            seen.add(cursor)
            # It came from outside and goes into a URL.
            page = self._get(f"/provisioners?limit=50&cursor={quote(cursor, safe='')}", wire.ProvisionerPage)
            found += wire.read_provisioners(page)
            if not page.next_cursor or not page.provisioners:
                return tuple(found)
            cursor = page.next_cursor[:_LONGEST_CURSOR]
        raise IssuerRefused(f"GET {self.address}/provisioners: the listing has no end", hint="is this a step-ca?")

    def encrypted_key(self, kid: str) -> str:
        """A JWK provisioner's private key, sealed with its password."""
        if not kid.replace("-", "").replace("_", "").isalnum() or not kid.isascii():
            raise IssuerRefused(f"{kid[:80]!a} cannot be asked for as the id of a provisioner's key")
        return self._get(f"/provisioners/{kid}/encrypted-key", wire.SealedKeyAnswer).key

    # --- what the latest answer told beside itself -----------------------------------------

    @property
    def skew(self) -> timedelta | None:
        """How far the CA's clock was ahead of ours in its latest answer; None before any, and where it gave no date."""
        return self._skew

    @property
    def server_certificate(self) -> bytes | None:
        """The certificate (DER) that the CA showed when it was last connected to."""
        return self._transport.context.server_certificate

    @property
    def own_names(self) -> tuple[str, ...]:
        """The names in the CA's own certificate, as in ``dnsNames`` of its configuration."""
        from certpush.stepca.tokens import own_names

        return own_names(self.server_certificate)

    @property
    def audience(self) -> Audience:
        """How to address this CA in a token."""
        from certpush.stepca.tokens import Audience

        return Audience.of(self.address, self.own_names)

    # --- certificates ----------------------------------------------------------------------

    def sign(self, csr: str, token: str, lifetime: timedelta | None = None, *, provisioner: str = "") -> Issued:
        """Have a PEM signing request signed. The token is spent, whatever comes back: never send it again.

        ``lifetime`` None is the CA's default. ``provisioner`` is for the text of errors only.

        Raises:
            CaRefusal: the CA said no.
            CaBusy: it cannot just now.
            BundleInvalid: the answer holds no certificates.

        """
        body: dict[str, JsonValue] = {"csr": csr, "ott": token}
        if lifetime is not None:
            from certpush.stepca.durations import format_go_duration

            body["notAfter"] = format_go_duration(lifetime)  # step-ca knows no days
        asked = Asked(f"POST {self.address}/sign", lifetime, provisioner)
        return self._issued(self._checked(self._transport.exchange("POST", "/sign", body), asked), asked)

    def renew(self, current: CertificateBundle) -> Issued:
        """Get the same certificate again, for the same key and length of life, by showing the current one in TLS."""
        return self._showing(current, "/renew", {})

    def rekey(self, current: CertificateBundle, csr: str) -> Issued:
        """Get the same certificate for the key of a signing request, by showing the current one in TLS."""
        return self._showing(current, "/rekey", {"csr": csr})

    def renew_with_token(self, current: CertificateBundle) -> Issued:
        """Renew by a signed token instead of TLS: the way for an expired certificate, where the provisioner allows it."""
        from certpush.stepca.tokens import mint_renewal

        self._compare_clocks(self._transport)  # and the token addresses the CA by a name of its certificate
        asked = Asked(f"POST {self.address}/renew")
        answer = self._transport.exchange("POST", "/renew", {}, bearer=mint_renewal(self.audience, current, self._clock))
        return self._issued(self._checked(answer, asked), asked)

    def revoke(self, serial: int, token: str, *, reason: str, reason_code: int) -> None:
        """Keep a certificate from being renewed. An unknown serial number is accepted by step-ca without a word."""
        asked = Asked(f"POST {self.address}/revoke")
        body: dict[str, JsonValue] = {
            "serial": str(serial),  # decimal: the token's sub is compared with it
            "ott": token,
            "reasonCode": reason_code,
            "reason": reason,
            "passive": True,  # the only kind that step-ca has; without it the answer is 501
        }
        self._checked(self._transport.exchange("POST", "/revoke", body), asked)

    def close(self) -> None:
        """Close all connections."""
        self._transport.close()

    # --- inside ----------------------------------------------------------------------------

    def _context(self) -> PinnedContext:
        return PinnedContext.trusting(to_pem(*self.roots))

    def _showing(self, current: CertificateBundle, path: str, body: dict[str, JsonValue]) -> Issued:
        context = self._context()
        show_in_tls(context, current)
        context.shows_certificate = True
        asked = Asked(f"POST {self.address}{path}")
        with closing(Transport(self.address, context)) as transport:
            self._compare_clocks(transport)
            return self._issued(self._checked(transport.exchange("POST", path, body), asked), asked)

    def _compare_clocks(self, transport: Transport) -> None:
        """Before a renewal that needs nothing else of us: by a clock that is ahead, every certificate would be due."""
        self._checked(transport.exchange("GET", "/health"), Asked(f"GET {self.address}/health"))
        if self._skew is not None:
            refuse_skew(str(self.address), self._skew, self._clock())

    def _get(self, path: str, into: type[T]) -> T:
        asked = Asked(f"GET {self.address}{path.partition('?')[0]}")
        answer = self._checked(self._transport.exchange("GET", path), asked)
        with naming(answer.request_id):
            return wire.decode(answer.body, into, asked.what)

    def _certificates(self, path: str) -> tuple[x509.Certificate, ...]:
        answer = self._get(path, wire.CertificatesAnswer)
        return tuple(wire.read_one(text, f"GET {self.address}{path}") for text in answer.crts)

    def _checked(self, answer: Answer, asked: Asked) -> Answer:
        now = self._clock()
        self._skew = answer.date - now if answer.date else None
        return accepted(answer, asked, now)

    def _issued(self, answer: Answer, asked: Asked) -> Issued:
        with naming(answer.request_id):
            leaf, above = wire.read_chain(wire.decode(answer.body, wire.SignAnswer, asked.what), asked.what)
        chain = tuple(one for one in above if one not in self.roots)
        top = (leaf, *chain)[-1]
        # Where no pinned root signed it, all stand here, and comparing the answer with the request finds that out.
        leading = tuple(root for root in self.roots if issued_by(top, root))
        return Issued(leaf, chain, leading or self.roots)
