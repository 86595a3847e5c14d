"""The next certificate, got the way that needs least: by the present pair, and by the provisioner's secret only where that is refused.

A certificate that is shown to the CA proves itself, so a machine that only renews needs no
password. It can do so only for what stays as it is: other names, another kind of key, another
lifetime or another CA need a fresh signature.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime

from certpush.errors import BundleInvalid, CertpushError, ConfigError, IssuerRefused
from certpush.issuer import Issued, Issuer
from certpush.model import CertificateBundle, CertificateSpec
from certpush.records import record
from certpush.rotation.obtain import build_csr, check_issued, key_for, obtain

Clock = Callable[[], datetime]
Told = Callable[[str], object]
_NEXT_WAY = (IssuerRefused, BundleInvalid)
"""The CA is there and said no, or what it gave is refused: another way may do."""


@record(frozen=True, slots=True)
class Reissued:
    """The new certificate; ``note`` says which ways were refused before, and why. Empty where the first one did."""

    bundle: CertificateBundle
    note: str = ""


def reissue(spec: CertificateSpec, issuer: Issuer, clock: Clock, held: CertificateBundle, told: Told) -> Reissued:
    """Replace ``held``, which is what the specification asks for, by a newer one of the same kind; ``told`` as for ``obtain``.

    Raises:
        IssuerError: no way led to a certificate.
        SafetyRefusal: an intermediate would end before the certificate.

    """
    expired = held.not_after <= clock()
    way = "renewing it after its end" if expired else "showing the present certificate to the CA"
    try:
        return Reissued((_after_the_end if expired else _by_showing)(spec, issuer, clock, held, told))
    except _NEXT_WAY as error:
        refused = f"{way} did not do: {error.message}"
    try:
        return Reissued(obtain(spec, issuer, clock, former=held, told=told), f"signed anew, because {refused}")
    except ConfigError as error:  # a machine that only renews may have no password, and nothing was wrong with its configuration so far
        raise IssuerRefused(f"{refused}; and a fresh one cannot be asked for: {error.message}", hint=error.hint) from error
    except CertpushError as error:
        error.message = f"{error.message}; before that, {refused}"
        error.args = (error.message,)
        raise


def _by_showing(spec: CertificateSpec, issuer: Issuer, clock: Clock, held: CertificateBundle, told: Told) -> CertificateBundle:
    """By mTLS: for a new key, or for the same one where that is configured."""
    if spec.reuse_key:
        return _checked(spec, clock, held, lambda _: issuer.renew(held), told)
    return _checked(spec, clock, held, lambda csr: issuer.rekey(held, csr), told)


def _after_the_end(spec: CertificateSpec, issuer: Issuer, clock: Clock, held: CertificateBundle, told: Told) -> CertificateBundle:
    """By a token that the old key signs, where the CA allows that. It keeps the key, so a new one follows at once."""
    again = _checked(replace(spec, reuse_key=True), clock, held, lambda _: issuer.renew(held, after_expiry=True), told)
    return again if spec.reuse_key else _by_showing(spec, issuer, clock, again, told)


def _checked(spec: CertificateSpec, clock: Clock, held: CertificateBundle, ask: Callable[[bytes], Issued], told: Told) -> CertificateBundle:
    """Ask, and compare the answer with the request as if it had been signed anew."""
    key = key_for(spec, held)
    issued = ask(build_csr(spec.request, key))
    told(issued.note)
    bundle = check_issued(issued, spec.request, key, clock(), allow_short_chain=spec.allow_short_chain)
    if bundle.fingerprint == held.fingerprint:
        raise BundleInvalid("the CA's answer is refused: it is the present certificate once more", hint="look at the CA's configuration")
    return bundle
