"""Where a CA answers: an https address, and nothing behind it."""

from __future__ import annotations

import re
from urllib.parse import SplitResult, urlsplit

from certpush.errors import ConfigError
from certpush.model import parse_name
from certpush.records import record

_FORM = "write https://HOST:PORT, and an IPv6 address in brackets"
_FINGERPRINT = re.compile(r"[0-9a-f]{64}")


@record(frozen=True, slots=True)
class CaAddress:
    """Host and port of a CA; ``str()`` gives the URL without a trailing slash."""

    host: str
    port: int = 443

    @classmethod
    def parse(cls, url: str) -> CaAddress:
        """Read a CA's URL; ``https://`` may be left out, as for ``step``.

        Raises:
            ConfigError: it is not https, or has more than host and port.

        """
        parts = _split(url)
        if parts.scheme != "https":
            raise ConfigError(
                f"the CA's url {_shown(url)} is not https",
                hint="write https://HOST:PORT; step-ca answers by https only, and tokens must not travel in the clear",
            )
        if parts.path not in ("", "/") or parts.query or parts.fragment or "@" in parts.netloc:
            raise ConfigError(f"the CA's url {_shown(url)} has more than host and port", hint=_FORM)
        try:
            name = parse_name(parts.hostname or "")
            port = parts.port
        except (ValueError, ConfigError):
            raise ConfigError(f"the CA's url {_shown(url)} names no host", hint=_FORM) from None
        if str(name).startswith("*") or port == 0:
            raise ConfigError(f"the CA's url {_shown(url)} names no host", hint=_FORM)
        return cls(str(name), port or 443)

    @property
    def authority(self) -> str:
        """Host and port as a URL has them: an IPv6 address in brackets, no default port."""
        host = bracketed(self.host)
        return host if self.port == 443 else f"{host}:{self.port}"

    def __str__(self) -> str:
        return f"https://{self.authority}"


def _split(url: str) -> SplitResult:
    text = url.strip()
    try:
        return urlsplit(text if "://" in text else f"https://{text}")
    except ValueError:
        raise ConfigError(f"the CA's url {_shown(url)} is not an address", hint=_FORM) from None


def bracketed(host: str) -> str:
    """A host as it stands in a URL: an IPv6 address in brackets."""
    return f"[{host}]" if ":" in host else host


def normalised_fingerprint(text: str) -> str:
    """A root's SHA-256 as 64 lower-case hex digits; ``sha256:``, colons and upper case are taken too.

    Raises:
        ConfigError: it is no SHA-256.

    """
    digits = re.sub(r"[\s:-]", "", text.strip().lower().removeprefix("sha256:"))
    if not _FINGERPRINT.fullmatch(digits):
        raise ConfigError(
            f"the CA's fingerprint {_shown(text)} is not a SHA-256 of 64 hex digits",
            hint="on the CA: step certificate fingerprint $(step path)/certs/root_ca.crt",
        )
    return digits


def _shown(text: str) -> str:
    # A login in the URL is a secret, whatever follows it.
    without_login = re.sub(r"//[^/]*@", "//...@", text)
    return ascii(without_login if len(without_login) <= 120 else without_login[:117] + "...")
