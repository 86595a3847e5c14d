"""What went wrong on the wire, in certpush's words: unreachable, not our CA, our certificate refused, or an answer lost."""

from __future__ import annotations

import contextlib
import ssl
from collections.abc import Iterator

from certpush.errors import BundleInvalid, CertpushError, IssuerRefused, IssuerUnreachable, RootMismatch, TrustError
from certpush.kit.connection_errors import NO_TLS, causes_of, reason_among


class NotConnected(OSError):
    """No address of the CA accepted a connection, so nothing was sent."""


class AnswerLost(IssuerUnreachable):
    """The request was sent and no answer came: the CA may have acted on it. Its token must not be used again."""


class WrongName(TrustError):
    """The CA's certificate is ours, but for other names than the URL's."""


class OutsideValidity(TrustError):
    """By this machine's clock the CA's certificate is expired or not valid yet."""


class OwnCertificateRefused(IssuerRefused):
    """The CA ended the TLS connection because of the certificate that we showed, or did not show."""

    def __init__(self, message: str, *, alert: str, hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.alert = alert


@contextlib.contextmanager
def naming(request_id: str) -> Iterator[None]:
    """Add to what is said of an answer the id by which the CA's log knows the request; not where nothing was sent."""
    try:
        yield
    except CertpushError as error:
        if isinstance(error, AnswerLost | IssuerRefused | BundleInvalid) or type(error) is TrustError:
            error.message = f"{error.message} (request-id={request_id})"
            error.args = (error.message,)
        raise


_NOT_YET_VALID, _EXPIRED, _HOST_MISMATCH, _IP_MISMATCH = 9, 10, 62, 64  # X509_V_ERR_* of OpenSSL


def translate(asked: str, error: BaseException) -> CertpushError:
    """Name what happened to a request that got no answer."""
    causes = tuple(causes_of(error))
    for cause in causes:
        if isinstance(cause, ssl.SSLCertVerificationError):
            return _not_trusted(asked, cause)
        reason = getattr(cause, "reason", None) if isinstance(cause, ssl.SSLError) else None  # Python's own ones have none
        if reason and "ALERT" in reason:
            return _alerted(asked, reason)
        if reason in NO_TLS:
            return IssuerUnreachable(f"{asked}: what answers there does not speak TLS", hint="is it the port of step-ca, by https?")
    if any(isinstance(cause, NotConnected) for cause in causes):
        return IssuerUnreachable(f"{asked}: {reason_among(causes)}", hint="is the CA running, and are host and port right?")
    return AnswerLost(f"{asked}: no complete answer ({reason_among(causes)})", hint="try again; a look at the CA's log may help")


def _not_trusted(asked: str, error: ssl.SSLCertVerificationError) -> TrustError:
    if error.verify_code in (_NOT_YET_VALID, _EXPIRED):
        when = "expired" if error.verify_code == _EXPIRED else "not valid yet"
        return OutsideValidity(
            f"{asked}: by this machine's clock the CA's certificate is {when}",
            hint="compare the clocks; a restart of step-ca makes a new certificate",
        )
    if error.verify_code in (_HOST_MISMATCH, _IP_MISMATCH):
        return WrongName(
            f"{asked}: the CA's certificate is for other names",
            hint='use one of the CA\'s names in url, or add this one to "dnsNames" in ca.json',
        )
    return RootMismatch(
        f"{asked}: the certificate shown there does not lead to the CA's root ({error.verify_message})",
        hint="somebody else answers at this address, or the CA has a new root: compare fingerprints with the CA's administrator",
    )


def _alerted(asked: str, alert: str) -> OwnCertificateRefused:
    if "CERTIFICATE_EXPIRED" in alert:
        return OwnCertificateRefused(
            f"{asked}: the CA refuses the certificate shown: it has expired, or is not valid yet",
            alert=alert,
            hint="get a new one with the provisioner's password, or allow renewal after expiry on the CA",
        )
    if "CERTIFICATE_REQUIRED" in alert:
        return OwnCertificateRefused(
            f"{asked}: the CA wants a client certificate on every connection (requireClientAuthentication)",
            alert=alert,
            hint="switch requireClientAuthentication off on the CA",
        )
    return OwnCertificateRefused(
        f"{asked}: the CA ended the TLS connection ({alert})",
        alert=alert,
        hint="the certificate shown must come from this very CA, with its chain",
    )
