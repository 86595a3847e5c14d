"""Every refusal that step-ca (v0.30) is known to give, in words that say what to do next."""

from __future__ import annotations

import re
from datetime import timedelta

from certpush.kit.settings import format_duration
from certpush.stepca import wire
from certpush.stepca.advice import allow_longer, allow_shorter
from certpush.stepca.durations import parse_go_duration, parse_go_time
from certpush.stepca.refusal import GENERIC_401, Asked, CaRefusal, Explain, Explained, Rule

_DEFAULT_BACKDATE = timedelta(minutes=1)
_LOG = "look for the request-id in the CA's log"
_REPORT = "this should not happen: please report it, with the line of the CA's log that has the request-id"
_FRESH = "get a new certificate with the provisioner's password instead"
_RENEWING = ("renew", "rekey")


def _always(what: str, hint: str, *, retryable: bool = False) -> Explain:
    def explain(match: re.Match[str], _: Asked) -> Explained:
        return Explained(match.expand(what), match.expand(hint), retryable)

    return explain


def _rule(status: int, text: str, what: str, hint: str, *, on: tuple[str, ...] = (), retryable: bool = False) -> Rule:
    return Rule(status, re.compile(text), _always(what, hint, retryable=retryable), on)


# --- lifetimes --------------------------------------------------------------------------------


def _too_long(match: re.Match[str], asked: Asked) -> Explained | None:
    try:
        requested, maximum = parse_go_duration(match[1]), parse_go_duration(match[2])
    except ValueError:
        return None
    # Both numbers have the backdate in them (1m unless ca.json says otherwise), and we know what was asked for.
    wanted = asked.lifetime or requested - _DEFAULT_BACKDATE
    allowed = maximum - (requested - wanted)
    return Explained(
        f"{format_duration(wanted)} was asked for, and the CA allows {format_duration(allowed)} at most",
        f"ask for {format_duration(allowed)} or less; {allow_longer(wanted, asked.provisioner)}",
        allowed=allowed,
    )


def _too_short(match: re.Match[str], asked: Asked) -> Explained | None:
    try:
        requested, minimum = parse_go_duration(match[1]), parse_go_duration(match[2])
    except ValueError:
        return None
    wanted = asked.lifetime or requested - _DEFAULT_BACKDATE
    return Explained(
        f"{format_duration(wanted)} was asked for, and the CA allows no less than {format_duration(minimum)}",
        f"ask for {format_duration(minimum)} or more; {allow_shorter(wanted, asked.provisioner)}",
    )


def _credential_ends(match: re.Match[str], _: Asked) -> Explained | None:
    try:
        ends = parse_go_time(match[1])
    except ValueError:
        return None
    return Explained(
        f"the certificate of x5c_certificate ends on {ends:%Y-%m-%d %H:%M:%S} UTC, before the one asked for would",
        "renew the x5c_certificate, or ask for a shorter lifetime",
    )


_LIFETIMES = (
    Rule(403, re.compile(r"requested duration of (\S+) is more than the authorized maximum certificate duration of (\S+?)\.?$"), _too_long),
    Rule(
        403, re.compile(r"requested duration of (\S+) is less than the authorized minimum certificate duration of (\S+?)\.?$"), _too_short
    ),
    Rule(403, re.compile(r"is after the expiration of the provisioning credential \((.+?)\)"), _credential_ends),
    _rule(
        400,
        r"notAfter cannot be in the past; na=(.+?)\.?$",
        r"the end asked for (\1) is in the past by the CA's clock",
        "compare this machine's clock with the CA's",
    ),
    _rule(400, r"notAfter cannot be before notBefore", "the certificate asked for would end before it begins", _REPORT),
    _rule(
        403,
        r"is before the active validity window of the provisioning credential",
        "the x5c_certificate is not valid yet at the moment from which the certificate is asked for",
        "compare this machine's clock with the CA's, or wait until the x5c_certificate is valid",
    ),
)

# --- what a certificate may hold --------------------------------------------------------------

_CONTENT = (
    _rule(
        403,
        r"does not contain the valid (DNS names|IP addresses|email addresses|URIs|common name) - got (.+), want (.+?)\.?$",
        r"the \1 of the signing request (\2) are not those of its token (\3)",
        _REPORT,
    ),
    _rule(403, r"RSA key must be at least (\d+) bits", r"the RSA key is weaker than \1 bits", 'write key = "rsa-2048" or better'),
    _rule(403, r"certificate request fingerprint does not match", "the token was made for another signing request", _REPORT),
    _rule(
        403,
        r'(dns|ip|email|uri|cn) name "(.+)" not allowed',
        r"the CA's policy does not allow the name \2",
        'take the name out, or allow it in ca.json: "authority": {"policy": {"x509": {"allow": ...}}}',
    ),
    _rule(
        403,
        r'(DNS name|IP address|Email address|URI) "(.+?)" is (?:not permitted by any constraint|excluded by constraint)',
        r"the CA's own certificates do not let it sign for \2 (name constraints)",
        "take the name out, or ask a CA whose root and intermediate allow it",
    ),
)

# --- signing ----------------------------------------------------------------------------------

_SIGNING = (
    _rule(
        401,
        r'provisioner "(.*)" is disabled due to an initialization error',
        r"the provisioner \1 did not start on the CA",
        "`certpush ca provisioners` shows why; mend it on the CA and restart step-ca",
    ),
    _rule(400, r"missing csr", "the CA found no signing request in what was sent", _REPORT),
    _rule(400, r"missing ott\.", "the CA found no token in what was sent", _REPORT),
    _rule(400, r"invalid (csr|certificate request)", "the signature of the signing request is wrong", _REPORT),
    _rule(
        400,
        r"error decoding json",
        "the CA could not read the request: a key, name or lifetime of a form that it does not know",
        'try key = "ec-p256"; the real reason stands in the CA\'s log beside the request-id',
    ),
    _rule(400, r"key of type '(.*)' is not supported", r"the CA does not sign keys of the type \1", 'write key = "ec-p256"'),
    _rule(
        0,
        r"error applying certificate template|error (creating|renewing|validating|signing) certificate",
        "the CA failed to make the certificate",
        f"a template or a webhook in its configuration may be why; {_LOG}",
    ),
    _rule(400, r"limit '(.*)' is not an integer", r"the CA does not take \1 as a number of provisioners", _REPORT),
)

# --- renewing ---------------------------------------------------------------------------------

_RENEWAL = (
    _rule(400, r"missing client certificate", "the CA saw no client certificate", "a proxy in between ends TLS; go to the CA directly"),
    _rule(
        401,
        r"certificate expired on (.+?)\.?$",
        r"the certificate expired on \1, and the CA does not renew expired ones",
        f'{_FRESH}, or set "allowRenewalAfterExpiry": true in the claims of the provisioner',
    ),
    _rule(401, r"renew token: invalid subject claim", "the renewal token names another subject than the certificate", _REPORT),
    _rule(
        401,
        r"renew token: token (is expired|not valid yet|issued in the future)",
        r"by the CA's clock the renewal token was wrong: \1",
        "compare this machine's clock with the CA's",
    ),
    _rule(
        401,
        r"renew token: cannot get provisioner",
        "the provisioner that let this certificate be signed is gone",
        _FRESH,
    ),
    _rule(401, r"renew token: invalid issuer claim", "the CA does not take certpush as the issuer of a renewal token", _FRESH),
    _rule(
        500,
        r"renew token: invalid audience claim",
        "the renewal token addresses the CA by a name that is not its own",
        'use one of "dnsNames" of ca.json in url',
    ),
    _rule(401, r"error validating renew token", "the CA does not recognise the certificate's chain", f"was it issued by this CA? {_FRESH}"),
    _rule(
        500,
        r"error validating renew token",
        "the renewal token is not signed by the certificate's key",
        f"do key and certificate belong together? {_FRESH}",
    ),
    Rule(
        401,
        re.compile(GENERIC_401),
        _always(
            "the CA does not renew this certificate: renewal is disabled for its provisioner, the provisioner is gone, or it was revoked",
            _FRESH,
        ),
        _RENEWING,
    ),
)

# --- revoking ---------------------------------------------------------------------------------

_REVOKING = (
    _rule(400, r"missing serial", "the CA found no serial number in what was sent", _REPORT),
    _rule(400, r"'(.*)' is not a valid serial number", r"\1 is no serial number", "write it in decimal, or in hex with 0x in front"),
    _rule(400, r"reasonCode out of bounds", "the CA does not know this reason code", "use 0 to 10 (RFC 5280), such as 4 for superseded"),
    _rule(400, r"missing ott or client certificate", "the CA found no token in what was sent", _REPORT),
    _rule(
        400,
        r"serial number '(\d+)' is already revoked",
        r"the certificate with serial number \1 is already revoked",
        "nothing is left to do",
    ),
    _rule(403, r"request serial number .* and token subject .* do not match", "the token is for another serial number", _REPORT),
    _rule(
        403,
        r"request serial number .* and certificate serial number .* do not match",
        "only the very certificate can revoke itself",
        _REPORT,
    ),
    _rule(
        501,
        r"requested method is not implemented",
        "the CA cannot do this",
        'revoking needs a database: "db" in ca.json; /intermediates needs a current step-ca',
    ),
)

# --- the rest ---------------------------------------------------------------------------------

_OTHERS = (
    _rule(
        404,
        r'root certificate with fingerprint "([\w:]+)" was not found',
        r"the CA has no root with the fingerprint \1",
        "compare it with: step certificate fingerprint root_ca.crt, on the CA",
    ),
    _rule(
        404,
        r"requested resource could not be found",
        "the CA does not hand out the key of this provisioner",
        "give the private key yourself: provisioner_key = the path of its JWK file",
        on=("encrypted-key",),
    ),
    _rule(404, r"requested resource could not be found", "the CA does not know it", _LOG),
    _rule(
        404, r"unexpected HTTP status code - '404'", "the CA publishes no revocation list", 'enable it in ca.json: "crl": {"enabled": true}'
    ),
    _rule(404, r"404 page not found", "there is no such route", "is this a step-ca, and not older than 0.20?"),
    _rule(405, r"^$", "the CA does not take this method here", "is this a step-ca?"),
    _rule(431, r"", "the CA finds the request's headers too large", _REPORT),
    _rule(404, r"provisioner (\S+) not found", r"the CA has no provisioner \1", "`certpush ca provisioners` lists them"),
    _rule(
        0,
        r"client lacks sufficient authorization|anti-replay nonce|request message was malformed|attempted to finalize an order"
        r"|server experienced an internal error",
        "this is the ACME part of the CA, which certpush does not speak",
        "choose a JWK or X5C provisioner",
    ),
    _rule(
        500,
        r"encountered an Internal Server Error",
        "the CA failed",
        f"{_LOG}; a name with letters that are not ASCII does this, a wrong template, and trouble with the CA's database",
        retryable=True,
    ),
)

RULES: tuple[Rule, ...] = (*_LIFETIMES, *_CONTENT, *_SIGNING, *_RENEWAL, *_REVOKING, *_OTHERS)


def explain(status: int, text: str, request_id: str, asked: Asked) -> CaRefusal:
    """Put a refusal into words; one that nobody has seen yet is given as the CA wrote it."""
    for rule in RULES:
        match = rule.text.search(text)
        if match and rule.status in (0, status) and (not rule.routes or asked.route in rule.routes):
            told = rule.explain(match, asked)
            if told:
                return _refusal(told, status, text, request_id, asked)
    return _refusal(_unknown(status, text), status, text, request_id, asked)


def _refusal(told: Explained, status: int, text: str, request_id: str, asked: Asked) -> CaRefusal:
    refusal = CaRefusal(
        f"{asked.what}: {told.what}", status=status, text=text, request_id=request_id, hint=told.hint, retryable=told.retryable
    )
    refusal.allowed = told.allowed
    return refusal


def _unknown(status: int, text: str) -> Explained:
    if text.startswith("<"):
        return Explained(f"{status} and a web page came, which step-ca does not answer", wire.IS_IT_STEP, retryable=status >= 500)
    said = f": {text}" if text else ""
    return Explained(f"the CA answered {status}{said}", "look for the request-id in the CA's log", retryable=status >= 500)
