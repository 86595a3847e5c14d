"""proxmoxer, loaded when it is needed and with its traps closed.

What it would do by itself, and does not here: log the body of a request, which has the key, at
INFO; switch off the warnings of urllib3 for the whole program; log in with a password over a
connection that nobody pinned; read proxies and CA bundles from the environment; give up after 5 s.
"""

from __future__ import annotations

import logging
import threading
import warnings
from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from certpush.errors import TargetError

if TYPE_CHECKING:
    import requests

_importing = threading.Lock()


class Shown:
    """What a request shows to say who asks, in the shape that proxmoxer wants of an ``auth``. Never printed."""

    verify_ssl = True  # what requests makes of it does not matter: our own connections judge

    def __init__(
        self, seconds: float, headers: Mapping[str, str] = MappingProxyType({}), *, writing: Mapping[str, str] | None = None
    ) -> None:
        self.timeout = seconds
        self._headers = headers
        self._writing = writing or {}

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        """Add the headers; those for writing only where something is changed."""
        request.headers.update(self._headers)
        if request.method != "GET":
            request.headers.update(self._writing)
        return request

    def get_cookies(self) -> dict[str, str]:
        """None: the ticket is among the headers."""
        return {}


def open_client(host: str, port: int, *, seconds: float) -> tuple[Any, requests.Session]:
    """Make a client of proxmoxer that has not logged in, and give its session with it; nothing is sent."""
    proxmoxer = _load()
    # As PVE with a token, whatever the product: this alone makes no request, and does not refuse what proxmoxer
    # does not know. Who we are is then said by an object of ours.
    client = proxmoxer.ProxmoxAPI(
        f"[{host}]" if ":" in host else host, port=port, user="-", token_name="-", token_value="-", timeout=seconds  # noqa: S106
    )  # fmt: skip
    session: requests.Session = client._store["session"]  # noqa: SLF001 - there is no other way to it; a test holds proxmoxer to it
    session.auth = Shown(seconds)
    return client, session


def _load() -> Any:
    with _importing, warnings.catch_warnings():  # the filter that it adds goes at the end of the block
        try:
            import proxmoxer
            import proxmoxer.backends.https
        except (ImportError, SystemExit) as error:  # the latter is its answer to a missing requests
            raise TargetError("proxmoxer cannot be loaded", hint="install certpush anew: proxmoxer and requests belong to it") from error
    for name in ("proxmoxer.core", "proxmoxer.backends.https"):
        logger = logging.getLogger(name)
        if _without_bodies not in logger.filters:
            logger.addFilter(_without_bodies)
    return proxmoxer


def _without_bodies(record: logging.LogRecord) -> bool:
    """Whatever the level is set to: below a warning it logs requests and answers whole."""
    return record.levelno >= logging.WARNING
