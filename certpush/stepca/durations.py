"""Lengths of time and moments as Go writes them: step-ca knows no days, and its messages speak Go."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

_PART = re.compile(r"(\d+(?:\.\d*)?|\.\d+)(ns|us|µs|μs|ms|s|m|h)", re.ASCII)
_SECONDS = {"ns": 1e-9, "us": 1e-6, "µs": 1e-6, "μs": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0}
_MAX_SECONDS = 9_223_372_036  # Go counts nanoseconds in 63 bits: 292 years
_GO_TIME = re.compile(r"(\d{4}-\d\d-\d\d) (\d\d:\d\d:\d\d)(?:\.\d+)? \+0000 UTC")


def parse_go_duration(text: str) -> timedelta:
    """Read what Go's time.ParseDuration reads: ``24h1m0s``, ``1.5h``, ``-5m``, ``0``.

    Raises:
        ValueError: it is no such text.

    """
    sign, digits = (-1, text[1:]) if text.startswith("-") else (1, text.removeprefix("+"))
    if digits == "0":
        return timedelta()
    parts = _PART.findall(digits)
    if not parts or "".join(number + unit for number, unit in parts) != digits:
        raise ValueError(f"{text[:40]!a} is not a duration")
    seconds = sum(float(number) * _SECONDS[unit] for number, unit in parts)
    if seconds > _MAX_SECONDS:
        raise ValueError(f"{text[:40]!a} is too long a duration")
    return sign * timedelta(seconds=seconds)


def format_go_duration(length: timedelta) -> str:
    """Write a length of time as step-ca does: ``9480h0m0s``, ``5m0s``, ``1s``. Whole seconds; the rest is dropped."""
    seconds = int(length.total_seconds())
    sign, seconds = ("-", -seconds) if seconds < 0 else ("", seconds)
    hours, rest = divmod(seconds, 3600)
    minutes, seconds = divmod(rest, 60)
    if hours:
        return f"{sign}{hours}h{minutes}m{seconds}s"
    return f"{sign}{minutes}m{seconds}s" if minutes else f"{sign}{seconds}s"


def parse_go_time(text: str) -> datetime:
    """Read a moment as Go prints it in step-ca's messages: ``2026-11-24 09:37:55.6 +0000 UTC``; fractions are dropped.

    Raises:
        ValueError: it is no such text.

    """
    match = _GO_TIME.fullmatch(text)
    if not match:
        raise ValueError(f"{text[:60]!a} is not a moment")
    return datetime.fromisoformat(f"{match[1]}T{match[2]}+00:00")


def format_moment(moment: datetime) -> str:
    """Write a moment in RFC 3339, UTC, whole seconds: ``2026-11-24T09:37:55Z``."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
