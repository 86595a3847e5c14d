"""Whether a one-time token lets its bearer in, checked in step-ca's order: it is burnt before most of what may be wrong with it."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from urllib.parse import SplitResult, quote, unquote, urlsplit

from cryptography import x509

from certpush.model import JsonValue
from certpush.testing.authority.chains import leads_to, may_sign
from certpush.testing.authority.go_text import go_address
from certpush.testing.authority.jws import BadToken, Jws
from certpush.testing.authority.provisioners import JwkProvisioner, Provisioner, X5cProvisioner
from certpush.testing.authority.refusals import unauthorized
from certpush.testing.authority.state import CaState

LEEWAY = timedelta(minutes=1)
_LAST_SECOND = 2**63
_LEGACY = "step-certificate-authority"
_PLAIN_IN_FRAGMENT = "$&+,/:;=?@!()*"  # what net/url leaves as it is
_PATHS: Mapping[str, Sequence[str]] = {
    "sign": ("1.0/sign", "sign", "1.0/ssh/sign", "ssh/sign"),
    "revoke": ("1.0/revoke", "revoke"),
    "renew": ("1.0/renew", "renew"),
}


@dataclass(frozen=True)
class Admission:
    """What a good token says."""

    provisioner: Provisioner
    subject: str
    sans: tuple[str, ...]
    request_digest: str = ""
    credential: x509.Certificate | None = None


def admit(state: CaState, token: str, purpose: str) -> Admission:
    """Check a token for ``sign`` or ``revoke``, and burn it.

    Raises:
        Refusal: 401, with the reason for the log alone.

    """
    try:
        return _admit(state, token, purpose)
    except BadToken as error:
        raise unauthorized(str(error)) from error


def _admit(state: CaState, token: str, purpose: str) -> Admission:
    jws = Jws.parse(token)
    provisioner = _provisioner(state, jws)
    _check_start(state, jws)
    # The token is burnt before its signature, its times and the request are looked at.
    burn(state, token, jws.claims)
    credential = _check_signature(state, jws, provisioner)
    _check_issuer_and_times(state, jws, provisioner)
    _check_audience(state, jws, provisioner, purpose)
    return _admission(jws, provisioner, credential)


def burn(state: CaState, token: str, claims: Mapping[str, JsonValue]) -> None:
    """Use a token up; its ``jti`` counts, or the whole token where it has none.

    Raises:
        Refusal: it was used before.

    """
    known_as = text_of(claims, "jti") or hashlib.sha256(token.encode()).hexdigest()
    if not state.use(known_as):
        raise unauthorized("token already used")


def check_times(claims: Mapping[str, JsonValue], now: datetime) -> str:
    """Name what is wrong with a token's times, in step-ca's words; empty when nothing is."""
    not_before, expires, issued = (_moment(claims, name) for name in ("nbf", "exp", "iat"))
    stamp = now.timestamp()
    if not_before is not None and stamp + LEEWAY.total_seconds() < not_before:
        return "token not valid yet (nbf)"
    if expires is not None and stamp - LEEWAY.total_seconds() > expires:
        return "token is expired (exp)"
    if issued is not None and stamp + LEEWAY.total_seconds() < issued:
        return "token issued in the future (iat)"
    return ""


def audiences(state: CaState, purpose: str, fragment: str = "") -> list[str]:
    """What ``aud`` may be for a purpose, without ports."""
    own = [f"https://{_bracketed(name)}/{path}" for name in state.dns_names for path in _PATHS[purpose]]
    legacy = [] if purpose == "renew" else [_LEGACY]
    mark = f"#{quote(fragment, safe=_PLAIN_IN_FRAGMENT)}" if fragment else ""
    return [f"{one}{mark}" for one in (*legacy, *own)]


def audience_matches(claims: Mapping[str, JsonValue], accepted: Sequence[str]) -> bool:
    """Whether any ``aud`` is among the accepted ones; ports do not count."""
    given = _audience(claims)
    return any(one in accepted or _without_port(one) in accepted for one in given)


def text_of(claims: Mapping[str, JsonValue], name: str) -> str:
    """A claim that is a text; empty where it is missing.

    Raises:
        BadToken: it is something else.

    """
    value = claims.get(name)
    if value is None:
        return ""
    if not isinstance(value, str):
        raise BadToken(f"the claim {name} is no text")
    return value


def _provisioner(state: CaState, jws: Jws) -> Provisioner:
    fragment = next((part for one in _audience(jws.claims) if (part := _fragment(one))), "")
    accepted = [one for purpose in _PATHS for one in audiences(state, purpose, fragment)]
    wanted = fragment or f"{text_of(jws.claims, 'iss')}:{jws.header.get('kid', '')}"
    for one in state.provisioners:
        if token_name(one) == wanted and audience_matches(jws.claims, accepted):
            return one
    raise unauthorized(f"provisioner not found or invalid audience ({', '.join(_audience(jws.claims))})")


def token_name(provisioner: Provisioner) -> str:
    """How tokens name a provisioner: by name and key, or by the fragment of the audience."""
    return f"{provisioner.name}:{provisioner.kid}" if isinstance(provisioner, JwkProvisioner) else f"x5c/{provisioner.name}"


def _check_start(state: CaState, jws: Jws) -> None:
    issued = _moment(jws.claims, "iat")
    if issued is not None and issued < state.started.timestamp():
        raise unauthorized("token issued before the bootstrap of certificate authority")


def _check_signature(state: CaState, jws: Jws, provisioner: Provisioner) -> x509.Certificate | None:
    if isinstance(provisioner, JwkProvisioner):
        jws.verify(provisioner.key.public_key())
        return None
    return _check_credential(state, jws, provisioner)


def _check_credential(state: CaState, jws: Jws, provisioner: X5cProvisioner) -> x509.Certificate:
    leaf, *intermediates = jws.certificates("x5c")
    if not leads_to(leaf, intermediates, provisioner.roots, state.clock()):
        raise unauthorized("error verifying x5c certificate chain in token")
    if not may_sign(leaf):
        raise unauthorized("certificate used to sign x5c token cannot be used for digital signature")
    jws.verify(leaf.public_key())
    return leaf


def _check_issuer_and_times(state: CaState, jws: Jws, provisioner: Provisioner) -> None:
    if jws.claims.get("iss") != provisioner.name:
        raise unauthorized("validation failed, invalid issuer claim (iss)")
    if wrong := check_times(jws.claims, state.clock()):
        raise unauthorized(f"validation failed, {wrong}")


def _check_audience(state: CaState, jws: Jws, provisioner: Provisioner, purpose: str) -> None:
    fragment = token_name(provisioner) if isinstance(provisioner, X5cProvisioner) else ""
    if not audience_matches(jws.claims, audiences(state, purpose, fragment)):
        raise unauthorized("invalid token audience claim (aud)")


def _admission(jws: Jws, provisioner: Provisioner, credential: x509.Certificate | None) -> Admission:
    subject, sans = text_of(jws.claims, "sub"), _texts(jws.claims, "sans")
    _members(jws.claims, "step")
    if not subject:
        raise unauthorized("jwk token subject cannot be empty")
    return Admission(provisioner, subject, sans or (subject,), _digest(jws.claims), credential)


def _digest(claims: Mapping[str, JsonValue]) -> str:
    return text_of(_members(claims, "cnf"), "x5rt#S256")


def _members(claims: Mapping[str, JsonValue], name: str) -> Mapping[str, JsonValue]:
    value = claims.get(name)
    if value is not None and not isinstance(value, dict):
        raise BadToken(f"the claim {name} is no object")
    return value or {}


def _texts(claims: Mapping[str, JsonValue], name: str) -> tuple[str, ...]:
    value = [] if claims.get(name) is None else claims[name]
    if not isinstance(value, list) or not all(isinstance(one, str | None) for one in value):
        raise BadToken(f"the claim {name} is no list of texts")
    return tuple(str(one or "") for one in value)


def _moment(claims: Mapping[str, JsonValue], name: str) -> float | None:
    value = claims.get(name)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise BadToken(f"the claim {name} is no moment")
    if not abs(value) < _LAST_SECOND:
        raise BadToken(f"the claim {name} is beyond all time")
    return value


def _audience(claims: Mapping[str, JsonValue]) -> list[str]:
    given = claims.get("aud")
    several = given if isinstance(given, list) else [] if given is None else [given]
    if not all(isinstance(one, str) for one in several):
        raise BadToken("the claim aud is no text")
    return [str(one) for one in several]


def _fragment(url: str) -> str:
    return unquote(parts.fragment) if (parts := _split(url)) else ""


def _without_port(url: str) -> str:
    parts = _split(url)
    if parts is None or not parts.netloc:
        return url
    host, colon, port = parts.netloc.rpartition(":")
    kept = host if colon and (port.isdigit() or not port) else parts.netloc
    return parts._replace(netloc=kept, fragment=_as_go_writes(parts.fragment)).geturl()


def _as_go_writes(fragment: str) -> str:
    """Written as Go would, unless all of it may stand as it is."""
    if re.fullmatch(r"[A-Za-z0-9\-._~!$&'()*+,;=:@/?\[\]%]*", fragment):
        return fragment
    return quote(unquote(fragment), safe=_PLAIN_IN_FRAGMENT)


def _split(url: str) -> SplitResult | None:
    if re.match(r" |.*[\x00-\x1f\x7f]", url, re.DOTALL):
        return None  # urlsplit would take these out
    try:
        return urlsplit(url)
    except ValueError:
        return None


def _bracketed(name: str) -> str:
    address = go_address(name)
    return f"[{name}]" if address is not None and address.version == 6 else name
