"""What a target of kind ``file`` can be told."""

from __future__ import annotations

from certpush.kit.layout import LayoutSettings


class FileSettings(LayoutSettings, kw_only=True):  # type: ignore[call-arg] # msgspec's metaclass takes it; mypy asks object
    """Files on this machine."""
