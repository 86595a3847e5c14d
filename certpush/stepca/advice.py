"""What to change on the CA so that it signs for longer or shorter: the claims, as they stand in ca.json."""

from __future__ import annotations

import json
import shlex
from datetime import timedelta

from certpush.kit.settings import format_duration
from certpush.stepca.durations import format_go_duration


def claims_for(lifetime: timedelta) -> dict[str, str]:
    """The claims that let a CA sign for ``lifetime``; step-ca knows no days, so 395d is 9480h0m0s."""
    text = format_go_duration(lifetime)
    return {"maxTLSCertDuration": text, "defaultTLSCertDuration": text}


def allow_longer(lifetime: timedelta, provisioner: str) -> str:
    """Say how to let the CA sign for ``lifetime``."""
    update = f"step ca provisioner update {_word(provisioner)} --x509-max-dur {format_go_duration(lifetime)}"
    return f"to allow {format_duration(lifetime)}: {_into_ca_json(claims_for(lifetime))}, or run: {update}; then restart step-ca"


def allow_shorter(lifetime: timedelta, provisioner: str) -> str:
    """Say how to let the CA sign for as short as ``lifetime``."""
    text = format_go_duration(lifetime)
    update = f"step ca provisioner update {_word(provisioner)} --x509-min-dur {text}"
    return f"to allow {format_duration(lifetime)}: {_into_ca_json({'minTLSCertDuration': text})}, or run: {update}; then restart step-ca"


def _into_ca_json(claims: dict[str, str]) -> str:
    return f'put "claims": {json.dumps(claims)} into "authority" (or into the provisioner) of the CA\'s ca.json'


def _word(provisioner: str) -> str:
    return shlex.quote(provisioner) if provisioner else "NAME"
