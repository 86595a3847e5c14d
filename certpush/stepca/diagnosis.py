"""Why the CA said only "unauthorized": step-ca gives one text for every reason, so we look at what can be seen from here."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from cryptography import x509

from certpush.model import UNREADABLE
from certpush.records import record
from certpush.stepca.address import CaAddress
from certpush.stepca.durations import format_moment
from certpush.stepca.refusal import CaRefusal
from certpush.stepca.tokens import TOKEN_LIFETIME

_LEEWAY = timedelta(seconds=60)  # step-ca's, for the times in a token
_LONGEST_WAY = timedelta(seconds=30)  # from the making of a token to the refusal: an exchange takes no longer
_BACKDATE = timedelta(minutes=1)  # of the certificate that step-ca makes for itself at its start


@record(frozen=True, slots=True)
class Evidence:
    """What was seen around a refusal; None where it could not be seen."""

    address: CaAddress
    skew: timedelta | None
    ca_names: Sequence[str]
    still_listed: bool | None
    provisioner: str
    ready_token: bool
    tries_before: int
    certificate_before: bytes | None
    certificate_after: bytes | None
    ca_now: datetime


@record(frozen=True, slots=True)
class Suspicion:
    """What probably was wrong, and what to do; ``passing`` where it mends itself."""

    what: str
    hint: str
    passing: bool = False


def suspect(seen: Evidence) -> tuple[Suspicion, ...]:
    """Name what would explain a refused token, the likeliest first; nothing where all looks right."""
    checks = (_clock(seen), _name(seen), _provisioner(seen), _token(seen), _restart(seen))
    return tuple(found for found in checks if found)


def diagnosed(refusal: CaRefusal, what: str, seen: Evidence) -> CaRefusal:
    """The refusal again, with what was found out about it."""
    found = suspect(seen)
    why = "; ".join(one.what for one in found) or "clock, host name and provisioner look right from here"
    log = f"look in the CA's log for request-id={refusal.request_id}"
    return CaRefusal(
        f"{what}: the CA did not accept our token: {why}",
        status=refusal.status,
        text=refusal.text,
        request_id=refusal.request_id,
        hint="; ".join([*(one.hint for one in found), log]),
        retryable=bool(found) and all(one.passing for one in found),
    )


def _clock(seen: Evidence) -> Suspicion | None:
    if seen.skew is None or abs(seen.skew) <= _LEEWAY:
        return None
    relation = "behind" if seen.skew > timedelta(0) else "ahead of"
    return Suspicion(
        f"this machine's clock is {round(abs(seen.skew).total_seconds())} s {relation} the CA's",
        "set the clock that is wrong",
    )


def _name(seen: Evidence) -> Suspicion | None:
    if not seen.ca_names or seen.address.host in {name.lower() for name in seen.ca_names}:
        return None
    return Suspicion(
        f"{seen.address.host} is not one of the CA's names ({', '.join(seen.ca_names)})",
        'use one of them in url, or add this one to "dnsNames" in ca.json',
    )


def _provisioner(seen: Evidence) -> Suspicion | None:
    if seen.still_listed is not False:
        return None
    return Suspicion(
        f"the CA does not list the provisioner {seen.provisioner!r} with this key any more",
        "it was changed or removed on the CA: run again, with the new password if that changed",
        passing=True,
    )


def _token(seen: Evidence) -> Suspicion | None:
    if seen.ready_token:
        return Suspicion(
            "the ready token may have been used, or have expired",
            "get a new token from where it came; most are accepted once",
        )
    if seen.tries_before:
        return Suspicion(
            f"an answer was lost before, and this was try {seen.tries_before + 1} with a new token",
            "run again",
            passing=True,
        )
    return None


def _restart(seen: Evidence) -> Suspicion | None:
    """step-ca refuses tokens from before its start; at its start it makes itself a new certificate."""
    changed = None not in (seen.certificate_before, seen.certificate_after) and seen.certificate_before != seen.certificate_after
    started = _start(seen.certificate_after)
    if not changed and not _may_be_older(seen, started):
        return None
    what = f"the CA was (re)started{f' about {format_moment(started)}' if started else ''}, and refuses tokens from before"
    if seen.ready_token:
        return Suspicion(what, "get a token that was made after that")
    minutes = int(TOKEN_LIFETIME.total_seconds()) // 60
    return Suspicion(what, f"run again; tokens live {minutes} minutes and are made anew each time", passing=True)


def _may_be_older(seen: Evidence, started: datetime | None) -> bool:
    """Whether the token may say that it was made before the CA's start: by our clock, which may be behind."""
    if started is None or seen.ca_now < started:
        return False
    longest = TOKEN_LIFETIME if seen.ready_token else _LONGEST_WAY
    return seen.ca_now - (seen.skew or timedelta(0)) - started <= longest


def _start(certificate: bytes | None) -> datetime | None:
    try:
        return x509.load_der_x509_certificate(certificate or b"").not_valid_before_utc + _BACKDATE
    except UNREADABLE:
        return None
