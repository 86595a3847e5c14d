"""The shape of a recipe file: what may stand in it, told once for parsing, errors and the reference."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec

from certpush.kit.settings import Doc, Duration, Settings
from certpush.model import KeySpec

Given = str | int | bool | tuple[str, ...]
"""What a parameter can be."""


class Parameter(Settings):
    """``[parameters.NAME]``: one thing that differs from one installation to the next."""

    about: Annotated[str, Doc("what it is for")]
    type: Annotated[
        Literal["text", "path", "port", "number", "flag", "words", "secret"],
        Doc("what it is: `words` is a list that becomes that many arguments of a command; a `secret` is given by reference"),
    ] = "text"
    default: Annotated[Given | None, Doc("what it is when it is not given; without a default it must be given")] = None


class EndpointTemplate(Settings):
    """Where the certificate is served."""

    at: Annotated[str, Doc('"{host}:443", with "#name" behind it for another name to ask for')]
    starttls: Annotated[Literal["smtp", "imap", "pop3", "postgres"] | None, Doc("the plain-text protocol that TLS starts in")] = None


class Times(Settings):
    """``[times]``: how long things take there."""

    check: Annotated[Duration, Doc("for one command of [[check]]")] = Duration(seconds=30)
    activate: Annotated[Duration, Doc("for one command of [[activate]]")] = Duration(seconds=60)
    call: Annotated[Duration, Doc("for one call of the API")] = Duration(seconds=30)
    deadline: Annotated[Duration, Doc("how long the old certificate may still be seen after the switch")] = Duration(seconds=30)
    steady: Annotated[Duration, Doc("for how long every look must show the new one, where old workers answer beside new ones")] = Duration()
    settle: Annotated[Duration, Doc("how long to wait before the last look")] = Duration()


class Head(Settings):
    """What every recipe has."""

    format: Annotated[int, Doc("the version of this format: 1")]
    name: Annotated[str, Doc("its name: small letters, digits, hyphens; as the file is called")]
    summary: Annotated[str, Doc("what it is for, in one line")]
    source: Annotated[tuple[str, ...], Doc("where its facts come from: addresses of documentation or source code")]
    tried: Annotated[str, Doc("on which product and version it was tried; empty: written from the sources alone")] = ""
    notes: Annotated[str, Doc("what its user must know")] = ""
    disruption: Annotated[str, Doc("what users notice of a switch")] = ""
    key_types: Annotated[tuple[KeySpec, ...], Doc("the keys that it takes; all when left out")] = ()
    parameters: Annotated[dict[str, Parameter], Doc("what differs from one installation to the next")] = msgspec.field(default_factory=dict)
    endpoints: Annotated[tuple[EndpointTemplate, ...], Doc("where the certificate is served; the target's own endpoints come before")] = ()
    times: Annotated[Times, Doc("how long things take there")] = Times()


# --- files ---------------------------------------------------------------------------------------


class Files(Settings):
    """``[files]``: which file holds what, and whose it is; as in the kinds ``file`` and ``ssh``."""

    fullchain: Annotated[str | None, Doc("leaf and intermediates")] = None
    cert: Annotated[str | None, Doc("the leaf alone")] = None
    chain: Annotated[str | None, Doc("the intermediates alone")] = None
    key_file: Annotated[str | None, Doc("the private key")] = None
    combined: Annotated[str | None, Doc("leaf, intermediates and key in one file")] = None
    combined_order: Annotated[Literal["leaf-chain-key", "key-leaf-chain"], Doc("what stands in which order in it")] = "leaf-chain-key"
    root: Annotated[str | None, Doc("the CA's root")] = None
    owner: Annotated[str | None, Doc("owner of new files; one that is there keeps its own")] = None
    group: Annotated[str | None, Doc("group of new files")] = None
    mode: Annotated[str | None, Doc("mode of files that hold the key")] = None
    certificate_mode: Annotated[str | None, Doc("mode of the others")] = None


class Command(Settings):
    """A program to be run on the machine that has the files: a list of words, without a shell."""

    run: Annotated[tuple[str, ...], Doc("the program and its arguments")]
    input: Annotated[str, Doc("what it reads; {content.ROLE} is the content of a file that is in place, without empty lines")] = ""
    expect: Annotated[str, Doc("text that its output must have, for programs whose exit status tells nothing")] = ""


class FileRecipe(Head):
    """An appliance whose certificate is in files, on this machine or on one that is reached by SSH."""

    files: Annotated[Files, Doc("which file holds what")]
    where: Annotated[tuple[Literal["here", "ssh"], ...], Doc("on which machines: this one, or one reached by SSH")] = ("here", "ssh")
    check: Annotated[tuple[Command, ...], Doc("what must succeed before the service is told")] = ()
    activate: Annotated[tuple[Command, ...], Doc("what makes the service take up the files that are in place, new or old")] = ()


# --- API -----------------------------------------------------------------------------------------


class Call(Settings):
    """One call of the API. Exactly one of ``get``, ``post``, ``put``, ``patch``, ``delete`` says where, and what kind of call it is."""

    get: Annotated[str | None, Doc("path to read")] = None
    post: Annotated[str | None, Doc("path to post to")] = None
    put: Annotated[str | None, Doc("path to put to")] = None
    patch: Annotated[str | None, Doc("path to patch")] = None
    delete: Annotated[str | None, Doc("path to delete")] = None
    query: Annotated[dict[str, str], Doc("what stands behind the question mark")] = msgspec.field(default_factory=dict)
    json: Annotated[dict[str, Any] | None, Doc("the body as JSON")] = None
    copy: Annotated[tuple[str, ...], Doc("members of the JSON body that stay as [look] found them")] = ()
    form: Annotated[dict[str, str] | None, Doc("the body as a form")] = None
    multipart: Annotated[dict[str, str] | None, Doc("the body as uploaded files: field and content")] = None
    status: Annotated[tuple[int, ...], Doc("HTTP statuses that mean success; 200 to 299 when left out")] = ()
    expect: Annotated[dict[str, Any], Doc("JSON pointers into the answer, and what must stand there")] = msgspec.field(default_factory=dict)
    keep: Annotated[dict[str, str], Doc("names for what the answer tells, with JSON pointers: {staged.NAME} then")] = msgspec.field(
        default_factory=dict
    )


class Login(Settings):
    """``[api.login]``: how each call says who asks."""

    user: Annotated[str, Doc("user of HTTP basic authentication")] = ""
    password: Annotated[str, Doc("its password: the placeholder of a secret")] = ""
    headers: Annotated[dict[str, str], Doc('or headers: Authorization = "Bearer {token}"')] = msgspec.field(default_factory=dict)
    session: Annotated[Call | None, Doc("or a call that answers with a token, kept as `token`: {session.token} in the headers")] = None


class Api(Settings):
    """``[api]``: where the API is and how to log in; always HTTPS."""

    port: Annotated[int, Doc("the usual port"), msgspec.Meta(ge=1, le=65535)] = 443
    login: Annotated[Login, Doc("who asks")] = Login()


class Look(Settings):
    """``[look]``: a call that changes nothing, and what in its answer identifies the active certificate."""

    get: Annotated[str, Doc("path to read")]
    query: Annotated[dict[str, str], Doc("what stands behind the question mark")] = msgspec.field(default_factory=dict)
    certificate: Annotated[str, Doc("JSON pointer to the certificate itself")] = ""
    encoding: Annotated[Literal["pem", "base64"], Doc("how it is written there; base64 is of the PEM text or of DER")] = "pem"
    fingerprint: Annotated[str, Doc("or JSON pointer to its SHA-256 fingerprint, with or without colons")] = ""
    pattern: Annotated[str, Doc("or a regular expression with one group, which finds the fingerprint in the answer's text")] = ""
    handshake: Annotated[bool, Doc("or true: the certificate with which the API itself answers")] = False
    remember: Annotated[dict[str, str], Doc("names for what is active now, with JSON pointers: what undo selects again")] = msgspec.field(
        default_factory=dict
    )


class Undo(Settings):
    """``[undo]``: the way back."""

    how: Annotated[
        Literal["select", "previous"],
        Doc("`select`: activate again what [look] remembered; `previous`: the same calls with the pair that certpush keeps"),
    ]
    clear: Annotated[tuple[Call, ...], Doc("calls that take the certificate off: the way back where none was there before")]
    fallback: Annotated[str, Doc("what is served after `clear`, where that may be the way back without the old pair")] = ""
    remove: Annotated[tuple[Call, ...], Doc("calls that remove what [[stage]] put there")] = ()


class ApiRecipe(Head):
    """An appliance with an HTTPS API."""

    api: Annotated[Api, Doc("where the API is")]
    look: Annotated[Look, Doc("what identifies the active certificate")]
    undo: Annotated[Undo, Doc("the way back")]
    activate: Annotated[tuple[Call, ...], Doc("calls that have the new certificate served")]
    check: Annotated[tuple[Call, ...], Doc("calls that try the new pair and change nothing")] = ()
    stage: Annotated[tuple[Call, ...], Doc("calls that put it there without serving it; harmless when repeated")] = ()


Recipe = FileRecipe | ApiRecipe
