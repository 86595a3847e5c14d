"""A stand-in for the appliance: answers as the real one does, on this machine, and forgets everything when it ends.

The contract test and `certpush conformance my-appliance` try the plugin on it. `python -m certpush_my_appliance.device`
runs it beside a small CA, for `certpush deploy` by hand. Make it as strict as the real one: what the appliance refuses,
this must refuse too.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

from certpush import CertificateBundle
from certpush.errors import CertpushError
from certpush.testing import ApiAnswer, ApiRequest, ApiServer, Workbench, self_signed


class Device(ApiServer):
    """Keeps pairs by name, and serves one of them; runs inside of ``with``."""

    token = "the-token-of-the-stand-in"

    def __init__(self) -> None:
        self.pairs: dict[str, CertificateBundle] = {"factory": self_signed("my-appliance")}
        self.active = "factory"
        self._broken = False
        super().__init__(self._answer, self.pairs[self.active])

    def snapshot(self) -> object:
        """All that a rotation can change, to be compared."""
        return {**self._fingerprints(), "active": self.active}

    @contextlib.contextmanager
    def broken(self) -> Iterator[None]:
        """While inside, it says no to a switch."""
        self._broken = True
        yield
        self._broken = False

    def _answer(self, request: ApiRequest) -> ApiAnswer:
        if request.headers.get("authorization") != f"Bearer {self.token}":
            return ApiAnswer("who are you?", 401)
        try:
            return ApiAnswer(self._do(request))
        except (KeyError, ValueError, CertpushError) as error:
            return ApiAnswer(f"{type(error).__name__}: {error}", 400)

    def _do(self, request: ApiRequest) -> Any:  # noqa: ANN401 - what becomes JSON
        """The API is small: GET and PUT and DELETE certificates, POST which is active."""
        name = request.path.rpartition("/")[2]
        match request.method:
            case "GET":
                return {"active": self.active, "certificates": self._fingerprints()}
            case "PUT":
                sent = request.json()
                self.pairs[name] = CertificateBundle.from_pem(sent["fullchain"].encode(), sent["key"].encode())
            case "POST":
                self._switch(request.json()["name"])
            case "DELETE":
                self._remove(name)
        self.serve(self.pairs[self.active])
        return None

    def _fingerprints(self) -> dict[str, str]:
        return {name: pair.fingerprint for name, pair in self.pairs.items()}

    def _switch(self, name: str) -> None:
        if self._broken:
            raise ValueError("the web server does not take it")
        if name not in self.pairs:
            raise KeyError(name)
        self.active = name

    def _remove(self, name: str) -> None:
        if name == self.active:
            raise ValueError("it is in use")
        del self.pairs[name]


def main() -> None:
    """Run it beside a CA, with a configuration for both, until Ctrl-C."""
    with Device() as device, Workbench() as bench:
        bench.configure("dev", {
            "kind": "my-appliance",
            "names": ["localhost", device.host],
            "host": device.host,
            "port": device.port,
            "token": bench.secret("token", device.token),
            "trust": f"sha256:{device.fingerprint}",
        })  # fmt: skip
        print(f"my-appliance answers at {device.url}")
        print(bench.told, flush=True)
        bench.wait()


if __name__ == "__main__":
    main()
