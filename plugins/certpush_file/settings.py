"""What a target of kind ``file`` can be told."""

from __future__ import annotations

from certpush.kit.layout import LayoutSettings


class FileSettings(LayoutSettings):
    """Files on this machine."""
