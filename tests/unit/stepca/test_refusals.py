"""Every refusal that step-ca is known to give, in its own words, and what certpush makes of it."""

import re
from datetime import timedelta

import pytest

from certpush.stepca import wire
from certpush.stepca.advice import allow_longer, claims_for
from certpush.stepca.refusal import Asked
from certpush.stepca.refusals import RULES, explain

CANNOT = "The request could not be completed: "
FORBIDDEN = "The request was forbidden by the certificate authority: "
UNAUTHORIZED = "The request lacked necessary authorization to be completed"
LOGS = "Please see the certificate authority logs for more info."
SERIAL = "77602580869326578697312899547718862839"

# route, status, the CA's text, what the message says, what the hint says, whether waiting may help
KNOWN = [
    (
        "sign",
        401,
        r'provisioner "oidc" is disabled due to an initialization error',
        "provisioner oidc did not start",
        "restart step-ca",
        False,
    ),
    ("sign", 400, CANNOT + "missing csr.", "no signing request", "report it", False),
    ("sign", 400, CANNOT + "missing ott.", "no token", "report it", False),
    ("sign", 400, CANNOT + "invalid csr.", "signature of the signing request", "report it", False),
    ("sign", 400, CANNOT + "error decoding json.", "could not read the request", "ec-p256", False),
    (
        "sign",
        400,
        CANNOT + "notAfter cannot be in the past; na=2020-01-01 00:00:00 +0000 UTC.",
        r"2020-01-01 00:00:00 \+0000 UTC\) is in the past",
        "clock",
        False,
    ),
    (
        "sign",
        400,
        CANNOT + "notAfter cannot be before notBefore; na=2026-11-25 03:58:52 +0000 UTC, nb=2026-11-25 04:58:52 +0000 UTC.",
        "end before it begins",
        "report it",
        False,
    ),
    (
        "sign",
        403,
        FORBIDDEN + "requested certificate notBefore (2026-11-25 02:48:57.4 +0000 UTC) is before the active validity window of the "
        "provisioning credential (2026-11-25 02:57:51 +0000 UTC).",
        "x5c_certificate is not valid yet",
        "clock",
        False,
    ),
    ("provisioners", 400, CANNOT + "limit 'abc' is not an integer.", "abc as a number", "report it", False),
    (
        "sign",
        403,
        FORBIDDEN + "requested duration of 8760h1m0s is more than the authorized maximum certificate duration of 24h1m0s.",
        "365d was asked for, and the CA allows 24h at most",
        "maxTLSCertDuration",
        False,
    ),
    (
        "sign",
        403,
        FORBIDDEN + "requested duration of 2m0s is less than the authorized minimum certificate duration of 5m0s.",
        "1m was asked for, and the CA allows no less than 5m",
        "minTLSCertDuration",
        False,
    ),
    (
        "sign",
        403,
        FORBIDDEN
        + "certificate request does not contain the valid DNS names - got [web.example.com evil.example.com], want [web.example.com].",
        r"DNS names of the signing request \(\[web.example.com evil.example.com\]\) are not those of its token \(\[web.example.com\]\)",
        "report it",
        False,
    ),
    (
        "sign",
        403,
        FORBIDDEN + "certificate request does not contain the valid IP addresses - got [192.0.2.8], want [192.0.2.7].",
        "IP addresses",
        "report it",
        False,
    ),
    (
        "sign",
        403,
        FORBIDDEN + "certificate request does not contain the valid email addresses - got [b@example.com], want [a@example.com].",
        "email addresses",
        "report it",
        False,
    ),
    (
        "sign",
        403,
        FORBIDDEN + "certificate request does not contain the valid URIs - got [https://b], want [https://a].",
        "URIs",
        "report it",
        False,
    ),
    (
        "sign",
        403,
        FORBIDDEN + "certificate request does not contain the valid common name - got other, want [web.example.com web.example.com].",
        "common name",
        "report it",
        False,
    ),
    (
        "sign",
        403,
        FORBIDDEN + "certificate request RSA key must be at least 2048 bits (256 bytes).",
        "weaker than 2048 bits",
        "rsa-2048",
        False,
    ),
    ("sign", 403, FORBIDDEN + 'certificate request fingerprint does not match "MDAw...".', "another signing request", "report it", False),
    (
        "sign",
        403,
        FORBIDDEN
        + "requested certificate notAfter (2026-11-24 10:37:55.626638873 +0000 UTC) is after the expiration of the provisioning credential"
        + " (2026-11-24 09:37:55 +0000 UTC).",
        "x5c_certificate ends on 2026-11-24 09:37:55 UTC",
        "shorter lifetime",
        False,
    ),
    ("sign", 403, FORBIDDEN + 'dns name "web.example.com" not allowed', "policy does not allow the name web.example.com", "policy", False),
    ("sign", 403, FORBIDDEN + 'ip name "10.0.0.1" not allowed', "policy does not allow the name 10.0.0.1", "policy", False),
    ("sign", 403, FORBIDDEN + 'cn name "web" not allowed', "policy does not allow the name web", "policy", False),
    ("sign", 403, FORBIDDEN + 'uri name "urn:x" not allowed', "policy does not allow the name urn:x", "policy", False),
    ("sign", 403, 'DNS name "a.example.com" is not permitted by any constraint', "not let it sign for a.example.com", "a CA whose", False),
    ("sign", 403, 'IP address "10.0.0.1" is not permitted by any constraint', "not let it sign for 10.0.0.1", "a CA whose", False),
    ("sign", 403, 'DNS name "x.evil.lan" is excluded by constraint "evil.lan"', "not let it sign for x.evil.lan", "a CA whose", False),
    ("sign", 403, FORBIDDEN + "error validating certificate request.", "failed to make the certificate", "webhook", False),
    ("sign", 403, FORBIDDEN + "error creating certificate.", "failed to make the certificate", "webhook", False),
    ("sign", 400, CANNOT + "invalid certificate request.", "signature of the signing request", "report it", False),
    (
        "0" * 64,
        404,
        f'root certificate with fingerprint "{"0" * 64}" was not found',
        "no root with the fingerprint 0000",
        "step certificate fingerprint",
        False,
    ),
    ("encrypted-key", 404, f"The requested resource could not be found. {LOGS}", "does not hand out the key", "provisioner_key", False),
    ("other", 404, f"The requested resource could not be found. {LOGS}", "does not know it", "request-id", False),
    ("crl", 404, f"The certificate authority received an unexpected HTTP status code - '404'. {LOGS}", "no revocation list", "crl", False),
    ("intermediates", 404, "404 page not found", "no such route", "step-ca", False),
    ("sign", 405, "", "method", "step-ca", False),
    ("sign", 431, "431 Request Header Fields Too Large", "headers too large", "report it", False),
    ("sign", 500, f"The certificate authority encountered an Internal Server Error. {LOGS}", "the CA failed", "not ASCII", True),
    ("renew", 400, CANNOT + "missing client certificate.", "no client certificate", "proxy", False),
    (
        "renew",
        401,
        f"{UNAUTHORIZED}: certificate expired on 2026-11-24 08:37:53 +0000 UTC",
        "expired on 2026-11-24 08:37:53",
        "allowRenewalAfterExpiry",
        False,
    ),
    ("renew", 401, "error validating renew token", "chain", "issued by this CA", False),
    ("renew", 401, "error validating renew token: invalid subject claim (sub)", "another subject", "report it", False),
    ("renew", 401, "error validating renew token: token is expired (exp)", "token was wrong: is expired", "clock", False),
    ("renew", 401, "error validating renew token: token not valid yet (nbf)", "token was wrong: not valid yet", "clock", False),
    ("renew", 401, "error validating renew token: token issued in the future (iat)", "wrong: issued in the future", "clock", False),
    ("renew", 401, "error validating renew token: cannot get provisioner from certificate", "provisioner .* is gone", "password", False),
    ("sign", 400, CANNOT + "certificate request key of type '*dsa.PublicKey' is not supported.", r"type \*dsa.PublicKey", "ec-p256", False),
    ("sign", 500, "error applying certificate template", "failed to make the certificate", "template", False),
    ("renew", 500, "error renewing certificate", "failed to make the certificate", "template", False),
    ("renew", 401, "error validating renew token: invalid issuer claim (iss)", "issuer", "password", False),
    ("renew", 500, "error validating renew token: invalid audience claim (aud)", "a name that is not its own", "dnsNames", False),
    ("renew", 500, "error validating renew token", "not signed by the certificate's key", "belong together", False),
    ("renew", 401, f"{UNAUTHORIZED}. {LOGS}", "renewal is disabled.*revoked", "password", False),
    ("rekey", 401, f"{UNAUTHORIZED}. {LOGS}", "renewal is disabled.*revoked", "password", False),
    ("revoke", 400, CANNOT + "missing serial.", "no serial number", "report it", False),
    (
        "revoke",
        400,
        CANNOT + "'abcdef' is not a valid serial number - use a base 10 representation or a base 16 representation with '0x' prefix.",
        "abcdef is no serial number",
        "decimal",
        False,
    ),
    ("revoke", 400, CANNOT + "reasonCode out of bounds.", "reason code", "0 to 10", False),
    ("revoke", 400, CANNOT + "missing ott or client certificate.", "no token", "report it", False),
    (
        "revoke",
        400,
        CANNOT + f"certificate with serial number '{SERIAL}' is already revoked.",
        f"{SERIAL} is already revoked",
        "nothing is left",
        False,
    ),
    (
        "revoke",
        403,
        FORBIDDEN + 'request serial number "2190" and token subject "123" do not match.',
        "another serial number",
        "report it",
        False,
    ),
    (
        "revoke",
        403,
        FORBIDDEN + 'request serial number "12345" and certificate serial number "2190" do not match.',
        "very certificate",
        "report it",
        False,
    ),
    ("revoke", 501, f"The requested method is not implemented by the certificate authority. {LOGS}", "cannot do this", "database", False),
    ("directory", 404, "provisioner nope not found", "no provisioner nope", "lists them", False),
    ("sign", 401, "The client lacks sufficient authorization: provisioner must be of type ACME", "ACME", "JWK or X5C", False),
    ("sign", 401, "The client lacks sufficient authorization", "ACME", "JWK or X5C", False),
    ("sign", 400, "Unacceptable anti-replay nonce", "ACME", "JWK or X5C", False),
    ("sign", 400, "The request message was malformed", "ACME", "JWK or X5C", False),
    ("sign", 400, "The request attempted to finalize an order that is not ready to be finalized", "ACME", "JWK or X5C", False),
    ("sign", 500, "The server experienced an internal error", "ACME", "JWK or X5C", False),
]


def told(route, status, text, **asked):
    return explain(status, text, "id42", Asked(f"POST https://ca.lan/{route}", **asked))


@pytest.mark.parametrize(("route", "status", "text", "message", "hint", "retryable"), KNOWN, ids=lambda value: str(value)[:50])
def test_every_known_refusal_says_what_happened_and_what_to_do(route, status, text, message, hint, retryable):
    refusal = told(route, status, text)
    assert re.search(message, refusal.message)
    assert hint in refusal.hint
    assert refusal.retryable is retryable
    assert f"https://ca.lan/{route}" in refusal.message
    assert "request-id=id42" in refusal.message
    assert (refusal.status, refusal.text) == (status, text)


def test_every_rule_is_met_by_a_known_refusal():
    def first(route, status, text):
        return next(
            rule for rule in RULES if rule.text.search(text) and rule.status in (0, status) and (not rule.routes or route in rule.routes)
        )

    met = [first(route, status, text) for route, status, text, *_ in KNOWN]
    assert [rule.text.pattern for rule in RULES if rule not in met] == []


def test_a_refusal_that_nobody_has_seen_yet_is_given_as_it_came():
    refusal = told("sign", 418, "I am a teapot")
    assert "418: I am a teapot" in refusal.message
    assert not refusal.retryable
    assert told("sign", 599, "").retryable


@pytest.mark.parametrize("status", [401, 403, 404, 413, 500])
def test_a_web_page_is_nothing_that_step_ca_answers(status):
    refusal = told("sign", status, "<html><head><title>Log in</title></head></html>")
    assert f"{status} and a web page came" in refusal.message
    assert "Log in" not in refusal.message
    assert "login page" in refusal.hint
    assert refusal.retryable is (status >= 500)


def test_the_one_text_for_every_failed_authentication_is_known_as_such():
    assert told("sign", 401, f"{UNAUTHORIZED}. {LOGS}").says_nothing
    assert not told("renew", 401, f"{UNAUTHORIZED}: certificate expired on 2026-11-24 08:37:53 +0000 UTC").says_nothing
    assert not told("sign", 403, f"{UNAUTHORIZED}. {LOGS}").says_nothing


# --- lifetimes --------------------------------------------------------------------------------


def test_too_long_a_lifetime_prints_the_claims_to_set():
    text = FORBIDDEN + "requested duration of 9480h1m0s is more than the authorized maximum certificate duration of 24h1m0s."
    refusal = told("sign", 403, text, lifetime=timedelta(days=395), provisioner="my admin")
    assert "395d was asked for, and the CA allows 24h at most" in refusal.message
    assert refusal.allowed == timedelta(hours=24)
    assert '"claims": {"maxTLSCertDuration": "9480h0m0s"}' in refusal.hint
    assert "step ca provisioner update 'my admin' --x509-max-dur 9480h0m0s" in refusal.hint


def test_the_backdate_is_found_from_what_was_asked_for():
    text = FORBIDDEN + "requested duration of 48h2m0s is more than the authorized maximum certificate duration of 24h2m0s."
    assert "the CA allows 24h at most" in told("sign", 403, text, lifetime=timedelta(hours=48)).message


def test_without_a_provisioners_name_the_advice_has_a_place_for_it():
    assert "update NAME --x509-max-dur 720h0m0s" in allow_longer(timedelta(days=30), "")
    assert claims_for(timedelta(days=30)) == {"maxTLSCertDuration": "720h0m0s"}


@pytest.mark.parametrize(
    "text",
    [
        "requested duration of ever is more than the authorized maximum certificate duration of 24h1m0s.",
        "requested duration of 1 is less than the authorized minimum certificate duration of always.",
        "requested certificate notAfter (x) is after the expiration of the provisioning credential (soon).",
    ],
)
def test_numbers_that_cannot_be_read_are_shown_as_they_came(text):
    assert text in told("sign", 403, FORBIDDEN + text).message


# --- what the CA says is untrusted -----------------------------------------------------------


def test_a_refusal_in_any_form_is_read():
    assert wire.read_error(b'{"status":401,"message":"no"}') == "no"
    assert wire.read_error(b'{"type":"unauthorized","detail":"d","message":"m"}') == "m"
    assert wire.read_error(b'{"type":"urn:x","detail":"d"}') == "d"
    assert wire.read_error(b"404 page not found\n") == "404 page not found"
    assert wire.read_error(b"") == ""
    assert wire.read_error(b"\xff\xfe") == "\ufffd\ufffd"
    assert wire.read_error(b"[" * 5000)


def test_a_terminal_is_never_sent_what_a_server_wrote():
    shown = wire.read_error(b"a\x1b[31mred\x1b]0;title\x07\nb\x00\x9b" + b"x" * 2000)
    assert shown.isprintable()
    assert len(shown) <= 600
