"""Sessions of requests with what is not needed switched off: environment, proxies, redirects, retries, cookies, compression."""

from __future__ import annotations

import functools
from collections.abc import Callable
from http.cookiejar import DefaultCookiePolicy
from typing import Any

import requests
import urllib3
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool

from certpush._version import __version__

USER_AGENT = f"certpush/{__version__}"


def harden(session: requests.Session, adapter: BareAdapter) -> None:
    """Have ``session`` speak https through ``adapter`` alone, and take nothing from the environment or from answers."""
    session.trust_env = False  # no proxies, .netrc, REQUESTS_CA_BUNDLE, CURL_CA_BUNDLE
    session.proxies.clear()
    session.headers.update({"Accept-Encoding": "identity", "User-Agent": USER_AGENT})
    session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
    session.adapters.clear()  # plain http has no adapter at all
    session.mount("https://", adapter)


class BareAdapter(HTTPAdapter):
    """Sends requests over connections that ``make_connection`` makes; nothing that requests passes changes who is trusted.

    ``options`` are urllib3's for the pool, such as ``ssl_context``.
    """

    def __init__(self, make_connection: Callable[..., HTTPSConnection], **options: Any) -> None:
        self._pool_of = functools.partial(_Pool, make_connection)
        self._options = options
        super().__init__(max_retries=0)

    def init_poolmanager(self, *_args: object, **_options: object) -> None:
        """Keep one connection at a time, to one server."""
        self.poolmanager = urllib3.PoolManager(num_pools=1, maxsize=1, **self._options)
        self.poolmanager.pool_classes_by_scheme = {"https": self._pool_of}

    def get_connection_with_tls_context(self, request: requests.PreparedRequest, *_args: object, **_options: object) -> HTTPConnectionPool:
        """Pass over the verify, cert and proxies of requests: what they say would add to who is trusted."""
        pool: HTTPConnectionPool = self.poolmanager.connection_from_url(request.url or "")
        return pool

    def build_response(self, request: requests.PreparedRequest, answer: Any) -> requests.Response:
        """Have no cookie read: none is kept, and of some odd ones Python's reading warns as of a mistake of its own."""
        del answer._original_response.msg["Set-Cookie"]  # noqa: SLF001 - where requests reads them from; the header itself stays
        return super().build_response(request, answer)

    def cert_verify(self, *_args: object, **_options: object) -> None:
        """Leave the pool as it is: requests would load certifi's public CAs into our context."""


class _Pool(HTTPSConnectionPool):
    def __init__(self, make_connection: Callable[..., HTTPSConnection], host: str, port: int | None = None, **options: Any) -> None:
        self.ConnectionCls = make_connection  # type: ignore[assignment] # called, and nothing else
        super().__init__(host, port, **options)
