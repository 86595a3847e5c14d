"""How to reach the other machine, and what goes where on it."""

from __future__ import annotations

from typing import Annotated

from certpush.kit.layout import LayoutSettings
from certpush.kit.settings import Doc, Duration
from certpush.kit.ssh import SshSettings, check_login, check_rescue


class RemoteSettings(LayoutSettings, SshSettings):
    """Files on a machine that is reached by SSH."""

    rescue_after: Annotated[
        Duration, Doc("after how long the machine puts the old files back by itself, unless the new ones are confirmed before")
    ] = Duration(seconds=180)

    def __post_init__(self) -> None:
        super().__post_init__()
        check_login(self)
        check_rescue(self.rescue_after)
