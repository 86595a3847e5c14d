"""The calls of the Backup Server and the Datacenter Manager: looking at the certificate, replacing it, going back, logging in."""

from __future__ import annotations

import re
from collections.abc import Sequence

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization

from certpush.model import UNREADABLE, JsonValue, fingerprint, to_pem
from certpush.testing.lab.proxmox.http import Response, to_json
from certpush.testing.lab.proxmox.info import first_certificate, key_in_words, short_name, with_colons
from certpush.testing.lab.proxmox.logins import Logins
from certpush.testing.lab.proxmox.parameters import text
from certpush.testing.lab.proxmox.refusals import Refused
from certpush.testing.lab.proxmox.routes import Call, Route, needs
from certpush.testing.lab.proxmox.rust_api import NODE, OPTIONAL_TEXT, SWITCH, TEXT
from certpush.testing.lab.proxmox.rust_model import RustMachine

_AT = "/nodes/{node}/certificates"
_PATH = "/system/certificates"
_RESTART = "/nodes/{node}/services/{service}/restart"
_BLOCK = re.compile(rb"^-----BEGIN CERTIFICATE-----[ \t\r]*\n.*?^-----END CERTIFICATE-----[ \t\r]*$", re.DOTALL | re.MULTILINE)
_NO_START = "error:0480006C:PEM routines:get_name:no start line:../crypto/pem/pem_lib.c:763:Expecting: CERTIFICATE"
_NO_KEY = "error:1E08010C:DECODER routines:OSSL_DECODER_from_bio:unsupported:No supported data to decode."
_BAD_BLOCK = "error:0688010A:asn1 encoding routines:asn1_d2i_ex_primitive:nested asn1 error"


def rust_routes(machine: RustMachine) -> list[Route]:
    """All that is answered."""
    calls, model = RustCalls(machine), machine.model
    modify, node = needs(_PATH, model.modify), {"node": NODE}
    remove = {**node, "restart": SWITCH}
    upload = {**remove, "certificates": TEXT, "key": OPTIONAL_TEXT, "force": SWITCH}
    login = {"username": TEXT, "password": OPTIONAL_TEXT, "tfa-challenge": OPTIONAL_TEXT}
    acme = node if "{node}" in model.acme_path else {}
    restarts = Route("POST", _RESTART, calls.restart, {**node, "service": TEXT}, needs("/system/services/{service}", model.modify))
    return [
        *([restarts] if model.service else []),
        Route("GET", "/version", lambda _: calls.version()),
        Route("POST", "/access/ticket", calls.log_in, login),
        Route("GET", "/access/permissions", calls.permissions, {"auth-id": OPTIONAL_TEXT, "path": OPTIONAL_TEXT}),
        Route("GET", f"{_AT}/info", lambda _: calls.information(), node, modify if model.info_needs_modify else None),
        Route("POST", f"{_AT}/custom", calls.upload, upload, modify),
        Route("DELETE", f"{_AT}/custom", lambda _: calls.remove(), remove, modify),
        Route("GET", model.acme_path, lambda _: calls.acme(), acme, needs("/system", model.audit)),
    ]


class RustCalls:
    """What may be asked of one of the two."""

    def __init__(self, machine: RustMachine) -> None:
        self._machine = machine
        self._logins = Logins(machine.accounts, machine.tickets)

    def version(self) -> JsonValue:
        """Which release it is."""
        version, _, release = self._machine.version.rpartition(".")
        return {"version": version, "release": release, "repoid": "49405140c0ffee00"}

    def information(self) -> JsonValue:
        """What the file is; not what is served.

        Raises:
            Refused: 400, it holds no certificate.

        """
        pem = self._machine.files[self._machine.model.certificate_file]
        certificate = first_certificate(pem)
        if certificate is None:
            raise Refused(400, f"{self._machine.model.unreadable}{_NO_START}")
        return [self._describe(pem, certificate)]

    def upload(self, call: Call) -> JsonValue:
        """Replace the pair, whatever was there; whether it belongs together, nobody asks."""
        certificates = _chain(str(call.given["certificates"]).encode())
        machine = self._machine
        with machine.lock:
            given = text(call.given, "key")
            key = _key(machine.files[machine.model.key_file] if given is None else given.encode())
            machine.put(b"\n".join(to_pem(one) for one in certificates), key)
            machine.reload()
            return self.information()

    def remove(self) -> JsonValue:
        """Go back to a certificate of its own, made anew."""
        with self._machine.lock:
            self._machine.make_own()
            self._machine.reload()
        return None

    def restart(self, call: Call) -> JsonValue:
        """Start a service anew, in the background; gives the task's name, in which a hyphen is written as systemd does.

        Raises:
            Refused: 400, there is no such service.

        """
        service = str(call.given["service"])
        if service != self._machine.model.service:
            raise Refused(400, f"unknown service name '{service}'")
        self._machine.restart()
        began, named = int(self._machine.clock().timestamp()), service.replace("-", r"\x2d")
        return f"UPID:{self._machine.name}:00001000:00A1B2C3:00000001:{began:08X}:srvreload:{named}:{call.caller}:"

    def acme(self) -> JsonValue:
        """What ACME is configured for."""
        domains = self._machine.faults.acme_domains[:5]
        told: dict[str, JsonValue] = {f"acmedomain{number}": f"domain={domain}" for number, domain in enumerate(domains)}
        return told | ({"acme": "account=default"} if domains else {})

    def permissions(self, call: Call) -> JsonValue:
        """What the caller, or one of their tokens, may: privileges with whether they hold below, too."""
        accounts, whose = self._machine.accounts, text(call.given, "auth-id") or call.caller
        if whose != call.caller and whose.partition("!")[0] != call.caller:
            raise Refused(400, f"not allowed to list permissions of {whose}")
        path = text(call.given, "path")
        told = {path: accounts.privileges(whose, path)} if path else accounts.effective(whose)
        return {where: dict.fromkeys(sorted(some), True) for where, some in told.items() if some}

    def log_in(self, call: Call) -> JsonValue | Response:
        """Give a ticket, or a challenge that looks like one."""
        if call.given.get("password") is None:
            raise Refused(400, "no password provided")
        now, tickets = self._machine.clock(), self._machine.tickets
        try:
            name, done = self._logins.prove(call.given, now)
        except Refused:
            raise Refused(401, "permission check failed.") from None
        if not done:
            return {"username": name, "ticket": tickets.challenge(name, now), "CSRFPreventionToken": "invalid"}
        told: dict[str, JsonValue] = {"username": name, "CSRFPreventionToken": tickets.csrf_token(name, now)}
        ticket = tickets.issue(name, now)
        return self._as_cookie(ticket, told) if self._machine.model.ticket_in_cookie else {**told, "ticket": ticket}

    def _as_cookie(self, ticket: str, told: dict[str, JsonValue]) -> Response:
        told["ticket-info"] = f"{ticket.partition('::')[0]}::ticketinfo"
        cookie = f"__Host-{self._machine.model.prefix}AuthCookie={ticket}; Secure; SameSite=Lax; HttpOnly; Path=/;"
        body = to_json({"data": told, "status": 200, "success": True})
        return Response(200, "", body, "application/json", {"Set-Cookie": cookie})

    def _describe(self, pem: bytes, certificate: x509.Certificate) -> JsonValue:
        kind, bits = key_in_words(certificate)
        return {
            "filename": self._machine.model.file_shown,
            "subject": _in_words(certificate.subject),
            "issuer": _in_words(certificate.issuer),
            "san": list(self._names(certificate)),
            "notbefore": int(certificate.not_valid_before_utc.timestamp()),
            "notafter": int(certificate.not_valid_after_utc.timestamp()),
            "pem": pem.decode("ascii"),
            "public-key-type": kind,
            "public-key-bits": bits,
            "fingerprint": with_colons(fingerprint(certificate)).lower(),
        }

    def _names(self, certificate: x509.Certificate) -> Sequence[str]:
        try:
            names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        except (x509.ExtensionNotFound, ValueError):
            return ()
        return tuple(words for one in names if (words := self._machine.model.name_in_words(one)))


def _chain(pem: bytes) -> list[x509.Certificate]:
    """All certificates of a text; none where there is no block, which nobody minds here."""
    try:
        return [x509.load_pem_x509_certificate(block) for block in _BLOCK.findall(pem)]
    except UNREADABLE:
        raise Refused(400, f"failed to decode certificate chain: {_BAD_BLOCK}") from None


def _key(pem: bytes) -> bytes:
    try:
        key = serialization.load_pem_private_key(pem, password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise Refused(400, f"failed to parse private key: {_NO_KEY}") from None
    return key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())


def _in_words(name: x509.Name) -> str:
    return ", ".join(f"{short_name(one)} = {one.value!s}" for one in name)
