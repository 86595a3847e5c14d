"""The store of certificates and authorities in config.xml, as the API sees and changes it, traps included.

Facts from opnsense/core: controllers and models of Trust. A certificate is linked to its authority
by subject alone; an authority that comes in links all that fit; what is set may be half of a pair.
"""

from __future__ import annotations

import re
import time
import uuid as uuids
from collections.abc import Iterator, Mapping
from xml.etree import ElementTree as ET

from cryptography import x509

from certpush.testing.lab.opnsense.certificates import (
    belong_together,
    decoded,
    encoded,
    first_certificate,
    fits_within,
    key_loads,
    values,
)
from certpush.testing.lab.opnsense.config_file import put_text, text_of

_STORED = {"cert": ("refid", "descr", "caref", "crt", "csr", "prv"), "ca": ("refid", "descr", "crt", "prv", "serial", "caref")}
_ACTIONS = {
    "cert": ("internal", "external", "import", "sign_csr", "import_csr", "reissue", "manual"),
    "ca": ("existing", "internal", "ocsp"),
}
_UUID = re.compile(r"[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}")


class UserError(Exception):
    """What the API answers with status 500 and a title."""

    def __init__(self, title: str, message: str) -> None:
        super().__init__(message)
        self.title = title


class Invalid(Exception):
    """What the API answers as failed, with what is wrong by field."""

    def __init__(self, **fields: str) -> None:
        super().__init__(str(fields))
        self.fields = fields


def rows(root: ET.Element, kind: str, phrase: str = "") -> list[dict[str, str]]:
    """What a search finds: every word of the phrase in some field. All keys are in it."""
    found = (fields(root, one, kind) for one in root.findall(kind))
    return [row for row in found if all(any(word.lower() in text.lower() for text in row.values()) for word in phrase.split())]


def fields(root: ET.Element, element: ET.Element, kind: str) -> dict[str, str]:
    """One entry, with what is made up from it; one that older code made has another number each time."""
    row = {"uuid": element.get("uuid") or str(uuids.uuid4()), **{name: text_of(element, name) for name in _STORED[kind]}}
    row |= {"crt_payload": decoded(row["crt"]), "prv_payload": decoded(row["prv"])}
    certificate = first_certificate(row["crt_payload"])
    if certificate is not None:
        row["valid_from"] = str(int(certificate.not_valid_before_utc.timestamp()))
        row["valid_to"] = str(int(certificate.not_valid_after_utc.timestamp()))
        row["name"] = "/".join(["", *(f"{one.rfc4514_attribute_name}={one.value!s}" for one in certificate.subject)])
    if kind == "cert":
        return row | {"in_use": str(int(any(used_in(root, row["refid"])))), "is_user": "0"}
    return row | {"refcount": str(sum((one.text or "") == row["refid"] for one in root.iter()) - 1)}


def used_in(root: ET.Element, refid: str) -> Iterator[str]:
    """Where this refid is the whole text of an element, but in the store itself and with users."""
    parents = {child: parent for parent in root.iter() for child in parent}
    for one in root.iter():
        if refid and one.text == refid:
            path = [parents[one].tag]
            above = parents.get(parents[one])
            if above is not None and above is not root:
                path.insert(0, above.tag)
            if ".".join(path) not in ("cert", "system.user"):
                yield ".".join(path)


def find(root: ET.Element, kind: str, uuid: str) -> ET.Element | None:
    """The entry of this number."""
    return next((one for one in root.findall(kind) if one.get("uuid") == uuid), None)


def put(root: ET.Element, kind: str, uuid: str, given: Mapping[str, str]) -> str:
    """Add an entry, or change what is given of one; its number.

    Raises:
        Invalid: a field is not what it must be.
        UserError: certificate or key are none.

    """
    element = find(root, kind, uuid) if uuid else None
    if element is None:
        if uuid and not _UUID.fullmatch(uuid):
            raise Invalid
        element = ET.SubElement(root, kind, {"uuid": uuid or str(uuids.uuid4())})
    for name in _STORED[kind]:
        put_text(element, name, given.get(name, text_of(element, name)))
    _validate(element, kind, given)
    if not text_of(element, "refid"):
        put_text(element, "refid", uniqid())
    _ACTION[kind](root, element, given)
    for one in root.findall(kind):
        if not one.get("uuid"):
            one.set("uuid", str(uuids.uuid4()))  # all are saved with the numbers that they have just got
    return element.get("uuid", "")


def remove(root: ET.Element, kind: str, uuid: str) -> bool:
    """Remove an entry: a certificate only while nothing uses it, an authority whatever uses it.

    Raises:
        UserError: it is in use.

    """
    element = find(root, kind, uuid)
    if element is None:
        return False
    used = list(used_in(root, text_of(element, "refid"))) if kind == "cert" else []
    if used:
        raise UserError("Item in use by", f"{used[0].rpartition('.')[2]} -  {{{used[0]}}}")
    root.remove(element)
    return True


def uniqid() -> str:
    """A number as PHP makes it, from the clock; two in the same microsecond would be one."""
    time.sleep(0.000002)
    return f"{time.time_ns() // 1000 // 1_000_000:08x}{time.time_ns() // 1000 % 1_000_000:05x}"


def _validate(element: ET.Element, kind: str, given: Mapping[str, str]) -> None:
    if not 1 <= len(text_of(element, "descr")) <= 255:
        raise Invalid(descr="A value is required.")
    if given.get("action", _usual_action(element, kind)) not in _ACTIONS[kind]:
        raise Invalid(action="Option not in list.")


def _usual_action(element: ET.Element, kind: str) -> str:
    if kind == "ca":
        return "existing" if text_of(element, "crt") else "internal"
    if text_of(element, "crt"):
        return "reissue" if text_of(element, "prv") else "manual"
    return "internal"


def _put_certificate(root: ET.Element, element: ET.Element, given: Mapping[str, str]) -> None:
    pem = given.get("crt_payload", decoded(text_of(element, "crt")))
    key = given.get("prv_payload", decoded(text_of(element, "prv")))
    action = given.get("action", _usual_action(element, "cert"))
    if action not in ("import", "manual"):
        raise UserError("Certificate error", "the stand-in makes no certificates")
    if key:
        put_text(element, "prv", encoded(key))
    if action == "import":
        _check_pair(pem, key)
    if pem:
        put_text(element, "crt", encoded(pem))
    link(root, text_of(element, "refid"))


def _check_pair(pem: str, key: str) -> None:
    certificate = first_certificate(pem)
    if certificate is None:
        raise UserError("Certificate error", "Invalid X509 certificate provided")
    if not key.strip():
        return  # the trap: nothing is compared, and what stood there before stays
    if not key_loads(key):
        raise UserError("Certificate error", "Invalid private key provided: cannot parse private key data")
    if not belong_together(certificate, key):
        raise UserError("Certificate error", "Invalid private key provided: private key does not match certificate data")


def _put_authority(root: ET.Element, element: ET.Element, given: Mapping[str, str]) -> None:
    if given.get("action", _usual_action(element, "ca")) != "existing":
        raise UserError("Certificate error", "the stand-in makes no authorities")
    pem = given.get("crt_payload", decoded(text_of(element, "crt")))
    certificate = first_certificate(pem)
    if certificate is None:
        raise UserError("Certificate error", "Invalid X509 certificate provided")
    put_text(element, "crt", encoded(pem))
    if certificate.issuer != certificate.subject:
        _link_authorities(root, element, certificate)
    link(root)


def _link_authorities(root: ET.Element, element: ET.Element, certificate: x509.Certificate) -> None:
    for other in root.findall("ca"):
        theirs = first_certificate(decoded(text_of(other, "crt")))
        if other is element or theirs is None:
            continue
        if fits_within(theirs.subject, certificate.issuer):
            put_text(element, "caref", text_of(other, "refid"))
        elif theirs.issuer == certificate.subject:
            put_text(other, "caref", text_of(element, "refid"))


def link(root: ET.Element, refid: str | None = None) -> None:
    """Link certificates (or this one) to authorities by subject: the longest that fits, of several the newest."""
    authorities = []
    for one in root.findall("ca"):
        certificate = first_certificate(decoded(text_of(one, "crt")))
        if certificate is not None:
            authorities.append((len(values(certificate.subject)), text_of(one, "refid"), certificate))
    authorities.sort(key=lambda one: one[:2], reverse=True)
    for one in root.findall("cert"):
        leaf = first_certificate(decoded(text_of(one, "crt")))
        if leaf is None or refid not in (None, text_of(one, "refid")):
            continue
        fitting = (number for _, number, authority in authorities if fits_within(authority.subject, leaf.issuer))
        put_text(one, "caref", next(fitting, text_of(one, "caref")))


_ACTION = {"cert": _put_certificate, "ca": _put_authority}
