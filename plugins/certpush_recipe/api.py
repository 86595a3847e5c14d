"""The calls of a recipe, over connections that were judged; each answer judged before it is believed."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from urllib.parse import quote

import requests

from certpush.errors import TargetAuthFailed, TargetError, TargetRefused, TargetUnreachable
from certpush.kit.escaping import escaped
from certpush.kit.https import TrustedConnections, date_of, exchange
from certpush.model import CertificateBundle, JsonValue, fingerprint
from certpush_recipe.answers import leaf_in, parsed, pointed, read_fingerprint
from certpush_recipe.checking_calls import METHODS
from certpush_recipe.filling import Value, filled, filled_json
from certpush_recipe.names import ACTIVE, SESSION, STAGED
from certpush_recipe.recipe import ApiRecipe, Call
from certpush_recipe.settings import ApiSettings

Names = Mapping[str, JsonValue]
_MOST = 200  # characters of a stranger's text that a message quotes


@dataclass(frozen=True, slots=True)
class Sight:
    """What [look] found: the active certificate, and what it remembers of it."""

    fingerprint: str | None
    remembered: dict[str, JsonValue]
    answer: JsonValue = field(default=None, repr=False)


class Api:
    """Calls of one appliance. Everything goes through ``connections``, which decide whether it is the right one."""

    def __init__(self, recipe: ApiRecipe, settings: ApiSettings) -> None:
        self._recipe = recipe
        self._public = settings.values
        self._secrets = settings.secrets
        self.address = settings.address
        self.where = str(settings.address)
        self.connections = TrustedConnections(settings.trust, where=self.where)
        self.date: datetime | None = None
        """The appliance's clock at its latest answer."""
        self._session: requests.Session | None = None
        self._login: dict[str, str] | None = None

    def look(self) -> Sight:
        """What is active now; changes nothing."""
        look = self._recipe.look
        response = self._send(Call(get=look.get, query=look.query), self._public, self._headers())
        if look.handshake:
            peer = self.connections.peer
            return Sight(fingerprint(peer) if peer is not None else None, {})
        if look.pattern:
            found = re.search(look.pattern, response.text)
            return Sight(read_fingerprint(self.where, found[1] if found else None), {})
        answer = parsed(self.where, response.content)
        remembered = {name: pointed(answer, pointer) for name, pointer in look.remember.items()}
        if look.fingerprint:
            return Sight(read_fingerprint(self.where, pointed(answer, look.fingerprint)), remembered, answer)
        return Sight(leaf_in(self.where, pointed(answer, look.certificate), look.encoding), remembered, answer)

    def perform(
        self, calls: Iterable[Call], sight: Sight, *, bundle: CertificateBundle | None = None, staged: Names | None = None
    ) -> Names:
        """Make the calls one after the other; what they keep, by name.

        Raises:
            AnswerLost: one was sent, and it is not known whether it was done.
            TargetError: one was refused, or answered otherwise than the recipe expects.

        """
        kept: dict[str, JsonValue] = dict(staged or {})
        for call in calls:
            values = self._values(sight, kept, bundle)
            kept |= self._understood(call, self._send(call, values, self._headers(), sight.answer), values)
        return kept

    def trust(self, *fingerprints: str | None, roots: str = "") -> None:
        """Recognise the appliance by these too, from the next call on."""
        self.connections.trust = self.connections.trust.also(*(one for one in fingerprints if one), roots=roots)

    def close(self) -> None:
        """Give the connection back."""
        if self._session is not None:
            self._session.close()

    # --- one call

    def _values(self, sight: Sight, kept: Names, bundle: CertificateBundle | None) -> dict[str, Value]:
        """Everything that a placeholder of a call can stand for. Secrets are taken out of their wrapping here, and go no further."""
        values: dict[str, Value] = {**self._public, **{name: one.reveal() for name, one in self._secrets.items()}}
        values |= {ACTIVE + name: _scalar(value) for name, value in sight.remembered.items()}
        values |= {STAGED + name: _scalar(value) for name, value in kept.items()}
        return values | (pair_values(bundle) if bundle is not None else {})

    def _send(self, call: Call, values: Mapping[str, Value], headers: Mapping[str, str], looked: JsonValue = None) -> requests.Response:
        method = next(one for one in METHODS if getattr(call, one) is not None)
        url = f"https://{self.where}{_path(getattr(call, method), values)}"
        query = {key: filled(text, values) for key, text in call.query.items()}
        # A connection of its own each: it shows its certificate anew, and what was asked to restart may end a kept one.
        self.connections.forget()
        with exchange(self.connections, seconds=self._recipe.times.call.total_seconds()):
            response = self._opened().request(method.upper(), url, params=query, headers=dict(headers), **_body(call, values, looked))
        self.date = date_of(response) or self.date
        self._judge(call, response, method)
        return response

    def _judge(self, call: Call, response: requests.Response, method: str) -> None:
        status = response.status_code
        if status in call.status or (not call.status and 200 <= status < 300):
            return
        asked = f"{self.where}: {method.upper()} {_asked(response)}"
        said = self._quoted(response)
        if status in (401, 403):
            raise TargetAuthFailed(
                f"{asked}: the login was refused ({status}){said}",
                hint="are the secret and its user right, and may it change certificates?",
            )
        if status in (502, 503, 504):
            raise TargetUnreachable(
                f"{asked}: answered {status}{said}", hint="is the appliance behind a proxy that cannot reach it, or just starting?"
            )
        raise TargetRefused(
            f"{asked}: refused ({status}){said}", hint=f"is it the product and version that the recipe {self._recipe.name} is for?"
        )

    def _understood(self, call: Call, response: requests.Response, values: Mapping[str, Value]) -> dict[str, JsonValue]:
        if not call.expect and not call.keep:
            return {}
        answer = parsed(self.where, response.content)
        for pointer, wanted in call.expect.items():
            if pointed(answer, pointer) != wanted:
                raise TargetRefused(
                    f"{self.where}: {_asked(response)} did not answer {wanted!a} at {pointer}{self._quoted(response)}",
                    hint="the appliance did not take the certificate as the recipe expects; look at its log",
                )
        kept = {name: pointed(answer, filled(pointer, values)) for name, pointer in call.keep.items()}
        missing = [name for name, value in kept.items() if not isinstance(value, str | int)]
        if missing:
            raise TargetRefused(
                f"{self.where}: the answer does not tell {missing[0]}, where the recipe points to",
                hint="is it the product and version of the recipe?",
            )
        return kept

    def _quoted(self, response: requests.Response) -> str:
        """What it said, for a message: short, escaped, and nothing at all where it repeats what was sent."""
        if "json" not in response.headers.get("Content-Type", "") and "plain" not in response.headers.get("Content-Type", ""):
            return ""
        sent = response.request.body or b""
        text = response.text
        # Whoever repeats a body repeats a key: any long run of it counts, and so does a secret of any length.
        if any(
            one in text
            for one in _telling(sent if isinstance(sent, str) else sent.decode("latin-1"), (s.reveal() for s in self._secrets.values()))
        ):
            return ""
        return f": {escaped(' '.join(text.split()))[:_MOST]}" if text.strip() else ""

    # --- who asks

    def _headers(self) -> dict[str, str]:
        if self._login is None:
            self._login = self._logged_in()
        return self._login

    def _logged_in(self) -> dict[str, str]:
        login = self._recipe.api.login
        values: dict[str, Value] = {**self._public, **{name: one.reveal() for name, one in self._secrets.items()}}
        if login.session is not None:
            kept = self._understood(login.session, self._send(login.session, values, {}), values)
            values[SESSION + "token"] = str(kept["token"])
        headers = {name: filled(value, values) for name, value in login.headers.items()}
        if login.user:
            pair = f"{filled(login.user, values)}:{filled(login.password, values)}".encode()
            headers["Authorization"] = f"Basic {base64.b64encode(pair).decode('ascii')}"
        return headers

    def _opened(self) -> requests.Session:
        if self._session is None:
            self._session = requests.Session()
            self.connections.serve(self._session)
        return self._session


def label_of(leaf: str) -> str:
    """How a certificate is called on an appliance that keeps several."""
    return f"certpush-{leaf[:16]}"


def pair_values(bundle: CertificateBundle) -> dict[str, Value]:
    """The new certificate, as placeholders name its parts."""
    return {
        "fullchain_pem": bundle.fullchain_pem.decode("ascii"),
        "leaf_pem": bundle.leaf_pem.decode("ascii"),
        "chain_pem": bundle.chain_pem.decode("ascii"),
        "root_pem": bundle.roots_pem.decode("ascii"),
        "key_pem": bundle.key.reveal_pem().decode("ascii"),
        "fingerprint": bundle.fingerprint,
        "label": label_of(bundle.fingerprint),
    }


def _path(template: str, values: Mapping[str, Value]) -> str:
    quoted = {name: value if isinstance(value, tuple) else quote(str(value), safe="") for name, value in values.items()}
    return filled(template, quoted)


def _body(call: Call, values: Mapping[str, Value], looked: JsonValue) -> dict[str, Any]:
    if call.json is not None:
        stays = {name: looked[name] for name in call.copy if name in looked} if isinstance(looked, dict) else {}
        return {"json": {**stays, **filled_json(call.json, values)}}
    if call.form is not None:
        return {"data": {name: filled(text, values) for name, text in call.form.items()}}
    if call.multipart is not None:
        return {"files": {name: (name, filled(text, values).encode()) for name, text in call.multipart.items()}}
    return {}


def _asked(response: requests.Response) -> str:
    return (response.request.path_url or "").partition("?")[0]


def _scalar(value: JsonValue) -> Value:
    return value if isinstance(value, str | int) else ""


def _telling(sent: str, secrets: Iterable[str]) -> Iterable[str]:
    yield from (one for one in re.findall(r"[A-Za-z0-9+/=_-]{16,}", sent))
    yield from (one for one in secrets if one)


__all__ = ["Api", "Sight", "TargetError", "label_of", "pair_values"]
