"""Whether what is configured can work at all: seen from the configuration alone."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import timedelta
from typing import Any

from certpush.config import TargetSpec
from certpush.kit.settings import fields_of, format_duration
from certpush.model import Endpoint, Finding, Name, Severity, name_covers
from certpush.target import TargetKind

_TIME_TO_SEE = timedelta(seconds=5)  # a reload that takes longer is rare, and one that takes 2 s is not


def key_fits(spec: TargetSpec, kind: TargetKind[Any]) -> Finding:
    """Whether the kind takes the key that is configured."""
    wanted = spec.certificate.request.key
    if wanted in kind.accepted_keys:
        return Finding(Severity.OK, "key", f"{kind.name} takes {wanted} keys")
    accepted = ", ".join(sorted(kind.accepted_keys))
    return Finding(Severity.ERROR, "key", f"{kind.name} does not take {wanted} keys", f"set key to one of: {accepted}")


def names_fit(names: Sequence[Name], endpoints: Iterable[Endpoint]) -> Iterator[Finding]:
    """Whether the certificate will cover each endpoint where it is served."""
    for endpoint in endpoints:
        if name_covers(tuple(names), endpoint.name):
            yield Finding(Severity.OK, "names", f"the certificate will cover {endpoint.name}")
        else:
            yield Finding(
                Severity.ERROR,
                "names",
                f"the certificate would not cover {endpoint.name}, where it is served",
                f'add "{endpoint.name}" to names, or write the endpoint as "{endpoint}#NAME"',
            )


def timer_fits(spec: TargetSpec, kind: TargetKind[Any]) -> Iterator[Finding]:
    """Whether the device's own timer leaves time to see the new certificate; see ``rotation.verify``."""
    needed = 4 * _TIME_TO_SEE + 2 * kind.settle
    if kind.self_rescue and spec.rescue_after < needed:
        yield Finding(
            Severity.WARNING,
            "rescue",
            f"rescue_after = {format_duration(spec.rescue_after)} may put the old certificate back before the new one could be seen",
            f'write rescue_after = "{format_duration(needed)}" or more',
        )


def reload_fits(spec: TargetSpec, kind: TargetKind[Any]) -> Iterator[Finding]:
    """Whether anything tells the service of new files, where the kind has a key for that."""
    has_key = any(item.encode_name == "reload" for item in fields_of(kind.settings))
    if has_key and not spec.table.get("reload") and spec.verify != "files":
        yield Finding(
            Severity.WARNING,
            "reload",
            "nothing tells the service to take up the new files",
            'add reload = ["systemctl", "reload", "NAME"]; nothing to do where the service notices them by itself, within seconds',
        )
