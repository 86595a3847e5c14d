"""What a configuration says about my-appliance."""

from __future__ import annotations

from typing import Annotated

from certpush import Doc, Endpoint, Secret, Settings
from certpush.kit.settings import parse_host
from certpush.kit.trust import Trust


class MyApplianceSettings(Settings):
    """The keys of a [target.NAME]; each text is shown by `certpush targets my-appliance`."""

    host: Annotated[str, Doc("host name or address of the appliance")]
    port: Annotated[int, Doc("port of its web interface and API")] = 443
    token: Annotated[Secret, Doc("API token of a user that may manage certificates, and nothing else")]
    trust: Trust = Trust()  # certpush fills it: from the key of this name, from `certpush trust`, from what it deployed

    def __post_init__(self) -> None:
        """Refuse now what could only fail later."""
        parse_host(self.host)

    @property
    def endpoint(self) -> Endpoint:
        """Where the certificate is served."""
        return Endpoint(self.host, self.port)
