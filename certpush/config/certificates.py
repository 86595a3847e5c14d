"""A table's certificate keys, with the defaults, as a CertificateSpec."""

from __future__ import annotations

import contextlib
import re
from fractions import Fraction
from typing import Any

from certpush.config.configuration import DEFAULT_CA
from certpush.config.tables import CertificateKeys, DefaultKeys
from certpush.errors import ConfigError
from certpush.model import DEFAULT_DANGER_LEFT, DEFAULT_RENEW_AT, CertificateRequest, CertificateSpec, KeySpec, parse_name

_SHARE = re.compile(r"[0-9./]{1,20}%?")


def certificate_spec(name: str, keys: CertificateKeys, defaults: DefaultKeys, path: str) -> CertificateSpec:
    """What to ask for: the table's own keys first, then ``[defaults]``, then certpush's."""

    def chosen(key: str, otherwise: Any) -> Any:
        own = getattr(keys, key)
        if own is not None:
            return own
        common = getattr(defaults, key, None)
        return otherwise if common is None else common

    try:
        request = CertificateRequest(
            tuple(parse_name(one) for one in keys.names),
            KeySpec(chosen("key", KeySpec.EC_P256)),
            chosen("lifetime", None),
        )
        return CertificateSpec(
            name=name,
            request=request,
            ca=chosen("ca", DEFAULT_CA),
            reuse_key=chosen("reuse_key", otherwise=False),
            renew_at=_fraction(chosen("renew_at", None), DEFAULT_RENEW_AT),
            danger_left=_fraction(chosen("danger_at", None), DEFAULT_DANGER_LEFT),
            allow_short_chain=chosen("allow_short_chain", otherwise=False),
        )
    except ConfigError as error:
        raise ConfigError(f"{path}: {error.message}", hint=error.hint) from None


def _fraction(text: str | None, otherwise: Fraction) -> Fraction:
    if text is None:
        return otherwise
    share = Fraction(0)
    if _SHARE.fullmatch(text):  # Fraction alone would also take "1e999999999", and think about it for hours
        with contextlib.suppress(ValueError, ZeroDivisionError):
            share = Fraction(text.removesuffix("%")) / (100 if text.endswith("%") else 1)
    if not 0 < share < 1:
        raise ConfigError(f"{text!a} is not a part of the lifetime", hint='write it as "2/3" or "66%"')
    return share
